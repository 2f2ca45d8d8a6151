"""Single points of a sweep's scenario, asked one batch after the other, and kept: what searches stand on."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from pydantic import JsonValue

from sim.shared.catalog import Catalog
from sim.shared.console import Progress
from sim.shared.manifest import sha256_of_json
from sim.shared.store import Store
from sim.study.design import Point
from sim.study.engines.engine import Engine
from sim.study.plan import Plan, metric_names
from sim.study.point import Context, Row, code_key
from sim.study.sweep import compared, sweep_key

STORE_NAME = "probes.sqlite"


@dataclass(frozen=True)
class Probe:
    """A point's metrics, the mean over draws and replications; None where it is no number.

    Attributes:
        metrics: each at its last day.
        reason: why the point failed; "" where it did not.
        readings: each at each of its days.
        rows: of the runs that the means are over; see `sim.study.point.Outcome`.
    """

    metrics: dict[str, float | None] = field(default_factory=dict)
    reason: str = ""
    readings: dict[tuple[str, float], float | None] = field(default_factory=dict)
    rows: Sequence[Row] = ()


class Prober:
    """Runs points of a plan, those of a batch beside each other; a point that was asked before is read from disk."""

    def __init__(self, plan: Plan, catalog: Catalog, engine: Engine, folder: Path) -> None:
        self._plan, self._catalog, self._engine = plan, catalog, engine
        self._path = folder / STORE_NAME

    def ask(self, batch: Sequence[dict[str, JsonValue]], what: str) -> list[Probe]:
        """The metrics of every point of a batch, each the base with some values; `what` names it in the progress."""
        shared = sweep_key(self._plan, self._catalog)
        keys = [f"{shared}/{sha256_of_json(values)[:24]}" for values in batch]
        by_key = dict(zip(keys, batch, strict=True))
        with Store(self._path) as store:
            new = [key for key in by_key if store.recall([key]) is None]
            if new:
                points = iter([Point(number, by_key[key]) for number, key in enumerate(new)])
                outcomes = self._engine.outcomes(Context(self._plan, self._catalog, code_key()), points)
                with Progress(what, len(new), "points") as progress, closing(outcomes):
                    for outcome in outcomes:
                        store.keep({new[outcome.number]: {"rows": outcome.rows, "reason": outcome.reason}})
                        progress.advance(1)
            found = store.recall(keys)
        assert found is not None
        plan = self._plan
        return [
            Probe(means(plan, row["rows"]), row["reason"], readings(plan, row["rows"]), row["rows"]) for row in found
        ]


def means(plan: Plan, rows: Sequence[Row]) -> dict[str, float | None]:
    """Each metric of each arm at its last day, compared as the sweep says, its mean over draws and replications."""
    last: dict[str, float | None] = dict.fromkeys(metric_names(plan.sweep))
    for (name, _), value in sorted(readings(plan, rows).items(), key=lambda item: item[0][1]):
        last[name] = value
    return last


def readings(plan: Plan, rows: Sequence[Row]) -> dict[tuple[str, float], float | None]:
    """Each metric of each arm at each of its days, compared as the sweep says, its mean over draws and replications."""
    compare = {metric.name: metric.compare for metric in plan.sweep.metrics}
    called = {value: key for key, value in metric_names(plan.sweep).items()}
    values: dict[tuple[str, float], list[float | None]] = {}
    for arm, name, day, _, _, here, other in rows:
        values.setdefault((called[name, arm], day), []).append(compared(compare[name], here, other))
    out: dict[tuple[str, float], float | None] = {}
    for key, found in values.items():
        known = [value for value in found if value is not None]
        out[key] = float(np.mean(known)) if len(known) == len(found) else None
    return out
