"""What a study of assumptions found, as the page reads it: shipped tables, else those of the working folder. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sim.shared.errors import InputError
from sim.shared.manifest import MANIFEST_NAME, read_manifest
from sim.shared.paths import data_dir
from sim.shared.tables import read_table
from sim.study.assumptions import KIND
from sim.study.flips import FLIPS
from sim.study.sensitivity import TORNADO

if TYPE_CHECKING:
    import pandas as pd

COMMAND = "undercut sim sensitivity entry_prior --flips-only"
RUNS = Path("runs")
# Metrics of the shipped sweeps, as axes call them; others go by their own name.
UNITS = {
    "student_share": "fraction of all tokens",
    "teacher_profit": "change of profit, relative to no entry",
    "posted_prices": "change of posted prices, relative to no entry",
    "surplus": "change of consumer surplus, relative to no entry",
    "margin": "change of the market's margin, relative to no entry",
}


@dataclass(frozen=True)
class Study:
    """The tables of one study.

    Attributes:
        name: of the sweep, or of the folder.
        command: that makes them again, or "".
        tornado: conforming to `sim.study.sensitivity.TORNADO`.
        flips: conforming to `sim.study.flips.FLIPS`.
    """

    name: str
    command: str
    tornado: pd.DataFrame
    flips: pd.DataFrame

    @property
    def metrics(self) -> list[str]:
        """Of the tornado, in its order, those with a number."""
        return list(dict.fromkeys(self.tornado.dropna(subset=["swing"])["metric"]))


def find_studies(runs: Path = RUNS) -> list[Path]:
    """Folders that hold both tables: shipped ones first, then those of the working folder, the latest first.

    A shipped pair may also lie as two files side by side, `NAME_tornado.parquet` and `NAME_flips.parquet`; then the
    path is that of the first.
    """
    shipped = data_dir() / "simulated"
    beside = [path for path in sorted(shipped.glob("*_tornado.parquet")) if _flips_beside(path).is_file()]
    made = [folder for folder in _folders(runs) if _is_study(folder)]
    made.sort(key=lambda folder: (folder / MANIFEST_NAME).stat().st_mtime, reverse=True)
    return [*beside, *(folder for folder in _folders(shipped) if _has_tables(folder)), *made]


def read_study(path: Path) -> Study:
    """The tables of a path that `find_studies` named.

    Raises:
        InputError, InputErrors: if they cannot be read or are no such tables.
    """
    if path.is_dir():
        files = {spec.name: path / f"{spec.name}.parquet" for spec in (TORNADO, FLIPS)}
        name, command = path.name, COMMAND
        if (path / MANIFEST_NAME).is_file():
            manifest = read_manifest(path)
            sweep = manifest.settings.get("sweep")
            name = str(sweep.get("name", name)) if isinstance(sweep, dict) else name
            command = manifest.command or command
    else:
        files = {"tornado": path, "flips": _flips_beside(path)}
        name = path.name.removesuffix("_tornado.parquet")
        command = f"undercut sim sensitivity {name} --flips-only"
    tables = {spec.name: spec.conform(read_table(files[spec.name]), str(files[spec.name])) for spec in (TORNADO, FLIPS)}
    return Study(name, command, tables["tornado"], tables["flips"])


def flips_in_words(flips: pd.DataFrame) -> pd.DataFrame:
    """The table `flips` for people: one row a conclusion and assumption, those that flip nearest to the base first.

    Distance is the change over the range, so that assumptions of different units compare.
    """
    frame = flips.copy()
    reach = (frame["high"] - frame["low"]).where(frame["high"] > frame["low"])
    frame["distance"] = (frame["change"].abs() / reach).astype(float)
    frame["reversed"] = [
        f"at {_figures(row.flips_at)} (still so at {_figures(row.still_at)})" if row.flips_at == row.flips_at
        else str(row.note)
        for row in frame.itertuples()
    ]  # fmt: skip
    frame["range"] = [f"{_figures(row.low)} to {_figures(row.high)}" for row in frame.itertuples()]
    frame["in the base"] = ["holds" if held else "does not hold" for held in frame["holds"]]
    frame = frame.sort_values(["conclusion", "distance"], kind="stable", ignore_index=True)
    named = {"statement": "conclusion", "parameter": "assumption", "base": "its value", "range": "tried in"}
    return frame.drop(columns="conclusion").rename(columns=named)[
        ["conclusion", "in the base", "assumption", "its value", "tried in", "reversed"]
    ]


def _figures(value: float) -> str:
    return f"{value:.3g}"


def _flips_beside(tornado: Path) -> Path:
    return tornado.with_name(tornado.name.removesuffix("_tornado.parquet") + "_flips.parquet")


def _folders(root: Path) -> Iterable[Path]:
    """The folders one and two levels below `root`."""
    return [path for pattern in ("*", "*/*") for path in sorted(root.glob(pattern)) if path.is_dir()]


def _has_tables(folder: Path) -> bool:
    return all((folder / f"{spec.name}.parquet").is_file() for spec in (TORNADO, FLIPS))


def _is_study(folder: Path) -> bool:
    if not _has_tables(folder) or not (folder / MANIFEST_NAME).is_file():
        return False
    try:
        return read_manifest(folder).kind == KIND
    except InputError:
        return False
