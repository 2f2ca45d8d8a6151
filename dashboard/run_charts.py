"""Pictures of one market run, from its tables: what was posted, who sold, who earned, how concentrated it was. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dashboard.figures import Figure, over_time
from dashboard.series import WITH, banded, spans_decades, with_rates
from dashboard.theme import looks
from sim.shared.units import DAYS_PER_MONTH

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

# Name of the picture: table, column, by whom, title, how numbers are written, whether prices hold until they change.
PLANS: dict[str, tuple[str, str, str, str, str, bool]] = {
    "prices": ("shares", "price_usd_per_mtok", "offer", "Posted price", "price", True),
    "tokens": ("shares", "share_of_tokens", "offer", "Share of tokens", "percent", False),
    "dollars": ("shares", "share_of_dollars", "offer", "Share of dollars", "percent", False),
    "profits": ("shares", "profit_usd_per_day", "provider", "Profit by provider, before training", "money", False),
}


def run_charts(tables: Mapping[str, pd.DataFrame]) -> dict[str, Figure]:
    """Pictures by name; none of what is no market run."""
    if "shares" not in tables or tables["shares"].empty:
        return {}
    return {name: _chart(tables[plan[0]], *plan[1:]) for name, plan in PLANS.items()}


def _chart(table: pd.DataFrame, column: str, by: str, title: str, show: str, step: bool) -> Figure:
    floor = None if column.startswith("profit") else 0.0
    frame = banded(with_rates(table), column, ["day", by], floor).rename(columns={by: "name"})
    frame = frame.assign(world=WITH, month=frame["day"] / DAYS_PER_MONTH)
    names = sorted(frame["name"].unique())
    return over_time(
        frame, column, title, looks(names, "", ""), None, show, log=step and spans_decades(frame), step=step
    )
