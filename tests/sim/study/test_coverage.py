"""Checks of posteriors: a right one passes, one that is too sure, too wide or shifted is found out."""

from __future__ import annotations

import numpy as np
import pytest
from calibrations import NOISE, Conjugate, conjugate_pairs

from sim.study.coverage import coverage, miscovered, ranks, recovery, verdict

NAMES = ["told", "untold"]


def checked(width: float, shift: float = 0.0, count: int = 1000):
    truth, observed = conjugate_pairs(count, 1)
    drawn = Conjugate(width).draw(observed, 400, 2) + shift
    return coverage(NAMES, drawn, truth), recovery(NAMES, drawn, truth)


def test_a_right_posterior_covers_what_it_says_at_every_level() -> None:
    table, _ = checked(1.0)
    assert not len(miscovered(table))
    assert ((table["covered_low"] <= table["level"]) & (table["level"] <= table["covered_high"])).mean() >= 7 / 8
    assert (table["uniformity_p"] > 0.001).all()


@pytest.mark.parametrize("width", [0.6, 1.6])
def test_a_posterior_of_the_wrong_width_is_found_out(width: float) -> None:
    table, _ = checked(width)
    assert set(miscovered(table)["parameter"]) == set(NAMES)
    assert (table["uniformity_p"] < 1e-6).all()
    judged = table[table["level"] == 0.9]
    assert ((judged["covered"] < 0.9) == (width < 1.0)).all()


def test_a_shifted_posterior_is_found_out_by_its_bias_and_its_ranks() -> None:
    table, told = checked(1.0, shift=0.3)
    assert (table["uniformity_p"] < 1e-6).all()
    assert told["bias_prior_sd"].to_numpy() == pytest.approx(0.3, abs=0.1)


def test_contraction_tells_what_the_data_say_from_what_they_do_not() -> None:
    _, told = checked(1.0)
    kept = NOISE**2 / (1.0 + NOISE**2)
    assert told["contraction"].to_numpy() == pytest.approx([1.0 - kept, 0.0], abs=0.02)
    assert list(told["verdict"]) == ["identified", "not identified"]
    assert told["rmse_prior_sd"].to_numpy() == pytest.approx([kept**0.5, 1.0], abs=0.05)
    assert told["correlation"].iloc[0] == pytest.approx((1.0 - kept) ** 0.5, abs=0.03)


def test_ranks_count_the_draws_below_the_truth() -> None:
    draws = np.array([[[0.0]], [[1.0]], [[2.0]]])
    assert ranks(draws, np.array([[1.5]])).tolist() == [[2]]


def test_words_for_contractions() -> None:
    assert [verdict(value) for value in (0.9, 0.5, 0.1, -0.2)] == [
        "identified", "in part", "not identified", "not identified",
    ]  # fmt: skip
