"""What a sweep keeps of a run: figures read off the tables of results, each a part of a tagged union.

A reading names a column, the days at which it is read and how the reports of a window become one number. What is summed
over a window may be discounted to day 0: payments of day t count exp(-rate * t / 365).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import Field

from sim.metrics import MARKET, RUN, SHARES
from sim.metrics.abilities import mean_abilities
from sim.metrics.books import PROVIDERS
from sim.metrics.frontier import FRONTIER
from sim.metrics.leaders import LEADERS
from sim.metrics.prices import PRICE_INDICES
from sim.metrics.ranks import RANKS
from sim.scenario.base import Name, NotNegative, Part, Positive
from sim.scenario.scenario import Scenario
from sim.shared.errors import InputError
from sim.shared.units import DAYS_PER_YEAR
from sim.study.imitation import lags
from sim.world.tables import MULTIHOMING

if TYPE_CHECKING:
    import pandas as pd

SUMMED = ("mtok", "revenue_usd", "profit_usd", "share_of_tokens", "share_of_dollars")  # over the offers of a provider
REPORT_TOLERANCE_DAYS = 1e-9

Run = tuple[int, int]  # catalog draw, replication


class _Read(Part):
    """How a metric is read off a column of reports."""

    name: Name
    column: str
    days: tuple[NotNegative, ...] = Field((), description="read at the last report of each; none: at the horizon")
    window_days: NotNegative = Field(0.0, description="0: that report alone, else all of the days before")
    take: Literal["mean", "least", "most", "sum"] = Field("mean", description="of the reports in the window")
    compare: Literal["level", "change", "relative"] = Field(
        "level", description="change: less, relative: over and less 1, the same market without the entrant"
    )


class OfMarket(_Read):
    """A column of the table `market`."""

    kind: Literal["market"]


class OfOffer(_Read):
    """A column of the table `shares`, for one offer; while it is not on sale, nothing (shares and flows: 0)."""

    kind: Literal["offer"]
    offer: Name


class OfProvider(_Read):
    """A column of the table `shares`, summed over the offers of a provider."""

    kind: Literal["provider"]
    provider: Name


class Largest(_Read):
    """A column of the table `shares`, summed by provider: the largest of these sums."""

    kind: Literal["largest_provider"]


class OfBooks(_Read):
    """A column of the table `providers`, of one provider: what its books say, research and purchases included."""

    kind: Literal["books"]
    provider: Name
    discount_per_year: NotNegative = Field(0.0, description="continuous rate at which the reports of a sum count less")


class OfResearch(_Read):
    """What labs that decide on research pay for it (table `research`), in all or of one provider.

    Decisions of the window count, and without one all until the day. Where nobody has decided by then there is no
    figure: labs that decide on nothing cannot be starved.
    """

    kind: Literal["research"]
    column: Literal["spent_usd"] = "spent_usd"
    take: Literal["sum"] = "sum"
    provider: Name | None = Field(None, description="whose lab; null: all labs together")


class OfTable(_Read):
    """A column of another table, summed over the rows of a day whose texts are those of `where`."""

    kind: Literal["table"]
    table: Literal["leaders", "multihoming", "price_indices"]
    where: dict[str, str] = Field(default_factory=dict, description="columns of text, such as level: economy")


class OfFrontier(_Read):
    """A column of the table `frontier`, the mean over task classes; one without a student has no lag and no gap."""

    kind: Literal["frontier"]


class OfPlace(_Read):
    """A column of the table `ranks`: of the model that holds a place in one task class; no such model: shares of 0."""

    kind: Literal["place"]
    task_class: Name
    rank: Annotated[int, Field(ge=1, le=10)]
    ranked_by: Literal["ability", "tokens"] = "ability"


class OfAbility(_Read):
    """The ability of what an offer serves, in logits, the mean over task classes."""

    kind: Literal["ability"]
    offer: Name
    column: Literal["theta"] = "theta"


class OfLag(_Read):
    """Days by which a student is behind a teacher's earlier self, on days on which the student is on sale."""

    kind: Literal["lag"]
    teacher: Name
    student: Name
    column: Literal["lag_days"] = "lag_days"


class OfFall(_Read):
    """The largest fall of a column of the table `market` within some days, as a share; 0 where it never falls.

    Of the reports in the window; `take` does not matter.
    """

    kind: Literal["fall"]
    within_days: Positive = 90.0


class OfFlow(_Read):
    """A column of the ledger, summed over the rows of some accounts and parties in the window; none: 0."""

    kind: Literal["flow"]
    column: Literal["usd", "requests", "mtok"] = "usd"
    accounts: tuple[str, ...] = Field((), description="none: all")
    payer: str | None = None
    payee: str | None = None
    discount_per_year: NotNegative = 0.0


Metric = Annotated[
    OfMarket
    | OfOffer
    | OfProvider
    | Largest
    | OfBooks
    | OfResearch
    | OfTable
    | OfFrontier
    | OfPlace
    | OfAbility
    | OfLag
    | OfFall
    | OfFlow,
    Field(discriminator="kind"),
]
OTHER_TABLES = {spec.name: spec for spec in (LEADERS, MULTIHOMING, PRICE_INDICES)}
_MADE = {"books": "providers", "frontier": "frontier", "place": "ranks"}  # by `sim.metrics`, beside market and shares
_SPECS = {"market": MARKET, "fall": MARKET, "books": PROVIDERS, "frontier": FRONTIER, "place": RANKS}


def wanted_tables(metrics: Sequence[Metric]) -> set[str]:
    """The tables of metrics that these read; those that a market fills are always there."""
    named = {metric.table if isinstance(metric, OfTable) else _MADE.get(metric.kind, "shares") for metric in metrics}
    return {"market", "shares", *named}


def read_metric(tables: Mapping[str, pd.DataFrame], metric: Metric, day: float) -> dict[Run, float | None]:
    """The metric of every run that has it; None where it is no number.

    Args:
        tables: of some runs.
        metric: what to read.
        day: read at the last report on or before it, or over the window that ends there.
    """
    if isinstance(metric, OfResearch):
        return _paid_for_research(tables["research"], metric, day)
    days = tables["market"]["day"]
    report = float(days[days <= day + REPORT_TOLERANCE_DAYS].max())
    start = report if metric.window_days == 0 else day - metric.window_days + REPORT_TOLERANCE_DAYS
    every = [(int(draw), int(number)) for draw, number in tables["market"][RUN].drop_duplicates().to_numpy()]
    if isinstance(metric, OfFlow):
        found = _flows(tables["ledger"], metric, start, report)
        return {run: found.get(run, 0.0) for run in every}
    rows = _rows(tables, metric)
    rows = rows[(rows["day"] >= start) & (rows["day"] <= report + REPORT_TOLERANCE_DAYS)]
    if isinstance(metric, OfAbility):  # stands until it changes
        return _latest(tables, metric, report, every)
    if isinstance(metric, OfFall):
        return _largest_falls(rows, metric)
    if isinstance(metric, Largest):
        rows = rows.groupby([*RUN, "day", "provider"], as_index=False)[metric.column].sum()
        by_day = rows.groupby([*RUN, "day"])[metric.column].max()
    elif isinstance(metric, OfFrontier):
        by_day = rows.groupby([*RUN, "day"])[metric.column].mean().dropna()
    else:
        by_day = rows.groupby([*RUN, "day"])[metric.column].sum(min_count=1)
    if isinstance(metric, OfBooks) and metric.discount_per_year:
        by_day = by_day * np.exp(-metric.discount_per_year / DAYS_PER_YEAR * by_day.index.get_level_values("day"))
    by_run = by_day.groupby(list(RUN))
    taken = {"mean": by_run.mean, "least": by_run.min, "most": by_run.max, "sum": by_run.sum}[metric.take]()
    out = {(int(draw), int(number)): _finite(value) for (draw, number), value in taken.items()}
    if metric.kind in ("offer", "provider", "largest_provider", "place") and metric.column in SUMMED:
        # What is not on sale has a share and a flow of 0, and no price.
        return dict.fromkeys(every, 0.0) | out
    return out


def metric_problems(metrics: tuple[Metric, ...], scenario: Scenario, source: str) -> list[InputError]:
    """What metrics name that a scenario does not have."""
    problems = []
    offers = [offer.name for offer in scenario.offers]
    providers = [provider.name for provider in scenario.providers]
    researchers = [provider.name for provider in scenario.providers if provider.lab.research is not None]
    tasks = [task.name for task in scenario.tasks]
    for number, metric in enumerate(metrics):
        where = f"metrics.{number} ({metric.name})"

        def wrong(field: str, received: object, allowed: str, remedy: str, where: str = where) -> None:
            problems.append(InputError(source, f"{where}: {field}", received, allowed, remedy))

        if metric.kind not in ("ability", "lag", "flow", "research"):
            spec = OTHER_TABLES[metric.table] if isinstance(metric, OfTable) else _SPECS.get(metric.kind, SHARES)
            kinds = ("number", "integer") if isinstance(metric, OfTable) else ("number",)
            columns = [
                column.name for column in spec.columns if column.kind in kinds and column.name not in (*RUN, "day")
            ]
            texts = [column.name for column in spec.columns if column.kind == "text"]
            for name in metric.where if isinstance(metric, OfTable) else ():
                if name not in texts:
                    wrong("where", name, ", ".join(texts) or "nothing: it has no texts", "name a column of text")
            summed = metric.kind in ("provider", "largest_provider")
            known = [name for name in columns if not summed or name in SUMMED]
            if metric.column not in known:
                wrong("column", metric.column, ", ".join(known), "name a column of this table")
        if isinstance(metric, OfResearch) and metric.provider not in (None, *researchers):
            listed = ", ".join(researchers) or "nobody: in this scenario no lab decides on research"
            wrong("provider", metric.provider, listed, "name a provider whose lab decides, or leave it out")
            continue
        for field, names, what in (
            ("offer", offers, "an offer"), ("teacher", offers, "an offer"), ("student", offers, "an offer"),
            ("provider", providers, "a provider"), ("task_class", tasks, "a task class"),
        ):  # fmt: skip
            named = getattr(metric, field, None)
            if named is not None and named not in names:
                wrong(field, named, ", ".join(names), f"name {what} of the scenario")
        if metric.compare != "level" and scenario.entrant is None:
            wrong("compare", metric.compare, "level: this scenario has no entrant", "name one, or compare nothing")
        late = [day for day in metric.days if day > scenario.horizon_days or day < scenario.report_days]
        if late:
            reach = f"{scenario.report_days:g} to {scenario.horizon_days:g}"
            wrong("days", late[0], reach, "name days of the run, from its first report on")
    return problems


def _rows(tables: Mapping[str, pd.DataFrame], metric: Metric) -> pd.DataFrame:
    """The rows of the metric's table that are its own, any day."""
    if isinstance(metric, OfMarket | OfFall):
        return tables["market"]
    if isinstance(metric, OfTable):
        rows = tables[metric.table]
        for column, value in metric.where.items():
            rows = rows[rows[column] == value]
        return rows
    if isinstance(metric, OfFrontier):
        return tables["frontier"]
    if isinstance(metric, OfLag):
        return lags(tables, metric.teacher, metric.student)
    if isinstance(metric, OfAbility):
        known = mean_abilities(tables)
        return known[known["offer"] == metric.offer]
    if isinstance(metric, OfBooks):
        books = tables["providers"]
        return books[books["provider"] == metric.provider]
    if isinstance(metric, OfPlace):
        places = tables["ranks"]
        mine = (places["task_class"] == metric.task_class) & (places["rank"] == metric.rank)
        return places[mine & (places["ranked_by"] == metric.ranked_by)]
    shares = tables["shares"]
    if isinstance(metric, OfOffer):
        return shares[shares["offer"] == metric.offer]
    return shares[shares["provider"] == metric.provider] if isinstance(metric, OfProvider) else shares


def _largest_falls(rows: pd.DataFrame, metric: OfFall) -> dict[Run, float | None]:
    """The largest fall of every run: each report against the highest of the days before it."""
    out: dict[Run, float | None] = {}
    for (draw, number), run in rows.dropna(subset=[metric.column]).groupby(list(RUN)):
        ordered = run.sort_values("day")
        days, values = ordered["day"].to_numpy(), ordered[metric.column].to_numpy()
        since = np.searchsorted(days, days - metric.within_days - REPORT_TOLERANCE_DAYS)
        highest = np.array([values[start : index + 1].max() for index, start in enumerate(since)])
        out[(int(draw), int(number))] = float((1.0 - values / highest).max())
    return out


def _paid_for_research(rows: pd.DataFrame, metric: OfResearch, day: float) -> dict[Run, float | None]:
    """Paid within the window by the labs that had decided by then; runs without any are left out."""
    rows = rows[rows["day"] <= day + REPORT_TOLERANCE_DAYS]
    if metric.provider is not None:
        rows = rows[rows["provider"] == metric.provider]
    within = (metric.window_days == 0) | (rows["day"] > day - metric.window_days + REPORT_TOLERANCE_DAYS)
    paid = rows.assign(paid=rows["spent_usd"].where(within, 0.0)).groupby(list(RUN))["paid"].sum()
    return {(int(draw), int(number)): _finite(value) for (draw, number), value in paid.items()}


def _flows(ledger: pd.DataFrame, metric: OfFlow, start: float, end: float) -> dict[Run, float]:
    """Flows that are booked after `start` and up to `end`; without a window all of them up to `end`."""
    since = start if metric.window_days else -math.inf
    mine = (ledger["day"] > since) & (ledger["day"] <= end + REPORT_TOLERANCE_DAYS)
    if metric.accounts:
        mine &= ledger["account"].isin(metric.accounts)
    for side in ("payer", "payee"):
        if getattr(metric, side) is not None:
            mine &= ledger[side] == getattr(metric, side)
    rows = ledger[mine]
    value = rows[metric.column] * np.exp(-metric.discount_per_year / DAYS_PER_YEAR * rows["day"])
    summed = value.groupby([rows[name] for name in RUN]).sum()
    return {(int(draw), int(number)): float(amount) for (draw, number), amount in summed.items()}


def _latest(
    tables: Mapping[str, pd.DataFrame], metric: OfAbility, day: float, every: list[Run]
) -> dict[Run, float | None]:
    """An ability as it stands on a day."""
    rows = _rows(tables, metric)
    rows = rows[rows["day"] <= day + REPORT_TOLERANCE_DAYS].sort_values("day", kind="stable")
    last = rows.groupby(list(RUN))["theta"].last()
    found = {(int(draw), int(number)): _finite(value) for (draw, number), value in last.items()}
    return {run: found.get(run) for run in every}


def _finite(value: Any) -> float | None:
    return float(value) if math.isfinite(value) else None
