"""Frontier capability by task class, and how far behind it the best student stands. Pure.

    frontier(t)      = max ability over offers on sale on day t, in one task class; logits
    best student(t)  = the same over offers whose model was distilled from a teacher
    gap(t)           = frontier(t) - best student(t)
    lag(t)           = t - the first day on which an offer that is no student reached the best student's ability; 0
                       where none ever did (the student leads)

A frontier that stands still lets the lag grow by a day a day. What was on sale on day 0 is older than the scenario
knows: where the student's ability was there already, the lag is at least what is given (`lag_cut`). Abilities move
where labs move them (`sim.metrics.abilities`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from sim.metrics.abilities import abilities, with_ability
from sim.metrics.runs import DAY, RUN
from sim.shared.tables import RUN_COLUMNS, Column, TableSpec

if TYPE_CHECKING:
    import pandas as pd

SAME_ABILITY = 1e-9  # logits

FRONTIER = TableSpec(
    "frontier",
    "one task class on one day",
    (
        *RUN_COLUMNS,
        DAY,
        Column("task_class", "text", "", "kind of work"),
        Column("frontier_offer", "text", "", "the ablest offer on sale"),
        Column("frontier_theta", "number", "logits", "its ability"),
        Column("frontier_quality", "number", "fraction", "its success on a benchmark of standard difficulty"),
        Column("best_student", "text", "", "the ablest student on sale, if there is one", missing=True),
        Column("student_theta", "number", "logits", "its ability", missing=True),
        Column("gap_theta", "number", "logits", "frontier less best student", missing=True),
        Column("lag_days", "number", "days", "since the frontier first reached the student's ability", missing=True),
        Column("lag_cut", "flag", "", "true where it had it on day 0: the lag is at least that"),
    ),
)


def frontier(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """The table `frontier`, from `offers`, `abilities`, `demand` (what is on sale when) and `prices` (since when)."""
    offers = tables["offers"][[*RUN, "task_class", "offer", "teacher"]]
    offers = offers.assign(student=offers["teacher"].fillna("") != "")
    on_sale = with_ability(tables["demand"][[*RUN, "day", "task_class", "offer"]], tables)
    on_sale = on_sale.merge(offers, on=[*RUN, "task_class", "offer"])
    ordered = on_sale.sort_values(["theta", "offer"], ascending=[False, True], kind="stable")
    keys = [*RUN, "day", "task_class"]
    best = ordered.drop_duplicates(keys).rename(
        columns={"offer": "frontier_offer", "theta": "frontier_theta", "quality": "frontier_quality"}
    )
    students = ordered[ordered["student"]].drop_duplicates(keys)
    students = students[[*keys, "offer", "theta"]].rename(columns={"offer": "best_student", "theta": "student_theta"})
    out = best[[*keys, "frontier_offer", "frontier_theta", "frontier_quality"]].merge(students, on=keys, how="left")
    out["gap_theta"] = out["frontier_theta"] - out["student_theta"]
    originals = abilities(tables).merge(offers[~offers["student"]], on=[*RUN, "task_class", "offer"])
    out = out.merge(_reached(students, originals, tables["prices"]), on=keys, how="left")
    leads = out["best_student"].notna() & out["reached_on"].isna()
    out["lag_days"] = (out["day"] - out["reached_on"]).where(~leads, 0.0)
    out["lag_cut"] = out["reached_on"] == 0
    return FRONTIER.conform(out.sort_values(keys, kind="stable"), "frontier")


def _reached(students: pd.DataFrame, originals: pd.DataFrame, prices: pd.DataFrame) -> pd.DataFrame:
    """First day on which an offer that is no student was as able as the best student of a day: keys, reached_on."""
    sold = prices.groupby([*RUN, "offer"], as_index=False)["day"].min().rename(columns={"day": "sold_from"})
    originals = originals.rename(columns={"day": "able_from"}).merge(sold, on=[*RUN, "offer"])
    originals = originals.assign(since=originals[["able_from", "sold_from"]].max(axis=1))
    both = students.merge(originals[[*RUN, "task_class", "theta", "since"]], on=[*RUN, "task_class"])
    able = both[(both["theta"] >= both["student_theta"] - SAME_ABILITY) & (both["since"] <= both["day"])]
    first = able.groupby([*RUN, "day", "task_class"], as_index=False)["since"].min()
    return first.rename(columns={"since": "reached_on"})
