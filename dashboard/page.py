"""A page of text, tables and charts: one HTML file that needs nothing else, no script either.

Every chart is drawn for a wide and for a narrow screen, and the style chooses: scaled down, its text could not be read.
"""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dashboard.drawing import DARK_INK, FONT, INK, svg
from dashboard.figures import Figure
from dashboard.labels import Show, shown

if TYPE_CHECKING:
    import pandas as pd

WIDE_PX, NARROW_PX = 880, 350
BREAK_PX = 960
UNKNOWN = "–"
STYLE = f"""
:root {{ color-scheme: light dark; --ink: {INK}; --soft: #5a6472; --line: #d8dee4; --page: #fff; --band: #f4f6f8; }}
@media (prefers-color-scheme: dark) {{
  :root {{ --ink: {DARK_INK}; --soft: #a0a8b2; --line: #3a3f46; --page: #14171a; --band: #1f2328; }}
}}
* {{ box-sizing: border-box; }}
body {{ margin: 0; background: var(--page); color: var(--ink); font: 16px/1.5 {FONT}; }}
main {{ max-width: 1140px; margin: 0 auto; padding: 24px 20px 64px; }}
h1 {{ font-size: 28px; line-height: 1.2; margin: 8px 0 12px; overflow-wrap: anywhere; }}
h2 {{ font-size: 20px; margin: 40px 0 8px; padding-top: 16px; border-top: 1px solid var(--line); }}
h3 {{ font-size: 15px; margin: 20px 0 6px; }}
p {{ max-width: 76ch; margin: 8px 0; overflow-wrap: anywhere; }}
.headline {{ background: var(--band); border-left: 4px solid #D55E00; padding: 12px 16px; margin: 16px 0; }}
.headline p {{ font-size: 18px; }}
.note {{ color: var(--soft); font-size: 14px; }}
figure {{ margin: 16px 0; }}
figure svg {{ display: block; max-width: 100%; height: auto; }}
.wide {{ display: none; }}
@media (min-width: {BREAK_PX}px) {{ .wide {{ display: block; }} .narrow {{ display: none; }} }}
.scroll {{ overflow-x: auto; margin: 8px 0 16px; }}
table {{ border-collapse: collapse; font-size: 14px; font-variant-numeric: tabular-nums; }}
th, td {{ padding: 4px 12px 4px 0; text-align: left; vertical-align: top; border-bottom: 1px solid var(--line); }}
thead th {{ vertical-align: bottom; font-weight: 600; line-height: 1.25; min-width: 5em; }}
td.name:first-child, th.name:first-child {{ position: sticky; left: 0; background: var(--page); }}
th.group {{ text-align: center; border-left: 1px solid var(--line); padding-left: 12px; }}
td.number, th.number {{ text-align: right; white-space: nowrap; }}
thead th.number {{ white-space: normal; }}
td.name {{ white-space: nowrap; }}
td.long {{ overflow-wrap: anywhere; min-width: 9em; }}
.unit {{ display: block; font-weight: 400; color: var(--soft); font-size: 12px; }}
@media (max-width: 600px) {{
  main {{ padding: 12px 20px 48px; }} h1 {{ font-size: 23px; }} .headline p {{ font-size: 16px; }}
  td.name:first-child {{ white-space: normal; overflow-wrap: anywhere; min-width: 8em; }}
}}
@media print {{ .scroll {{ overflow: visible; }} }}
"""


@dataclass(frozen=True)
class Field:
    """A column of a table for people.

    Attributes:
        column: of the frame.
        title, unit: what stands above it.
        show: how its values are written; see `labels.shown`.
        high: another column of the frame, the upper end of the interval of which `column` is the lower, or "".
        group: columns that stand side by side under a common title, or "".
        missing: what stands where there is no value.
        long: text that may break anywhere.
    """

    column: str
    title: str
    unit: str = ""
    show: Show = "text"
    high: str = ""
    group: str = ""
    missing: str = UNKNOWN
    long: bool = False

    @property
    def right(self) -> bool:
        """Whether it is set to the right, as numbers are."""
        return self.show not in ("text", "flag")

    def cells(self, frame: pd.DataFrame) -> list[str]:
        """Its cells as text."""
        lows = self._shown(frame[self.column])
        if not self.high:
            return lows
        highs = self._shown(frame[self.high])
        return [low if low == self.missing else f"{low} to {high}" for low, high in zip(lows, highs, strict=True)]

    def _shown(self, values: pd.Series) -> list[str]:
        plain = values.astype(object).where(values.notna(), None)
        return [shown(value, self.show, self.missing) for value in plain]


@dataclass(frozen=True)
class Table:
    """A table for people, with a note under its title."""

    title: str
    frame: pd.DataFrame
    fields: tuple[Field, ...]
    note: str = ""

    def rows(self) -> list[tuple[str, ...]]:
        """Its cells as text, row by row."""
        return list(zip(*(field.cells(self.frame) for field in self.fields), strict=True))


@dataclass(frozen=True)
class Picture:
    """A chart with the name of its file."""

    name: str
    figure: Figure


@dataclass(frozen=True)
class Section:
    """A heading with paragraphs, charts and tables, in that order."""

    title: str
    text: tuple[str, ...] = ()
    pictures: tuple[Picture, ...] = ()
    tables: tuple[Table, ...] = ()


@dataclass(frozen=True)
class Page:
    """A title, what matters in some sentences, and sections."""

    title: str
    headline: tuple[str, ...]
    sections: tuple[Section, ...]

    @property
    def pictures(self) -> list[Picture]:
        """Of all sections, in order."""
        return [picture for section in self.sections for picture in section.pictures]


def page_html(page: Page, wide: Mapping[str, str]) -> str:
    """The page as HTML; `wide` holds each picture's SVG for a wide screen, by name."""
    title = html.escape(page.title)
    parts = [
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n<h1>{title}</h1>",
        '<div class="headline">',
        *(f"<p>{html.escape(sentence)}</p>" for sentence in page.headline),
        "</div>",
    ]
    for section in page.sections:
        parts += ["<section>", f"<h2>{html.escape(section.title)}</h2>"]
        parts += [f"<p>{html.escape(paragraph)}</p>" for paragraph in section.text]
        parts += [_picture(picture, wide[picture.name]) for picture in section.pictures]
        parts += [_table(table) for table in section.tables]
        parts.append("</section>")
    return "\n".join([*parts, "</main>\n</body>\n</html>\n"])


def _picture(picture: Picture, wide: str) -> str:
    narrow = svg(picture.figure, NARROW_PX, f"{picture.name}-narrow")
    said = html.escape(picture.figure.alt)
    drawn = "".join(
        f'<div class="{size}" role="img" aria-label="{said}">{drawing}</div>'
        for size, drawing in (("wide", wide), ("narrow", narrow))
    )
    return f"<figure>{drawn}</figure>"


def _table(table: Table) -> str:
    parts = [f"<h3>{html.escape(table.title)}</h3>"] if table.title else []
    parts += [f'<p class="note">{html.escape(table.note)}</p>'] if table.note else []
    parts.append(
        f'<div class="scroll" tabindex="0" role="region" aria-label="{html.escape(table.title)}"><table><thead>'
    )
    if any(field.group for field in table.fields):
        parts.append(f"<tr>{_groups(table.fields)}</tr>")
    parts.append("<tr>" + "".join(_head(field) for field in table.fields) + "</tr></thead><tbody>")
    for row in table.rows():
        cells = zip(table.fields, row, strict=True)
        parts.append(
            "<tr>" + "".join(f'<td class="{_class(field)}">{html.escape(c)}</td>' for field, c in cells) + "</tr>"
        )
    return "\n".join([*parts, "</tbody></table></div>"])


def _groups(fields: tuple[Field, ...]) -> str:
    """The row of common titles: neighbours of one group share a cell."""
    spans: list[tuple[str, int]] = []
    for field in fields:
        if spans and spans[-1][0] == field.group:
            spans[-1] = (field.group, spans[-1][1] + 1)
        else:
            spans.append((field.group, 1))
    return "".join(
        f'<th colspan="{width}" class="group">{html.escape(name)}</th>' if name else f'<td colspan="{width}"></td>'
        for name, width in spans
    )


def _head(field: Field) -> str:
    unit = f'<span class="unit">{html.escape(field.unit)}</span>' if field.unit else ""
    return f'<th class="{_class(field)}" scope="col">{html.escape(field.title)}{unit}</th>'


def _class(field: Field) -> str:
    return "number" if field.right else "long" if field.long else "name"
