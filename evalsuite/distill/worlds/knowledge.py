"""Knowledge whose answers are distributions: a subject and a relation, and letters with known probabilities.

    ^117c:F$        subject 117, relation c, answer F

The truth is a table of log-probabilities of low rank: the answer's logit is the product of a vector of the subject and
one of relation and answer. So what is known of some questions says something of others, and one token tells more by
its probabilities than by being drawn.
"""

from __future__ import annotations

import functools
import re
import string
from collections.abc import Sequence
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from evalsuite.distill.worlds.world import END, Question, Share, World, check_parts, stream

LETTERS = string.ascii_lowercase
_PROMPT = re.compile(r"\^([0-9]{1,3})([a-z]):")
RANK = 4


class Knowledge(World):
    """The world; see the module.

    Attributes:
        subjects, relations, answers: how many.
        spread: standard deviation of the logits; larger ones make answers more certain.
        held_out: questions that the student's teacher is not asked; the teacher has met them all.
    """

    kind: Literal["knowledge"] = "knowledge"
    subjects: Annotated[int, Field(ge=4, le=999)] = 200
    relations: Annotated[int, Field(ge=1, le=26)] = 8
    answers: Annotated[int, Field(ge=2, le=26)] = 16
    spread: Annotated[float, Field(gt=0, le=10)] = 1.5
    held_out: Annotated[int, Field(ge=8)] = 320

    @property
    def symbols(self) -> tuple[str, ...]:
        """See `World`. Subjects are symbols: of two letters each, they were not learned in 1.2 million tokens."""
        subjects = map(str, range(self.subjects))
        return (":", *LETTERS[: self.relations], *subjects, *string.ascii_uppercase[: self.answers])

    @property
    def delimiters(self) -> tuple[str, ...]:
        """See `World`."""
        return (":",)

    @property
    def answer_tokens(self) -> int:
        """See `World`."""
        return 2

    def questions(self, share: Share) -> Sequence[Question]:
        """See `World`. The teacher is shown all of them, because no one knows a fact that was never met."""
        return _parts(self)[share]

    def demonstrations(self, count: int, seed: int) -> list[str]:
        """See `World`. A question and an answer drawn from its distribution."""
        shown = self.questions("demonstrated")
        places = stream(seed, "demonstrations").integers(len(shown), size=count)
        return self.drawn([shown[int(place)] for place in places], seed)

    def drawn(self, questions: Sequence[Question], seed: int) -> list[str]:
        """See `World`."""
        prompts = [question.prompt for question in questions]
        upto = np.cumsum(self.truth(prompts), axis=1)
        draws = stream(seed, "answers").random(len(prompts))
        places = np.minimum((draws[:, None] > upto).sum(axis=1), self.answers - 1)
        return [f"{prompt}{string.ascii_uppercase[place]}{END}" for prompt, place in zip(prompts, places, strict=True)]

    def right(self, prompt: str, answer: str) -> bool:
        """See `World`. The likeliest answer alone is right."""
        if _PROMPT.fullmatch(prompt) is None:
            return False
        return answer == string.ascii_uppercase[int(self.truth([prompt])[0].argmax())]

    def truth(self, prompts: Sequence[str]) -> np.ndarray:
        """The probabilities of the answers, shape (questions, answers).

        Raises:
            ValueError: for a text that is no question of this world.
        """
        places = []
        for prompt in prompts:
            asked = _PROMPT.fullmatch(prompt)
            if asked is None:
                raise ValueError(f"{prompt!r} is no question of this world")
            places.append((int(asked[1]) % self.subjects, LETTERS.index(asked[2]) % self.relations))
        subjects, relations = np.array(places, dtype=int).reshape(-1, 2).T
        return _table(self)[subjects, relations]


@functools.lru_cache(maxsize=4)
def _table(world: Knowledge) -> np.ndarray:
    """All probabilities, shape (subjects, relations, answers)."""
    draws = stream(world.seed, "truth")
    of_subject = draws.standard_normal((world.subjects, RANK))
    of_answer = draws.standard_normal((world.relations, world.answers, RANK))
    logits = world.spread / np.sqrt(RANK) * np.einsum("sk,rak->sra", of_subject, of_answer)
    weights = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return weights / weights.sum(axis=-1, keepdims=True)


@functools.lru_cache(maxsize=2)
def _parts(world: Knowledge) -> dict[Share, list[Question]]:
    table = _table(world)
    every = [
        Question(
            f"^{subject}{LETTERS[relation]}:",
            string.ascii_uppercase[int(table[subject, relation].argmax())],
        )
        for subject in range(world.subjects)
        for relation in range(world.relations)
    ]
    check_parts(world, len(every), world.held_out)
    order = stream(world.seed, "parts").permutation(len(every))
    asked = [every[place] for place in order[world.held_out :]]
    held_out = [every[place] for place in order[: world.held_out]]
    return {"demonstrated": every, "asked": asked, "held_out": held_out}
