"""Research recouped: what an offer has earned of what its lab spent on it. Pure.

    recouped_j(t) = (gross profit of offer j from its release to t) / (what the lab spent on it, training and tokens)

Gross profit is what customers paid less what serving cost. What the offer took from others of the same owner is not
taken off: that is a matter of comparing runs with the offer and without it (`undercut sim compare`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from sim.metrics.runs import DAY, RUN
from sim.shared.tables import RUN_COLUMNS, Column, TableSpec

if TYPE_CHECKING:
    import pandas as pd

RECOUPED = TableSpec(
    "recouped",
    "one offer that a lab released, from its release to one day",
    (
        *RUN_COLUMNS,
        DAY,
        Column("offer", "text", "", "what was released"),
        Column("provider", "text", "", "whose lab released it"),
        Column("spent_usd", "number", "USD", "on training and on a teacher's tokens"),
        Column("earned_usd", "number", "USD", "gross profit since the release"),
        Column("recouped", "number", "fraction", "earned over spent; none where nothing was spent", missing=True),
    ),
)


def recouped(tables: Mapping[str, pd.DataFrame], by_offer: pd.DataFrame) -> pd.DataFrame:
    """The table `recouped`, from `events` and the table `shares`; without releases it has no rows."""
    events = tables["events"]
    released = events[events["event"] == "release"]
    spent = released.groupby([*RUN, "offer"], as_index=False).agg(spent_usd=("usd", "sum"), release_day=("day", "min"))
    rows = by_offer.merge(spent, on=[*RUN, "offer"])
    rows = rows[rows["day"] >= rows["release_day"]].sort_values([*RUN, "offer", "day"], kind="stable")
    rows["earned_usd"] = rows.groupby([*RUN, "offer"])["profit_usd"].cumsum()
    rows["recouped"] = rows["earned_usd"] / rows["spent_usd"].where(rows["spent_usd"] > 0)
    return RECOUPED.conform(rows, "recouped")
