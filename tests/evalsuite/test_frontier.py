"""The frontier against brute force, the cost of a right answer, and the cascade against its two ends."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalsuite.frontier import cascade, cost_of_pass, frontier_probability, on_frontier

points = st.lists(st.tuples(st.integers(0, 5), st.integers(1, 5)), min_size=1, max_size=8)


@given(points)
def test_the_frontier_is_what_nobody_dominates(pairs: list[tuple[int, int]]) -> None:
    quality, cost = (np.array(side, dtype=float) for side in zip(*pairs, strict=True))
    wanted = [not any((oq >= q and oc <= c) and (oq > q or oc < c) for oq, oc in pairs) for q, c in pairs]
    assert on_frontier(quality, cost).tolist() == wanted
    assert any(wanted)


def test_a_model_is_on_the_frontier_as_often_as_in_the_draws() -> None:
    quality = np.array([[0.9, 0.5], [0.9, 0.95]])
    cost = np.array([[2.0, 1.0], [2.0, 1.0]])
    assert frontier_probability(quality, cost).tolist() == [0.5, 1.0]


def test_a_right_answer_costs_more_the_rarer_it_is() -> None:
    rng = np.random.default_rng(0)
    accuracy = np.clip(0.5 + 0.02 * rng.standard_normal(4000), 0, 1)
    found = cost_of_pass(2.0, 0.5, np.full(4000, 2.0), accuracy)
    assert found.estimate == 4.0
    assert found.low == pytest.approx(2.0 / (0.5 + 1.96 * 0.02), rel=0.01)
    assert found.high == pytest.approx(2.0 / (0.5 - 1.96 * 0.02), rel=0.01)
    assert math.isinf(cost_of_pass(1.0, 0.0, np.ones(10), np.zeros(10)).estimate)


def test_a_cascade_goes_from_the_student_to_the_teacher() -> None:
    rng = np.random.default_rng(1)
    hard = rng.random(500)
    mine, theirs = (rng.random(500) > hard).astype(float), (rng.random(500) > hard / 2).astype(float)
    curve = cascade(1.0 - hard, mine, theirs, 1.0, 10.0)
    assert curve[0].accuracy == pytest.approx(mine.mean())
    assert curve[0].cost_usd == 1.0
    assert curve[-1].accuracy == pytest.approx(theirs.mean())
    assert curve[-1].cost_usd == 11.0
    middle = curve[len(curve) // 2]
    assert middle.accuracy > middle.mixture_accuracy
    # A confidence that knows nothing gains nothing over sending items up at random.
    blind = cascade(rng.random(500), mine, theirs, 1.0, 10.0)[10]
    assert blind.accuracy == pytest.approx(mine.mean() + 0.5 * (theirs.mean() - mine.mean()), abs=0.05)


def test_a_cascade_needs_items_of_the_same_number() -> None:
    with pytest.raises(ValueError, match="items"):
        cascade([0.5], [1.0, 0.0], [1.0], 1.0, 2.0)
