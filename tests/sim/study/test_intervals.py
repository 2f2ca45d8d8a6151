"""The two sources of uncertainty are told apart."""

from __future__ import annotations

import numpy as np
import pytest

from sim.study.intervals import estimate, estimate_ratio, estimate_share


def test_variance_components_are_recovered() -> None:
    generator = np.random.default_rng(0)
    values = 5.0 + generator.normal(0, 2.0, (400, 1)) + generator.normal(0, 1.0, (400, 8))
    found = estimate("x", "", values)
    assert found.catalog_sd == pytest.approx(2.0, rel=0.1)
    assert found.simulation_high - found.value == pytest.approx(1.96 / np.sqrt(400 * 8), rel=0.1)


def test_more_replications_close_the_simulation_interval_alone() -> None:
    generator = np.random.default_rng(1)
    draws = generator.normal(0, 2.0, (50, 1))
    few, many = (estimate("x", "", draws + generator.normal(0, 1.0, (50, count))) for count in (2, 200))
    assert many.simulation_high - many.simulation_low < 0.2 * (few.simulation_high - few.simulation_low)
    assert many.high - many.low == pytest.approx(few.high - few.low, rel=0.15)


def test_the_interval_covers_the_truth_as_often_as_it_says() -> None:
    generator = np.random.default_rng(2)
    covered = 0
    for _ in range(2000):
        found = estimate("x", "", generator.normal(3.0, 1.0, (1, 6)))
        covered += found.low <= 3.0 <= found.high
    assert 0.93 <= covered / 2000 <= 0.97


def test_one_value_has_no_interval() -> None:
    found = estimate("x", "", np.array([[2.0]]))
    assert (found.value, found.low, found.high) == (2.0, 2.0, 2.0)


def test_a_relative_change_never_falls_below_minus_one_and_a_share_stays_in_its_range() -> None:
    found = estimate_ratio("x", np.array([[0.1, 0.2], [0.9, 0.8], [0.01, 0.02]]))
    assert -1.0 < found.low < found.value < found.high
    share = estimate_share("x", np.array([[0.01, 0.02], [0.5, 0.4], [0.9, 0.95]]))
    assert 0.0 <= share.low < share.high <= 1.0


def test_skewed_draws_of_one_sign_give_an_interval_of_that_sign() -> None:
    found = estimate("x", "", -np.array([[0.007], [0.074], [0.147], [0.002], [0.024], [0.008], [0.003], [0.017]]))
    assert found.high < 0
    assert (found.low, found.high) == pytest.approx((-0.147, -0.002))
    assert (found.below_zero, found.draws) == (1.0, 8)


def test_a_further_draw_lies_inside_as_often_as_the_coverage_says() -> None:
    generator = np.random.default_rng(3)
    for draws in (8, 60):
        inside = 0
        for _ in range(3000):
            values = generator.lognormal(0.0, 1.5, draws + 1)
            found = estimate("x", "", values[:-1, None])
            inside += found.low <= values[-1] <= found.high
        assert inside / 3000 == pytest.approx(found.coverage, abs=0.025)
