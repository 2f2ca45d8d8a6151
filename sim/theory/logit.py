"""Price competition with logit demand, and its joint optimum.

q_j = exp((a_j - p_j)/mu) / (sum_k exp((a_k - p_k)/mu) + exp(a_0/mu))
Nash:   p_j = c_j + mu/(1 - q_j)                                (Anderson, de Palma and Thisse 1992, chapter 7)
joint:  p_j = c_j + mu*(1 + L(sum_k exp((a_k - c_k - a_0)/mu - 1)))                       L is Lambert's function
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Firms:
    """Single-product firms; `a`, `c` by firm and `mu`, `a0`, all in USD per request."""

    a: tuple[float, ...]
    c: tuple[float, ...]
    mu: float
    a0: float = 0.0


def shares(firms: Firms, price: Sequence[float] | np.ndarray) -> np.ndarray:
    """Shares of all customers, those of the outside option included; shape (n,)."""
    gain = (np.array(firms.a) - np.asarray(price)) / firms.mu
    top = max(float(gain.max()), firms.a0 / firms.mu)
    mass = np.exp(gain - top)
    return np.asarray(mass / (mass.sum() + np.exp(firms.a0 / firms.mu - top)))


def profits(firms: Firms, price: Sequence[float] | np.ndarray) -> np.ndarray:
    """Profit of a firm per customer, USD, shape (n,)."""
    return (np.asarray(price) - np.array(firms.c)) * shares(firms, price)


def nash_prices(firms: Firms) -> np.ndarray:
    """The only equilibrium in prices, USD, shape (n,); to 1e-12."""
    from scipy.optimize import fsolve

    cost = np.array(firms.c)

    def missing(price: np.ndarray) -> np.ndarray:
        return np.asarray(price - cost - firms.mu / (1.0 - shares(firms, price)))

    # The best responses rise in rivals' prices, so iteration from cost climbs to the equilibrium; Newton ends it.
    price = cost + firms.mu
    for _ in range(200):
        price = 0.5 * price + 0.5 * (cost + firms.mu / (1.0 - shares(firms, price)))
    return np.asarray(fsolve(missing, price, xtol=1e-13))


def joint_prices(firms: Firms) -> np.ndarray:
    """Prices that maximise the summed profit: a common markup, USD, shape (n,)."""
    from scipy.special import lambertw

    inside = np.exp((np.array(firms.a) - np.array(firms.c) - firms.a0) / firms.mu - 1.0).sum()
    return np.asarray(np.array(firms.c) + firms.mu * (1.0 + float(lambertw(inside).real)))
