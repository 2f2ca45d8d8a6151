"""The price level that maximises an owner's profit: a log grid, then Brent's bounded search, offer by offer.

Also the other way round: the marginal costs at which the posted prices are best responses (the first-order condition
solved for cost, as in the estimation of differentiated-products demand; Berry, Levinsohn and Pakes 1995, section 6).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize_scalar

from sim.players.pricing.beliefs import Beliefs, Outlook
from sim.world.board import Board

GRID_POINTS = 40
LOWEST_LEVEL, HIGHEST_LEVEL = 0.01, 20.0  # of the list price: the bounds within which every price stays
COARSE_RANGE = 8.0  # the grid spans the present level times and over this
TOLERANCE = 1e-6  # of the log level
SWEEPS = 8  # over the offers of one owner
COST_STEP = 1e-4  # of the log level, in the derivative of the first-order condition


@dataclass(frozen=True)
class ImpliedCosts:
    """Costs backed out from list prices.

    Attributes:
        share: cost over list price by offer, shape (J,); NaN for offers that were not asked for.
        clipped: where the first-order condition has no solution in [lowest, highest] share; shape (J,), bool.
    """

    share: np.ndarray
    clipped: np.ndarray


def best_levels(
    board: Board, beliefs: Beliefs, own: np.ndarray, movable: list[int], outlook: Outlook
) -> dict[int, float]:
    """The best level of each offer in `movable`, the others' prices as posted; the board is left as it was.

    Coordinate ascent over the owner's offers, which is exact for a single one.
    """
    posted = board.price.copy()
    levels = {offer: _level(board, offer) for offer in movable}
    try:
        for _ in range(SWEEPS):
            largest_move = 0.0
            for offer in movable:
                found = _best_level(board, beliefs, own, offer, levels[offer], outlook)
                largest_move = max(largest_move, abs(math.log(found / levels[offer])))
                levels[offer] = found
                board.set_price(offer, found * board.list_price[:, offer])
            if largest_move < 1e-6 or len(movable) == 1:
                break
    finally:
        for offer in movable:
            board.set_price(offer, posted[:, offer])
    return levels


@dataclass(frozen=True)
class Seller:
    """An owner as the first-order conditions see it: its offers on sale, and those whose cost is asked for."""

    own: tuple[int, ...]
    unknown: tuple[int, ...]
    outlook: Outlook


def implied_costs(
    board: Board,
    beliefs: Beliefs,
    sellers: list[Seller],
    lowest_share: float = 0.05,
    highest_share: float = 0.95,
) -> ImpliedCosts:
    """Cost shares at which each seller's posted prices satisfy its first-order conditions; the board is left as it was.

    With unknown costs proportional to the list price, profit is R(l) - sum_k share_k * K_k(l), where R is revenue less
    the known costs and K_k the offer's sales valued at list price. Setting the derivative in every level whose cost is
    unknown to zero is linear in the shares.
    """
    share = np.full(board.offer_count, np.nan)
    clipped = np.zeros(board.offer_count, dtype=bool)
    saved = board.cost.copy()
    steps = np.exp(np.array([-COST_STEP, COST_STEP]))
    for seller in sellers:
        unknown = list(seller.unknown)
        own = np.zeros(board.offer_count, dtype=bool)
        own[list(seller.own)] = True
        revenue_slope = np.zeros(len(unknown))
        cost_slope = np.zeros((len(unknown), len(unknown)))
        for offer in unknown:
            board.set_cost(offer, np.zeros(3))
        for row, moved in enumerate(unknown):
            levels = _level(board, moved) * steps
            revenue = beliefs.profit_usd(board, own, moved, levels, seller.outlook, smooth=True)
            revenue_slope[row] = revenue[1] - revenue[0]
            for column, charged in enumerate(unknown):
                # A cost of one list price on a single offer lowers profit by that offer's sales at list price.
                board.set_cost(charged, board.list_price[:, charged])
                profit = beliefs.profit_usd(board, own, moved, levels, seller.outlook, smooth=True)
                cost_slope[row, column] = revenue_slope[row] - (profit[1] - profit[0])
                board.set_cost(charged, np.zeros(3))
        solved = np.linalg.lstsq(cost_slope, revenue_slope, rcond=None)[0]
        share[unknown] = np.clip(solved, lowest_share, highest_share)
        clipped[unknown] = (solved < lowest_share) | (solved > highest_share)
        for offer in unknown:
            board.set_cost(offer, saved[:, offer])
    return ImpliedCosts(share, clipped)


def _best_level(board: Board, beliefs: Beliefs, own: np.ndarray, moved: int, present: float, outlook: Outlook) -> float:
    low = max(math.log(LOWEST_LEVEL), math.log(present / COARSE_RANGE))
    high = min(math.log(HIGHEST_LEVEL), math.log(present * COARSE_RANGE))
    grid = np.linspace(low, high, GRID_POINTS)
    best = int(np.argmax(beliefs.profit_usd(board, own, moved, np.exp(grid), outlook)))
    left, right = grid[max(best - 1, 0)], grid[min(best + 1, GRID_POINTS - 1)]

    def loss(at: float) -> float:
        return -float(beliefs.profit_usd(board, own, moved, np.exp(np.array([at])), outlook)[0])

    found = minimize_scalar(loss, bounds=(left, right), method="bounded", options={"xatol": TOLERANCE})
    return math.exp(float(found.x))


def _level(board: Board, offer: int) -> float:
    """The posted price over the list price; prices keep their ratio, so the largest component tells."""
    part = int(np.argmax(board.list_price[:, offer]))
    return float(board.price[part, offer] / board.list_price[part, offer])
