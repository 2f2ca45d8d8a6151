"""The part of a recipe in which a judge reinforces the student: before and after it everything is measured."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from evalsuite.distill.card import Judged
from evalsuite.distill.judge_rl import Reinforcement, reinforce
from evalsuite.distill.material import Material, loaded_of
from evalsuite.distill.prompts import prompts_of
from evalsuite.distill.recipe import JudgeRL, Recipe
from evalsuite.distill.worlds.judge import TeacherJudge, judge_errors, make_judge
from evalsuite.distill.worlds.sampling import write_answers
from sim.shared.console import Progress
from sim.shared.errors import InputError

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

MOST_QUESTIONS = 2500


def imitating(recipe: Recipe) -> Recipe | None:
    """A recipe up to its reinforcement, None where nothing comes before that; any other recipe as it is."""
    if not isinstance(recipe.method, JudgeRL):
        return recipe
    before = recipe.method.before
    return None if before is None else recipe.model_copy(update={"method": before})


def reinforced(recipe: Recipe, material: Material, model: PreTrainedModel) -> tuple[Judged, Reinforcement] | None:
    """Reinforce an imitating student in place; None for a recipe of another method.

    What the judge reads is counted at the teacher's account where the teacher is the judge, a query an answer and a
    token a verdict.

    Raises:
        InputError: if the budget does not pay for the judge.
        DivergedError: if loss or reward become no number.
    """
    method, world = recipe.method, recipe.text.world
    if not isinstance(method, JudgeRL) or world is None:
        return None
    tokenizer, teacher = material.start.tokenizer, loaded_of(material.teacher, method.kind)
    by_teacher = isinstance(method.judge, TeacherJudge)
    prompts = prompts_of(recipe.text, recipe.seed)
    if by_teacher:
        question_tokens = len(tokenizer(prompts[0], add_special_tokens=False).input_ids)
        # Answers are shortest, and so most, at two tokens.
        most = method.training_tokens // 2 * (question_tokens + world.answer_tokens)
        if material.account.left_tokens < most:
            raise InputError(
                "access.tokens", "", recipe.terms.tokens, f"at least {most} more than the text takes",
                "raise it, reinforce on fewer tokens, or judge by the verifier",
            )  # fmt: skip
    judge = make_judge(method.judge, world, teacher if by_teacher else None, recipe.seed)
    held_out = [question.prompt for question in world.questions("held_out")[:MOST_QUESTIONS]]

    def answers(writer: PreTrainedModel, spoken: PreTrainedTokenizerBase) -> list[str]:
        return write_answers(writer, spoken, held_out, world.answer_tokens, 1.0, recipe.seed)

    def rights(given: list[str]) -> np.ndarray:
        return np.array([world.right(*pair) for pair in zip(held_out, given, strict=True)])

    imitated = rights(answers(model, tokenizer)).mean()
    taught = rights(answers(teacher.model, teacher.tokenizer)).mean()
    known = (
        judge_errors(judge, *zip(*world.answers_to_judge(method.answers_judged_on, recipe.seed), strict=True))
        if world.has_verdicts
        else None
    )
    with Progress("reinforcing", method.training_tokens, "tokens") as progress:
        found = reinforce(
            model, tokenizer, prompts, judge, method, world.answer_tokens, recipe.seed,
            lambda tokens, reward: progress.advance(tokens, f"reward {reward:.3f}"),
        )  # fmt: skip
    if by_teacher:
        material.account.take(found.judged, written_tokens=found.judged, read_tokens=found.read_tokens)
    own = answers(model, tokenizer)
    own_errors = judge_errors(judge, held_out, own, rights(own).tolist())
    return Judged(
        judge=method.judge.kind,
        judged_answers=found.judged,
        false_positive_rate=_known(known.false_positive_rate) if known else None,
        false_negative_rate=_known(known.false_negative_rate) if known else None,
        own_false_positive_rate=_known(own_errors.false_positive_rate),
        own_false_negative_rate=_known(own_errors.false_negative_rate),
        first_reward=found.mean_reward(0.1),
        last_reward=found.mean_reward(-0.1),
        imitated_share=float(imitated),
        reinforced_share=float(rights(own).mean()),
        teacher_share=float(taught),
    ), found


def _known(rate: float) -> float | None:
    return None if math.isnan(rate) else rate
