"""What an offer is worth to the median customer over the next best alternative (economic value to the customer; Nagle).

With the customer of median value v and mean difficulty, without unobserved taste and switching cost,

    W(worth_c) = W(B_jc) - max(a0 * v, max over rivals k of W(B_kc) - W(p_kc))

where B and W are those of `sim.world.customers.choice`. At that price the median customer is indifferent.
"""

from __future__ import annotations

import numpy as np

from sim.scenario.population import Line, PlaceColumn, Tastes
from sim.scenario.scenario import Scenario
from sim.world.board import Board


def worth_usd(scenario: Scenario, board: Board, offer: int) -> np.ndarray:
    """USD per request of each class, shape (C,); 0 where an alternative is better even when the offer is free."""
    rivals = board.on_sale & (board.owner_of != board.owner_of[offer])
    population = scenario.population
    eta = population.volume_elasticity if isinstance(population, Tastes) else 0.0
    share = -np.inf if population.outside_share is None else population.outside_share
    out = np.zeros(board.class_count)
    for c, task in enumerate(scenario.tasks):
        value = task.value_usd.median * _median_multiple(scenario)
        success = 1.0 / (1.0 + np.exp(task.difficulty_mean - board.theta[c]))
        if board.identity[c]:
            success = board.quality[c]
        gross = value * (success - task.harm_share * (1.0 - success) + board.taste_share)
        pbar = float(board.reference_usd[c])
        surplus = _curved(gross, pbar, eta) - _curved(board.price_usd[c], pbar, eta)
        alternative = max(share * value, float(surplus[rivals].max(initial=-np.inf)))
        left = float(_curved(gross, pbar, eta)[offer]) - alternative
        if np.isfinite(left) and left > 0.0:
            out[c] = left if eta == 0.0 else pbar * ((1.0 + eta) * left / pbar) ** (1.0 / (1.0 + eta))
    return out


def value_level(
    scenario: Scenario, board: Board, offer: int, requests_per_day: np.ndarray, share: float, floor_markup: float
) -> float:
    """The level of the list price at which the best class pays `share` of its worth, raised to the floor if below.

    The best class is the one of the largest requests times (worth - cost); `requests_per_day` is (C,).
    """
    listed = board.tokens @ board.list_price[:, offer]
    worth = worth_usd(scenario, board, offer)
    best = int(np.argmax(requests_per_day * (worth - board.cost_usd[:, offer])))
    floor = board.basket_usd(board.cost[:, offer], requests_per_day) * (1.0 + floor_markup)
    basket = board.basket_usd(board.list_price[:, offer], requests_per_day)
    return max(share * float(worth[best]) / float(listed[best]), floor / basket)


def _median_multiple(scenario: Scenario) -> float:
    """The median customer's value over the class's median: on a line of values, the middle of the line."""
    if not isinstance(scenario.population, Line) or isinstance(scenario.population.varies, PlaceColumn):
        return 1.0
    return 0.5 * (scenario.population.varies.low + scenario.population.varies.high)


def _curved(y: np.ndarray, pbar: float, eta: float) -> np.ndarray:
    """W(y) of `choice.curved`, for an array."""
    if eta == 0.0:
        return y
    bent = pbar * (np.maximum(y, 0.0) / pbar) ** (1.0 + eta) / (1.0 + eta)
    return np.where(y < 0.0, y, bent)
