"""Countdown: reach a target from three numbers with +, - and *, each number used once. Hard to write, easy to verify.

    ^47,12,3=62?47+12+3$            a problem and its solution
    ^47+12+3!59,62;47,12,3=62~y$    an answer, what it comes to step by step, a problem, and whether it is solved

With numbers up to 50 and targets up to 99 there are 111,415 problems (a multiset and a target), 28% of which need a
product, most with one way to write them in the order used here. Parts are of problems, so that no (multiset, target) is
in two. A teacher is shown both kinds of document: half of the answers that are judged are right, the others solve
another target, change a sign, or use a number that was not given.

The judge reckons what an answer comes to, operation by operation, before it is told the problem. What was tried before,
with a model of this size (24 November 2026): yes or no alone was not learned from 45,000 verdicts; told the problem
first, it took the target for the value in two thirds of its own wrong answers; and without steps the value was right to
the last digit in 33% of right answers after 240,000 verdicts, while the comparison was never wrong.
"""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Iterator, Sequence
from typing import Annotated, Literal

import numpy as np
from pydantic import Field, model_validator

from evalsuite.distill.worlds.expression import NotAnExpressionError, evaluated
from evalsuite.distill.worlds.world import BEGIN, END, Question, Share, World, check_parts, stream

RECKON, GIVEN_NOW, VERDICT = "!", ";", "~"
YES, NO = "y", "n"
GIVEN = 3
VERDICTS_OF = 2  # documents, of which one solves and the others judge
_PROMPT = re.compile(r"\^([0-9]{1,4}(?:,[0-9]{1,4})*)=([0-9]{1,4})\?")


class Countdown(World):
    """The world; see the module.

    Attributes:
        highest: of the numbers given; they begin at 1.
        largest_target: targets begin at 1.
        held_out: problems that are in no other part.
        demonstrated: problems of the teacher's documents; it is shown verdicts on answers to all of them.
        solved: those of them whose solutions it is shown as well.
    """

    kind: Literal["countdown"] = "countdown"
    highest: Annotated[int, Field(ge=3, le=200)] = 50
    largest_target: Annotated[int, Field(ge=3, le=999)] = 99
    held_out: Annotated[int, Field(ge=8)] = 2500
    demonstrated: Annotated[int, Field(ge=8)] = 40_000
    solved: Annotated[int, Field(ge=8)] = 4000

    @model_validator(mode="after")
    def _within(self) -> Countdown:
        if self.solved > self.demonstrated:
            raise ValueError("solved counts problems among those demonstrated")
        return self

    @property
    def largest_number(self) -> int:
        """The largest that is a symbol: three of the highest, so that sums have symbols too."""
        return max(GIVEN * self.highest, self.largest_target)

    @property
    def symbols(self) -> tuple[str, ...]:
        """See `World`. Numbers are symbols."""
        numbers = range(self.largest_number + 1)
        return (",", "=", "?", RECKON, GIVEN_NOW, "+", "-", "*", "(", ")", VERDICT, YES, NO, *map(str, numbers))

    @property
    def delimiters(self) -> tuple[str, ...]:
        """See `World`."""
        return ("?", RECKON, VERDICT)

    @property
    def interrupts(self) -> tuple[str, ...]:
        """See `World`."""
        return (GIVEN_NOW,)

    @property
    def answer_tokens(self) -> int:
        """See `World`."""
        return 8  # (a-b)*c and the end

    def questions(self, share: Share) -> Sequence[Question]:
        """See `World`. The answer is one of the problem's solutions."""
        return _parts(self)[share]

    def demonstrations(self, count: int, seed: int) -> list[str]:
        """See `World`. Solutions and verdicts in turn."""
        shown = self.questions("demonstrated")
        draws = stream(seed, "demonstrations")
        out = []
        for index in range(count):
            solves = index % VERDICTS_OF == 0
            question = shown[int(draws.integers(self.solved if solves else len(shown)))]
            if solves:
                out.append(question.document)
            else:
                right = bool(draws.integers(2))
                answer = question.answer if right else self._wrong(question, draws)
                told = self.verdict_prompt(question.prompt, answer, self.reckoning(answer))
                out.append(f"{told}{YES if right else NO}{END}")
        return out

    def right(self, prompt: str, answer: str) -> bool:
        """See `World`. The target is reached, and exactly the numbers given are used, each once, in any order."""
        asked = _PROMPT.fullmatch(prompt)
        if asked is None:
            return False
        try:
            found = evaluated(answer)
        except NotAnExpressionError:
            return False
        given = sorted(int(number) for number in asked[1].split(","))
        return found.value == int(asked[2]) and sorted(found.numbers) == given

    @property
    def verdicts(self) -> tuple[str, ...]:
        """See `World`."""
        return (YES, NO)

    @property
    def barred(self) -> tuple[str, ...]:
        """See `World`."""
        return (RECKON, GIVEN_NOW, VERDICT, YES, NO, "?", "=", ",", BEGIN)

    @property
    def reckoning_tokens(self) -> int:
        """See `World`."""
        return 4

    def reckoning_prompt(self, prompt: str, answer: str) -> str:
        """See `World`."""
        return f"{BEGIN}{answer}{RECKON}"

    def verdict_prompt(self, prompt: str, answer: str, reckoned: str) -> str:
        """See `World`."""
        return f"{BEGIN}{answer}{RECKON}{reckoned}{GIVEN_NOW}{prompt[1:-1]}{VERDICT}"

    def reckoning(self, answer: str) -> str:
        """What an answer comes to, step by step, where all steps are symbols of this world; else nothing."""
        try:
            steps = evaluated(answer).steps
        except NotAnExpressionError:
            return ""
        return ",".join(map(str, steps)) if all(0 <= step <= self.largest_number for step in steps) else ""

    def answers_to_judge(self, count: int, seed: int) -> list[tuple[str, str, bool]]:
        """See `World`. Made as the teacher's demonstrations are, of problems that no one was shown."""
        draws = stream(seed, "answers to judge")
        asked = itertools.islice(itertools.cycle(self.questions("held_out")), count)
        return [
            (one.prompt, one.answer if index % 2 == 0 else self._wrong(one, draws), index % 2 == 0)
            for index, one in enumerate(asked)
        ]

    def _wrong(self, question: Question, draws: np.random.Generator) -> str:
        """A text of a solution's form that does not solve the problem."""
        while True:
            match int(draws.integers(3)):
                case 0:  # the same numbers, another target of this world
                    given = tuple(int(number) for number in _PROMPT.fullmatch(question.prompt)[1].split(","))  # type: ignore[index]
                    found = list(solutions(given, self.largest_target))
                    text = found[int(draws.integers(len(found)))][1]
                case 1:  # another sign
                    signs = [place for place, symbol in enumerate(question.answer) if symbol in "+-*"]
                    place = signs[int(draws.integers(len(signs)))]
                    sign = "+-*"[int(draws.integers(3))]
                    text = question.answer[:place] + sign + question.answer[place + 1 :]
                case _:  # another number
                    numbers = list(re.finditer(r"[0-9]+", question.answer))
                    one = numbers[int(draws.integers(len(numbers)))]
                    other = int(draws.integers(1, self.highest + 1))
                    text = f"{question.answer[: one.start()]}{other}{question.answer[one.end() :]}"
            if not self.right(question.prompt, text):
                return text


def solutions(given: Sequence[int], largest: int) -> Iterator[tuple[int, str]]:
    """Each way to use three numbers, as (value, text), values from 1 to `largest`; larger numbers are written first.

    Ways that differ only in the order of a sum or a product, or in parentheses that change nothing, are one.
    """
    a = sorted(given, reverse=True)
    for signs in itertools.product((1, -1), repeat=GIVEN):
        plus = [number for number, sign in zip(a, signs, strict=True) if sign > 0]
        minus = [number for number, sign in zip(a, signs, strict=True) if sign < 0]
        if plus and 1 <= sum(plus) - sum(minus) <= largest:
            yield sum(plus) - sum(minus), "+".join(map(str, plus)) + "".join(f"-{number}" for number in minus)
    ways = [(a[0] * a[1] * a[2], f"{a[0]}*{a[1]}*{a[2]}")]
    for place in range(GIVEN):
        x, y = (number for other, number in enumerate(a) if other != place)
        z = a[place]
        ways += [(x * y + z, f"{x}*{y}+{z}"), (x * y - z, f"{x}*{y}-{z}"), (z - x * y, f"{z}-{x}*{y}")]
        ways += [((x + y) * z, f"({x}+{y})*{z}"), ((x - y) * z, f"({x}-{y})*{z}")]
    yield from (way for way in ways if 1 <= way[0] <= largest)


def problems(world: Countdown) -> Iterator[tuple[tuple[int, ...], int, str]]:
    """Every problem with its first solution: the numbers, largest first, and the target."""
    for given in itertools.combinations_with_replacement(range(1, world.highest + 1), GIVEN):
        first: dict[int, str] = {}
        for value, text in solutions(given, world.largest_target):
            first.setdefault(value, text)
        for target, text in first.items():
            yield given[::-1], target, text


@functools.lru_cache(maxsize=2)
def _parts(world: Countdown) -> dict[Share, list[Question]]:
    every = [Question(f"^{','.join(map(str, given))}={target}?", text) for given, target, text in problems(world)]
    order = stream(world.seed, "parts").permutation(len(every))
    first, second = world.held_out, world.held_out + world.demonstrated
    check_parts(world, len(every), second)
    return {
        "held_out": [every[place] for place in order[:first]],
        "demonstrated": [every[place] for place in order[first:second]],
        "asked": [every[place] for place in order[second:]],
    }
