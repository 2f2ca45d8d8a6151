"""The price level that maximises an owner's profit: a log grid, then Brent's bounded search, offer by offer.

Also the other way round: the marginal costs at which the posted prices are best responses (the first-order condition
solved for cost, as in the estimation of differentiated-products demand; Berry, Levinsohn and Pakes 1995, section 6).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize_scalar

from sim.players.pricing.beliefs import Beliefs, Outlook
from sim.world.board import Board

GRID_POINTS = 40
LOWEST_LEVEL, HIGHEST_LEVEL = 0.01, 20.0  # of the list price: the bounds within which every price stays
COARSE_RANGE = 8.0  # the grid spans the present level times and over this
TOLERANCE = 1e-6  # of the log level
LEAST_GAIN = 1e-6  # of the profit: a price moves for no less
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
    board: Board,
    beliefs: Beliefs,
    own: np.ndarray,
    movable: list[int],
    outlook: Outlook,
    least_gain: float = LEAST_GAIN,
) -> dict[int, float]:
    """The best level of each offer in `movable`, the others' prices as posted; the board is left as it was.

    Coordinate ascent over the owner's offers, which is exact for a single one.
    """
    posted = board.price.copy()
    levels = {offer: posted_level(board, offer) for offer in movable}
    try:
        for _ in range(SWEEPS):
            largest_move = 0.0
            for offer in movable:
                found = _best_level(board, beliefs, own, offer, levels[offer], outlook, least_gain)
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
    """An owner as the first-order conditions see it: its offers on sale, and those whose cost is asked for.

    `students` are own offers whose cost is a known ratio (3,) of an asked one's: (offer, teacher, ratio).
    """

    own: tuple[int, ...]
    unknown: tuple[int, ...]
    outlook: Outlook
    students: tuple[tuple[int, int, np.ndarray], ...] = ()


def implied_costs(
    board: Board,
    beliefs: Beliefs,
    sellers: list[Seller],
    lowest_share: float = 0.05,
    highest_share: float = 0.95,
) -> ImpliedCosts:
    """Cost shares at which each seller's posted prices satisfy its first-order conditions; the board is left as it was.

    With unknown costs proportional to the list price, profit is R(l) - sum_k share_k * K_k(l), where R is revenue less
    the known costs and K_k the sales valued at list price of the offer and of own students whose cost hangs on its.
    Setting the derivative in every level whose cost is unknown to zero is linear in the shares. A share out of bounds
    is held at the bound, and the others are solved again.
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
        charged_with = [
            [
                (offer, np.ones(3)),
                *((student, ratio) for student, teacher, ratio in seller.students if teacher == offer),
            ]
            for offer in unknown
        ]
        known = {offer: board.cost[:, offer].copy() for group in charged_with for offer, _ in group}
        for offer in known:
            board.set_cost(offer, np.zeros(3))
        for row, moved in enumerate(unknown):
            levels = posted_level(board, moved) * steps
            revenue = beliefs.profit_usd(board, own, moved, levels, seller.outlook, smooth=True)
            revenue_slope[row] = revenue[1] - revenue[0]
            for column, group in enumerate(charged_with):
                # A cost of one list price lowers profit by the sales at list price.
                for offer, ratio in group:
                    board.set_cost(offer, board.list_price[:, unknown[column]] * ratio)
                profit = beliefs.profit_usd(board, own, moved, levels, seller.outlook, smooth=True)
                cost_slope[row, column] = revenue_slope[row] - (profit[1] - profit[0])
                for offer, _ in group:
                    board.set_cost(offer, np.zeros(3))
        share[unknown], clipped[unknown] = _bounded(cost_slope, revenue_slope, lowest_share, highest_share)
        for offer in known:
            board.set_cost(offer, saved[:, offer])
    return ImpliedCosts(share, clipped)


def _bounded(slope: np.ndarray, wanted: np.ndarray, low: float, high: float) -> tuple[np.ndarray, np.ndarray]:
    """Solution of `slope @ x = wanted` with x in [low, high]: what leaves it is held there, the rest solved again."""
    count = len(wanted)
    if not (np.isfinite(slope).all() and np.isfinite(wanted).all()):
        return np.full(count, low), np.ones(count, dtype=bool)
    out, held = np.zeros(count), np.zeros(count, dtype=bool)
    while not held.all():
        free = ~held
        left = wanted[free] - slope[np.ix_(free, held)] @ out[held]
        out[free] = np.linalg.lstsq(slope[np.ix_(free, free)], left, rcond=None)[0]
        over = free & ((out < low) | (out > high))
        if not over.any():
            break
        out[over] = np.clip(out[over], low, high)
        held |= over
    return out, held


def _best_level(
    board: Board,
    beliefs: Beliefs,
    own: np.ndarray,
    moved: int,
    present: float,
    outlook: Outlook,
    least_gain: float,
) -> float:
    def profits(levels: np.ndarray) -> np.ndarray:
        return beliefs.profit_usd(board, own, moved, levels, outlook)

    return search_level(profits, present, least_gain)


def search_level(profits: Callable[[np.ndarray], np.ndarray], present: float, least_gain: float = LEAST_GAIN) -> float:
    """The level that maximises `profits`, levels (L,) -> profits (L,); `present` unless the gain is large enough.

    A log grid over `present` times and over `COARSE_RANGE`, then Brent's bounded search beside its best point.
    """
    low = max(math.log(LOWEST_LEVEL), math.log(present / COARSE_RANGE))
    high = min(math.log(HIGHEST_LEVEL), math.log(present * COARSE_RANGE))
    grid = np.linspace(low, high, GRID_POINTS)
    on_grid = _finite(profits(np.exp(grid)))
    best = int(np.argmax(on_grid))
    if not np.isfinite(on_grid[best]):
        return present  # beliefs that tell nothing move no price
    left, right = grid[max(best - 1, 0)], grid[min(best + 1, GRID_POINTS - 1)]

    def loss(at: float) -> float:
        return -float(_finite(profits(np.exp(np.array([at]))))[0])

    found = minimize_scalar(loss, bounds=(left, right), method="bounded", options={"xatol": TOLERANCE})
    # Profit jumps at the posted price, because a rise makes every holder review: staying is a candidate of its own.
    staying = float(_finite(profits(np.array([present])))[0])
    if -float(found.fun) <= staying + least_gain * abs(staying):
        return present
    return math.exp(float(found.x))


def _finite(profit: np.ndarray) -> np.ndarray:
    """Profits with those that are no number never chosen."""
    return np.where(np.isfinite(profit), profit, -np.inf)


def posted_level(board: Board, offer: int) -> float:
    """The posted price over the list price; prices keep their ratio, so the largest component tells."""
    part = int(np.argmax(board.list_price[:, offer]))
    return float(board.price[part, offer] / board.list_price[part, offer])
