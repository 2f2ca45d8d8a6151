"""What an owner expects to earn on a board that is not there: other abilities, other offers on sale, other refusals.

Expected demand of a day, everybody reviewing, rivals' prices as posted, by the owners' common beliefs. The board is
left as it was.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from sim.players.pricing.beliefs import Beliefs, Outlook, income_usd
from sim.players.pricing.best_response import best_levels, posted_level
from sim.world.board import Board

STATIC = Outlook(None)


@dataclass(frozen=True)
class Supposed:
    """A change of the board, supposed for a moment.

    Attributes:
        theta: ability by class, shape (C,), of some offers.
        on_sale: whether some offers are on sale.
        refused_share: share of their requests that some offers' own access policy refuses.
    """

    theta: Mapping[int, np.ndarray] = field(default_factory=dict)
    on_sale: Mapping[int, bool] = field(default_factory=dict)
    refused_share: Mapping[int, float] = field(default_factory=dict)

    def put_on(self, board: Board) -> None:
        """Let it hold, within `Board.hypothetical`."""
        for offer, ability in self.theta.items():
            board.theta[:, offer] = ability
        for offer, sold in self.on_sale.items():
            board.on_sale[offer] = sold
        for offer, share in self.refused_share.items():
            board.refused_share[offer] = share


class Prospects:
    """Expected profits of a day on supposed boards."""

    def __init__(self, board: Board, beliefs: Beliefs) -> None:
        self._board, self._beliefs = board, beliefs

    def profit_usd_per_day(self, provider: str, supposed: Supposed, reprices: bool = True) -> float:
        """The provider's expected profit of a day; with `reprices`, at the retail prices that are then best for it.

        What others resell of its offers counts at the posted wholesale price.
        """
        board = self._board
        own = np.array([owner == provider for owner in board.owners])
        with board.hypothetical():
            supposed.put_on(board)
            # What is free has no level; it counts beside the others.
            priced = (board.list_price.max(axis=0) > 0) & (board.price.max(axis=0) > 0)
            sold = [int(j) for j in np.flatnonzero(own & board.on_sale & priced)]
            if reprices and sold:
                for offer, level in best_levels(board, self._beliefs, own & board.on_sale, sold, STATIC).items():
                    board.set_price(offer, level * board.list_price[:, offer])
            profit = self._retail(own & board.on_sale, sold) + self._wholesale(own)
        return profit if math.isfinite(profit) else 0.0

    def _retail(self, mine: np.ndarray, sold: list[int]) -> float:
        """On the own offers in `mine` (J,), bool, at posted prices."""
        if not sold:
            return 0.0
        at = np.array([posted_level(self._board, sold[0])])
        return float(self._beliefs.profit_usd(self._board, mine, sold[0], at, STATIC, smooth=True)[0])

    def _wholesale(self, own: np.ndarray) -> float:
        """On what others resell of the own offers in `own` (J,), bool."""
        board = self._board
        resold = board.on_sale & (board.supplier_offer >= 0) & own[board.supplier_offer]
        if not resold.any():
            return 0.0
        margin = np.where(resold, (board.price_usd - board.cost_usd)[:, board.supplier_offer], 0.0)
        return income_usd(board, self._beliefs, margin)


@dataclass(frozen=True)
class Line:
    """A function of one number on a grid, straight between its points and level beyond them."""

    at: np.ndarray
    value: np.ndarray

    def __call__(self, x: np.ndarray | float) -> np.ndarray:
        """The value at x, any shape."""
        return np.asarray(np.interp(x, self.at, self.value))


def drawn(function: Callable[[float], float], low: float, high: float, points: int) -> Line:
    """`function` on equally spaced points, as a `Line`."""
    at = np.linspace(low, high, points)
    return Line(at, np.array([function(float(x)) for x in at]))


def annuity_years(years: float, rate_per_year: float) -> float:
    """A(x) = (1 - exp(-r x))/r: what one USD a year for x years is worth now; x where r is 0."""
    return years if rate_per_year == 0.0 else -math.expm1(-rate_per_year * years) / rate_per_year
