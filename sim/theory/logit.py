"""Price competition with logit demand, and its joint optimum.

q_j = exp((a_j - p_j)/mu) / (sum_k exp((a_k - p_k)/mu) + exp(a_0/mu))
Nash:   p_j = c_j + mu/(1 - q_j)                                (Anderson, de Palma and Thisse 1992, chapter 7)
joint:  p_j = c_j + mu*(1 + L(sum_k exp((a_k - c_k - a_0)/mu - 1)))                       L is Lambert's function
elasticity of q_k in p_j: -(1-q_j) p_j/mu for k = j, q_j p_j/mu otherwise; diversion from j to k: q_k/(1 - q_j)
pressure of a merger on j: q_k/(1 - q_j) (p_k - c_k) - E c_j                      (Farrell and Shapiro 2010)
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


def elasticities(firms: Firms, price: Sequence[float] | np.ndarray) -> np.ndarray:
    """Elasticity of the share of firm k in the price of firm j, shape (n, n) as [j, k]."""
    share = shares(firms, price)
    weight = share * np.asarray(price) / firms.mu
    return np.asarray(np.tile(weight[:, None], len(share)) - np.diag(np.asarray(price) / firms.mu))


def diversions(firms: Firms, price: Sequence[float] | np.ndarray) -> np.ndarray:
    """Of what firm j loses by a higher price, the part that firm k gains, shape (n, n) as [j, k]; -1 for itself."""
    share = shares(firms, price)
    ratios = share[None, :] / (1.0 - share[:, None])
    np.fill_diagonal(ratios, -1.0)
    return np.asarray(ratios)


def pricing_pressure(
    firms: Firms, price: Sequence[float] | np.ndarray, one: int, other: int, efficiency: float
) -> float:
    """Upward pricing pressure on firm `one` if it merged with firm `other`, USD per request."""
    margin = float(np.asarray(price)[other] - firms.c[other])
    return float(diversions(firms, price)[one, other]) * margin - efficiency * firms.c[one]
