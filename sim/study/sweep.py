"""A sweep, run: every finished point is on disk at once, and what was killed goes on where it was.

`points.sqlite` in the output folder (`sim.shared.store`) holds a row a point from the moment it ends. When all are
there, the tables are written from it in the order of the points, a block at a time, beside their places and renamed:
their bytes depend neither on the engine nor on what was killed on the way. The parent holds a block of points, never
all.
"""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sim.runner import catalog_sha256
from sim.scenario.load import dump_scenario
from sim.shared.catalog import Catalog
from sim.shared.console import Progress, note
from sim.shared.errors import InputError
from sim.shared.manifest import Input, Manifest, sha256_of_file, sha256_of_json
from sim.shared.paths import check_output_dir, replacing, writable_dir, write_text
from sim.shared.store import Store
from sim.shared.tables import Column, TableSpec
from sim.study.design import Point, point_count, points
from sim.study.distributions import Choice
from sim.study.plan import Plan
from sim.study.point import Context, Outcome, code_key

if TYPE_CHECKING:
    import pyarrow as pa

    from sim.study.engines.engine import Engine

STORE_NAME = "points.sqlite"
SWEEP_KIND = "sim sweep"
MANY_RUNS = 2_000  # more than these want `--yes`
BLOCK_POINTS = 500  # written together: a row group

METRICS = TableSpec(
    "metrics",
    "one metric of one run at one point",
    (
        Column("point", "integer", "", "number of the point in the design"),
        Column("catalog_draw", "integer", "", "draw of the catalog's errors; 0 is the point estimate"),
        Column("replication", "integer", "", "which customers and tastes were drawn: the same at every point"),
        Column("arm", "text", "", "as the sweep names it; empty where it has none", missing=True),
        Column("metric", "text", "", "as the sweep names it"),
        Column("day", "number", "days", "at which it is read, days since the start of the scenario"),
        Column("value", "number", "see the sweep", "level, change or relative change, as the sweep says", missing=True),
        Column("in_scenario", "number", "see the sweep", "level in the scenario", missing=True),
        Column("without_entrant", "number", "see the sweep", "level without its entrant", missing=True),
    ),
)


@dataclass(frozen=True)
class SweepResult:
    """Where a finished sweep lies, and how it went.

    Attributes:
        failed: points that have a reason instead of numbers.
        first_reason: of the first of these; "" for none.
        point_seconds: that the points run now took by themselves, summed.
    """

    folder: Path
    points: int
    failed: int
    first_reason: str
    content: dict[str, str]
    seconds: float
    point_seconds: float


def run_count(plan: Plan) -> int:
    """Single runs of the market that a sweep makes."""
    sweep = plan.sweep
    runs = sweep.replications * max(sweep.catalog_draws, 1) * (2 if sweep.paired else 1)
    return point_count(sweep) * max(len(sweep.arms), 1) * runs


def run_sweep(
    plan: Plan,
    catalog: Catalog,
    engine: Engine,
    folder: Path,
    command: str = "",
    retry_failed: bool = False,
    on_outcome: Callable[[Outcome], None] = lambda outcome: None,
) -> SweepResult:
    """Run what is not finished yet, and write the tables `points` and `metrics`.

    Args:
        plan: what to run.
        catalog: the models.
        engine: where.
        folder: an earlier output of a sweep, or a new one.
        command: what the manifest names.
        retry_failed: run points anew that failed before; else their reasons stand.
        on_outcome: called when a point is on disk.

    Raises:
        InputError: for a folder that holds something else, or an engine that cannot be used.
    """
    started = time.monotonic()
    check_output_dir(folder, STORE_NAME, "--out")
    writable_dir(folder, "--out")
    key = sweep_key(plan, catalog)
    total, point_seconds = point_count(plan.sweep), 0.0
    with Store(folder / STORE_NAME) as store:
        there = sum(1 for _, row in store.rows(f"{key}/") if not (retry_failed and row["reason"]))
        if there:
            note(f"{there} of {total} points are in {folder} already")
        if there < total:  # else no worker is started
            todo = _unfinished(store, key, points(plan.sweep), retry_failed)
            outcomes = engine.outcomes(Context(plan, catalog, code_key()), todo)
            with Progress(f"sweep {plan.sweep.name}", total - there, "points") as progress, closing(outcomes):
                for outcome in outcomes:
                    store.keep({_row_key(key, outcome.number): {"rows": outcome.rows, "reason": outcome.reason}})
                    point_seconds += outcome.seconds
                    progress.advance(1, "failed" if outcome.reason else "")
                    on_outcome(outcome)
        content, failed, reason = _write_tables(plan, store, key, folder)
    write_text(folder / "scenario.yaml", dump_scenario(plan.scenario))
    content["scenario.yaml"] = sha256_of_file(folder / "scenario.yaml")
    sweep = plan.sweep
    settings = {
        "sweep": sweep.model_dump(mode="json"),
        "sweep_sha256": plan.sha256,
        "catalog_sha256": catalog_sha256(catalog),
        "code": code_key(),
        "points": total,
        "failed": failed,
        "runs": run_count(plan),
    }
    seconds = time.monotonic() - started
    took = {"seconds": seconds, "point_seconds": point_seconds, "backend": engine.name, "workers": engine.workers}
    inputs = (Input("scenario", "assumed", f"{sweep.scenario}, varied by {sweep.name}", plan.scenario.sha256),)
    Manifest(SWEEP_KIND, command, settings, inputs, content, took).write(folder)
    return SweepResult(folder, total, failed, reason, content, seconds, point_seconds)


def sweep_key(plan: Plan, catalog: Catalog) -> str:
    """Under which rows are kept: another sweep, catalog or program shares none of them."""
    return sha256_of_json([plan.sha256, catalog_sha256(catalog), code_key()])[:16]


def time_points(plan: Plan, catalog: Catalog, engine: Engine) -> float:
    """Seconds of a point: the median of three, the first left out because its worker still loads; keeps nothing.

    Raises:
        InputError: if none of them finishes.
    """
    some = itertools.islice(points(plan.sweep), 3)
    outcomes = sorted(engine.outcomes(Context(plan, catalog, code_key()), some), key=lambda outcome: outcome.number)
    seconds = sorted(outcome.seconds for outcome in outcomes if not outcome.reason)
    if not seconds:
        raise InputError(plan.source, "point 0", outcomes[0].reason, "a point that can be run", "correct the sweep")
    return seconds[(len(seconds) - 1) // 2]


def _unfinished(store: Store, key: str, every: Iterator[Point], retry_failed: bool) -> Iterator[Point]:
    """The points without a row, in their order: both the design and the store's rows are read once, in step.

    Rows that are kept while this reads belong to points that it has passed.
    """
    kept = store.rows(f"{key}/")
    name, row = next(kept, ("", None))
    for point in every:
        wanted = _row_key(key, point.number)
        while row is not None and name < wanted:
            name, row = next(kept, ("", None))
        if row is None or name != wanted or (retry_failed and row["reason"]):
            yield point


def _row_key(key: str, number: int) -> str:
    return f"{key}/{number:09d}"


def _write_tables(plan: Plan, store: Store, key: str, folder: Path) -> tuple[dict[str, str], int, str]:
    """Both tables, a block of points at a time; their hashes, the failed points and the first one's reason."""
    import pyarrow.parquet as pq

    point_schema, metric_schema = _point_schema(plan), _metric_schema()
    failed, first_reason = 0, ""
    paths = [folder / "points.parquet", folder / "metrics.parquet"]
    with replacing(paths[0]) as points_beside, replacing(paths[1]) as metrics_beside:
        with (
            pq.ParquetWriter(points_beside, point_schema, compression="zstd") as point_file,
            pq.ParquetWriter(metrics_beside, metric_schema, compression="zstd") as metric_file,
        ):
            rows = store.rows(f"{key}/")
            every = points(plan.sweep)
            while block := list(itertools.islice(every, BLOCK_POINTS)):
                kept = [next(rows)[1] for _ in block]
                for row in kept:
                    failed += bool(row["reason"])
                    first_reason = first_reason or row["reason"]
                point_file.write_table(_point_block(plan, block, kept, point_schema))
                metric_file.write_table(_metric_block(plan, block, kept, metric_schema))
        content = {"points.parquet": sha256_of_file(points_beside), "metrics.parquet": sha256_of_file(metrics_beside)}
    return content, failed, first_reason


def _point_schema(plan: Plan) -> pa.Schema:
    """point, reason ("" where it is done), then a column a parameter: numbers, or JSON where a choice has others."""
    import pyarrow as pa

    return pa.schema(
        [("point", pa.int64()), ("reason", pa.string())]
        + [(part.name, pa.float64() if numeric else pa.string()) for part, numeric in _parameters(plan)]
    )


def _parameters(plan: Plan) -> list[tuple[Any, bool]]:
    """The parameters, each with whether all its values are numbers."""

    def numeric(part: Any) -> bool:
        if not isinstance(part, Choice):
            return True
        return all(isinstance(value, int | float) and not isinstance(value, bool) for value in part.values)

    return [(parameter, numeric(parameter.distribution)) for parameter in plan.sweep.parameters]


def _point_block(plan: Plan, block: list[Point], kept: list[dict[str, Any]], schema: pa.Schema) -> pa.Table:
    import pyarrow as pa

    columns: dict[str, list[Any]] = {
        "point": [point.number for point in block],
        "reason": [row["reason"] for row in kept],
    }
    for parameter, numeric in _parameters(plan):
        values = [point.values[parameter.name] for point in block]
        columns[parameter.name] = [
            float(value) if numeric else value if isinstance(value, str) else json.dumps(value, sort_keys=True)  # type: ignore[arg-type]
            for value in values
        ]
    return pa.table(columns, schema=schema)


def _metric_schema() -> pa.Schema:
    import pyarrow as pa

    kinds = {"text": pa.string(), "integer": pa.int64(), "number": pa.float64()}
    return pa.schema([(column.name, kinds[column.kind]) for column in METRICS.columns])


def _metric_block(plan: Plan, block: list[Point], kept: list[dict[str, Any]], schema: pa.Schema) -> pa.Table:
    import pyarrow as pa

    compare = {metric.name: metric.compare for metric in plan.sweep.metrics}
    columns: dict[str, list[Any]] = {column.name: [] for column in METRICS.columns}
    for point, row in zip(block, kept, strict=True):
        for arm, name, day, draw, replication, here, other in row["rows"]:
            value = compared(compare[name], here, other)
            cells = (point.number, draw, replication, arm, name, day, value, here, other)
            for column, cell in zip(columns.values(), cells, strict=True):
                column.append(cell)
    return pa.table(columns, schema=schema)


def compared(compare: str, here: float | None, other: float | None) -> float | None:
    """A metric's value from its level and that without the entrant; None where one is missing or a base is 0."""
    if compare == "level" or here is None:
        return here
    if other is None:
        return None
    if compare == "change":
        return here - other
    return here / other - 1.0 if other else None
