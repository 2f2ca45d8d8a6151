"""Whether a training text holds items of a suite, or text made from its templates.

Two tests. A run of `RUN_WORDS` words that an item and the text share is a copied item. For items shorter than that the
whole context must stand in the text together with its right answer. And a template's skeleton, the words that at least
`TEMPLATE_ITEMS` items of a task share as their first words, must not be followed by an answer of that task.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from evalsuite.suites.task import Task

RUN_WORDS = 8
SKELETON_WORDS = 3
TEMPLATE_ITEMS = 20
_WORD = re.compile(r"[a-z0-9']+|[^\sa-z0-9']")


@dataclass(frozen=True)
class Overlap:
    """What was found.

    Attributes:
        texts: training texts read.
        items: items compared.
        items_found: items whose run of words, or whose whole context with answer, stands in a text; "task/item".
        skeletons_found: beginnings of templates that a text completes with an answer of the task; "task: words".
    """

    texts: int
    items: int
    items_found: tuple[str, ...]
    skeletons_found: tuple[str, ...]

    @property
    def clean(self) -> bool:
        """Whether no item and no template was found."""
        return not self.skeletons_found and not self.items_found


class Detector:
    """The items and templates of tasks, indexed once, to be looked for in many texts."""

    def __init__(self, tasks: tuple[Task, ...]) -> None:
        """Index the tasks."""
        self._runs: dict[int, dict[tuple[str, ...], set[str]]] = defaultdict(lambda: defaultdict(set))
        self._skeletons: dict[tuple[str, ...], dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
        self.items = sum(len(task.items) for task in tasks)
        for task in tasks:
            self._index(task)

    def _index(self, task: Task) -> None:
        heads = Counter(tuple(_words(item.context)[:SKELETON_WORDS]) for item in task.items)
        for item in task.items:
            words = _words(f"{item.context} {item.answer}")
            length = min(RUN_WORDS, len(words))
            for start in range(len(words) - length + 1):
                self._runs[length][tuple(words[start : start + length])].add(f"{task.name}/{item.item}")
            head = tuple(_words(item.context)[:SKELETON_WORDS])
            if heads[head] >= TEMPLATE_ITEMS and task.kind == "choice":
                self._skeletons[head][task.name].add(" ".join(_words(item.answer)))

    def read(self, text: str) -> tuple[set[str], set[str]]:
        """Items and skeletons that stand in a text."""
        words = _words(text)
        found: set[str] = set()
        for length, runs in self._runs.items():
            for start in range(len(words) - length + 1):
                found |= runs.get(tuple(words[start : start + length]), set())
        completed: set[str] = set()
        for start in range(len(words) - SKELETON_WORDS + 1):
            head = tuple(words[start : start + SKELETON_WORDS])
            for task_name, answers in self._skeletons.get(head, {}).items():
                # The rest of the template's sentence: as many words as an item of this kind takes.
                rest = words[start + SKELETON_WORDS : start + SKELETON_WORDS + RUN_WORDS]
                if any(_stands(answer, rest) for answer in answers):
                    completed.add(f"{task_name}: {' '.join(head)}")
        return found, completed

    def overlaps(self, text: str) -> bool:
        """Whether a text holds an item or completes a template."""
        return any(self.read(text))


def training_overlap(texts: Iterable[str], tasks: tuple[Task, ...]) -> Overlap:
    """Compare training texts with the items and templates of tasks."""
    detector = Detector(tasks)
    found: set[str] = set()
    completed: set[str] = set()
    read = 0
    for text in texts:
        read += 1
        items, skeletons = detector.read(text)
        found |= items
        completed |= skeletons
    return Overlap(read, detector.items, tuple(sorted(found)), tuple(sorted(completed)))


def _stands(answer: str, rest: list[str]) -> bool:
    """Whether the words of an answer stand in a row in the rest of a sentence."""
    return f" {answer} " in f" {' '.join(rest)} "


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower())
