"""Markdown: an output folder as one page (summary, origin, dictionary), and a page of text, tables and charts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from dashboard.page import Field, Page, Table
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
    return _pipes(list(frame.columns), numeric, frame.itertuples(index=False))


def page_markdown(page: Page, suffix: str) -> str:
    """A page; its charts are files beside it, named after the pictures."""
    parts = [f"# {_text(page.title)}", ""]
    for sentence in page.headline:
        parts += [f"**{_text(sentence)}**", ""]
    for section in page.sections:
        parts += [f"## {_text(section.title)}", ""]
        for paragraph in section.text:
            parts += [_text(paragraph), ""]
        for picture in section.pictures:
            parts += [f"![{_text(picture.figure.alt)}]({picture.name}{suffix})", ""]
        for table in section.tables:
            parts += [f"### {_text(table.title)}", ""] if table.title else []
            parts += [_text(table.note), ""] if table.note else []
            parts += [_page_table(table), ""]
    return "\n".join(parts)


def _page_table(table: Table) -> str:
    heads = [_head(field) for field in table.fields]
    return _pipes(heads, [field.right for field in table.fields], table.rows())


def _head(field: Field) -> str:
    title = f"{field.group}: {field.title}" if field.group else field.title
    return f"{title} ({field.unit})" if field.unit else title


def _pipes(heads: Sequence[object], right: Sequence[bool], rows: Iterable[tuple[object, ...]]) -> str:
    lines = [
        "| " + " | ".join(_cell(name) for name in heads) + " |",
        "| " + " | ".join("---:" if one else "---" for one in right) + " |",
    ]
    lines += ["| " + " | ".join(_cell(value) for value in row) + " |" for row in rows]
    return "\n".join(lines)


def _text(sentence: str) -> str:
    """Text that Markdown shows as it stands."""
    return re.sub(r"([\\`*_\[\]<#|])", r"\\\1", " ".join(sentence.split()))


def _cell(value: object) -> str:
    import pandas as pd

    if value is None or value is pd.NA or (isinstance(value, float) and value != value):
        return ""
    if isinstance(value, float):
        return f"{value:.6g}"
    return " ".join(str(value).split()).replace("\\", "\\\\").replace("|", "\\|").replace("<", "\\<")
