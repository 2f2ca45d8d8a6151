"""Item by item: where a student and its teacher differ. Pure.

Items in error for either are left out, as in every comparison; how many stands beside.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

TEACHER_ALONE, STUDENT_ALONE, BOTH_WRONG, BOTH_RIGHT = (
    "teacher alone is right", "student alone is right", "both are wrong", "both are right",
)  # fmt: skip
VERDICTS = (TEACHER_ALONE, STUDENT_ALONE, BOTH_WRONG, BOTH_RIGHT)
COLUMNS = (
    "task", "item", "verdict", "question", "right_answer", "teachers_answer", "students_answer", "students_confidence",
)  # fmt: skip
Questions = Mapping[tuple[str, str], str]


@dataclass(frozen=True)
class Items:
    """A teacher and a student, item by item.

    Attributes:
        frame: `COLUMNS`, one row an item that both answered.
        left_out: items that were in error for one of them, or that only one was asked.
    """

    frame: pd.DataFrame
    left_out: int

    def of(self, task: str | None, verdict: str | None) -> pd.DataFrame:
        """The items of a task and a verdict; None for all."""
        rows = self.frame
        if task is not None:
            rows = rows[rows["task"] == task]
        return rows if verdict is None else rows[rows["verdict"] == verdict]

    def counts(self) -> pd.DataFrame:
        """How many items of each verdict, one row a task, in the run's order."""
        wide = self.frame.groupby(["task", "verdict"], sort=False).size().unstack(fill_value=0)
        wide = wide.reindex(index=list(dict.fromkeys(self.frame["task"])), columns=list(VERDICTS), fill_value=0)
        return wide.rename_axis(columns=None).reset_index()


def items(samples: pd.DataFrame, teacher: str, student: str, questions: Questions | None = None) -> Items:
    """The items that both answered.

    Args:
        samples: conforming to `evalsuite.tables.SAMPLES`.
        teacher, student: models in it.
        questions: what each (task, item) asked, where that is known.
    """
    told = questions or {}
    asked = samples[samples["model"].isin([teacher, student])]
    every = asked.drop_duplicates(["task", "item"])
    scored = asked[asked["error"] == ""]
    mine = scored[scored["model"] == student]
    theirs = scored[scored["model"] == teacher][["task", "item", "correct", "answer"]]
    both = mine.merge(theirs, on=["task", "item"], suffixes=("", "_teacher"), sort=False)
    frame = both.assign(
        verdict=[
            _verdict(bool(first), bool(second))
            for first, second in zip(both["correct_teacher"], both["correct"], strict=True)
        ],
        question=[told.get((task, item), "") for task, item in zip(both["task"], both["item"], strict=True)],
    ).rename(
        columns={
            "target": "right_answer", "answer_teacher": "teachers_answer", "answer": "students_answer",
            "confidence": "students_confidence",
        }
    )  # fmt: skip
    return Items(frame[list(COLUMNS)].reset_index(drop=True), len(every) - len(frame))


def questions_of_suite(suite: str) -> Questions:
    """What the items of a suite ask; known of the one that ships."""
    if suite != "mini":
        return {}
    from evalsuite.suites.mini import mini

    return {(task.name, item.item): item.context for task in mini() for item in task.items}


def _verdict(teacher: bool, student: bool) -> str:
    if teacher and student:
        return BOTH_RIGHT
    if teacher:
        return TEACHER_ALONE
    return STUDENT_ALONE if student else BOTH_WRONG
