"""LaTeX: what to read first of an output folder, as tables for a paper (booktabs), made by great-tables."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from dashboard.labels import Label, label
from dashboard.source import Source, summaries

if TYPE_CHECKING:
    import pandas as pd

DIGITS = 4  # significant ones; CSV and Parquet hold them all
PREAMBLE = r"% \usepackage{booktabs,caption}"


def write_latex(source: Source, path: Path) -> None:
    """Write one table a summary, with where it comes from as a comment above."""
    parts = [
        f"% Undercut {source.manifest.version}: {_comment(source.manifest.command)}",
        f"% content sha256 {source.content_sha256}",
        PREAMBLE,
    ]
    units = dict(zip(source.dictionary["column"], source.dictionary["unit"], strict=True))
    parts += [latex_table(summary.title, summary.frame, units) for summary in summaries(source)]
    path.write_text("\n".join(parts) + "\n", encoding="utf-8")


def latex_table(title: str, frame: pd.DataFrame, units: Mapping[str, str]) -> str:
    """One table with its title; columns are called as everywhere, with the units that the numbers are in."""
    from great_tables import GT

    numbers = [str(name) for name in frame.select_dtypes("number").columns]
    table = GT(frame).tab_header(title=title)
    table = table.cols_label(cases={name: _head(name, units) for name in map(str, frame.columns)})
    if numbers:
        table = table.fmt_number(columns=numbers, n_sigfig=DIGITS, use_seps=False)
    return str(table.sub_missing(missing_text="").as_latex()).strip()


def _head(column: str, units: Mapping[str, str]) -> str:
    called = label(column)
    return Label(called.title, units.get(column, called.unit)).text


def _comment(text: str) -> str:
    return " ".join(text.split())
