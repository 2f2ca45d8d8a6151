"""Paired differences of two models on the same items, task by task. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from evalsuite.publish import paired
from evalsuite.tables import PAIRS
from sim.shared.errors import InputError
from sim.shared.stats import (
    Interval,
    detectable_difference,
    holm,
    mcnemar_exact,
    non_inferior,
    paired_difference,
)

if TYPE_CHECKING:
    import pandas as pd


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
                "detectable": detectable_difference(len(set(both["cluster"])), float((first != second).mean())),
                "agreement": float((both["answer_teacher"] == both["answer_student"]).mean()),
            }
        )
    for row, adjusted in zip(rows, holm([float(str(row["p_value"])) for row in rows]), strict=True):
        row["p_holm"] = adjusted
    return PAIRS.conform(pd.DataFrame(rows, columns=PAIRS.column_names), "pairs")


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
