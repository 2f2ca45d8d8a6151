"""Who leads, for how long, and how much of the top is replaced in a year. Pure.

Over the report intervals of a run, for providers and for offers, by tokens and by dollars:

    leader    the subject with the largest share of an interval (equal shares: the first name)
    tenure    days since the start of the interval in which the present leader took the lead
    entries   members of the top n of an interval that were not in the top n of the one before
    turnover  entries / (n * years observed), per year: 1 means that every place changes hands once a year

A market with fewer than n sellers has a smaller top; who sells nothing is in none. The tenure at the end of a run is
cut off there: it is at least that long.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from sim.metrics.runs import DAY, RUN
from sim.shared.tables import RUN_COLUMNS, Column, TableSpec
from sim.shared.units import DAYS_PER_YEAR

if TYPE_CHECKING:
    import pandas as pd

TOP = 3
SUBJECTS = ("provider", "offer")
MEASURES = {"tokens": "share_of_tokens", "dollars": "share_of_dollars"}

LEADERS = TableSpec(
    "leaders",
    "the leader of one interval, among providers or offers, by tokens or dollars",
    (
        *RUN_COLUMNS,
        DAY,
        Column("subject", "text", "", "provider or offer"),
        Column("measure", "text", "", "tokens or dollars"),
        Column("leader", "text", "", "who has the largest share of the interval"),
        Column("share", "number", "fraction", "the leader's share"),
        Column("tenure_days", "number", "days", "for which it has led without interruption"),
        Column("entries", "integer", "", f"members of the top {TOP} that were not there in the interval before"),
        Column("places", "integer", "", f"members of the top {TOP} that sold anything"),
    ),
)


def leaders(shares: pd.DataFrame) -> pd.DataFrame:
    """The table `leaders`, from the table `shares`."""
    import pandas as pd

    parts = [
        _led(shares.groupby([*RUN, "day", subject], as_index=False)[column].sum(), subject, column).assign(
            subject=subject, measure=measure
        )
        for subject in SUBJECTS
        for measure, column in MEASURES.items()
    ]
    rows = pd.concat(parts, ignore_index=True).sort_values([*RUN, "subject", "measure", "day"], kind="stable")
    return LEADERS.conform(rows, "leaders")


def _led(sold: pd.DataFrame, subject: str, column: str) -> pd.DataFrame:
    """Leader, tenure and entries by run and day, from shares by run, day and subject."""
    keys = [*RUN, "day"]
    ranked = sold.sort_values([*keys, column, subject], ascending=[*[True] * 3, False, True], kind="stable")
    top = ranked[(ranked.groupby(keys).cumcount() < TOP) & (ranked[column] > 0)]
    days = ranked.drop_duplicates(keys)[[*keys, subject, column]].reset_index(drop=True)
    days = days.rename(columns={subject: "leader", column: "share"})
    runs = days.groupby(RUN)
    days["start"] = runs["day"].shift().fillna(0.0)
    taken = days["leader"] != runs["leader"].shift(fill_value="")
    days["tenure_days"] = days["day"] - days["start"].where(taken).groupby([days[name] for name in RUN]).ffill()
    # Who was in the top at the start of the interval, the end of the one before.
    there = top[[*keys, subject]].merge(days[[*keys, "start"]], on=keys)
    known = there.merge(there[[*keys, subject]].rename(columns={"day": "start"}), on=[*RUN, "start", subject])
    places, stayed = there.groupby(keys).size().rename("places"), known.groupby(keys).size().rename("stayed")
    days = days.join(places, on=keys).join(stayed, on=keys).fillna({"places": 0, "stayed": 0})
    days["entries"] = (days["places"] - days["stayed"]).where(days["start"] > 0, 0)
    return days.drop(columns=["start", "stayed"])


def turnover_per_year(table: pd.DataFrame) -> float:
    """Turnover of the top of one run, subject and measure, from its rows of `leaders`; NaN for a single interval."""
    years = (table["day"].iloc[-1] - table["day"].iloc[0]) / DAYS_PER_YEAR
    places = float(table["places"].mean())
    return float(table["entries"].sum()) / (places * years) if years > 0 and places > 0 else float("nan")


def changes_per_year(table: pd.DataFrame) -> float:
    """How often the lead of one run, subject and measure changes hands in a year, from its rows of `leaders`."""
    years = (table["day"].iloc[-1] - table["day"].iloc[0]) / DAYS_PER_YEAR
    changed = (table["leader"] != table["leader"].shift(fill_value="")).iloc[1:].sum()
    return float(changed) / years if years > 0 else float("nan")


def days_led(table: pd.DataFrame) -> Mapping[str, float]:
    """Share of the days that each leader led, from the rows of one run, subject and measure; sums to 1."""
    length = table["day"].diff().fillna(table["day"].iloc[0])
    led = length.groupby(table["leader"].astype(str)).sum() / length.sum()
    return {str(name): float(share) for name, share in led.items()}
