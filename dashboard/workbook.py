"""An output folder as a workbook: README, Scenario, Results, Dictionary, Provenance, then the tables themselves.

Text is never turned into formulas or links, and the creation date is fixed, so equal content gives equal bytes.
"""

from __future__ import annotations

import datetime
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dashboard.source import Source, provenance, summaries

if TYPE_CHECKING:
    import pandas as pd

CREATED = datetime.datetime(2020, 1, 1)
MOST_ROWS = 10_000  # a sheet that opens at once; CSV and Parquet hold every row
LONGEST_SHEET_NAME = 31
RESERVED_SHEETS = ("README", "Scenario", "Results", "Dictionary", "Provenance")


def write_workbook(source: Source, path: Path) -> None:
    """Write the workbook; a table beyond `MOST_ROWS` rows is cut there, and README says so."""
    import xlsxwriter

    options = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False, "in_memory": True}
    with xlsxwriter.Workbook(str(path), options) as book:
        book.set_properties({"title": f"Undercut: {source.manifest.kind}", "created": CREATED})
        sheets = _Sheets(book)
        sheets.lines("README", _readme(source))
        sheets.lines("Scenario", source.scenario.splitlines() or ["(this output has no scenario)"])
        sheets.tables("Results", [(summary.title, summary.frame) for summary in summaries(source)])
        sheets.tables("Dictionary", [("", source.dictionary)])
        sheets.tables("Provenance", [("", provenance(source))])
        for name, frame in source.tables.items():
            sheets.tables(sheet_name(name), [("", frame.head(MOST_ROWS))])


def sheet_name(table: str) -> str:
    """A sheet's name for a table: short enough, and none of the reserved ones."""
    name = "".join("_" if letter in "[]:*?/\\" else letter for letter in table)[:LONGEST_SHEET_NAME]
    reserved = {reserved.lower() for reserved in RESERVED_SHEETS}
    return f"{name[: LONGEST_SHEET_NAME - 6]} table" if name.lower() in reserved else name


def _readme(source: Source) -> list[str]:
    lines = [
        f"Undercut: {source.manifest.kind}",
        "",
        "Results: what to read first. Dictionary: every column with its unit and meaning.",
        "Provenance: the command, versions, seeds and what was measured, cited or assumed.",
        "Scenario: the settings that, with the command, make this again.",
        "Numbers keep 16 digits here; CSV and Parquet keep all of them.",
        "",
        "Tables:",
    ]
    for name, frame in source.tables.items():
        cut = f"; the first {MOST_ROWS:,} rows are here, all are in the CSV and Parquet exports"
        lines.append(f"  {sheet_name(name)}: {len(frame):,} rows{cut if len(frame) > MOST_ROWS else ''}")
    return lines


class _Sheets:
    """Adds sheets to a workbook, all in the same looks."""

    def __init__(self, book: Any) -> None:
        self._book = book
        self._head = book.add_format({"bold": True, "bottom": 1})
        self._title = book.add_format({"bold": True, "font_size": 12})
        self._mono = book.add_format({"font_name": "Consolas", "font_size": 10})

    def lines(self, name: str, lines: list[str]) -> None:
        """A sheet of plain lines."""
        sheet = self._book.add_worksheet(name)
        sheet.set_column(0, 0, 110)
        for row, line in enumerate(lines):
            sheet.write_string(row, 0, line, self._mono if name == "Scenario" else None)

    def tables(self, name: str, tables: list[tuple[str, pd.DataFrame]]) -> None:
        """A sheet of one table, or of several with a title above each."""
        sheet = self._book.add_worksheet(name)
        row = 0
        for title, frame in tables:
            if title:
                sheet.write_string(row, 0, title, self._title)
                row += 1
            for column, header in enumerate(frame.columns):
                sheet.write_string(row, column, str(header), self._head)
            for column, header in enumerate(frame.columns):
                self._column(sheet, row + 1, column, frame[header])
            row += len(frame) + 2
        if len(tables) == 1:
            sheet.freeze_panes(1, 0)
        widths = [_width(header, frame[header]) for _, frame in tables for header in frame.columns]
        for column in range(max((len(frame.columns) for _, frame in tables), default=0)):
            sheet.set_column(column, column, widths[column] if len(tables) == 1 else 24)

    def _column(self, sheet: Any, first: int, column: int, values: pd.Series) -> None:
        for offset, value in enumerate(values.tolist()):
            row = first + offset
            if isinstance(value, bool):
                sheet.write_boolean(row, column, value)
            elif isinstance(value, int | float):
                if math.isfinite(value):
                    sheet.write_number(row, column, value)
            elif isinstance(value, str) and value:
                sheet.write_string(row, column, value)


def _width(header: object, values: pd.Series) -> float:
    longest = max((len(str(value)) for value in values.head(200).tolist() if isinstance(value, str)), default=8)
    return float(min(max(len(str(header)), longest) + 2, 90))
