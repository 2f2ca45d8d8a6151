"""Exports: one output folder as tidy CSV, Parquet, a workbook or a Markdown page, each with where it comes from.

Everything is made from the folder alone, so a download of the dashboard and `undercut export` of the same run are the
same bytes. Time and host stand in `manifest.json` only; a workbook and a page carry the hash of the content instead.
"""

from __future__ import annotations

import io
import shutil
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dashboard.bundle import write_bundle
from dashboard.datapackage import write_datapackage
from dashboard.latex import write_latex
from dashboard.markdown import write_markdown
from dashboard.source import SCENARIO_NAME, Source, read_source
from dashboard.spreadsheet import write_spreadsheet_csv
from dashboard.workbook import write_workbook
from sim.results import RunResult, write_result
from sim.shared.errors import InputError
from sim.shared.manifest import MANIFEST_NAME
from sim.shared.paths import replacing, replacing_dir, writable_dir
from sim.shared.tables import write_csv, write_parquet

if TYPE_CHECKING:
    import pandas as pd

DICTIONARY_NAME = "dictionary"
ZIP_DATE = (1980, 1, 1, 0, 0, 0)  # the earliest a zip file can hold; equal content gives equal bytes


@dataclass(frozen=True)
class Format:
    """A format of export: what its output is called and how it is written.

    Attributes:
        suffix: of the file, or of the zip of the folder.
        mime: media type of a download.
        folder: whether the output is a folder of tables.
        write: (source, a path to fill, the address of the page that shows it or "").
    """

    suffix: str
    mime: str
    folder: bool
    write: Callable[[Source, Path, str], None]


@dataclass(frozen=True)
class Download:
    """An export in memory."""

    name: str
    mime: str
    content: bytes


def export_run(run: Path, format: str, out: Path, link: str = "") -> list[Path]:
    """Export an output folder (of `undercut sim run`, `undercut eval run` or another command).

    Args:
        run: a folder that holds `manifest.json` and Parquet tables.
        format: a key of `FORMATS`.
        out: the folder (bundle, csv, csv-safe, parquet) or the file (xlsx, md, tex) to write; whole or not at all.
        link: address of the page that shows the run, for a bundle's README.

    Returns:
        The files written, sorted.

    Raises:
        InputError: for an unknown format, a folder that is no output or was changed, or a place that cannot be
            written.
    """
    chosen = format_named(format)
    source = read_source(run)
    if chosen.folder:
        with replacing_dir(out, MANIFEST_NAME, source="--out") as beside:
            chosen.write(source, beside, link)
        return sorted(path for path in out.rglob("*") if path.is_file())
    if out.is_dir():
        raise InputError("--out", "", str(out), f"a file, such as {out / 'run'}{chosen.suffix}", "add a file name")
    writable_dir(out.parent, "--out")
    with replacing(out) as beside:
        chosen.write(source, beside, link)
    return [out]


def export_result(result: RunResult, format: str, link: str = "") -> Download:
    """The same export of a result in memory; folders come as a zip.

    Raises:
        InputError: for an unknown format.
    """
    chosen = format_named(format)
    with tempfile.TemporaryDirectory(prefix="undercut-export-") as place:
        run, out = Path(place) / "run", Path(place) / "out"
        write_result(result, run)
        files = export_run(run, format, out, link)
        content = _zip(files, out) if chosen.folder else out.read_bytes()
    return Download(f"{result.scenario.name}{chosen.suffix}", chosen.mime, content)


def format_named(name: str) -> Format:
    """The format of that name.

    Raises:
        InputError: if there is none; lists those there are.
    """
    if name not in FORMATS:
        raise InputError("--format", "", name, ", ".join(FORMATS), "choose one of these")
    return FORMATS[name]


def _write_tables(source: Source, folder: Path, suffix: str, write: Callable[[pd.DataFrame, Path], str]) -> None:
    for name, frame in source.tables.items():
        target = folder / f"{name}{suffix}"
        target.parent.mkdir(parents=True, exist_ok=True)
        write(frame, target)
    write_csv(source.dictionary, folder / f"{DICTIONARY_NAME}.csv")
    for extra in (MANIFEST_NAME, SCENARIO_NAME):
        if (source.folder / extra).is_file():
            shutil.copyfile(source.folder / extra, folder / extra)


def _zip(files: list[Path], root: Path) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in files:
            entry = zipfile.ZipInfo(path.relative_to(root).as_posix(), ZIP_DATE)
            archive.writestr(entry, path.read_bytes(), zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def _write_csv_folder(source: Source, folder: Path, link: str) -> None:
    _write_tables(source, folder, ".csv", write_csv)
    write_datapackage(source, folder, ".csv")


def _write_safe_folder(source: Source, folder: Path, link: str) -> None:
    _write_tables(source, folder, ".csv", write_spreadsheet_csv)
    (folder / "README.txt").write_text(SAFE_NOTE, encoding="utf-8")


def _write_parquet_folder(source: Source, folder: Path, link: str) -> None:
    _write_tables(source, folder, ".parquet", write_parquet)
    write_datapackage(source, folder, ".parquet")


def _file(write: Callable[[Source, Path], None]) -> Callable[[Source, Path, str], None]:
    return lambda source, path, link: write(source, path)


SAFE_NOTE = """\
CSV for spreadsheets. Text that begins with = + - @, a tab or a carriage return has an apostrophe before it, so that no
spreadsheet runs it as a formula; numbers are as they were. For programs take the format csv or parquet, whose text is
untouched.
"""
WORKBOOK_MIME = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
FORMATS: dict[str, Format] = {
    "bundle": Format("-bundle.zip", "application/zip", True, write_bundle),
    "csv": Format("-csv.zip", "application/zip", True, _write_csv_folder),
    "csv-safe": Format("-csv-safe.zip", "application/zip", True, _write_safe_folder),
    "parquet": Format("-parquet.zip", "application/zip", True, _write_parquet_folder),
    "xlsx": Format(".xlsx", WORKBOOK_MIME, False, _file(write_workbook)),
    "md": Format(".md", "text/markdown", False, _file(write_markdown)),
    "tex": Format(".tex", "application/x-tex", False, _file(write_latex)),
}
