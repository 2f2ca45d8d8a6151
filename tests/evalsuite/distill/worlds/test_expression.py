"""The parser of expressions is exact, and answers any text."""

from __future__ import annotations

import itertools
import random

import pytest

from evalsuite.distill.worlds.expression import NotAnExpressionError, evaluated


@pytest.mark.parametrize(
    ("text", "value", "numbers"),
    [
        ("7", 7, (7,)),
        ("1+2*3", 7, (1, 2, 3)),
        ("(1+2)*3", 9, (1, 2, 3)),
        ("10-3-2", 5, (10, 3, 2)),
        ("10-(3-2)", 9, (10, 3, 2)),
        ("((4))*((5)-(5))", 0, (4, 5, 5)),
        ("2*3*4-5*6", -6, (2, 3, 4, 5, 6)),
    ],
)
def test_values_and_numbers_are_exact(text: str, value: int, numbers: tuple[int, ...]) -> None:
    found = evaluated(text)
    assert (found.value, found.numbers) == (value, numbers)
    assert len(found.steps) == len(numbers) - 1
    assert not numbers[1:] or found.steps[-1] == value


def test_steps_are_the_operations_in_their_order() -> None:
    assert evaluated("1+2*3-4").steps == (6, 7, 3)
    assert evaluated("(9-2)*(3+1)").steps == (7, 4, 28)


def test_random_expressions_agree_with_pythons_own_arithmetic() -> None:
    draws = random.Random(0)

    def written(depth: int) -> str:
        if depth == 0 or draws.random() < 0.2:
            return str(draws.randint(0, 999))
        inner = f"{written(depth - 1)}{draws.choice('+-*')}{written(depth - 1)}"
        return f"({inner})" if draws.random() < 0.5 else inner

    for text in (written(3) for _ in range(500)):
        assert evaluated(text).value == eval(text), text  # the test's own text


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "1 +2", "1+", "+1", "-1", "1--1", "1**2", "9**9**9", "1//2", "4/2", "1.5", "1e9", "(1", "1)", "()",
        "1(2)", "(1)(2)", "1,2", "0x10", "1_000", "１+１", "²", "__import__('os')", "lambda:0", "1+\n2", "\0", "a",
        "1;2", "(" * 100 + "1" + ")" * 100, "9" * 7, "9" * 1000, "1+" * 500 + "1",
    ],
)  # fmt: skip
def test_hostile_texts_are_refused(text: str) -> None:
    with pytest.raises(NotAnExpressionError):
        evaluated(text)


def test_large_values_are_exact_and_bounded_by_the_length_of_the_text() -> None:
    assert evaluated("1" + "*999999" * 20).value == 999999**20
    assert evaluated("(" * 20 + "1" + ")" * 20).value == 1
    with pytest.raises(NotAnExpressionError, match="201 characters"):
        evaluated("1" + "+1" * 100)


@pytest.mark.filterwarnings("ignore::SyntaxWarning")
def test_no_short_text_of_these_symbols_raises_anything_else() -> None:
    for symbols in itertools.product("12+-*()", repeat=4):
        text = "".join(symbols)
        try:
            found = evaluated(text)
        except NotAnExpressionError:
            with pytest.raises((SyntaxError, TypeError)):
                _own(text)
        else:
            assert found.value == eval(text)


def _own(text: str) -> int:
    """Python's arithmetic without signs of numbers and calls, which are no part of the language."""
    if text[0] in "+-" or any(pair in text for pair in ("++", "+-", "-+", "--", "*+", "*-", "(+", "(-", "**")):
        raise SyntaxError(text)
    return int(eval(text))
