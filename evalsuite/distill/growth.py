"""The training of a recipe's student, by whatever method it names; its state is kept in the cache meanwhile.

A student learns from what the teacher told, from its own text that the teacher reads, or from a judge's rewards, which
may come after imitation.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from evalsuite.distill.card import Judged
from evalsuite.distill.judge_rl import RewardPoint
from evalsuite.distill.judged import imitating, reinforced
from evalsuite.distill.material import Material, rows_of, supply_of, weights_of
from evalsuite.distill.on_policy import train_on_policy
from evalsuite.distill.prompts import prompts_of
from evalsuite.distill.recipe import BornAgain, OnPolicy, Recipe
from evalsuite.distill.teacher import LocalTeacher, Teacher
from evalsuite.distill.training import Checkpoints, Training, train
from sim.shared.console import Progress
from sim.shared.errors import InputError
from sim.shared.paths import cache_dir

if TYPE_CHECKING:
    from transformers import PreTrainedModel


@dataclass(frozen=True)
class Grown:
    """A trained student, its training, and what that took.

    Attributes:
        seconds: by phase.
        teacher_seconds: of the teacher's reading, whenever it read.
        judged, rewards: where a judge reinforced it.
    """

    model: PreTrainedModel
    training: Training
    seconds: dict[str, float]
    teacher_seconds: float = 0.0
    judged: Judged | None = None
    rewards: tuple[RewardPoint, ...] = ()


def training_dir(key: str) -> Path:
    """Where the state of a training is kept until its student is there."""
    return cache_dir() / "training" / key[:32]


def grow(recipe: Recipe, material: Material, key: str) -> Grown:
    """Train a recipe's student; the state is kept under `key` meanwhile.

    Raises:
        DivergedError: if the loss becomes no number.
        InputError: if the budget pays for too little, or the method needs weights that are not in this process.
        TeacherLostError: if the teacher stops answering.
    """
    first = imitating(recipe)
    if first is None:
        spent_s = {"text": material.corpus.seconds, "reading": 0.0, "training": 0.0}
        grown = Grown(material.start.model, Training(0, 0, 0.0, 0.0), spent_s)
    else:
        grown = _on_policy(first, material, key) or _trained(first, material, key, goes_on=first is not recipe)
    found = reinforced(recipe, material, grown.model)
    if found is None:
        return grown
    judged, more = found
    seconds = grown.seconds | {"training": grown.seconds["training"] + more.training.seconds}
    tokens = grown.training.tokens + more.training.tokens
    whole = replace(more.training, tokens=tokens, seconds=seconds["training"])
    return Grown(grown.model, whole, seconds, grown.teacher_seconds, judged, more.rewards)


def _trained(recipe: Recipe, material: Material, key: str, goes_on: bool) -> Grown:
    """Train on what the teacher told; where the student `goes_on` to a judge, the last state is kept for that.

    Each generation but the first has the one before as its teacher, in memory; the state after its last step is kept
    until all are done.
    """
    method = recipe.method
    generations = method.generations if isinstance(method, BornAgain) else 1
    rows = rows_of(recipe, material)
    teacher: Teacher = material.teacher
    model = material.start.model
    start = copy.deepcopy(model) if generations > 1 else model
    spent_s = {"text": material.corpus.seconds, "reading": 0.0, "training": 0.0}
    teacher_s, tokens, training_s = 0.0, 0, 0.0
    for generation in range(1, generations + 1):
        model = start if generation == generations else copy.deepcopy(start)
        started_s = time.monotonic()
        supply, outputs = supply_of(teacher, rows, recipe)
        spent_s["reading"] += time.monotonic() - started_s
        if outputs is not None and generation == 1:
            material.account.take(read_tokens=outputs.rows * rows.shape[1])
            teacher_s = outputs.seconds
        title = f"distilling, generation {generation} of {generations}" if generations > 1 else "distilling"
        folder = training_dir(key) / str(generation)
        with Progress(title, method.training_tokens, "tokens") as progress:
            done = train(
                model,
                rows,
                supply,
                method,
                recipe.seed,
                material.start.frozen_head,
                Checkpoints(folder, key, keep_last=generation < generations or goes_on),
                on_step=_shown(progress),
            )
        tokens, training_s = tokens + done.tokens, training_s + done.seconds
        if generation < generations:
            teacher = _graduate(material.teacher, model, f"{key}, generation {generation}")
    spent_s["training"] = training_s
    return Grown(model, replace(done, tokens=tokens, seconds=training_s), spent_s, teacher_s)


def _graduate(teacher: Teacher, model: PreTrainedModel, weights: str) -> Teacher:
    """A trained student in the place of its teacher, on the same terms."""
    assert teacher.loaded is not None  # only a teacher with weights gives what born_again needs
    return LocalTeacher(replace(teacher.loaded, model=model, weights_sha256=weights), teacher.access)


def _on_policy(recipe: Recipe, material: Material, key: str) -> Grown | None:
    """As `_trained`, for the method whose text is the student's own; None for any other."""
    method = recipe.method
    if not isinstance(method, OnPolicy):
        return None
    if material.account.left_tokens < 2 * method.training_tokens:
        raise InputError(
            "access.tokens", "", recipe.terms.tokens, f"at least {2 * method.training_tokens} more than the text takes",
            "raise it, or train on fewer tokens",
        )  # fmt: skip
    model, teacher = material.start.model, weights_of(material.teacher, method.kind)
    with Progress("distilling on the student's text", method.training_tokens, "tokens") as progress:
        found = train_on_policy(
            model, teacher, material.start.tokenizer, prompts_of(recipe.text, recipe.seed), method, recipe.seed,
            material.start.frozen_head, _shown(progress), training_dir(key) / "on-policy",
        )  # fmt: skip
    material.account.take(read_tokens=found.read_tokens)
    spent_s = {"text": material.corpus.seconds, "reading": 0.0, "training": found.training.seconds}
    return Grown(model, found.training, spent_s)


def _shown(progress: Progress) -> Callable[[int, float], None]:
    return lambda tokens, loss: progress.advance(tokens, f"loss {loss:.3f} nats")
