"""The worlds' truths: generators, parts that do not overlap, and what is right."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from evalsuite.distill.worlds.addition import Addition
from evalsuite.distill.worlds.countdown import Countdown, problems, solutions
from evalsuite.distill.worlds.expression import evaluated
from evalsuite.distill.worlds.kinds import WORLDS
from evalsuite.distill.worlds.knowledge import Knowledge
from evalsuite.distill.worlds.world import END


def problem_of(prompt: str) -> tuple[tuple[int, ...], int]:
    given, target = prompt[1:-1].split("=")
    return tuple(sorted(map(int, given.split(",")))), int(target)


def test_the_default_countdown_has_over_100_000_problems_and_no_problem_in_two_parts() -> None:
    world = WORLDS["countdown"]
    parts = {share: {problem_of(one.prompt) for one in world.questions(share)} for share in ("held_out", "asked")}
    parts["demonstrated"] = {problem_of(one.prompt) for one in world.questions("demonstrated")}
    assert sum(map(len, parts.values())) == len(set().union(*parts.values())) == 111_415
    assert len(parts["held_out"]) == 2500
    for first, second in itertools.combinations(parts.values(), 2):
        assert not first & second


def test_nothing_that_a_teacher_is_shown_is_about_a_problem_that_is_held_out() -> None:
    world = Countdown(highest=12, largest_target=40, held_out=300, demonstrated=400, solved=300)
    held_out = {problem_of(one.prompt) for one in world.questions("held_out")}
    for document in world.demonstrations(2000, seed=3):
        asked = document.split(";")[1].split("~")[0] if ";" in document else document[1:].split("?")[0]
        assert problem_of(f"^{asked}?") not in held_out


def test_every_solution_is_right_and_no_solution_is_missed() -> None:
    numbers = (7, 4, 2)
    found: dict[int, set[str]] = {}
    for value, text in solutions(numbers, 999):
        assert evaluated(text).value == value
        assert sorted(evaluated(text).numbers) == sorted(numbers)
        found.setdefault(value, set()).add(text)
    reached = set()
    for a, b, c in itertools.permutations(numbers):
        for first, second in itertools.product("+-*", repeat=2):
            for text in (f"({a}{first}{b}){second}{c}", f"{a}{first}({b}{second}{c})"):
                reached.add(evaluated(text).value)
    assert set(found) == {value for value in reached if 1 <= value <= 999}


def test_countdown_knows_right_from_wrong() -> None:
    world = Countdown()
    for right in ("47+12+3", "3+47+12", "(47+12)+3", "12+(3+47)"):
        assert world.right("^47,12,3=62?", right)
    for wrong in ("47+12", "47+12+3+0", "62", "47+12+12+3-12", "47-12+3", "", "47+12+3$", "47+12+3 ", "__import__"):
        assert not world.right("^47,12,3=62?", wrong)
    assert not world.right("what is 2+2?", "2+2")
    assert all(world.right(prompt, answer) for prompt, answer in _pairs(world))


def _pairs(world: Countdown) -> list[tuple[str, str]]:
    return [(question.prompt, question.answer) for question in world.questions("held_out")]


def test_verdicts_of_the_demonstrations_are_true_and_half_are_yes() -> None:
    world = Countdown(highest=20, held_out=100, demonstrated=400, solved=300)
    said = []
    for document in world.demonstrations(2000, seed=0)[1::2]:
        answer, rest = document[1:].split("!")
        reckoned, asked = rest.removesuffix(END).split(";")
        problem, verdict = asked.split("~")
        assert world.right(f"^{problem}?", answer) == (verdict == "y")
        assert reckoned == world.reckoning(answer)
        said.append(verdict == "y")
    assert 0.45 < np.mean(said) < 0.55


def test_every_problem_has_a_solution_of_the_form_that_fits_in_an_answer() -> None:
    world = Countdown(highest=9, largest_target=50)
    for given, target, text in problems(world):
        assert world.right(f"^{','.join(map(str, given))}={target}?", text)


def test_addition_is_written_from_the_last_digit() -> None:
    world = Addition(digits=3)
    assert world.right("^123+459=", "285")
    assert world.right("^999+999=", "8991")
    for wrong in ("582", "2850", "", "28", "x"):
        assert not world.right("^123+459=", wrong)
    shares = [{one.prompt for one in world.questions(share)} for share in ("held_out", "asked", "demonstrated")]
    assert len(set().union(*shares)) == sum(map(len, shares))
    assert all(world.right(one.prompt, one.answer) for one in world.questions("held_out"))


def test_knowledge_is_a_distribution_from_which_answers_are_drawn() -> None:
    world = Knowledge(subjects=6, relations=2, answers=5, held_out=8)
    every = world.questions("demonstrated")
    truth = world.truth([one.prompt for one in every])
    assert truth.shape == (12, 5)
    assert truth.sum(axis=1) == pytest.approx(1.0)
    counts = {one.prompt: np.zeros(5) for one in every}
    for document in world.demonstrations(60_000, seed=1):
        counts[document[:-2]]["ABCDE".index(document[-2])] += 1
    for one, row in zip(every, truth, strict=True):
        seen = counts[one.prompt] / counts[one.prompt].sum()
        assert np.abs(seen - row).max() < 0.03
    assert not {one.prompt for one in world.questions("held_out")} & {one.prompt for one in world.questions("asked")}
    assert all(world.right(one.prompt, one.answer) for one in every)
    assert not world.right("what?", "A")
    with pytest.raises(ValueError, match="no question of this world"):
        world.truth(["what?"])


@pytest.mark.parametrize("kind", list(WORLDS))
def test_the_same_seed_asks_and_shows_the_same(kind: str) -> None:
    world: Any = WORLDS[kind]
    assert world.demonstrations(50, 1) == world.demonstrations(50, 1) != world.demonstrations(50, 2)
    assert type(world)(seed=1).questions("held_out")[:20] != world.questions("held_out")[:20]
    assert world.model_validate(world.model_dump(mode="json")) == world
