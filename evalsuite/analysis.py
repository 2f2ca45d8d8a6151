"""What an eval run's tables say together: paired differences, the frontier, the cascade. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from evalsuite.frontier import cascade, frontier_probability, on_frontier
from evalsuite.ledgers import REPLICATES, REQUEST_TOKENS, SEED, Price, half_95, log_noise, request_usd
from evalsuite.publish import paired
from evalsuite.shapes import ModelShape
from evalsuite.tables import CASCADE, COST, FRONTIER, PAIRS, QUALITY, SAMPLES, SHAPES, USAGE
from sim.shared.errors import InputError
from sim.shared.manifest import read_manifest
from sim.shared.stats import accuracy_draws
from sim.shared.tables import read_table

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Measured:
    """The tables of an eval run that analyses read; `teachers` by student, where the run knows them."""

    folder: Path
    samples: pd.DataFrame
    quality: pd.DataFrame
    cost: pd.DataFrame
    usage: pd.DataFrame
    shapes: tuple[ModelShape, ...]
    teachers: Mapping[str, str] = field(default_factory=dict)

    @property
    def models(self) -> list[str]:
        """In the run's order."""
        return list(dict.fromkeys(self.quality["model"]))

    @property
    def counted_tasks(self) -> list[str]:
        """Those that are no floor."""
        return list(dict.fromkeys(self.quality[~self.quality["floor"]]["task"]))


def read_run(folder: Path) -> Measured:
    """Read an eval run's tables.

    Raises:
        InputError: if the folder is no eval run.
    """
    read = (SAMPLES, QUALITY, COST, USAGE, SHAPES)
    for spec in read:
        if not (folder / f"{spec.name}.parquet").is_file():
            raise InputError(
                str(folder), "", f"no {spec.name}.parquet", "a folder that undercut eval run wrote",
                "name such a folder, or run it again",
            )  # fmt: skip
    tables = {
        spec.name: spec.conform(read_table(folder / f"{spec.name}.parquet"), str(folder / f"{spec.name}.parquet"))
        for spec in read
    }
    shapes = tuple(ModelShape(**row) for row in tables["shapes"].to_dict("records"))
    teachers, path = {}, folder / f"{PAIRS.name}.parquet"
    if path.is_file():
        pairs = PAIRS.conform(read_table(path), str(path))
        teachers = dict(zip(pairs["student"], pairs["teacher"], strict=True))
    return Measured(folder, tables["samples"], tables["quality"], tables["cost"], tables["usage"], shapes, teachers)


@dataclass(frozen=True)
class Told:
    """What a run's manifest says besides its tables.

    Attributes:
        peak_memory_bytes: largest resident memory of its process, models loaded one beside the other; None if not told.
        energy: what its energy was read from; "" if not told.
    """

    peak_memory_bytes: int | None
    energy: str


def read_told(folder: Path) -> Told:
    """From an eval run's manifest."""
    manifest = read_manifest(folder)
    peak = manifest.took.get("peak_memory_bytes")
    energy = next((each.source for each in manifest.inputs if each.name == "energy"), "")
    return Told(None if peak is None else int(peak), energy)


def frontier_table(run: Measured, prices: Sequence[Price]) -> pd.DataFrame:
    """One row a model: accuracy, cost of a mean request, and how surely it lies on the frontier.

    Accuracy is the mean over the counted tasks, on the items that all models answered; all models share the resampled
    clusters, so their errors are joint. Costs are drawn from their own errors; a student's that was timed with its
    teacher is the teacher's draw times the paired ratio's, which is known better than either.
    """
    import pandas as pd

    models = [model for model in run.models if any(price.model == model for price in prices)]
    by_model = {price.model: price for price in prices}
    draws, means = [], []
    scored = run.samples[run.samples["error"] == ""]
    for place, task in enumerate(run.counted_tasks):
        rows = scored[scored["task"] == task]
        wide = rows.pivot_table(index=["item", "cluster"], columns="model", values="correct", aggfunc="first")
        wide = wide.reindex(columns=models).dropna()
        if wide.empty:
            continue
        correct = wide.to_numpy(dtype=float)
        means.append(correct.mean(axis=0))
        clusters = list(wide.index.get_level_values("cluster"))
        draws.append(accuracy_draws(correct, clusters, SEED + place, REPLICATES))
    if not means:
        raise InputError(str(run.folder), "", "no task with items that all models answered", "one", "run more items")
    quality, quality_draws = np.mean(means, axis=0), np.mean(draws, axis=0)
    cost = np.array([_mean_request_usd(by_model[model]) for model in models])
    halves = [half_95(by_model[model]) for model in models]
    probability = frontier_probability(quality_draws, cost * np.exp(_cost_noise(run, [by_model[m] for m in models])))
    low, high = np.quantile(quality_draws, [0.025, 0.975], axis=0)
    low, high = np.minimum(low, quality), np.maximum(high, quality)
    rows = [
        {
            "model": model,
            "ledger": by_model[model].ledger,
            "accuracy": quality[place],
            "accuracy_low": low[place],
            "accuracy_high": high[place],
            "usd_per_request": cost[place],
            "usd_per_request_low": cost[place] * np.exp(-halves[place]),
            "usd_per_request_high": cost[place] * np.exp(halves[place]),
            "on_frontier": bool(on_frontier(quality, cost)[place]),
            "frontier_probability": probability[place],
        }
        for place, model in enumerate(models)
    ]
    return FRONTIER.conform(pd.DataFrame(rows), "frontier")


def _cost_noise(run: Measured, prices: Sequence[Price]) -> np.ndarray:
    """Joint errors of the logarithms of the costs, shape (REPLICATES, models)."""
    rng = np.random.default_rng(SEED)
    own = {price.model: log_noise(rng, price.log_stderr, price.degrees) for price in prices}
    out = dict(own)
    for price in prices:
        teacher = run.teachers.get(price.model)
        ratios = run.cost[run.cost["model"] == price.model]["ratio_log_stderr"]
        if price.ledger == "measured" and teacher in own and len(ratios) and ratios.notna().all():
            out[price.model] = own[teacher] + log_noise(rng, float(ratios.max()), price.degrees)
    return np.column_stack([out[price.model] for price in prices])


def cascade_table(run: Measured, prices: Sequence[Price], teacher: str, student: str) -> pd.DataFrame:
    """The student answers, the items on which it is least sure go up to the teacher; over all counted tasks together.

    Only items with a confidence count; confidences of choices and of written answers are ranked within their task, so
    that no task's scale decides.

    Raises:
        InputError: if the run lacks a model, or no item has a confidence.
    """
    import pandas as pd

    for option, name in (("--teacher", teacher), ("--student", student)):
        if name not in run.models:
            raise InputError(option, "", name, ", ".join(run.models), "name a model of this run")
    by_model = {price.model: price for price in prices}
    for option, name in (("--teacher", teacher), ("--student", student)):
        if name not in by_model:
            raise InputError(option, "", name, ", ".join(by_model), "name a model that stands in this ledger")
    scored = run.samples[run.samples["error"] == ""]
    sure, mine, theirs = [], [], []
    for task in run.counted_tasks:
        both = paired(scored, teacher, student, task)
        rows = scored[(scored["model"] == student) & (scored["task"] == task)][["item", "confidence"]]
        both = both.merge(rows, on="item").dropna(subset=["confidence"])
        sure.append(both["confidence"].rank(pct=True).to_numpy(dtype=float))
        mine.append(both["correct_student"].to_numpy(dtype=float))
        theirs.append(both["correct_teacher"].to_numpy(dtype=float))
    if not sum(map(len, sure)):
        raise InputError(str(run.folder), "confidence", "none", "items with a confidence", "score with --scorer shared")
    points = cascade(
        np.concatenate(sure),
        np.concatenate(mine),
        np.concatenate(theirs),
        _mean_request_usd(by_model[student]),
        _mean_request_usd(by_model[teacher]),
    )
    frame = pd.DataFrame([{"teacher": teacher, "student": student, **asdict(point)} for point in points])
    return CASCADE.conform(frame, "cascade")


def _mean_request_usd(price: Price) -> float:
    """USD of a request, the mean over the task classes."""
    return float(np.mean([request_usd(price, task_class) for task_class in REQUEST_TOKENS]))
