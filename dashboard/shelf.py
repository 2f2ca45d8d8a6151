"""What ships in the folder of data, as its README describes it: files, sources, licences, every column. Pure.

The README is the only place where that is written; this module reads its tables and adds what kind of evidence each
file is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sim.shared.paths import data_dir
from sim.shared.tables import read_table

if TYPE_CHECKING:
    import pandas as pd

MEASURED, CITED, ASSUMED, SIMULATED = "measured", "cited", "assumed", "simulated"
# By the first part of a path; every other file quotes what others published.
EVIDENCE = {
    "measured": MEASURED, "simulated": SIMULATED, "scenarios": ASSUMED, "sweeps": ASSUMED, "recipes": ASSUMED,
    "studies": ASSUMED,
}  # fmt: skip
MEANINGS = {
    MEASURED: "by Undercut's own programs, on machines that the rows name",
    CITED: "as others published it, with source and date",
    SIMULATED: "by the market, from what is assumed; the manifest beside it names command and seeds",
    ASSUMED: "by us, as a starting point to change; each file says why",
}
TABLES = (".csv", ".parquet")
_ROW = re.compile(r"^\| `([^`]+)` \|(.*)\|$")
_HEADING = re.compile(r"^###? (.+)$")


@dataclass(frozen=True)
class Entry:
    """A file or folder that ships.

    Attributes:
        name: as the README has it ("prices.csv", "measured/").
        evidence: measured, cited, assumed or simulated.
    """

    name: str
    evidence: str
    holds: str
    source: str
    licence: str


@dataclass(frozen=True)
class Shelf:
    """Everything that ships.

    Attributes:
        folder: where it lies.
        entries: in the README's order.
        tables: paths of the tables, from the folder, sorted.
        readme: its text.
    """

    folder: Path
    entries: tuple[Entry, ...]
    tables: tuple[str, ...]
    readme: str

    def table(self, name: str) -> pd.DataFrame:
        """A table, as it lies there.

        Raises:
            InputError: if it cannot be read.
        """
        return read_table(self.folder / name)

    def columns(self, name: str) -> pd.DataFrame:
        """A table's dictionary: column, unit, meaning; empty where the README has none.

        A section speaks of the tables that its heading names; that of a folder speaks of all tables in it. A catalog's
        columns are those of `published_models.csv`.
        """
        import pandas as pd

        rows = list(self._described(name))
        if not rows and Path(name).name == "catalog.parquet":
            rows = list(self._described("published_models.csv"))
        return pd.DataFrame(rows, columns=["column", "unit", "meaning"])

    def _described(self, name: str) -> Iterable[tuple[str, str, str]]:
        found = [lines for heading, lines in self._sections() if name in re.findall(r"`([^`]+)`", heading)]
        if not found:
            folder = f"{Path(name).parent.as_posix()}/"
            found = [lines for heading, lines in self._sections() if f"`{folder}`" == heading]
        for lines in found:
            for part in self._parts(lines, name):
                match = _ROW.match(part)
                cells = [cell.strip() for cell in match[2].split("|")] if match else []
                if match and len(cells) == 2:
                    yield match[1], "" if cells[0] == "-" else cells[0], cells[1]

    def _parts(self, lines: list[str], name: str) -> Iterable[str]:
        """The lines of a section that speak of a table: those after "Of `it` alone" of another one are left out."""
        mine = True
        for line in lines:
            alone = re.match(r"^Of `([^`]+)` alone", line)
            if alone:
                mine = Path(name).name == alone[1]
            if mine:
                yield line

    def _sections(self) -> list[tuple[str, list[str]]]:
        found: list[tuple[str, list[str]]] = []
        for line in self.readme.splitlines():
            heading = _HEADING.match(line)
            if heading:
                found.append((heading[1], []))
            elif found:
                found[-1][1].append(line)
        return found


def read_shelf(folder: Path | None = None) -> Shelf:
    """The shelf of a folder of data; by default the shipped one.

    Raises:
        InputError: if there is none.
    """
    place = folder if folder is not None else data_dir()
    readme = (place / "README.md").read_text(encoding="utf-8")
    entries = []
    for line in readme.split("\n## ", 1)[0].splitlines():
        match = _ROW.match(line)
        cells = [cell.strip() for cell in match[2].split("|")] if match else []
        if match and len(cells) == 3:
            entries.append(Entry(match[1], evidence_of(match[1]), *cells))
    tables = sorted(path.relative_to(place).as_posix() for path in place.rglob("*") if path.suffix in TABLES)
    return Shelf(place, tuple(entries), tuple(tables), readme)


def evidence_of(name: str) -> str:
    """What kind of evidence a file or folder is."""
    return EVIDENCE.get(name.split("/", 1)[0], CITED)
