"""Samples and costs become rows of the catalog: one model in one task class.

The quality of a class is the mean over its tasks (floors left out) of the chance-corrected accuracy, so a task counts
once however many items it has. Theta is the ability whose mean success is that quality. A student's theta_gap is
paired: clusters are resampled with both models' answers in them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from evalsuite.suites.suite import TaskRef
from evalsuite.suites.task import TASK_CLASSES
from sim.shared.catalog import CATALOG, Catalog, make_catalog
from sim.shared.quality import (
    QUALITY_CEILING,
    QUALITY_FLOOR,
    above_chance,
    clipped,
    quality_of_theta,
    quality_slope,
    theta_of_quality,
    theta_stderr,
)
from sim.shared.stats import accuracy_stderr, bootstrap_means

if TYPE_CHECKING:
    import pandas as pd

    from evalsuite.cost import Cost
    from evalsuite.endpoint import EndpointPrice

BOOTSTRAP_SEED = 0
ABOVE_CHANCE_STDERRS = 2.0


@dataclass(frozen=True)
class Published:
    """What the catalog says of a model besides what was measured; `price` is that of an endpoint."""

    model: str
    role: str
    teacher: str
    weights: str
    licence: str
    price: EndpointPrice | None = None


@dataclass(frozen=True)
class _ClassScore:
    items: int
    accuracy: float
    chance: float
    quality: float
    raw_quality: float
    stderr: float


def publish(
    samples: pd.DataFrame, tasks: Sequence[TaskRef], costs: Sequence[Cost], models: Sequence[Published], suite: str
) -> Catalog:
    """The catalog of a run, a class's qualities on the items that all its models answered.

    Args:
        samples: conforming to `evalsuite.tables.SAMPLES`.
        tasks: those of the suite; classes of which no task was run are left out.
        costs: by model and phase.
        models: those of the run.
        suite: its name, for the source column.
    """
    import pandas as pd

    scored = samples[samples["error"] == ""]
    by_phase = {(cost.model, cost.phase): cost for cost in costs}
    rows: list[dict[str, object]] = []
    for task_class in TASK_CLASSES:
        counted = [task for task in tasks if task.task_class == task_class and not task.floor]
        has = {(entry.model, task.name): _any(scored, entry.model, task.name) for entry in models for task in counted}
        # A model without any scored item of the class has no row there, and takes none from the others. Of the rest, a
        # task on which one of them has no scored item says nothing that compares.
        here = [entry for entry in models if any(has[entry.model, task.name] for task in counted)]
        inside = [task for task in counted if all(has[entry.model, task.name] for entry in here)]
        common = _common(scored, [entry.model for entry in here], inside)
        inside = [task for task in inside if (common["task"] == task.name).any()]
        if not here or not inside:
            continue
        scores = {entry.model: _class_score(common, entry.model, inside) for entry in here}
        informative = any(s.raw_quality > ABOVE_CHANCE_STDERRS * s.stderr for s in scores.values())
        for entry in here:
            score = scores[entry.model]
            theta = theta_of_quality(score.quality)
            row: dict[str, object] = {
                "model": entry.model,
                "role": entry.role,
                "teacher": entry.teacher,
                "weights": entry.weights,
                "task_class": task_class,
                "items": score.items,
                "accuracy": score.accuracy,
                "chance": score.chance,
                "quality": score.quality,
                "quality_stderr": score.stderr,
                "theta": theta,
                "theta_stderr": theta_stderr(score.stderr, theta, 0.0),
                "theta_error_key": task_class,
                "informative": informative,
                "quality_evidence": "measured",
                "source": f"undercut eval run, suite {suite}",
                "licence": entry.licence,
            }
            gap = _gap(common, entry.model, entry.teacher, inside) if entry.teacher in scores else None
            if gap is not None:
                row["theta_gap"], row["theta_gap_stderr"] = gap
            row |= _price_columns(entry.price)
            row |= _cost_columns(by_phase.get((entry.model, "prefill")), by_phase.get((entry.model, "decode")))
            rows.append(row)
    return make_catalog(pd.DataFrame(rows, columns=CATALOG.column_names), "the measured catalog")


def _any(scored: pd.DataFrame, model: str, task: str) -> bool:
    return bool(((scored["model"] == model) & (scored["task"] == task)).any())


def _common(scored: pd.DataFrame, models: Sequence[str], tasks: Sequence[TaskRef]) -> pd.DataFrame:
    """Answers to the items that all of the models answered: an item in error is often a hard or a long one, and who
    could not be asked it must not look the better for that."""
    mine = scored[scored["model"].isin(models) & scored["task"].isin([task.name for task in tasks])]
    return mine[mine.groupby(["task", "item"])["model"].transform("nunique") == len(models)]


def _class_score(scored: pd.DataFrame, model: str, tasks: Sequence[TaskRef]) -> _ClassScore:
    items, accuracies, qualities, raws, variances = 0, [], [], [], []
    for task in tasks:
        rows = scored[(scored["model"] == model) & (scored["task"] == task.name)]
        correct = rows["correct"].to_numpy(dtype=float)
        items += len(rows)
        accuracies.append(float(correct.mean()))
        qualities.append(above_chance((float(correct.sum()) + 0.5) / (len(rows) + 1.0), task.chance))
        raws.append(above_chance(float(correct.mean()), task.chance))
        variances.append((accuracy_stderr(correct, list(rows["cluster"])) / (1.0 - task.chance)) ** 2)
    return _ClassScore(
        items=items,
        accuracy=float(np.mean(accuracies)),
        chance=float(np.mean([task.chance for task in tasks])),
        # Clipped once, as a whole: a task below chance must pull the mean down.
        quality=clipped(float(np.mean(qualities))),
        raw_quality=float(np.mean(raws)),
        stderr=float(np.sqrt(np.sum(variances)) / len(tasks)),
    )


def _gap(scored: pd.DataFrame, student: str, teacher: str, tasks: Sequence[TaskRef]) -> tuple[float, float] | None:
    """Theta of the student less the teacher's, and its standard error, on the items that both answered; None for none.

    The error is from a bootstrap that resamples clusters with both answers in them. It is at least that of half an
    item, which is all that is left where both are right (or wrong) throughout; and where a quality is at the end of
    what the benchmark tells, at least that of two separate models, because the clip hides the spread of the draws.
    """
    means, draws, separate, items = [], [], np.zeros(2), 0
    for place, task in enumerate(tasks):
        both = paired(scored, teacher, student, task.name)
        if both.empty:
            continue
        correct = np.column_stack([both["correct_teacher"], both["correct_student"]]).astype(float)
        clusters = list(both["cluster"])
        sampled = bootstrap_means(correct, clusters, BOOTSTRAP_SEED + place)
        count = len(both)
        items += count
        means.append(((correct.mean(axis=0) * count + 0.5) / (count + 1.0) - task.chance) / (1.0 - task.chance))
        draws.append(((sampled * count + 0.5) / (count + 1.0) - task.chance) / (1.0 - task.chance))
        errors = np.array([accuracy_stderr(correct[:, side], clusters) for side in (0, 1)])
        separate += (errors / (1.0 - task.chance)) ** 2
    if not means:
        return None
    quality = np.clip(np.mean(means, axis=0), QUALITY_FLOOR, QUALITY_CEILING)
    grid = np.linspace(-8.0, 8.0, 3201)
    known = np.array([quality_of_theta(float(theta)) for theta in grid])
    thetas = np.interp(np.clip(np.mean(draws, axis=0), QUALITY_FLOOR, QUALITY_CEILING), known, grid)
    theta = np.array([theta_of_quality(float(one)) for one in quality])
    slopes = np.array([quality_slope(float(one)) for one in theta])
    spread = float((thetas[:, 1] - thetas[:, 0]).std(ddof=1))
    least = 0.5 / items / float(slopes.min())
    if ((quality <= QUALITY_FLOOR) | (quality >= QUALITY_CEILING)).any():
        least = max(least, float(np.sqrt(((np.sqrt(separate) / len(means) / slopes) ** 2).sum())))
    return float(theta[1] - theta[0]), max(spread, least)


def paired(scored: pd.DataFrame, teacher: str, student: str, task: str) -> pd.DataFrame:
    """The items of a task that both models answered: item, cluster, correct_teacher, correct_student, answer_*."""
    sides = [scored[(scored["model"] == model) & (scored["task"] == task)] for model in (teacher, student)]
    columns = ["item", "cluster", "correct", "answer"]
    return sides[0][columns].merge(
        sides[1][["item", "correct", "answer"]], on="item", suffixes=("_teacher", "_student"), validate="one_to_one"
    )


def _price_columns(price: EndpointPrice | None) -> dict[str, object]:
    if price is None:
        return {}
    return {
        "price_in_usd_per_mtok": price.usd_in,
        "price_out_usd_per_mtok": price.usd_out,
        "price_evidence": "cited" if price.cited else "assumed",
    }


def _cost_columns(read: Cost | None, write: Cost | None) -> dict[str, object]:
    if read is None or write is None:
        return {}
    return {
        "cost_in_usd_per_mtok": read.usd_per_mtok,
        "cost_out_usd_per_mtok": write.usd_per_mtok,
        # One error for both columns of the catalog: the larger, so that neither is claimed too sharp.
        "cost_log_stderr": max(read.log_stderr, write.log_stderr),
        "cost_ledger": "measured",
        "cost_in_ratio": read.ratio,
        "cost_out_ratio": write.ratio,
        "cost_ratio_log_stderr": max(read.ratio_log_stderr, write.ratio_log_stderr),
        "cost_evidence": "measured",
    }
