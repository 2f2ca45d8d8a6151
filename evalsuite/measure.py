"""One eval run: models and a suite in, a folder of tables out."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from evalsuite.cost import Cost, costs, read_rent
from evalsuite.energy import find_gauge
from evalsuite.harness import SCORERS, Scorer, Work, evaluate, rejection
from evalsuite.meter import Timing, meter_models, peak_memory_bytes, weights_bytes
from evalsuite.models import LoadedModel, ModelSpec, fingerprints, load, resolve
from evalsuite.pairs import pairs_table
from evalsuite.precision import device, fastest_dtype
from evalsuite.publish import Published, publish
from evalsuite.scores import Identity, keep_samples, kept_samples, samples_table, store_path, task_key
from evalsuite.shapes import ModelShape, shape_of
from evalsuite.suites.find import find_suite
from evalsuite.suites.mini import mini
from evalsuite.suites.suite import Suite, TaskRef
from evalsuite.tables import COST, PAIRS, QUALITY, SAMPLES, SHAPES, SPEED
from sim.shared.catalog import CATALOG, Catalog
from sim.shared.console import Progress
from sim.shared.errors import InputError, RunInterrupted
from sim.shared.manifest import MANIFEST_NAME, Input, Manifest, sha256_of_json
from sim.shared.paths import replacing_dir, writable_dir
from sim.shared.stats import accuracy_stderr
from sim.shared.store import Store
from sim.shared.tables import TableSpec, write_parquet

if TYPE_CHECKING:
    import pandas as pd

ITEMS_UNKNOWN = 1000  # of a task whose data set only lm-eval knows, for the progress bar


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

    loaded: dict[str, LoadedModel] = {}
    eval_s: dict[str, float] = {}
    frames = []
    tasks = suite.tasks
    identities = {spec.name: _identity(spec) for spec in specs}
    work = Work()
    with Progress("scoring", len(specs) * sum(_requests(task, limit) for task in tasks), "requests") as progress:
        for spec in specs:
            with Store(store_path()) as store:
                frame, eval_s[spec.name] = _score(
                    spec, identities[spec.name], tasks, limit, scorer, store, loaded, progress, work
                )
            frames.append(frame)
    samples = SAMPLES.conform(pd.concat(frames, ignore_index=True), "samples")
    for spec in specs:
        if spec.name not in loaded:
            loaded[spec.name] = _load(spec, identities[spec.name])
    started_s = time.monotonic()
    gauge = find_gauge(device().type, loaded[specs[0].name].threads)
    timings = meter_models([loaded[spec.name] for spec in specs], gauge)
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
    catalog = publish(samples, tasks, ledger, published, suite.name)
    texts = [item.context for task in mini() for item in task.items]
    tables: list[tuple[TableSpec, pd.DataFrame]] = [
        (QUALITY, _quality(samples, tasks, specs)),
        (SAMPLES, samples),
        (PAIRS, pairs_table(samples, [task.name for task in tasks], teachers)),
        (SPEED, _table(SPEED, timings)),
        (COST, _table(COST, ledger)),
        (
            SHAPES,
            SHAPES.conform(pd.DataFrame([asdict(shape_of(loaded[spec.name], texts)) for spec in specs]), "shapes"),
        ),
        (CATALOG, catalog.frame),
    ]
    content = {f"{spec.name}.parquet": write_parquet(frame, beside / f"{spec.name}.parquet") for spec, frame in tables}
    first = loaded[specs[0].name]
    Manifest(
        kind="eval",
        command=command,
        settings={
            "suite": suite.name,
            "tasks": [task.name for task in tasks],
            "limit": limit,
            "scorer": scorer,
            "dtype": first.dtype,
            "threads": first.threads,
            "weights_bytes": {name: weights_bytes(model) for name, model in loaded.items()},
        },
        inputs=(
            *(Input(spec.name, "measured", spec.source.kind, identities[spec.name].weights_sha256) for spec in specs),
            Input("rent", "cited", f"{rent.offer}, {rent.usd_per_hour} USD/hour, {rent.date}, {rent.source}"),
            Input("this machine costs that rent", "assumed", rent.hardware),
            Input("energy", "measured" if gauge.source == "measured" else "assumed", gauge.what),
        ),
        content=content,
        took={
            "eval_s": eval_s,
            "metering_s": metering_s,
            "peak_memory_bytes": peak_memory_bytes(),
            "work": asdict(work),
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
        catalog=catalog,
        eval_s=eval_s,
        metering_s=metering_s,
        errors=int((samples["error"] != "").sum()),
    )


def _score(
    spec: ModelSpec,
    identity: Identity,
    tasks: tuple[TaskRef, ...],
    limit: int | None,
    scorer: Scorer,
    store: Store,
    loaded: dict[str, LoadedModel],
    progress: Progress,
    work: Work,
) -> tuple[pd.DataFrame, float]:
    """Samples of one model on all tasks, and the seconds that those not kept from before took."""
    # A data set of a hub may change under its name: its samples are not kept whole, its batches hang on their tokens.
    keys = {task.name: task_key(identity, task, limit, scorer) for task in tasks if task.include}
    frames = {name: frame for name, key in keys.items() if (frame := kept_samples(store, key)) is not None}
    left = {task.name: _requests(task, limit) for task in tasks}
    for name in frames:
        progress.advance(left.pop(name), f"{spec.name} {name}")
    missing = [task for task in tasks if task.name not in frames]
    if not missing:
        return _named(frames, tasks, spec), 0.0

    def advance(name: str, count: int) -> None:
        counted = min(count, left[name])
        left[name] -= counted
        progress.advance(counted, f"{spec.name} {name}")

    if spec.name not in loaded:
        loaded[spec.name] = _load(spec, identity)
    started_s = time.monotonic()
    batch_keys = {task.name: sha256_of_json([identity.key, task.content_sha256]) for task in missing}
    # lm-eval's start costs a second, so tasks whose batches are kept go together; the others are kept task by task.
    rounds = [missing] if scorer == "shared" else [[task] for task in missing]
    for together in rounds:
        scored = evaluate(loaded[spec.name], together, limit, scorer, store, batch_keys, advance)
        work.add(scored.work)
        for name, samples in scored.samples.items():
            frames[name] = keep_samples(store, keys[name], samples) if name in keys else samples_table(samples)
            progress.advance(left.pop(name), f"{spec.name} {name}")
    return _named(frames, tasks, spec), time.monotonic() - started_s


def _named(frames: dict[str, pd.DataFrame], tasks: tuple[TaskRef, ...], spec: ModelSpec) -> pd.DataFrame:
    """The tasks' samples in the tasks' order, what could not be asked behind each, with the model's name."""
    import pandas as pd

    parts = []
    for task in tasks:
        parts.append(frames[task.name])
        if task.rejected:
            parts.append(samples_table([rejection(task.name, item) for item in task.rejected]))
    return pd.concat(parts, ignore_index=True).assign(model=spec.name)


def _requests(task: TaskRef, limit: int | None) -> int:
    """Requests that a task makes, for the progress bar: two an item of a choice task."""
    items = min(task.items or ITEMS_UNKNOWN, limit or task.items or ITEMS_UNKNOWN)
    return items * (2 if task.kind == "choice" else 1)


def _load(spec: ModelSpec, identity: Identity) -> LoadedModel:
    """The model as it was when its scores were looked up.

    Raises:
        InputError: if its files have changed meanwhile.
    """
    loaded = load(spec, identity.dtype)
    if (loaded.weights_sha256, loaded.tokenizer_sha256) != (identity.weights_sha256, identity.tokenizer_sha256):
        raise InputError(
            f"model {spec.name}", "", "other files than at the start of the run", "files that stay as they are",
            "wait until nothing else writes this model, and run again",
        )  # fmt: skip
    return loaded


def _identity(spec: ModelSpec) -> Identity:
    import torch

    from evalsuite.fetch import ensure

    weights, tokenizer = fingerprints(ensure(spec))
    return Identity(weights, tokenizer, fastest_dtype(), torch.get_num_threads(), device().type)


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

    return spec.conform(pd.DataFrame([asdict(row) for row in rows]), spec.name)
