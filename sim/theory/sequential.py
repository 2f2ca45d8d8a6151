"""Duopoly with alternating moves on a grid of prices (Maskin and Tirole 1988): strategies, values, deviations.

Demand 1 - p, the lower price takes all and a tie is halved, cost 0, prices i/6. A Markov strategy answers the rival's
price; R[q, p] is the chance of p in answer to q. With V(q) the value of the one who moves and W(p) that of the other,

    V(q) = sum_p R[q,p] (pi(p,q) + d W(p))          W(p) = sum_q R[p,q] (pi(p,q) + d V(q))

The strategy is an equilibrium exactly where no answer to any q, followed by R again, brings more than V(q).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

POINTS = 7  # prices 0, 1/6, ..., 1


def grid_profits() -> np.ndarray:
    """Profit of a period at the own price p against the rival's q, shape (p, q)."""
    price = np.arange(POINTS) / (POINTS - 1)
    own, rival = price[:, None], price[None, :]
    alone = own * (1.0 - own)
    return np.where(own < rival, alone, np.where(own == rival, alone / 2.0, 0.0))


def edgeworth(discount: float) -> np.ndarray:
    """The price war: down the grid, and from the bottom up again with chance 1 - alpha; shape (q, p)."""
    d = discount
    alpha = (3 * d**2 - 1) * (1 + d**2 + d**4) / (8 + 7 * d**2 + 2 * d**4 + 3 * d**6)
    table = _sure([0, 0, 1, 2, 3, 4, 4])
    table[0] = 0.0
    table[0, 0], table[0, 5] = alpha, 1.0 - alpha
    return table


def kinked(discount: float) -> np.ndarray:
    """The kinked demand curve: both stay at 3/6, a cut is followed, a rise is not; shape (q, p)."""
    d = discount
    beta = (5 + d) / (5 * d + 9 * d**2)
    table = _sure([3, 3, 1, 3, 3, 3, 3])
    table[1] = 0.0
    table[1, 1], table[1, 3] = beta, 1.0 - beta
    return table


def deviation_gain(profit: np.ndarray, table: np.ndarray, discount: float) -> float:
    """The largest gain over all q of one other answer, both playing `table` (q, p) else; 0 in an equilibrium.

    `profit` is by own and rival's price, shape (p, q).
    """
    count = len(table)
    eye = np.eye(count)
    # V = A + d R W,  W = B + d R V, with A[q] = sum_p R[q,p] pi(p,q) and B[p] = sum_q R[p,q] pi(p,q).
    moved = (table * profit.T).sum(axis=1)
    waited = (table * profit).sum(axis=1)
    both = np.block([[eye, -discount * table], [-discount * table, eye]])
    values = np.linalg.solve(both, np.concatenate([moved, waited]))
    move, wait = values[:count], values[count:]
    best = (profit + discount * wait[:, None]).max(axis=0)
    return float((best - move).max())


@dataclass(frozen=True)
class LongRun:
    """Means over time when both play the table: of a firm's profit a period, and of the lower of the two prices."""

    profit: float
    price: float


def long_run(profit: np.ndarray, table: np.ndarray, start: int = POINTS - 1) -> LongRun:
    """The long run from both at the grid point `start`; `profit` (p, q), `table` (q, p)."""
    count = len(table)
    # The chain of the last mover's price; its long-run shares are the average of many powers, cycles included.
    weight = np.zeros(count)
    weight[start] = 1.0
    power = table.copy()
    mean = np.eye(count)
    for _ in range(40):  # doubling: the mean of the first 2^n powers
        mean = 0.5 * (mean + power @ mean)
        power = power @ power
    share = weight @ mean
    price = np.arange(count) / (count - 1)
    lower = np.minimum(price[:, None], price[None, :])
    pairs = share[:, None] * table  # the standing price, and the answer to it
    both = profit + profit.T
    return LongRun(float((pairs * both.T).sum()) / 2.0, float((pairs * lower).sum()))


def _sure(answers: list[int]) -> np.ndarray:
    table = np.zeros((POINTS, POINTS))
    table[np.arange(POINTS), answers] = 1.0
    return table
