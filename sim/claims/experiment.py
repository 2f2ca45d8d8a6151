"""A simulated part, run: its arms at every draw of the assumptions, its scores by draw, and where its criteria flip."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sim.claims.claim import Claim, Criterion, Experiment
from sim.claims.verdict import Scored
from sim.shared.catalog import Catalog
from sim.shared.tables import Column, TableSpec, read_table
from sim.study.engines.engine import Engine
from sim.study.flips import flips
from sim.study.plan import Conclusion, Plan, parse_plan
from sim.study.probe import Probe, Prober
from sim.study.sweep import SweepResult, run_sweep

if TYPE_CHECKING:
    import pandas as pd

    from sim.study.point import Row

QUICK_DRAWS, FULL_DRAWS = 16, 200

SCORES = TableSpec(
    "scores",
    "one score of one draw of the assumptions",
    (
        Column("experiment", "text", "", "part of the claim"),
        Column("point", "integer", "", "number of the draw"),
        Column("score", "text", "", "as the claim names it"),
        Column("unit", "text", "", "of the score", missing=True),
        Column("value", "number", "the score's", "mean over the draw's runs"),
        Column("stderr", "number", "the score's", "Monte Carlo error of that mean; 0 for a single run"),
        Column("runs", "integer", "", "catalog draws and replications"),
    ),
)


@dataclass(frozen=True)
class Played:
    """An experiment that was run.

    Attributes:
        scored: the draws that have scores.
        asked: draws that were to be run.
        failed: of these, without a result; the first one's reason.
    """

    experiment: Experiment
    scored: tuple[Scored, ...]
    asked: int
    failed: int
    first_reason: str
    plan: Plan
    sweep: SweepResult


def plan_of(claim: Claim, experiment: Experiment, draws: int) -> Plan:
    """The sweep of an experiment, with so many independent draws; the first ones are the same however many follow."""
    raw: dict[str, Any] = {
        "name": f"{claim.name}_{experiment.name}",
        "title": claim.sentence[:120],
        **experiment.sweep,
        "design": {"kind": "random", "points": draws},
    }
    return parse_plan(raw, f"claim {claim.name}, {experiment.name}")


def play(claim: Claim, experiment: Experiment, draws: int, catalog: Catalog, engine: Engine, folder: Path) -> Played:
    """Run an experiment's sweep, what is not finished of it, and score every draw."""
    plan = plan_of(claim, experiment, draws)
    command = f"undercut claims run {claim.name}" + (" --full" if draws >= FULL_DRAWS else "")
    result = run_sweep(plan, catalog, engine, folder, command)
    metrics = read_table(folder / "metrics.parquet")
    keys = ["catalog_draw", "replication"]
    scored = []
    for point, rows in metrics.groupby("point", sort=True):
        runs = []
        for _, run in rows.groupby(keys, sort=True):
            values = zip(run["metric"], run["arm"], run["value"], strict=True)
            runs.append({_called(name, arm): float(value) for name, arm, value in values if np.isfinite(value)})
        found = score(experiment, runs)
        if found:
            means = {name: float(np.mean(values)) for name, values in found.items()}
            errors = {name: _stderr(values) for name, values in found.items()}
            scored.append(Scored(int(point), means, errors))
    return Played(experiment, tuple(scored), draws, result.failed, result.first_reason, plan, result)


def score(experiment: Experiment, runs: Sequence[Mapping[str, float]]) -> dict[str, list[float]]:
    """Each score's value by run; a score that a run does not have is left out of all of them."""
    out: dict[str, list[float]] = {}
    for part in experiment.scores:
        values = []
        for run in runs:
            try:
                value = part.of(run)
            except (KeyError, ZeroDivisionError):
                break
            if not math.isfinite(value):
                break
            values.append(float(value))
        else:
            if values:
                out[part.name] = values
    return out


def score_table(played: Sequence[Played]) -> pd.DataFrame:
    """The table `SCORES` of a claim's experiments."""
    import pandas as pd

    rows = []
    for part in played:
        units = {item.name: item.unit for item in part.experiment.scores}
        sweep = part.plan.sweep
        runs = sweep.replications * max(sweep.catalog_draws, 1)
        for draw in part.scored:
            rows += [
                (part.experiment.name, draw.point, name, units[name], value, draw.stderrs[name], runs)
                for name, value in draw.means.items()
            ]
    return SCORES.conform(pd.DataFrame(rows, columns=SCORES.column_names), "scores")


def flip_table(played: Played, catalog: Catalog, engine: Engine, folder: Path) -> pd.DataFrame:
    """Where each criterion turns, one assumption at a time from its value in the base; the table `flips`."""
    return flips(scored_plan(played.plan, played.experiment.criteria), ScoreProber(played, catalog, engine, folder))


def scored_plan(plan: Plan, criteria: Sequence[Criterion]) -> Plan:
    """The plan with a criterion for each conclusion; these read scores, which only `ScoreProber` knows."""
    conclusions = tuple(
        Conclusion(
            name=criterion.name, statement=criterion.says, metric=criterion.score, comparison=criterion.comparison,
            threshold=criterion.threshold,
        )
        for criterion in criteria
    )  # fmt: skip
    return Plan(plan.sweep.model_copy(update={"conclusions": conclusions}), plan.base, plan.source)


class ScoreProber(Prober):
    """Answers with an experiment's scores where a prober answers with metrics."""

    def __init__(self, played: Played, catalog: Catalog, engine: Engine, folder: Path) -> None:
        super().__init__(played.plan, catalog, engine, folder)
        self._experiment = played.experiment

    def ask(self, batch: Sequence[dict[str, Any]], what: str) -> list[Probe]:
        """See `Prober.ask`; the metrics are scores, means over runs."""
        return [
            Probe(
                {
                    name: float(np.mean(values))
                    for name, values in score(self._experiment, by_run(probe.rows)).items()
                },
                probe.reason,
                rows=probe.rows,
            )
            for probe in super().ask(batch, what)
        ]  # fmt: skip


def by_run(rows: Sequence[Row]) -> list[dict[str, float]]:
    """A point's rows as one mapping a run, from METRIC@ARM to its value."""
    runs: dict[tuple[int, int], dict[str, float]] = {}
    for arm, name, _, draw, replication, here, _ in rows:
        run = runs.setdefault((draw, replication), {})
        if here is not None:
            run[_called(name, arm)] = here
    return [runs[key] for key in sorted(runs)]


def _called(name: str, arm: str) -> str:
    return f"{name}@{arm}" if arm else name


def _stderr(values: Sequence[float]) -> float:
    return float(np.std(values, ddof=1) / math.sqrt(len(values))) if len(values) > 1 else 0.0
