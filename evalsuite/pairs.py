"""Paired differences of two models on the same items, task by task. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from evalsuite.publish import paired
from evalsuite.tables import ANOTHER, PAIRS
from sim.shared.errors import InputError
from sim.shared.stats import (
    Interval,
    design_effect,
    detectable_difference,
    holm,
    mcnemar_exact,
    non_inferior,
    paired_difference,
)

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Pair:
    """A teacher and a student; `related` where the run knows the one as the other's."""

    teacher: str
    student: str
    related: bool


def pairs_table(samples: pd.DataFrame, tasks: Sequence[str], teachers: Mapping[str, str]) -> pd.DataFrame:
    """One row a task of each student, with its teacher; conforms to `evalsuite.tables.PAIRS`."""
    import pandas as pd

    rows = [
        row
        for student, teacher in teachers.items()
        for row in compare(samples, teacher, student, tasks).to_dict("records")
    ]
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
        interval = paired_difference(first, second, list(both["cluster"]))
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
                "p_holm": 1.0,
                "detectable": detectable_difference(
                    len(both) / design_effect(second - first, list(both["cluster"])), float((first != second).mean())
                ),
                "agreement": _agreement(both),
            }
        )
    for row, adjusted in zip(rows, holm([float(str(row["p_value"])) for row in rows]), strict=True):
        row["p_holm"] = adjusted
    return PAIRS.conform(pd.DataFrame(rows, columns=PAIRS.column_names), "pairs")


def _agreement(both: pd.DataFrame) -> float:
    """Share of items with the same answer; NaN where some answers of both are not told."""
    told = ~((both["answer_teacher"] == ANOTHER) & (both["answer_student"] == ANOTHER))
    return float((both["answer_teacher"] == both["answer_student"]).mean()) if told.all() else math.nan


def judged(pairs: pd.DataFrame, margin: float) -> pd.DataFrame:
    """Paired differences with the columns `margin` and `non_inferior`: whether the whole interval lies above -margin.

    Raises:
        InputError: for a margin that is not between 0 and 1.
    """
    if not 0.0 < margin < 1.0:
        raise InputError("--margin", "", margin, "a fraction between 0 and 1", "0.05 is five points of accuracy")
    intervals = [
        Interval(row["difference"], row["stderr"], row["low"], row["high"]) for row in pairs.to_dict("records")
    ]
    return pairs.assign(margin=margin, non_inferior=[non_inferior(interval, margin) for interval in intervals])


def chosen_pair(
    models: Sequence[str], related: Sequence[tuple[str, str]], teacher: str | None, student: str | None
) -> Pair | None:
    """The pair that an analysis is about: the last student that the run knows, with its teacher, among those that fit
    the names given; else the models by their place in the run. None for a run of one model.

    Args:
        models: in the run's order.
        related: teacher and student, in the run's order.

    Raises:
        InputError: for a name that is no model of the run, or the same name twice.
    """
    for option, name in (("--teacher", teacher), ("--student", student)):
        if name is not None and name not in models:
            raise InputError(option, "", name, ", ".join(models), "name a model of this run")
    if teacher is not None and teacher == student:
        raise InputError("--student", "", student, "another model than the teacher", "name two models")
    if len(models) < 2:
        return None
    fitting = [pair for pair in related if teacher in (None, pair[0]) and student in (None, pair[1])]
    if fitting:
        return Pair(*fitting[-1], related=True)
    first = teacher or next(model for model in models if model != student)
    second = student or next(model for model in models if model != first)
    return Pair(first, second, related=False)
