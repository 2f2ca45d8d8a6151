"""A student's accuracy on a few items of a suite, through the harness: the secondary outcome of a dose.

The first items of each task are asked, the same of every student. Items share facts and templates, so the standard
error of the share is larger than that of as many independent ones.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from evalsuite.distill.access import Part
from evalsuite.models import LoadedModel, LocalSource, ModelSpec
from evalsuite.suites.suite import Suite
from sim.shared.errors import InputError

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


class Accuracy(Part):
    """On what accuracy is measured: tasks of a suite, and how many items of each, the first ones."""

    suite: str = "mini"
    tasks: tuple[str, ...] = Field(min_length=1)
    items: Annotated[int, Field(ge=1, le=100_000)] = 100

    @property
    def told(self) -> str:
        """It in words, for a table."""
        return f"{self.suite}, the first {self.items} of {' '.join(self.tasks)}"

    def found(self) -> Suite:
        """The tasks.

        Raises:
            InputError: if there are no such tasks, or one is a hub's, whose items may change under its name.
        """
        from evalsuite.suites.find import find_suite

        suite = find_suite(self.suite, None, self.tasks)
        if foreign := [task.name for task in suite.tasks if task.include is None]:
            raise InputError(
                "accuracy.tasks", "", ", ".join(foreign), "tasks whose items lie here", "choose tasks of the mini suite"
            )
        return suite

    @property
    def content(self) -> list[object]:
        """All that decides the figure, for keys."""
        return [self.items, *(task.content_sha256 for task in self.found().tasks)]


@dataclass(frozen=True)
class Score:
    """Accuracy, that of guessing, and the items asked; an item in error counts as wrong."""

    accuracy: float
    chance: float
    items: int


def score_of(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, wanted: Accuracy) -> Score:
    """The accuracy of a model in memory, which is left as it is."""
    import torch

    from evalsuite.harness import evaluate

    tasks = wanted.found().tasks
    dtype = str(next(model.parameters()).dtype).removeprefix("torch.")
    spec = ModelSpec("student", "student", LocalSource(Path()), "")
    # The harness may set a model up for its own way of reading; a training goes on with this one.
    own = LoadedModel(spec, copy.deepcopy(model).eval(), tokenizer, Path(), "", "", dtype, torch.get_num_threads())
    scored = evaluate(own, tasks, wanted.items)
    counts = [(task.chance, scored.samples[task.name]) for task in tasks]
    items = sum(len(samples) for _, samples in counts)
    right = sum(sample.correct for _, samples in counts for sample in samples)
    return Score(right / items, sum(chance * len(samples) for chance, samples in counts) / items, items)
