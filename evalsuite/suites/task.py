"""A task of a suite: its items, and how lm-eval is to read them.

Two kinds. A `choice` task compares the log-likelihoods of two continuations, of which one is right; guessing is right
half the time. A `generate` task reads the first line the model writes after two worked examples.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

TaskClass = Literal["chat", "extract", "code", "reason", "agent"]
TASK_CLASSES: tuple[TaskClass, ...] = ("chat", "extract", "code", "reason", "agent")
T = TypeVar("T")


@dataclass(frozen=True)
class Item:
    """One question.

    Attributes:
        item: its name, unique in the task.
        cluster: the fact or template it rests on; items of one cluster are not independent.
        context: what the model reads.
        choices: for a choice task the right and a wrong continuation, in random order; else empty.
        gold: for a choice task the index of the right continuation; else -1.
        answer: the right answer in words.
    """

    item: str
    cluster: str
    context: str
    choices: tuple[str, ...]
    gold: int
    answer: str


@dataclass(frozen=True)
class Task:
    """Items with what they measure.

    Attributes:
        name: unique in the suite.
        task_class: the class of work it stands for.
        kind: choice or generate.
        chance: accuracy of guessing, a fraction.
        floor: at the floor for a model of some 100 million parameters; kept for larger ones, out of headline means.
        measures: what the task asks and why it stands for its class.
        cluster_is: what one cluster is.
        items: the questions.
        shots: worked examples shown before each question, in this order.
        most_tokens: for a generate task, how many tokens may be written.
    """

    name: str
    task_class: TaskClass
    kind: Literal["choice", "generate"]
    chance: float
    floor: bool
    measures: str
    cluster_is: str
    items: tuple[Item, ...]
    shots: tuple[Item, ...] = ()
    most_tokens: int = 0

    @property
    def clusters(self) -> int:
        """How many distinct facts or templates."""
        return len({item.cluster for item in self.items})


class Draws:
    """Seeded draws that stay the same in every version of Python: `random.Random.random` alone is promised to."""

    def __init__(self, seed: str) -> None:
        self._random = random.Random(seed)

    def index(self, n: int) -> int:
        """A whole number in [0, n)."""
        return int(self._random.random() * n)

    def between(self, low: int, high: int) -> int:
        """A whole number in [low, high]."""
        return low + self.index(high - low + 1)

    def pick(self, values: Sequence[T]) -> T:
        """One of the values."""
        return values[self.index(len(values))]

    def shuffled(self, values: Sequence[T]) -> list[T]:
        """All the values in random order."""
        out = list(values)
        for last in range(len(out) - 1, 0, -1):
            other = self.index(last + 1)
            out[last], out[other] = out[other], out[last]
        return out

    def sample(self, values: Sequence[T], n: int) -> list[T]:
        """`n` different places of the values."""
        return self.shuffled(values)[:n]


def choice_item(draws: Draws, item: str, cluster: str, context: str, right: str, wrong: str) -> Item:
    """An item of a choice task, the right continuation first or second by a draw."""
    gold = draws.index(2)
    choices = (right, wrong) if gold == 0 else (wrong, right)
    return Item(item, cluster, context, choices, gold, right.strip())


def written_item(item: str, context: str, answer: str) -> Item:
    """An item of a generate task, a cluster of its own: its names and numbers are drawn afresh."""
    return Item(item, item, context, (), -1, answer)


def other_answers(draws: Draws, answers: Sequence[str], allowed: Sequence[Sequence[int]]) -> list[str]:
    """For each question another question's answer, each used about once, so that guessing by word is no help.

    Args:
        draws: the draws.
        answers: the right answer of each question.
        allowed: for each question the places of the questions whose answers are wrong for it.
    """
    used = [0] * len(answers)
    out = [""] * len(answers)
    for place in draws.shuffled(range(len(answers))):
        candidates = [other for other in allowed[place] if answers[other] != answers[place]]
        fewest = min(used[other] for other in candidates)
        chosen = draws.pick([other for other in candidates if used[other] == fewest])
        used[chosen] += 1
        out[place] = answers[chosen]
    return out
