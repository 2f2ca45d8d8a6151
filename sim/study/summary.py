"""A run in figures: each metric once, with its interval over the run's replications and draws of the catalog.

"At the end" is the mean over the report days of the last four weeks. Formulas stand in the modules of `sim.metrics`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from sim.metrics import RUN
from sim.metrics.leaders import TOP, changes_per_year, days_led, turnover_per_year
from sim.metrics.prices import decline
from sim.shared.tables import Column, TableSpec
from sim.study.intervals import estimate

if TYPE_CHECKING:
    import pandas as pd

WINDOW_DAYS = 28.0

FIGURES = TableSpec(
    "figures",
    "one metric of one subject, over all runs",
    (
        Column("metric", "text", "", "what is told"),
        Column("subject", "text", "", "provider, offer, model's rank, index and level; 'market' for all"),
        Column("task_class", "text", "", "kind of work; 'all' for all together"),
        Column("unit", "text", "", "of value, low and high"),
        Column("value", "number", "see unit", "mean over runs; none where no run has it", missing=True),
        Column("low", "number", "see unit", "of the interval, catalog and simulation together", missing=True),
        Column("high", "number", "see unit", "of the interval, catalog and simulation together", missing=True),
        Column("runs", "integer", "", "runs that have it"),
    ),
)

Row = tuple[str, str, str, str, float, float, float, int]
Frames = Mapping[str, "pd.DataFrame"]


def figures(tables: Frames) -> pd.DataFrame:
    """The table `figures`, from the tables of a result."""
    import pandas as pd

    rows = [*_market(tables), *_prices(tables), *_leaders(tables), *_classes(tables), *_research(tables)]
    return FIGURES.conform(pd.DataFrame(rows, columns=FIGURES.column_names), "figures")


def _row(metric: str, subject: str, task: str, unit: str, values: pd.Series) -> Row:
    """One figure from its value in each run, indexed by `RUN`; runs without one are left out."""
    known = values.dropna()
    if known.empty:
        return (metric, subject, task, unit, math.nan, math.nan, math.nan, 0)
    by_draw = known.unstack("replication")
    # The interval's analysis of variance wants the same replications in every draw; else each run is a draw.
    square = by_draw.to_numpy() if not by_draw.isna().to_numpy().any() else known.to_numpy()[:, None]
    found = estimate(metric, unit, np.asarray(square, dtype=float))
    return (metric, subject, task, unit, found.value, found.low, found.high, len(known))


def _at_end(table: pd.DataFrame) -> pd.DataFrame:
    return table[table["day"] > table["day"].max() - WINDOW_DAYS]


def _means(
    table: pd.DataFrame, metrics: Iterable[tuple[str, str]], subject: str | None, task: str | None = None
) -> list[Row]:
    """Means at the end of (column, unit), by the columns that name a subject and a task class."""
    by = [name for name in (subject, task) if name is not None]
    last = _at_end(table)
    groups = [((), last)] if not by else list(last.groupby(by, sort=True))
    rows = []
    for column, unit in metrics:
        for key, part in groups:
            names = [str(name) for name in (key if isinstance(key, tuple) else (key,))]
            who = names[0] if subject is not None else "market"
            rows.append(_row(column, who, names[-1] if task else "all", unit, part.groupby(RUN)[column].mean()))
    return rows


def _market(tables: Frames) -> list[Row]:
    market = [
        ("hhi_tokens", "0 to 1"), ("hhi_dollars", "0 to 1"), ("margin", "fraction"),
        ("price_paid_usd_per_mtok", "USD per Mtok"), ("consumer_surplus_usd_per_day", "USD per day"),
    ]  # fmt: skip
    provider = [("share_of_tokens", "fraction"), ("share_of_dollars", "fraction"), ("margin", "fraction")]
    rows = _means(tables["market"], market, None)
    rows += _means(tables["welfare"], [("consumer_surplus_usd_per_day", "USD per day")], None, "task_class")
    if "welfare_by_group" in tables:
        surplus = [("consumer_surplus_usd_per_day", "USD per day")]
        rows += _means(tables["welfare_by_group"], surplus, "value_group", "task_class")
    rows += _means(tables["providers"], provider, "provider")
    for column in ("gross_profit_usd", "research_usd", "profit_usd"):
        for name, part in tables["providers"].groupby("provider"):
            rows.append(_row(f"{column}_of_run", str(name), "all", "USD", part.groupby(RUN)[column].sum()))
    return rows


def _prices(tables: Frames) -> list[Row]:
    rows = []
    for (index, level), part in tables["price_indices"].groupby(["index", "level"], sort=True):
        name = f"{index}: {level}"
        ends = part.groupby(RUN)["change"].last()
        rows.append(_row("price_change_to_end", name, "all", "first day = 1", ends))
        fall = _each(part, lambda run: decline(run["day"].to_numpy(), run["price_usd_per_mtok"].to_numpy()))
        rows.append(_row("price_fall_per_year", name, "all", "divided by", fall.map(lambda one: one.factor_per_year)))
    return rows


def _leaders(tables: Frames) -> list[Row]:
    import pandas as pd

    rows = []
    for (subject, measure), part in tables["leaders"].groupby(["subject", "measure"], sort=True):
        of = f"{subject}s by {measure}"
        led = pd.DataFrame(list(_each(part, days_led)), index=_each(part, len).index).fillna(0.0)
        rows += [_row(f"share_of_days_led_by_{measure}", name, "all", "fraction", led[name]) for name in sorted(led)]
        rows.append(_row("leader_tenure_at_end", of, "all", "days", part.groupby(RUN)["tenure_days"].last()))
        rows.append(_row("leader_changes", of, "all", "per year", _each(part, changes_per_year)))
        rows.append(_row(f"top_{TOP}_turnover", of, "all", "per place and year", _each(part, turnover_per_year)))
    return rows


def _classes(tables: Frames) -> list[Row]:
    frontier = [("frontier_theta", "logits"), ("gap_theta", "logits"), ("lag_days", "days"), ("lag_cut", "1: at least")]
    rows = _means(tables["frontier"], frontier, None, "task_class")
    ranks = tables["ranks"]
    ranks = ranks.assign(place=ranks["rank"].map("{}.".format) + " by " + ranks["ranked_by"].astype(str))
    shares = [("share_of_tokens", "fraction"), ("share_of_dollars", "fraction")]
    return rows + _means(ranks, shares, "place", "task_class")


def _research(tables: Frames) -> list[Row]:
    rows = []
    for offer, part in tables["recouped"].groupby("offer", sort=True):
        rows.append(_row("research_recouped", str(offer), "all", "fraction", part.groupby(RUN)["recouped"].last()))
        paid = part[part["recouped"] >= 1.0].groupby(RUN)["day"].min()
        rows.append(_row("research_recouped_on", str(offer), "all", "day", paid))
    return rows


def _each(table: pd.DataFrame, of: Callable[[pd.DataFrame], object]) -> pd.Series:
    """A function of each run's rows, indexed by `RUN`."""
    import pandas as pd

    runs = {key: of(part) for key, part in table.groupby(RUN, sort=True)}
    return pd.Series(list(runs.values()), index=pd.MultiIndex.from_tuples(list(runs), names=RUN))
