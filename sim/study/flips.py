"""What it takes to reverse a conclusion: for each assumption alone, the smallest change of it that does so.

One parameter at a time is moved away from its value in the base, in both directions to the ends of its range, all
others fixed and on the same random numbers. `SCAN` steps on each side find the nearest one at which the conclusion
no longer holds; the step before it and that one are then divided again and again, so that a place is known to within
a share of 1 in SCAN * PARTS^ROUNDS of the side. A reversal narrower than a step is missed, and a conclusion may
turn back beyond the flip. Every answer is a run of the market, none an interpolation.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sim.shared.tables import Column, TableSpec
from sim.study.distributions import Grid, LogNormal, LogUniform
from sim.study.plan import Conclusion, Parameter, Plan
from sim.study.probe import Probe, Prober
from sim.study.sensitivity import base_of, ends_of

if TYPE_CHECKING:
    import pandas as pd

SCAN = 6
PARTS = 6
ROUNDS = 2
NEVER = "does not flip inside the range"
UNKNOWN = "points failed before any flip"
NO_BASE = "the base has no number"

FLIPS = TableSpec(
    "flips",
    "one conclusion under one assumption",
    (
        Column("conclusion", "text", "", "as the sweep names it"),
        Column("statement", "text", "", "what is concluded"),
        Column("holds", "flag", "", "whether it holds in the base"),
        Column("metric_in_base", "number", "the metric's", "what it rests on", missing=True),
        Column("parameter", "text", "", "the assumption that is moved"),
        Column("base", "number", "the parameter's", "in the base"),
        Column("low", "number", "the parameter's", "lower end of its range"),
        Column("high", "number", "the parameter's", "upper end of its range"),
        Column("flips_at", "number", "the parameter's", "nearest value found at which the conclusion is reversed",
               missing=True),
        Column("still_at", "number", "the parameter's", "nearest value found at which it is not: it flips between both",
               missing=True),
        Column("change", "number", "the parameter's", "from the base to flips_at", missing=True),
        Column("note", "text", "", "why there is no flip", missing=True),
    ),
)  # fmt: skip


@dataclass
class _Search:
    """One conclusion, one parameter, one direction: the flip lies between `still` and `flipped`, shares of the side."""

    conclusion: Conclusion
    parameter: Parameter
    end: float
    still: float = 0.0
    flipped: float | None = None
    failed: bool = False


def flips(plan: Plan, prober: Prober) -> pd.DataFrame:
    """The table `flips`, every conclusion under every parameter; after `check_ranges`."""
    import pandas as pd

    (base,) = prober.ask([{}], "base")
    searches = [
        _Search(conclusion, parameter, end)
        for conclusion in plan.sweep.conclusions
        for parameter in plan.sweep.parameters
        for end in ends_of(parameter)
        if end != base_of(plan, parameter) and holds(conclusion, base) is not None
    ]
    _divide(plan, prober, base, searches, SCAN, "scan for flips")
    for turn in range(ROUNDS):
        found = [search for search in searches if search.flipped is not None]
        _divide(plan, prober, base, found, PARTS, f"flips, division {turn + 1} of {ROUNDS}")
    rows = [
        _row(plan, base, conclusion, parameter, searches)
        for conclusion in plan.sweep.conclusions
        for parameter in plan.sweep.parameters
    ]
    return FLIPS.conform(pd.DataFrame(rows, columns=FLIPS.column_names), "flips")


def holds(conclusion: Conclusion, probe: Probe) -> bool | None:
    """Whether a conclusion holds at a point; None where the point has no number."""
    value = probe.metrics.get(conclusion.metric)
    if value is None:
        return None
    return value > conclusion.threshold if conclusion.comparison == "above" else value < conclusion.threshold


def _divide(plan: Plan, prober: Prober, base: Probe, searches: list[_Search], parts: int, what: str) -> None:
    """Narrow every search to one of `parts` steps between where it still holds and the flip, or the end."""
    steps = {
        id(search): np.linspace(search.still, 1.0 if search.flipped is None else search.flipped, parts + 1)[1:]
        for search in searches
    }
    batch = [
        {search.parameter.name: _value(plan, search, float(share))}
        for search in searches
        for share in steps[id(search)]
    ]
    answers = iter(prober.ask(batch, what)) if batch else iter(())  # type: ignore[arg-type]
    for search in searches:
        said = [holds(search.conclusion, next(answers)) for _ in steps[id(search)]]
        usual = holds(search.conclusion, base)
        for share, answer in zip(steps[id(search)], said, strict=True):
            if answer is None:
                search.failed = True
            elif answer == usual:
                search.still = float(share)
            else:
                search.flipped = float(share)
                break


def _value(plan: Plan, search: _Search, share: float) -> float:
    """The parameter's value at a share of the way from the base to the end, in equal ratios where it is logarithmic."""
    base, part = base_of(plan, search.parameter), search.parameter.distribution
    if share == 1.0:
        return search.end
    logarithmic = isinstance(part, LogUniform | LogNormal) or (isinstance(part, Grid) and part.spacing == "log")
    if logarithmic:
        return base * math.exp(share * math.log(search.end / base))
    return base + share * (search.end - base)


def _row(
    plan: Plan, base: Probe, conclusion: Conclusion, parameter: Parameter, searches: list[_Search]
) -> tuple[object, ...]:
    mine = [search for search in searches if search.conclusion is conclusion and search.parameter is parameter]
    value, (low, high) = base_of(plan, parameter), ends_of(parameter)
    nearest = min(
        (search for search in mine if search.flipped is not None),
        key=lambda search: abs(_value(plan, search, search.flipped or 0.0) - value),
        default=None,
    )
    head = (
        conclusion.name, conclusion.statement, bool(holds(conclusion, base)), base.metrics.get(conclusion.metric),
        parameter.name, value, low, high,
    )  # fmt: skip
    if nearest is None or nearest.flipped is None:
        note = NO_BASE if not mine else UNKNOWN if any(search.failed for search in mine) else NEVER
        return (*head, None, None, None, note)
    at, still = _value(plan, nearest, nearest.flipped), _value(plan, nearest, nearest.still)
    return (*head, at, still, at - value, UNKNOWN.replace("before any", "on the way to the") if nearest.failed else "")
