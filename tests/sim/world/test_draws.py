"""Keyed draws: uniform, independent of one another, and the same in Python and in compiled loops."""

from __future__ import annotations

import numpy as np
from scipy.stats import chi2, kstest

from sim.world.compiled import kernel
from sim.world.draws import coin_and_choice, draw_key
from sim.world.streams import Streams


@kernel
def _many(key, count, choices, coins, chosen):  # type: ignore[no-untyped-def]
    for index in range(count):
        coins[index], chosen[index] = coin_and_choice(key, index, choices)


def draws(name: str, count: int = 100_000, choices: int = 15) -> tuple[np.ndarray, np.ndarray]:
    coins, chosen = np.zeros(count), np.zeros(count, dtype=np.int64)
    _many(draw_key(Streams(0, 0), name), count, choices, coins, chosen)
    return coins, chosen


def test_coins_are_uniform_and_choices_equally_likely() -> None:
    coins, chosen = draws("one")
    assert kstest(coins, "uniform").pvalue > 1e-3
    counts = np.bincount(chosen, minlength=15)
    statistic = float(((counts - len(chosen) / 15) ** 2 / (len(chosen) / 15)).sum())
    assert len(counts) == 15
    assert statistic < chi2.ppf(0.999, 14)


def test_neighbours_streams_and_parts_of_a_draw_are_uncorrelated() -> None:
    coins, chosen = draws("one")
    other, _ = draws("another")
    limit = 4.0 / np.sqrt(len(coins))
    assert abs(np.corrcoef(coins[1:], coins[:-1])[0, 1]) < limit
    assert abs(np.corrcoef(coins, other)[0, 1]) < limit
    assert abs(np.corrcoef(coins, chosen)[0, 1]) < limit


def test_one_draw_is_the_same_wherever_it_is_asked_for() -> None:
    coins, chosen = draws("one", 100)
    key = draw_key(Streams(0, 0), "one")
    assert coin_and_choice(key, 57, 15) == (coins[57], chosen[57])
