"""An output folder as one Markdown page: the summary with units, where it comes from, and the dictionary."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from dashboard.source import Source, provenance, summaries

if TYPE_CHECKING:
    import pandas as pd


def write_markdown(source: Source, path: Path) -> None:
    """Write the page."""
    parts = [f"# Undercut: {source.manifest.kind}", ""]
    for summary in summaries(source):
        parts += [f"## {summary.title}", "", markdown_table(summary.frame), ""]
    parts += ["## Provenance", "", markdown_table(provenance(source)), ""]
    if source.scenario:
        parts += ["## Scenario", "", "```yaml", source.scenario.rstrip(), "```", ""]
    parts += ["## Dictionary", "", markdown_table(source.dictionary), ""]
    path.write_text("\n".join(parts), encoding="utf-8")


def markdown_table(frame: pd.DataFrame) -> str:
    """A table in pipes; numbers to the right, in six significant digits, and the text escaped."""
    import pandas as pd

    numeric = [bool(pd.api.types.is_numeric_dtype(frame[name])) for name in frame.columns]
    lines = [
        "| " + " | ".join(_cell(name) for name in frame.columns) + " |",
        "| " + " | ".join("---:" if right else "---" for right in numeric) + " |",
    ]
    lines += ["| " + " | ".join(_cell(value) for value in row) + " |" for row in frame.itertuples(index=False)]
    return "\n".join(lines)


def _cell(value: object) -> str:
    import pandas as pd

    if value is None or value is pd.NA or (isinstance(value, float) and value != value):
        return ""
    if isinstance(value, float):
        return f"{value:.6g}"
    return " ".join(str(value).split()).replace("\\", "\\\\").replace("|", "\\|")
