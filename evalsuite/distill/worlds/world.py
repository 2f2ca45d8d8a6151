"""A small world: questions in parts that do not overlap, what answers are right, and demonstrations for a teacher.

A document is a question, its answer and an end, in the symbols of the world:

    ^47,12,3=62?47+12+3$

The first symbol begins every question and the last one before the answer is its delimiter; both are part of the
question's text, so that every program which reads the text reads the same tokens, whatever it adds by itself.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from evalsuite.distill.access import Part
from sim.shared.errors import InputError

BEGIN, END = "^", "$"
Share = Literal["demonstrated", "asked", "held_out"]
SHARES: tuple[Share, ...] = ("demonstrated", "asked", "held_out")


@dataclass(frozen=True)
class Question:
    """What a model reads, and one right answer (of a distribution: the likeliest), without the end."""

    prompt: str
    answer: str

    @property
    def document(self) -> str:
        """Question, answer and end."""
        return f"{self.prompt}{self.answer}{END}"


class World(Part):
    """What every world tells; see the module.

    Attributes:
        seed: of the truth and of the parts.
    """

    seed: int = 0

    @property
    @abstractmethod
    def symbols(self) -> tuple[str, ...]:
        """The vocabulary besides BEGIN and END: characters, and numbers where they are symbols of their own."""

    @property
    @abstractmethod
    def delimiters(self) -> tuple[str, ...]:
        """The symbols that end a question, to be answered or to be judged; they stand nowhere else."""

    @property
    def interrupts(self) -> tuple[str, ...]:
        """The symbols, besides an end, after which a document goes on with what its writer is given."""
        return ()

    @property
    @abstractmethod
    def answer_tokens(self) -> int:
        """Tokens of the longest answer, the end included."""

    @abstractmethod
    def questions(self, share: Share) -> Sequence[Question]:
        """The questions of a part, in a fixed random order: shown to the teacher, asked of it, or held out.

        What is held out is in no other part.
        """

    @abstractmethod
    def demonstrations(self, count: int, seed: int) -> list[str]:
        """`count` documents from which a teacher learns, drawn from the truth."""

    def drawn(self, questions: Sequence[Question], seed: int) -> list[str]:
        """A document for each question, answered by the truth itself; drawn where the truth is a distribution."""
        return [question.document for question in questions]

    @property
    def has_verdicts(self) -> bool:
        """Whether a teacher of this world learns to judge answers as well as to write them."""
        return bool(self.verdicts)

    @property
    def verdicts(self) -> tuple[str, ...]:
        """The symbols for a right and a wrong answer; none where no one learns to judge."""
        return ()

    @property
    def barred(self) -> tuple[str, ...]:
        """Symbols that no answer holds, because they belong to verdicts and questions."""
        return ()

    def reckoning_prompt(self, prompt: str, answer: str) -> str:
        """What a judge reads first, to say what the answer comes to, up to one of `interrupts`."""
        raise NotImplementedError(f"no one judges in the world {type(self).__name__}")

    def verdict_prompt(self, prompt: str, answer: str, reckoned: str) -> str:
        """What a judge reads then, its own reckoning with it, to say one of `verdicts`."""
        raise NotImplementedError(f"no one judges in the world {type(self).__name__}")

    def answers_to_judge(self, count: int, seed: int) -> list[tuple[str, str, bool]]:
        """Held-out questions with answers, half of them right, to measure a judge by; each (prompt, answer, right)."""
        raise NotImplementedError(f"no one judges in the world {type(self).__name__}")

    @property
    def reckoning_tokens(self) -> int:
        """Tokens of the longest reckoning, the interrupt included."""
        return 0

    @abstractmethod
    def right(self, prompt: str, answer: str) -> bool:
        """Whether an answer, without its end, is right; any text is answered."""


def stream(seed: int, name: str) -> np.random.Generator:
    """Random numbers of one decision."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=tuple(name.encode()))))


def check_parts(world: World, total: int, apart: int) -> None:
    """Refuse parts that leave no question to ask.

    Raises:
        InputError: if `apart` of the `total` questions are held out or shown to the teacher, and that is all.
    """
    if apart >= total:
        raise InputError(
            "text.world", "held_out and demonstrated", apart, f"together fewer than this world's {total} questions",
            "lower them, or make the world larger",
        )  # fmt: skip
