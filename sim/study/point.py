"""One point of a sweep, run: what a worker does, on whichever machine it is.

A point fails by itself: what goes wrong becomes its reason and the sweep goes on. Reasons are the same whichever engine
runs the point, and hold nothing of the machine, since they stand in the tables.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sim.runner import run
from sim.scenario.load import parse_scenario
from sim.scenario.scenario import Scenario
from sim.shared.catalog import Catalog
from sim.shared.curves import CURVES_NAME, DRAWS_NAME
from sim.shared.errors import UndercutError
from sim.shared.manifest import undercut_version
from sim.shared.paths import data_dir
from sim.study.design import Point
from sim.study.plan import Arm, Plan, with_values
from sim.study.readings import Run, read_metric, wanted_tables

if TYPE_CHECKING:
    import pandas as pd

DIED = "its worker process ended early, as when memory runs out"
NO_MEMORY = "memory ran out"
_SOURCES = ("theory", "scenario", "world", "players", "metrics", "shared")  # packages whose text decides a number
_MODULES = ("market.py", "runner.py", "study/point.py", "study/plan.py", "study/readings.py", "study/imitation.py")

Row = tuple[str, str, float, int, int, float | None, float | None]


@dataclass(frozen=True)
class Context:
    """What all points of a sweep share; sent to a worker once.

    Attributes:
        code: of the program that planned the sweep; see `code_key`.
    """

    plan: Plan
    catalog: Catalog
    code: str


@dataclass(frozen=True)
class Outcome:
    """What became of a point.

    Attributes:
        rows: arm ("" where there are none), metric, day, catalog draw, replication, in the scenario, without its
            entrant (None where not compared).
        reason: why it failed; "" where it did not.
        seconds: that the run took; in no table.
    """

    number: int
    rows: tuple[Row, ...] = ()
    reason: str = ""
    seconds: float = 0.0


def too_long(timeout_s: float) -> str:
    """The reason of a point that passed its time."""
    return f"took longer than {timeout_s:g} s"


def run_point(context: Context, point: Point) -> Outcome:
    """Run a point; never raises for what the point itself causes."""
    started = time.perf_counter()
    if context.code != code_key():
        return Outcome(point.number, reason="its worker runs another version of Undercut")
    try:
        rows = _rows(context, point)
    except UndercutError as error:
        return Outcome(point.number, reason=str(error))
    except MemoryError:
        return Outcome(point.number, reason=NO_MEMORY)
    except Exception as error:  # noqa: BLE001  a defect at one point is that point's reason, and is shown
        return Outcome(point.number, reason=f"a defect of Undercut: {type(error).__name__}: {error}")
    return Outcome(point.number, rows, seconds=time.perf_counter() - started)


def warm_up(context: Context) -> None:
    """Run the base up to its first report, so that no point's time holds the loading of libraries and kernels."""
    base = context.plan.scenario
    short = base.model_copy(update={"horizon_days": min(base.report_days, base.horizon_days), "interventions": ()})
    # What is wrong with the base, the points will say.
    with contextlib.suppress(Exception):
        run(short, context.catalog, context.plan.sweep.seed)


@functools.cache
def code_key() -> str:
    """Hash of what decides numbers beside scenario and catalog: the program's text, rents and measured curves.

    Points of two versions never stand in one table.
    """
    root = Path(__file__).resolve().parents[1]
    digest = hashlib.sha256(undercut_version().encode())
    paths = [path for package in _SOURCES for path in sorted((root / package).rglob("*.py"))]
    curves = [path for path in (data_dir() / "measured" / name for name in (CURVES_NAME, DRAWS_NAME)) if path.is_file()]
    for path in [*paths, *(root / name for name in _MODULES), data_dir() / "hardware.csv", *curves]:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _rows(context: Context, point: Point) -> tuple[Row, ...]:
    sweep = context.plan.sweep
    return tuple(row for arm in sweep.arms or (None,) for row in _rows_of(context, point, arm))


def _rows_of(context: Context, point: Point, arm: Arm | None) -> list[Row]:
    plan = context.plan
    where = f"point {point.number}" if arm is None else f"point {point.number}, arm {arm.name}"
    scenario = parse_scenario(with_values(plan, point.values, where, arm), where)
    tables = _tables(context, scenario)
    without = _tables(context, scenario.without_entry(scenario.entrant or "")) if plan.sweep.paired else None
    runs: list[Run] = [(int(draw), int(number)) for draw, number in _runs(tables["market"])]
    name = arm.name if arm is not None else ""
    out: list[Row] = []
    for metric in plan.sweep.metrics:
        for day in metric.days or (scenario.horizon_days,):
            here = read_metric(tables, metric, day)
            other = read_metric(without, metric, day) if without is not None and metric.compare != "level" else {}
            out += [(name, metric.name, day, *key, here.get(key), other.get(key)) for key in runs]
    return out


def _tables(context: Context, scenario: Scenario) -> Mapping[str, pd.DataFrame]:
    sweep = context.plan.sweep
    wanted = wanted_tables(sweep.metrics)
    counts = (sweep.seed, sweep.replications, sweep.catalog_draws)
    return run(scenario, context.catalog, *counts, wanted=wanted).tables


def _runs(market: pd.DataFrame) -> Any:
    return market[["catalog_draw", "replication"]].drop_duplicates().to_numpy()
