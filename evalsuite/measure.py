"""One eval run: models and a suite in, a folder of tables out."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from evalsuite.cost import Cost, costs, read_rent
from evalsuite.endpoint import Endpoint
from evalsuite.energy import find_gauge
from evalsuite.harness import SCORERS, Scorer
from evalsuite.ledgers import usage_table
from evalsuite.meter import Timing, meter_models, peak_device_memory_bytes, peak_memory_bytes, weights_bytes
from evalsuite.models import ModelSpec, resolve
from evalsuite.notes import Work
from evalsuite.pairs import pairs_table
from evalsuite.precision import device
from evalsuite.publish import Published, publish
from evalsuite.scores import store_path
from evalsuite.scoring import Subject, refuse_unanswerable, requests, score, subject_of
from evalsuite.shapes import ModelShape, shape_of
from evalsuite.suites.find import find_suite
from evalsuite.suites.mini import mini
from evalsuite.suites.suite import Suite, TaskRef
from evalsuite.tables import COST, PAIRS, QUALITY, SAMPLES, SHAPES, SPEED, USAGE
from sim.shared.catalog import CATALOG, Catalog
from sim.shared.console import Progress
from sim.shared.errors import InputError, RunInterrupted
from sim.shared.manifest import MANIFEST_NAME, Input, Manifest
from sim.shared.paths import replacing_dir, writable_dir
from sim.shared.stats import accuracy_stderr
from sim.shared.tables import TableSpec, write_parquet

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class EvalRun:
    """What a run measured. The tables conform to `evalsuite.tables`.

    Attributes:
        out: the folder that holds them.
        eval_s: seconds spent scoring each model, those of cached tasks left out.
        metering_s: seconds spent timing.
        errors: items that could not be scored.
    """

    out: Path
    quality: pd.DataFrame
    samples: pd.DataFrame
    pairs: pd.DataFrame
    speed: pd.DataFrame
    cost: pd.DataFrame
    usage: pd.DataFrame
    catalog: Catalog
    eval_s: dict[str, float]
    metering_s: float
    errors: int


def run_eval(
    models: Sequence[str],
    suite: str,
    out: Path,
    limit: int | None = None,
    tasks: Sequence[str] | None = None,
    command: str = "undercut eval run",
    scorer: Scorer = "shared",
    data_dir: Path | None = None,
) -> EvalRun:
    """Score and time models, and write quality, samples, pairs, speed, cost, catalog and manifest into `out`.

    Args:
        models: names, as `evalsuite.models.resolve` knows them.
        suite: the name of a suite, or a file that describes one; see `evalsuite.suites.find`.
        limit: items a task, the first ones; None for all.
        tasks: names of the suite's tasks to run; None for all.
        command: the command that makes this run again, for the manifest and for resuming.
        scorer: "shared" or "stock"; see `evalsuite.harness`.
        data_dir: where the suite "local" finds its data sets.

    Raises:
        InputError: for an unknown model, suite, task or scorer, a limit below 1, or a folder that cannot be written.
        RunInterrupted: on Ctrl-C; finished samples are kept.
    """
    specs = _specs(models)
    if scorer not in SCORERS:
        raise InputError("--scorer", "", scorer, ", ".join(SCORERS), "name one of them")
    chosen = find_suite(suite, data_dir, tasks)
    if limit is not None and limit < 1:
        raise InputError("--limit", "", limit, "a whole number of at least 1", "leave it out to run all items")
    writable_dir(out.parent, "--out")
    with replacing_dir(out, MANIFEST_NAME, "--out") as beside:
        try:
            return _run(specs, chosen, beside, out, limit, scorer, command)
        except KeyboardInterrupt:
            raise RunInterrupted(f"every finished batch, in {store_path()}", command) from None


def _run(
    specs: list[ModelSpec],
    suite: Suite,
    beside: Path,
    out: Path,
    limit: int | None,
    scorer: Scorer,
    command: str,
) -> EvalRun:
    import pandas as pd

    tasks = suite.tasks
    for spec in specs:
        refuse_unanswerable(spec, tasks)
    subjects = [subject_of(spec) for spec in specs]
    work = Work()
    with Progress("scoring", len(specs) * sum(requests(task, limit) for task in tasks), "requests") as progress:
        found_by = {subject.spec.name: score(subject, tasks, limit, scorer, progress) for subject in subjects}
    for scored in found_by.values():
        work.add(scored.work)
    samples = SAMPLES.conform(pd.concat([scored.samples for scored in found_by.values()], ignore_index=True), "samples")
    here = [subject.loaded for subject in subjects if subject.wire is None]
    started_s = time.monotonic()
    gauge = find_gauge(device().type, here[0].threads) if here else None
    timings = meter_models(here, gauge) if gauge else []
    metering_s = time.monotonic() - started_s
    teachers = {spec.name: teacher for spec in specs if (teacher := _teacher(spec, specs))}
    rent = read_rent()
    ledger = costs(timings, rent, teachers)
    published = [
        Published(
            model=spec.name,
            role=spec.role,
            teacher=teachers.get(spec.name, spec.parent),
            weights="" if subject.wire else subject.identity.weights_sha256,
            licence=spec.licence,
            price=subject.wire.price if subject.wire else None,
        )
        for subject in subjects
        for spec in [subject.spec]
    ]
    catalog = publish(samples, tasks, ledger, published, suite.name)
    texts = [item.context for task in mini() for item in task.items]
    tables: list[tuple[TableSpec, pd.DataFrame]] = [
        (QUALITY, _quality(samples, tasks, specs)),
        (SAMPLES, samples),
        (PAIRS, pairs_table(samples, [task.name for task in tasks], teachers)),
        (SPEED, _table(SPEED, timings)),
        (COST, _table(COST, ledger)),
        (USAGE, usage_table({s.spec.name: (s.wire.price, found_by[s.spec.name].usage) for s in subjects if s.wire})),
        (
            SHAPES,
            _table(SHAPES, [shape_of(loaded, texts) for loaded in here]),
        ),
        (CATALOG, catalog.frame),
    ]
    content = {f"{spec.name}.parquet": write_parquet(frame, beside / f"{spec.name}.parquet") for spec, frame in tables}
    Manifest(
        kind="eval",
        command=command,
        settings={
            "suite": suite.name,
            "tasks": [task.name for task in tasks],
            "limit": limit,
            "scorer": scorer,
            "dtype": here[0].dtype if here else "",
            "threads": here[0].threads if here else 0,
            "weights_bytes": {loaded.spec.name: weights_bytes(loaded) for loaded in here},
        },
        inputs=(
            *(_input(subject) for subject in subjects),
            Input("rent", "cited", f"{rent.offer}, {rent.usd_per_hour} USD/hour, {rent.date}, {rent.source}"),
            Input("this machine costs that rent", "assumed", rent.hardware),
            *([Input("energy", "measured" if gauge.source == "measured" else "assumed", gauge.what)] if gauge else []),
        ),
        content=content,
        took={
            "eval_s": {name: scored.seconds for name, scored in found_by.items()},
            "metering_s": metering_s,
            "peak_memory_bytes": peak_memory_bytes(),
            "peak_device_memory_bytes": peak_device_memory_bytes(),
            "work": asdict(work),
            "spent_usd": {subject.spec.name: subject.wire.spent_usd for subject in subjects if subject.wire},
        },
    ).write(beside)
    found = {spec.name: frame for spec, frame in tables}
    return EvalRun(
        out=out,
        quality=found["quality"],
        samples=samples,
        pairs=found["pairs"],
        speed=found["speed"],
        cost=found["cost"],
        usage=found["usage"],
        catalog=catalog,
        eval_s={name: scored.seconds for name, scored in found_by.items()},
        metering_s=metering_s,
        errors=int((samples["error"] != "").sum()),
    )


def _input(subject: Subject) -> Input:
    """A model, where it comes from, and the hash of its weights; of an endpoint, of what it was asked as."""
    source = subject.spec.source
    whence = f"endpoint {source.base_url}, {source.model}" if isinstance(source, Endpoint) else source.kind
    return Input(subject.spec.name, "measured", whence, subject.identity.weights_sha256)


def _specs(models: Sequence[str]) -> list[ModelSpec]:
    if not models or len(set(models)) != len(models):
        raise InputError("--models", "", ",".join(models), "different names, parted by commas", "name each model once")
    specs = [resolve(name) for name in models]
    if len({spec.name for spec in specs}) != len(specs):
        raise InputError(
            "--models", "", ", ".join(spec.name for spec in specs), "models of different names in the tables",
            "rename a folder or file: a model that lies here goes by its last part",
        )  # fmt: skip
    return specs


def _teacher(spec: ModelSpec, specs: Sequence[ModelSpec]) -> str:
    """A student's teacher in this run: its parent, where that is here."""
    return spec.parent if spec.role == "student" and any(other.name == spec.parent for other in specs) else ""


def _quality(samples: pd.DataFrame, tasks: Sequence[TaskRef], specs: Sequence[ModelSpec]) -> pd.DataFrame:
    import pandas as pd

    rows = []
    for spec in specs:
        for task in tasks:
            mine = samples[(samples["model"] == spec.name) & (samples["task"] == task.name)]
            good = mine[mine["error"] == ""]
            clusters = list(good["cluster"])
            correct = good["correct"].to_numpy(dtype=float)
            rows.append(
                {
                    "model": spec.name,
                    "task": task.name,
                    "task_class": task.task_class,
                    "n": len(good),
                    "clusters": len(set(clusters)),
                    "score": correct.mean() if len(good) else float("nan"),
                    "stderr": accuracy_stderr(correct, clusters) if len(good) else float("nan"),
                    "score_norm": float(good["correct_norm"].mean()) if len(good) else float("nan"),
                    "chance": task.chance,
                    "errors": len(mine) - len(good),
                    "floor": task.floor,
                }
            )
    return QUALITY.conform(pd.DataFrame(rows), "quality")


def _table(spec: TableSpec, rows: Sequence[Timing] | Sequence[Cost] | Sequence[ModelShape]) -> pd.DataFrame:
    import pandas as pd

    return spec.conform(pd.DataFrame([asdict(row) for row in rows], columns=spec.column_names), spec.name)
