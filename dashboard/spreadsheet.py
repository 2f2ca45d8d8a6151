"""CSV that a spreadsheet may open: text that it would run as a formula is quoted by an apostrophe.

A variant of its own, and called so, because its text is not the table's: CSV for programs stays as it is. Numbers are
never touched, negative ones neither.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sim.shared.tables import write_csv

if TYPE_CHECKING:
    import pandas as pd

STARTS = ("=", "+", "-", "@", "\t", "\r")


def write_spreadsheet_csv(frame: pd.DataFrame, path: Path) -> str:
    """Write the table with its text made safe; returns the sha256 of the file."""
    return write_csv(safe(frame), path)


def safe(frame: pd.DataFrame) -> pd.DataFrame:
    """The table with an apostrophe before every text, and every column's name, that begins like a formula."""
    import pandas as pd

    out = frame.copy()
    for place in range(len(frame.columns)):
        values = frame.iloc[:, place]
        if not pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values):
            out.isetitem(place, [_quoted(value) for value in values.tolist()])
    out.columns = [_quoted(name) for name in frame.columns]
    return out


def _quoted(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value.startswith(STARTS) else value
