"""A world's held-out questions as a suite that lm-eval reads, and lm-eval's answers by the world's own rule.

The delimiter between question and answer is part of the question, so `target_delimiter` is empty; a test holds that
lm-eval, TRL and the lab's loop feed the same tokens.
"""

from __future__ import annotations

import string
from collections.abc import Sequence
from typing import TYPE_CHECKING

from evalsuite.distill.worlds.knowledge import Knowledge
from evalsuite.distill.worlds.world import Question, World
from evalsuite.harness import evaluate
from evalsuite.suites.files import write_suite
from evalsuite.suites.suite import Suite
from evalsuite.suites.task import Item, Task

if TYPE_CHECKING:
    from evalsuite.models import LoadedModel


def world_suite(world: World, questions: Sequence[Question]) -> Suite:
    """One task: a choice among all answers where the truth is a distribution, else writing the answer."""
    kind = str(world.model_dump()["kind"])
    letters = tuple(string.ascii_uppercase[: world.answers]) if isinstance(world, Knowledge) else ()
    items = tuple(
        Item(
            item=f"q{place}",
            cluster=f"q{place}",
            context=question.prompt,
            choices=letters,
            gold=letters.index(question.answer) if letters else -1,
            answer=question.answer,
        )
        for place, question in enumerate(questions)
    )
    task = Task(
        name=kind,
        task_class="chat" if letters else "reason",
        kind="choice" if letters else "generate",
        chance=1.0 / len(letters) if letters else 0.0,
        floor=False,
        measures=f"the small world {kind}",
        cluster_is="the question",
        items=items,
        most_tokens=world.answer_tokens,
    )
    return write_suite(f"world_{kind}", (task,))


def right_by_lm_eval(loaded: LoadedModel, world: World, questions: Sequence[Question]) -> list[bool]:
    """Whether the likeliest answer to each question is right, as lm-eval asks and the world judges."""
    suite = world_suite(world, questions)
    found = evaluate(loaded, suite.tasks)
    if isinstance(world, Knowledge):
        return [sample.correct for sample in found.samples[suite.tasks[0].name]]
    written = {strings[0]: str(answer) for strings, answer in found.answers.items()}
    return [world.right(question.prompt, written[question.prompt]) for question in questions]
