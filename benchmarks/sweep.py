"""What a sweep adds to its runs: efficiency on two workers, time a point, the parent's memory, ten thousand points.

Workers are counted from their second point on, when they have loaded. Ten thousand points of the small default scenario
are not run: their time follows from the rate of those that are, and the row says from how many. For the parent's memory
at ten thousand points an engine repeats one real point's rows, because only the parent is looked at: the store, the
progress and the tables are the real ones; a thousand points on real workers are measured beside it.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from dashboard.bench import BenchRow
from sim.shared.catalog import shipped_catalog
from sim.study.design import Point
from sim.study.engines.local import LocalEngine
from sim.study.plan import Plan, load_plan, parse_plan
from sim.study.point import Context, Outcome, code_key, run_point
from sim.study.sweep import run_sweep

SMALL_POINTS = 48  # of the small default scenario, for each number of workers
TINY_POINTS = 300
MANY_POINTS = 10_000
LEAST_EFFICIENCY = 0.9
MOST_OVERHEAD_S = 0.005
MOST_GROWTH = 0.1
MOST_SECONDS = 900.0


def rows() -> list[BenchRow]:
    """Four figures, two of them of the parent's memory."""
    one, two = _timed(_small(SMALL_POINTS), 1), _timed(_small(SMALL_POINTS), 2)
    tiny = _timed(_tiny(TINY_POINTS), 1)
    few, real, many = (_peak_mb(*case) for case in ((100, "real"), (1_000, "real"), (MANY_POINTS, "repeated")))
    return [
        BenchRow(
            f"sweep, {SMALL_POINTS} points: efficiency of two workers", two.rate / (2.0 * one.rate), "of one's rate",
            target=LEAST_EFFICIENCY, bound="at least",
        ),
        BenchRow("sweep: time a point beyond its run", tiny.overhead_s, "s", target=MOST_OVERHEAD_S),
        BenchRow(
            f"sweep: growth of the parent's {few:.0f} MB from 100 to 1,000 points", real / few - 1.0, "fraction",
            target=MOST_GROWTH,
        ),
        BenchRow(
            f"sweep: growth of the parent's {few:.0f} MB from 100 to 10,000 points, rows repeated", many / few - 1.0,
            "fraction", target=MOST_GROWTH,
        ),
        BenchRow(
            f"sweep: 10,000 points of small default on two workers (extrapolated from {SMALL_POINTS})",
            MANY_POINTS / two.rate, "s", target=MOST_SECONDS,
        ),
    ]  # fmt: skip


@dataclass(frozen=True)
class Timing:
    """Points a second, and the seconds a point of one worker took beyond its run; both from the second point on."""

    rate: float
    overhead_s: float


def _timed(plan: Plan, workers: int) -> Timing:
    ends: list[tuple[float, float]] = []
    with tempfile.TemporaryDirectory() as folder, closing(LocalEngine(workers)) as engine:
        run_sweep(
            plan, shipped_catalog(), engine, Path(folder) / "out",
            on_outcome=lambda outcome: ends.append((time.perf_counter(), outcome.seconds)),
        )  # fmt: skip
    counted = ends[2 * workers :]
    wall_s = ends[-1][0] - ends[2 * workers - 1][0]
    return Timing(len(counted) / wall_s, (wall_s - sum(seconds for _, seconds in counted)) / len(counted))


def _peak_mb(points: int, engine: str) -> float:
    """Largest resident memory of a parent process that runs a sweep of so many points."""
    code = f"import importlib.util, sys; {_LOAD}; print(module.peak({points}, {engine!r}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return float(json.loads(done.stdout))


_LOAD = (
    f"spec = importlib.util.spec_from_file_location('bench_sweep', {str(Path(__file__).resolve())!r}); "
    "module = importlib.util.module_from_spec(spec); sys.modules['bench_sweep'] = module; "
    "spec.loader.exec_module(module)"
)


class Repeated:
    """Runs the first point and says the same of all others."""

    name, workers = "repeated", 1

    def outcomes(self, context: Context, points: Iterator[Point]) -> Generator[Outcome, None, None]:
        """See `Engine`."""
        first = run_point(context, next(points))
        yield first
        for point in points:
            yield replace(first, number=point.number)

    def close(self) -> None:
        """Nothing was started."""


def peak(points: int, engine: str) -> float:
    """Run a sweep here; the largest resident memory of this process so far, in MB."""
    import resource

    chosen = Repeated() if engine == "repeated" else LocalEngine()
    with tempfile.TemporaryDirectory() as folder, closing(chosen):
        plan = _tiny(points)
        if engine == "real":
            run_point(Context(plan, shipped_catalog(), code_key()), Point(0, {"p": 1.5}))  # loads what the other loads
        run_sweep(plan, shipped_catalog(), chosen, Path(folder) / "out")
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0


def _small(points: int) -> Plan:
    """The default scenario in small, once a point, without a pair."""
    plan = load_plan("regime_map")
    level = [metric.model_copy(update={"compare": "level"}) for metric in plan.sweep.metrics]
    return _with(plan, points, metrics=tuple(level), catalog_draws=0)


def _tiny(points: int) -> Plan:
    """One seller and one customer for two days: the smallest market there is."""
    price = {"kind": "stated", "input_usd_per_mtok": 1.5, "cached_usd_per_mtok": 0, "output_usd_per_mtok": 0}
    task = {
        "name": "good", "input_tokens": 1e6, "output_tokens": 0, "requests_per_day": 1, "difficulty_sd": 0,
        "value_usd": {"median": 4.0}, "success": "identity",
    }  # fmt: skip
    offer = {"name": "o", "model": "m", "list_price": price, "cost": price | {"input_usd_per_mtok": 1.0}}
    changes: dict[str, Any] = {
        "horizon_days": 2, "report_days": 1, "belief_nodes_per_class": 1, "entrant": None, "tasks": [task],
        "population": {"kind": "expected", "nodes_per_class": 1, "taste_usd": 0.25, "switching_share": 0},
        "models": [{"kind": "stated", "name": "m", "quality": 0.5}],
        "providers": [{"name": "firm", "price": {"kind": "posted"}, "offers": [offer]}],
    }  # fmt: skip
    path = "providers.firm.offers.o.list_price.input_usd_per_mtok"
    raw = {
        "name": "tiny", "title": "the smallest market", "scenario": "default",
        "changes": [{"key": key, "value": value} for key, value in changes.items()],
        "parameters": [{"name": "p", "paths": [path], "distribution": {"kind": "uniform", "low": 1, "high": 2}}],
        "design": {"kind": "sobol", "points": points},
        "metrics": [{"kind": "offer", "name": "share", "offer": "o", "column": "share_of_tokens"}],
    }  # fmt: skip
    return parse_plan(raw, "the benchmark's sweep")


def _with(plan: Plan, points: int, **changes: Any) -> Plan:
    """The sweep with another design: that many Sobol points over the same ranges."""
    parameters = tuple(
        parameter.model_copy(update={"distribution": _range(parameter.distribution)})
        for parameter in plan.sweep.parameters
    )
    design = {"kind": "sobol", "points": points}
    raw = plan.sweep.model_copy(update={"parameters": parameters, **changes}).model_dump(mode="json")
    return parse_plan(raw | {"design": design}, "the benchmark's sweep")


def _range(part: Any) -> Any:
    from sim.study.distributions import Uniform

    low, high = part.ends
    return Uniform(kind="uniform", low=low, high=high)
