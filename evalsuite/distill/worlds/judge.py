"""Who says whether an answer is right: the world itself, a teacher, or a judge that errs on purpose.

A judge is known by two rates on answers of known truth: how often it accepts a wrong one (false positive) and how often
it refuses a right one (false negative). A student that is rewarded by a judge looks for what the judge accepts, so the
rates are measured twice: on held-out demonstrations, and on what the student writes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal, Protocol

import numpy as np
from pydantic import Field

from evalsuite.distill.access import Part
from evalsuite.distill.worlds.sampling import next_symbols, write_answers
from evalsuite.distill.worlds.world import END, World, stream
from sim.shared.errors import InputError

if TYPE_CHECKING:
    from evalsuite.models import LoadedModel

ACCEPTED = 0.5


class Verifier(Part):
    """The world's own rule, which never errs."""

    kind: Literal["verifier"] = "verifier"


class TeacherJudge(Part):
    """The teacher's probability that the answer is right; `hard` asks for the word alone, a yes or a no."""

    kind: Literal["teacher"] = "teacher"
    hard: bool = False


class ErringJudge(Part):
    """The world's rule with a share of verdicts turned round, the same ones for the same answer each time."""

    kind: Literal["erring"] = "erring"
    false_positive_rate: Annotated[float, Field(ge=0, le=1)] = 0.0
    false_negative_rate: Annotated[float, Field(ge=0, le=1)] = 0.0


class ShuffledRewards(Part):
    """The world's rewards, dealt out anew among the answers of a step: what reinforcement does without a judge."""

    kind: Literal["shuffled"] = "shuffled"


AnyJudge = Annotated[Verifier | TeacherJudge | ErringJudge | ShuffledRewards, Field(discriminator="kind")]


class Judge(Protocol):
    """Rewards in [0, 1] for answers, without their ends, to questions of a world."""

    def rewards(self, prompts: Sequence[str], answers: Sequence[str]) -> np.ndarray:
        """One reward an answer, shape (answers,)."""


@dataclass(frozen=True)
class JudgeErrors:
    """What a judge does with answers of known truth.

    Attributes:
        false_positive_rate: share of the wrong ones that it accepts; NaN without any.
        false_negative_rate: share of the right ones that it refuses; NaN without any.
        right, wrong: how many answers there were of each.
    """

    false_positive_rate: float
    false_negative_rate: float
    right: int
    wrong: int


def make_judge(
    wanted: Verifier | TeacherJudge | ErringJudge | ShuffledRewards,
    world: World,
    teacher: LoadedModel | None,
    seed: int,
) -> Judge:
    """The judge that a recipe names.

    Raises:
        InputError: if the teacher is to judge a world in which no one learns to.
    """
    match wanted:
        case TeacherJudge(hard=hard):
            if teacher is None or not world.has_verdicts:
                raise InputError(
                    "method.judge.kind", "", "teacher", "a world whose teacher learns to judge: countdown",
                    "judge by the verifier, or ask about countdown",
                )  # fmt: skip
            return _ByTeacher(world, teacher, hard)
        case ErringJudge():
            return _Erring(world, wanted, seed)
        case ShuffledRewards():
            return _Shuffled(world, seed)
        case Verifier():
            return _Exact(world)


def judge_errors(judge: Judge, prompts: Sequence[str], answers: Sequence[str], right: Sequence[bool]) -> JudgeErrors:
    """How often a judge errs on answers of known truth; it accepts what it rewards with more than a half."""
    accepted = judge.rewards(prompts, answers) > ACCEPTED
    truth = np.asarray(right, dtype=bool)
    wrong = ~truth
    return JudgeErrors(
        false_positive_rate=float(accepted[wrong].mean()) if wrong.any() else float("nan"),
        false_negative_rate=float((~accepted[truth]).mean()) if truth.any() else float("nan"),
        right=int(truth.sum()),
        wrong=int(wrong.sum()),
    )


class _Exact:
    def __init__(self, world: World) -> None:
        self._world = world

    def rewards(self, prompts: Sequence[str], answers: Sequence[str]) -> np.ndarray:
        return np.array([self._world.right(*pair) for pair in zip(prompts, answers, strict=True)], dtype=float)


class _Erring(_Exact):
    def __init__(self, world: World, wanted: ErringJudge, seed: int) -> None:
        super().__init__(world)
        self._wanted = wanted
        self._seed = seed

    def rewards(self, prompts: Sequence[str], answers: Sequence[str]) -> np.ndarray:
        true = super().rewards(prompts, answers)
        draws = np.array([self._draw(prompt + answer) for prompt, answer in zip(prompts, answers, strict=True)])
        rates = np.where(true > ACCEPTED, self._wanted.false_negative_rate, self._wanted.false_positive_rate)
        return np.where(draws < rates, 1.0 - true, true)

    def _draw(self, text: str) -> float:
        digest = hashlib.blake2b(f"{self._seed}\0{text}".encode(), digest_size=8).digest()
        return int.from_bytes(digest, "little") / 2.0**64


class _Shuffled(_Exact):
    def __init__(self, world: World, seed: int) -> None:
        super().__init__(world)
        self._draws = stream(seed, "shuffled rewards")

    def rewards(self, prompts: Sequence[str], answers: Sequence[str]) -> np.ndarray:
        return self._draws.permutation(super().rewards(prompts, answers))


class _ByTeacher:
    def __init__(self, world: World, teacher: LoadedModel, hard: bool) -> None:
        self._world = world
        self._teacher = teacher
        self._hard = hard

    def rewards(self, prompts: Sequence[str], answers: Sequence[str]) -> np.ndarray:
        model, tokenizer = self._teacher.model, self._teacher.tokenizer
        pairs = list(zip(prompts, answers, strict=True))
        asked = [self._world.reckoning_prompt(*pair) for pair in pairs]
        world = self._world
        reckoned = write_answers(
            model, tokenizer, asked, world.reckoning_tokens, temperature=0, stops=(END, *world.interrupts)
        )
        told = [self._world.verdict_prompt(*pair, value) for pair, value in zip(pairs, reckoned, strict=True)]
        after = next_symbols(model, tokenizer, told, self._world.verdicts)
        yes = after[:, 0] / np.maximum(after.sum(axis=1), 1e-30)
        found: np.ndarray = (yes > ACCEPTED).astype(float) if self._hard else yes
        # A text that holds an end or a verdict of its own is no answer: the teacher would be judged by its writer.
        barred = np.array([any(symbol in answer for symbol in (END, *self._world.barred)) for answer in answers])
        return np.where(barred, 0.0, found)
