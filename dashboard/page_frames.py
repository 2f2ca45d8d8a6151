"""Tables for people as data frames, so that the application shows what a report shows. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dashboard.page import Field, Table

if TYPE_CHECKING:
    import pandas as pd


def frame_of(table: Table) -> pd.DataFrame:
    """The table's cells as text, under titles that are unique: group, title and unit."""
    import pandas as pd

    return pd.DataFrame(table.rows(), columns=[title_of(field) for field in table.fields])


def title_of(field: Field) -> str:
    """A column's title with its group and unit."""
    title = f"{field.group}: {field.title.lower()}" if field.group else field.title
    return f"{title} ({field.unit})" if field.unit else title
