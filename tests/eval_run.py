"""A complete folder of an eval run in milliseconds: seeded answers and timings, tables made as a run makes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd

from evalsuite.cost import costs, read_rent
from evalsuite.meter import Timing
from evalsuite.pairs import compare
from evalsuite.shapes import ModelShape
from evalsuite.tables import COST, PAIRS, QUALITY, SAMPLES, SHAPES, SPEED, USAGE
from sim.shared.manifest import Input, Manifest
from sim.shared.stats import accuracy_stderr
from sim.shared.tables import write_parquet

TASKS = {"facts": "chat", "digits": "code", "riddles": "reason"}  # riddles are at the floor
SKILL = {"master": 0.9, "pupil": 0.6, "third": 0.4}
ITEMS, REPEATS = 40, 7


def samples_of(models: Sequence[str], broken: int, sure: bool) -> pd.DataFrame:
    """Seeded answers; the first `broken` items of the last model's task "digits" are in error."""
    rng = np.random.default_rng(4)
    rows = []
    for place, model in enumerate(models):
        for task in TASKS:
            for item in range(ITEMS):
                error = "prompt longer than 2,048 tokens" if model == models[-1] and task == "digits" else ""
                error = error if item < broken else ""
                right = bool(rng.random() < list(SKILL.values())[place]) and not error
                confidence = float(rng.uniform(0.5, 0.7) + 0.3 * right) if sure else float("nan")
                named = (model, task, f"{task}/{item}", f"{task}/{item // 2}")
                rows.append((*named, right, right, str(right), confidence, error))
    columns = ["model", "task", "item", "cluster", "correct", "correct_norm", "answer", "confidence", "error"]
    return SAMPLES.conform(pd.DataFrame(rows, columns=columns), "samples")


def quality_of(samples: pd.DataFrame) -> pd.DataFrame:
    rows = []
    for (model, task), mine in samples.groupby(["model", "task"], sort=False):
        good = mine[mine["error"] == ""]
        clusters = list(good["cluster"])
        known = (
            {"score": good["correct"].mean(), "stderr": accuracy_stderr(good["correct"], clusters)} if clusters else {}
        )
        rows.append(
            {
                "model": model, "task": task, "task_class": TASKS[str(task)], "n": len(good),
                "clusters": len(set(clusters)), "chance": 0.25, "errors": len(mine) - len(good),
                "floor": task == "riddles", **known,
            }
        )  # fmt: skip
    return QUALITY.conform(pd.DataFrame(rows), "quality")


def timings_of(models: Sequence[str]) -> list[Timing]:
    rng = np.random.default_rng(7)
    return [
        Timing(model, phase, 4, repeat, 512, float(base / (place + 1) * rng.uniform(1.0, 1.1)))
        for place, model in enumerate(models)
        for phase, base in (("prefill", 0.6), ("decode", 2.0))
        for repeat in range(REPEATS)
    ]


def usage_of(model: str) -> dict[str, object]:
    return {
        "model": model, "task": "facts", "requests": ITEMS, "tokens_in": 1000, "tokens_out": 100, "bytes_in": 4000,
        "usd_per_mtok_in": 7.5, "usd_per_mtok_out": 31.25, "usd": 0.010625, "price_date": "2026-11-01",
        "price_source": "a price map",
    }  # fmt: skip


def write_run(
    folder: Path,
    models: Sequence[str] = ("master", "pupil"),
    related: bool = True,
    timed: Sequence[str] | None = None,
    broken: int = 3,
    sure: bool = True,
    behind: Sequence[str] = (),
) -> Path:
    """A complete folder of an eval run, its tables made by the functions that a run makes them with.

    Args:
        behind: models that were asked through an endpoint.
    """
    folder.mkdir()
    samples = samples_of(models, broken, sure)
    timed = list(models if timed is None else timed)
    timings = timings_of(timed)
    teachers = dict.fromkeys(models[1:], models[0]) if related else {}
    pairs = [compare(samples, teacher, student) for student, teacher in teachers.items()]
    rent = read_rent()
    cost = [asdict(row) for row in costs(timings, rent, teachers)]
    shapes = [asdict(ModelShape(model, 1.3e8, 1.3e8, 30, 23040.0, 4.2)) for model in timed]
    tables = {
        QUALITY: quality_of(samples),
        SAMPLES: samples,
        PAIRS: pd.concat(pairs, ignore_index=True) if pairs else pd.DataFrame(columns=PAIRS.column_names),
        SPEED: pd.DataFrame([asdict(timing) for timing in timings], columns=SPEED.column_names),
        COST: pd.DataFrame(cost, columns=COST.column_names),
        SHAPES: pd.DataFrame(shapes, columns=SHAPES.column_names),
        USAGE: pd.DataFrame([usage_of(model) for model in behind], columns=USAGE.column_names),
    }
    content = {
        f"{spec.name}.parquet": write_parquet(spec.conform(frame, spec.name), folder / f"{spec.name}.parquet")
        for spec, frame in tables.items()
    }
    Manifest(
        kind="eval",
        command=f"undercut eval run --models {','.join(models)} --suite mini",
        settings={"suite": "mini", "dtype": "bfloat16"},
        inputs=(Input("rent", "cited", rent.source), Input("this machine costs that rent", "assumed", "a guess")),
        content=content,
    ).write(folder)
    return folder
