"""Arithmetic expressions, read by a parser of their own: whole numbers, +, -, * and parentheses, nothing else.

    sum      = product (("+" | "-") product)*
    product  = part ("*" part)*
    part     = number | "(" sum ")"

What a model wrote is never given to Python's `eval`. Text, depth and the length of a number are bounded, so that any
text is answered in bounded time.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

LONGEST = 200  # characters
DEEPEST = 20  # parentheses inside one another
MOST_DIGITS = 6

_TOKEN = re.compile(r"[0-9]+|[-+*()]")


class NotAnExpressionError(ValueError):
    """The text is none; says where it stops being one."""


@dataclass(frozen=True)
class Value:
    """What an expression comes to, the numbers that it uses in the order in which it names them, and its steps.

    `steps` holds the result of each operation in the order in which they are done, the value last.
    """

    value: int
    numbers: tuple[int, ...]
    steps: tuple[int, ...]


def evaluated(text: str) -> Value:
    """The value of an expression, exactly.

    Raises:
        NotAnExpressionError: for any other text.
    """
    if len(text) > LONGEST:
        raise NotAnExpressionError(f"{len(text)} characters; at most {LONGEST}")
    tokens = _TOKEN.findall(text)
    if "".join(tokens) != text:
        raise NotAnExpressionError(f"{text!r} holds more than digits, +, -, * and parentheses")
    if any(len(token) > MOST_DIGITS for token in tokens):
        raise NotAnExpressionError(f"a number of more than {MOST_DIGITS} digits")
    parser = _Parser(tokens)
    value = parser.sum(0)
    if parser.place != len(tokens):
        raise NotAnExpressionError(f"{tokens[parser.place]!r} at place {parser.place} follows a whole expression")
    return Value(value, tuple(parser.numbers), tuple(parser.steps))


class _Parser:
    def __init__(self, tokens: list[str]) -> None:
        self.tokens = tokens
        self.place = 0
        self.numbers: list[int] = []
        self.steps: list[int] = []

    def sum(self, depth: int) -> int:
        value = self.product(depth)
        while (sign := self._next(("+", "-"))) is not None:
            term = self.product(depth)
            value = value + term if sign == "+" else value - term
            self.steps.append(value)
        return value

    def product(self, depth: int) -> int:
        value = self.part(depth)
        while self._next(("*",)) is not None:
            value *= self.part(depth)
            self.steps.append(value)
        return value

    def part(self, depth: int) -> int:
        if self._next(("(",)) is not None:
            if depth >= DEEPEST:
                raise NotAnExpressionError(f"more than {DEEPEST} parentheses inside one another")
            value = self.sum(depth + 1)
            if self._next((")",)) is None:
                raise NotAnExpressionError(f"no ) at place {self.place}")
            return value
        token = self.tokens[self.place] if self.place < len(self.tokens) else ""
        if not token.isdigit():
            raise NotAnExpressionError(f"no number at place {self.place}")
        self.place += 1
        self.numbers.append(int(token))
        return int(token)

    def _next(self, wanted: tuple[str, ...]) -> str | None:
        if self.place < len(self.tokens) and self.tokens[self.place] in wanted:
            self.place += 1
            return self.tokens[self.place - 1]
        return None
