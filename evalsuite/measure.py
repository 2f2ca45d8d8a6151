"""One eval run: models and a suite in, a folder of tables out."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from evalsuite.cost import Cost, costs, read_rent
from evalsuite.harness import BATCH_SIZE, evaluate
from evalsuite.meter import Timing, meter_models, peak_memory_bytes, weights_bytes
from evalsuite.models import LoadedModel, ModelSpec, fingerprints, has_bfloat16, load, resolve
from evalsuite.publish import BOOTSTRAP_SEED, Published, paired, publish
from evalsuite.scores import Identity, keep, kept, score_path
from evalsuite.suites.files import write_suite
from evalsuite.suites.mini import mini
from evalsuite.suites.task import Task
from evalsuite.tables import COST, PAIRS, QUALITY, SAMPLES, SPEED
from sim.shared.catalog import CATALOG, Catalog
from sim.shared.console import Progress
from sim.shared.errors import InputError, RunInterrupted
from sim.shared.manifest import MANIFEST_NAME, Input, Manifest
from sim.shared.paths import cache_dir, replacing_dir, writable_dir
from sim.shared.stats import accuracy_stderr, mcnemar_exact, paired_difference
from sim.shared.tables import TableSpec, write_parquet

if TYPE_CHECKING:
    import pandas as pd

SUITES = {"mini": mini}


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
    catalog: Catalog
    eval_s: dict[str, float]
    metering_s: float
    errors: int


def suite_tasks(suite: str) -> tuple[Task, ...]:
    """The tasks of a suite.

    Raises:
        InputError: if there is no such suite.
    """
    if suite not in SUITES:
        raise InputError("--suite", "", suite, ", ".join(SUITES), "name one of them")
    return SUITES[suite]()


def run_eval(
    models: Sequence[str],
    suite: str,
    out: Path,
    limit: int | None = None,
    tasks: Sequence[str] | None = None,
    command: str = "undercut eval run",
) -> EvalRun:
    """Score and time models, and write quality, samples, pairs, speed, cost, catalog and manifest into `out`.

    Args:
        models: names, as `evalsuite.models.resolve` knows them.
        suite: "mini".
        limit: items a task, the first ones; None for all.
        tasks: names of the suite's tasks to run; None for all.
        command: the command that makes this run again, for the manifest and for resuming.

    Raises:
        InputError: for an unknown model, suite or task, a limit below 1, or a folder that cannot be written.
        RunInterrupted: on Ctrl-C; finished tasks are kept.
    """
    specs = _specs(models)
    chosen = _chosen(suite_tasks(suite), tasks)
    if limit is not None and limit < 1:
        raise InputError("--limit", "", limit, "a whole number of at least 1", "leave it out to run all items")
    writable_dir(out.parent, "--out")
    with replacing_dir(out, MANIFEST_NAME, "--out") as beside:
        try:
            return _run(specs, chosen, suite, beside, out, limit, command)
        except KeyboardInterrupt:
            raise RunInterrupted(str(cache_dir() / "scores"), command) from None


def _run(
    specs: list[ModelSpec],
    tasks: tuple[Task, ...],
    suite: str,
    beside: Path,
    out: Path,
    limit: int | None,
    command: str,
) -> EvalRun:
    import pandas as pd

    loaded: dict[str, LoadedModel] = {}
    eval_s: dict[str, float] = {}
    frames = []
    items = sum(min(limit or len(task.items), len(task.items)) for task in tasks) * len(specs)
    identities = {spec.name: _identity(spec) for spec in specs}
    with Progress("scoring", items, "items") as progress:
        for spec in specs:
            frame, eval_s[spec.name] = _score(spec, identities[spec.name], tasks, limit, loaded, progress)
            frames.append(frame)
    samples = SAMPLES.conform(pd.concat(frames, ignore_index=True), "samples")
    for spec in specs:
        if spec.name not in loaded:
            loaded[spec.name] = load(spec)
    started_s = time.monotonic()
    timings = meter_models([loaded[spec.name] for spec in specs])
    metering_s = time.monotonic() - started_s
    teachers = {spec.name: teacher for spec in specs if (teacher := _teacher(spec, specs))}
    rent = read_rent()
    ledger = costs(timings, rent, teachers)
    published = [
        Published(
            model=spec.name,
            role=spec.role,
            teacher=teachers.get(spec.name, spec.parent),
            weights=identities[spec.name].weights_sha256,
            licence=spec.licence,
        )
        for spec in specs
    ]
    catalog = publish(samples, tasks, ledger, published, suite)
    tables: list[tuple[TableSpec, pd.DataFrame]] = [
        (QUALITY, _quality(samples, tasks, specs)),
        (SAMPLES, samples),
        (PAIRS, _pairs(samples, tasks, teachers)),
        (SPEED, _table(SPEED, timings)),
        (COST, _table(COST, ledger)),
        (CATALOG, catalog.frame),
    ]
    content = {f"{spec.name}.parquet": write_parquet(frame, beside / f"{spec.name}.parquet") for spec, frame in tables}
    first = loaded[specs[0].name]
    Manifest(
        kind="eval",
        command=command,
        settings={
            "suite": suite,
            "tasks": [task.name for task in tasks],
            "limit": limit,
            "batch_size": BATCH_SIZE,
            "dtype": first.dtype,
            "threads": first.threads,
            "eval_s": eval_s,
            "metering_s": metering_s,
            "peak_memory_bytes": peak_memory_bytes(),
            "weights_bytes": {name: weights_bytes(model) for name, model in loaded.items()},
        },
        inputs=(
            *(Input(spec.name, "measured", spec.source.kind, identities[spec.name].weights_sha256) for spec in specs),
            Input("rent", "cited", f"{rent.offer}, {rent.usd_per_hour} USD/hour, {rent.date}, {rent.source}"),
            Input("this machine costs that rent", "assumed", rent.hardware),
        ),
        content=content,
    ).write(beside)
    found = {spec.name: frame for spec, frame in tables}
    return EvalRun(
        out=out,
        quality=found["quality"],
        samples=samples,
        pairs=found["pairs"],
        speed=found["speed"],
        cost=found["cost"],
        catalog=catalog,
        eval_s=eval_s,
        metering_s=metering_s,
        errors=int((samples["error"] != "").sum()),
    )


def _score(
    spec: ModelSpec,
    identity: Identity,
    tasks: tuple[Task, ...],
    limit: int | None,
    loaded: dict[str, LoadedModel],
    progress: Progress,
) -> tuple[pd.DataFrame, float]:
    """Samples of one model on all tasks, and the seconds that those not kept from before took."""
    import pandas as pd

    files = write_suite(tasks)
    frames, spent_s = [], 0.0
    for task in tasks:
        path = score_path(identity, files.task_sha256[task.name], limit, BATCH_SIZE)
        frame = kept(path)
        if frame is None:
            if spec.name not in loaded:
                loaded[spec.name] = load(spec)
            started_s = time.monotonic()
            frame = keep(evaluate(loaded[spec.name], task, files, limit), path)
            spent_s += time.monotonic() - started_s
        frames.append(frame.assign(model=spec.name))
        progress.advance(len(frame), f"{spec.name} {task.name}")
    return pd.concat(frames, ignore_index=True), spent_s


def _identity(spec: ModelSpec) -> Identity:
    import torch

    from evalsuite.fetch import ensure

    weights, tokenizer = fingerprints(ensure(spec))
    return Identity(weights, tokenizer, "bfloat16" if has_bfloat16() else "float32", torch.get_num_threads())


def _specs(models: Sequence[str]) -> list[ModelSpec]:
    if not models or len(set(models)) != len(models):
        raise InputError("--models", "", ",".join(models), "different names, parted by commas", "name each model once")
    return [resolve(name) for name in models]


def _chosen(tasks: tuple[Task, ...], names: Sequence[str] | None) -> tuple[Task, ...]:
    known = {task.name: task for task in tasks}
    for name in names or ():
        if name not in known:
            raise InputError("--tasks", "", name, ", ".join(known), "list them with: undercut eval tasks")
    return tuple(known[name] for name in known if names is None or name in names)


def _teacher(spec: ModelSpec, specs: Sequence[ModelSpec]) -> str:
    """A student's teacher in this run: its parent where it is here, or else the first teacher."""
    if spec.role != "student":
        return ""
    names = [other.name for other in specs if other.role == "teacher"]
    return spec.parent if spec.parent in names else next(iter(names), "")


def _quality(samples: pd.DataFrame, tasks: Sequence[Task], specs: Sequence[ModelSpec]) -> pd.DataFrame:
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
                    "chance": task.chance,
                    "errors": len(mine) - len(good),
                    "floor": task.floor,
                }
            )
    return QUALITY.conform(pd.DataFrame(rows), "quality")


def _pairs(samples: pd.DataFrame, tasks: Sequence[Task], teachers: dict[str, str]) -> pd.DataFrame:
    rows = [
        row
        for student, teacher in teachers.items()
        for row in compare(samples, teacher, student, [task.name for task in tasks]).to_dict("records")
    ]
    import pandas as pd

    return PAIRS.conform(pd.DataFrame(rows, columns=PAIRS.column_names), "pairs")


def compare(samples: pd.DataFrame, teacher: str, student: str, tasks: Sequence[str] | None = None) -> pd.DataFrame:
    """Paired differences of two models of a run, one row a task, conforming to `evalsuite.tables.PAIRS`.

    Raises:
        InputError: if the run has no such model.
    """
    import pandas as pd

    known = sorted(set(samples["model"]))
    for option, name in (("--teacher", teacher), ("--student", student)):
        if name not in known:
            raise InputError(option, "", name, ", ".join(known), "name a model of this run")
    scored = samples[samples["error"] == ""]
    rows = []
    for task in tasks if tasks is not None else list(dict.fromkeys(samples["task"])):
        both = paired(scored, teacher, student, task)
        if both.empty:
            continue
        first, second = both["correct_teacher"].to_numpy(dtype=float), both["correct_student"].to_numpy(dtype=float)
        interval = paired_difference(first, second, list(both["cluster"]), BOOTSTRAP_SEED)
        rows.append(
            {
                "teacher": teacher,
                "student": student,
                "task": task,
                "n": len(both),
                "difference": interval.estimate,
                "stderr": interval.stderr,
                "low": interval.low,
                "high": interval.high,
                "p_value": mcnemar_exact(first, second),
                "agreement": float((both["answer_teacher"] == both["answer_student"]).mean()),
            }
        )
    return PAIRS.conform(pd.DataFrame(rows, columns=PAIRS.column_names), "pairs")


def _table(spec: TableSpec, rows: Sequence[Timing] | Sequence[Cost]) -> pd.DataFrame:
    import pandas as pd

    return spec.conform(pd.DataFrame([asdict(row) for row in rows]), spec.name)
