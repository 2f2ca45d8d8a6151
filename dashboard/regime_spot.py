"""One student on the map of regimes, run exactly: the figures of the rules and the regime of each draw. Pure.

Figures are read as the map's own sweep reads them, so that a cell run again is the cell of the table. Of a scenario
that the reader set, they are read at the same times after the release, as far as its horizon reaches.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dashboard.load import Pair
from sim.scenario.load import parse_scenario
from sim.scenario.scenario import Scenario
from sim.shared.errors import InputError
from sim.study.plan import Plan, with_values
from sim.study.readings import Metric, OfOffer, Run, read_metric
from sim.study.regimes import FIGURES, REGIMES, RESEARCH, Figures, Thresholds, regime
from sim.study.sweep import compared

if TYPE_CHECKING:
    import pandas as pd

SHORTEST_WINDOW_DAYS = 1.0


@dataclass(frozen=True)
class Reading:
    """A figure of the rules, and the day at which it is read."""

    metric: Metric
    day: float


@dataclass(frozen=True)
class Spot:
    """A student that was run.

    Attributes:
        by_run: the figures of each run.
        regimes: of each run, in the same order.
    """

    by_run: tuple[Figures, ...]
    regimes: tuple[str, ...]

    @property
    def regime(self) -> str:
        """In which most runs are; of equals the first of the rules."""
        return max(REGIMES, key=self.regimes.count)

    @property
    def certainty(self) -> float:
        """The share of the runs in that regime."""
        return self.regimes.count(self.regime) / len(self.regimes)

    def mean(self, name: str) -> float:
        """A figure's mean over the runs."""
        return float(np.mean([getattr(figures, name) for figures in self.by_run]))

    def ends(self, name: str) -> tuple[float, float]:
        """A figure's least and largest value among the runs."""
        values = [float(getattr(figures, name)) for figures in self.by_run]
        return min(values), max(values)


def scenario_at(plan: Plan, quality_ratio: float, cost_ratio: float) -> Scenario:
    """The map's own scenario with a student of this quality and cost, both relative to its teacher.

    Raises:
        InputError, InputErrors: for a student that the scenario refuses.
    """
    values = {"quality_ratio": quality_ratio, "cost_ratio": cost_ratio}
    where = f"a student of {quality_ratio:g} of the quality at {cost_ratio:g} of the cost"
    return parse_scenario(with_values(plan, values, where), where)


def readings_of_map(plan: Plan) -> list[Reading]:
    """The figures of the rules as the map's sweep reads them."""
    return [
        Reading(metric, (metric.days or (plan.scenario.horizon_days,))[-1])
        for metric in plan.sweep.metrics
        if metric.name in (*FIGURES, RESEARCH)
    ]


def readings_of_own(plan: Plan, scenario: Scenario) -> list[Reading]:
    """The same figures of another scenario, at the same times after its entrant's release; windows begin no earlier.

    Raises:
        InputError: if nothing is left after the release.
    """
    released, own_released = release_day_of(plan.scenario), release_day_of(scenario)
    if scenario.horizon_days <= own_released:
        raise InputError(
            f"scenario {scenario.name}", "horizon_days", scenario.horizon_days, f"more than {own_released:g}",
            "let the entrant be released before the horizon",
        )  # fmt: skip
    found = []
    for reading in readings_of_map(plan):
        day = min(reading.day - released + own_released, scenario.horizon_days)
        window = min(reading.metric.window_days, max(day - own_released, SHORTEST_WINDOW_DAYS))
        changed: dict[str, object] = {"window_days": window}
        if isinstance(reading.metric, OfOffer):
            changed["offer"] = scenario.entrant
        found.append(Reading(reading.metric.model_copy(update=changed), day))
    return found


def release_day_of(scenario: Scenario) -> float:
    """The day on which the entrant is released.

    Raises:
        InputError: if it is released on no day that is set beforehand.
    """
    for provider in scenario.providers:
        for release in provider.lab.releases:
            if release.offer == scenario.entrant and release.release_day is not None:
                return float(release.release_day)
    raise InputError(
        f"scenario {scenario.name}", "entrant", scenario.entrant or "nothing", "an offer with a day of release",
        "choose another scenario",
    )  # fmt: skip


def spot(pair: Pair, readings: Sequence[Reading], thresholds: Thresholds) -> Spot:
    """The figures and regimes of a pair's runs; runs that lack a figure are left out.

    Raises:
        InputError: if no run has all figures.
    """
    here, other = pair.with_entry.tables, pair.without.tables
    by_name = {reading.metric.name: _values(here, other, reading) for reading in readings}
    found = tuple(filter(None, (_figures_of(by_name, key) for key in by_name[FIGURES[0]])))
    if not found:
        raise InputError("regime", "", "no run with all figures", ", ".join(FIGURES), "choose a longer horizon")
    return Spot(found, tuple(regime(figures, thresholds) for figures in found))


def _figures_of(by_name: Mapping[str, Mapping[Run, float | None]], key: Run) -> Figures | None:
    """The figures of one run; None where one is missing."""
    student, largest, margin, prices = (by_name[name].get(key) for name in FIGURES)
    if student is None or largest is None or margin is None or prices is None:
        return None
    return Figures(student, largest, margin, prices, by_name.get(RESEARCH, {}).get(key))


def _values(
    here: Mapping[str, pd.DataFrame], other: Mapping[str, pd.DataFrame], reading: Reading
) -> dict[Run, float | None]:
    mine = read_metric(here, reading.metric, reading.day)
    theirs = read_metric(other, reading.metric, reading.day) if reading.metric.compare != "level" else {}
    return {key: compared(reading.metric.compare, value, theirs.get(key)) for key, value in mine.items()}
