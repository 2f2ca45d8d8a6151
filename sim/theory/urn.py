"""Urns with feedback (Hill, Lane and Sudderth 1980; Arthur 1989).

The next ball is of colour j with a chance proportional to n_j^gamma.

gamma = 1 (Polya): the share of a colour that starts with b of B balls tends to a random limit, Beta(b, B - b); from one
ball each of two it is uniform. gamma > 1: one colour takes all. gamma < 1: equal shares.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def polya_distance(shares: Sequence[float] | np.ndarray, first: float, others: float) -> float:
    """Largest distance between the distribution of `shares` and Beta(first, others)."""
    from scipy.stats import beta, kstest

    return float(kstest(np.asarray(shares), beta(first, others).cdf).statistic)


def critical_distance(count: int, level: float = 0.01) -> float:
    """The distance that chance exceeds with probability `level`, of `count` draws (Kolmogorov and Smirnov's law)."""
    from scipy.stats import kstwo

    return float(kstwo.ppf(1.0 - level, count))
