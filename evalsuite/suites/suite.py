"""A suite: tasks as lm-eval reads them, with what the tables and the market must know of each."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from evalsuite.suites.task import TaskClass

Kind = Literal["choice", "generate", "likelihood"]


@dataclass(frozen=True)
class Rejected:
    """An item that cannot be asked, and why; it counts as an error, not as a wrong answer.

    Attributes:
        after: items asked that stand before it. A run of the first `limit` items reads up to the last of these: what
            was rejected up to there is in error, the rest of the file is not looked at.
    """

    item: str
    reason: str
    after: int = 0


@dataclass(frozen=True)
class TaskRef:
    """A task that lm-eval can run.

    Attributes:
        name: in our tables.
        task_class: the class of work it stands for.
        kind: choice of a continuation, writing, or the likelihood of one continuation.
        chance: accuracy of guessing, a fraction.
        floor: at the floor for small models; kept out of headline means.
        measures: what the task asks.
        cluster_is: what one cluster is.
        items: how many; None where only the data set itself knows.
        clusters: distinct facts or templates among them.
        lm_eval_name: its name in lm-eval.
        include: the folder of its YAML; None for a task that lm-eval ships.
        content_sha256: hash of all that decides its scores: items, examples, prompt, settings.
        counted_filter: the lm-eval filter whose score counts, where it has several; "" for the only one.
        rejected: items of its files that cannot be asked.
    """

    name: str
    task_class: TaskClass
    kind: Kind
    chance: float
    floor: bool
    measures: str
    cluster_is: str
    items: int | None
    clusters: int | None
    lm_eval_name: str
    include: Path | None
    content_sha256: str
    counted_filter: str = ""
    rejected: tuple[Rejected, ...] = ()

    def rejected_within(self, limit: int | None) -> tuple[Rejected, ...]:
        """Rejected items that a run of the first `limit` items meets; all for None."""
        return tuple(one for one in self.rejected if limit is None or one.after < limit)


@dataclass(frozen=True)
class Suite:
    """A name and its tasks."""

    name: str
    tasks: tuple[TaskRef, ...]
