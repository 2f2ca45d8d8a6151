"""Reversed addition: the sum's digits from the last to the first, so that each digit follows from those before it.

    ^23+59=28$        23 + 59 = 82

The answer is certain, so a teacher's probabilities say little that its text does not: the control of `knowledge`.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field

from evalsuite.distill.worlds.world import Question, Share, World, check_parts, stream

_PROMPT = re.compile(r"\^([0-9]{1,9})\+([0-9]{1,9})=")
MOST_ASKED = 60_000  # of the pairs of three digits there are 810,000; no study asks so many of them


class Addition(World):
    """The world; see the module.

    Attributes:
        digits: of both summands, which do not begin with 0.
        held_out: pairs that are in no other part.
        demonstrated: pairs that the teacher may be shown.
    """

    kind: Literal["addition"] = "addition"
    digits: Annotated[int, Field(ge=2, le=3)] = 2
    held_out: Annotated[int, Field(ge=8)] = 2000
    demonstrated: Annotated[int, Field(ge=8)] = 3000

    @property
    def symbols(self) -> tuple[str, ...]:
        """See `World`."""
        return ("+", "=", *"0123456789")

    @property
    def delimiters(self) -> tuple[str, ...]:
        """See `World`."""
        return ("=",)

    @property
    def answer_tokens(self) -> int:
        """See `World`."""
        return self.digits + 2

    def questions(self, share: Share) -> Sequence[Question]:
        """See `World`."""
        return _parts(self)[share]

    def demonstrations(self, count: int, seed: int) -> list[str]:
        """See `World`."""
        shown = self.questions("demonstrated")
        return [shown[int(place)].document for place in stream(seed, "demonstrations").integers(len(shown), size=count)]

    def right(self, prompt: str, answer: str) -> bool:
        """See `World`."""
        asked = _PROMPT.fullmatch(prompt)
        return asked is not None and answer == _reversed_sum(int(asked[1]), int(asked[2]))


def _reversed_sum(first: int, second: int) -> str:
    return str(first + second)[::-1]


@functools.lru_cache(maxsize=2)
def _parts(world: Addition) -> dict[Share, list[Question]]:
    least = 10 ** (world.digits - 1)
    each = 9 * least
    order = stream(world.seed, "parts").permutation(each * each)
    first, second = world.held_out, world.held_out + world.demonstrated
    check_parts(world, each * each, second)
    places = {"held_out": order[:first], "demonstrated": order[first:second], "asked": order[second:][:MOST_ASKED]}

    def question(place: int) -> Question:
        one, other = least + place // each, least + place % each
        return Question(f"^{one}+{other}=", _reversed_sum(one, other))

    return {share: [question(int(place)) for place in chosen] for share, chosen in places.items()}  # type: ignore[misc]
