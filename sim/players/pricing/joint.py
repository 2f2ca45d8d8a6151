"""The joint optimum: the prices of several owners that maximise the sum of their profits.

Powell's method (1964) on the logarithms of the levels: it needs no derivative, which customers on a line do not give
everywhere, and its conjugate directions follow the ridge along which all prices rise together. Rejected: one offer
after the other, which creeps along that ridge (with four firms and mu = .25 hundreds of rounds).
"""

from __future__ import annotations

import math

import numpy as np
from scipy.optimize import minimize

from sim.players.pricing.beliefs import Beliefs, Outlook
from sim.players.pricing.best_response import HIGHEST_LEVEL, LOWEST_LEVEL, posted_level
from sim.world.board import Board

LEAST_GAIN = 1e-9  # of the joint profit: a plan that brings less leaves the prices as they are
_COMMON = np.exp(np.linspace(math.log(1 / 8), math.log(8), 33))  # common factors tried before the search


def joint_levels(board: Board, beliefs: Beliefs, partners: list[int], own: np.ndarray) -> dict[int, float]:
    """The level of each offer in `partners` at the joint optimum, static; the board is left as it was.

    `own` are the offers whose profit counts, shape (J,), bool: the partners', and those that resell their service.
    """
    posted = board.price[:, partners].copy()
    start = np.log([posted_level(board, offer) for offer in partners])
    low, high = math.log(LOWEST_LEVEL), math.log(HIGHEST_LEVEL)

    def loss(logs: np.ndarray) -> float:
        levels = np.exp(np.clip(logs, low, high))
        for offer, level in zip(partners, levels, strict=True):
            board.set_price(offer, level * board.list_price[:, offer])
        profit = beliefs.profit_usd(board, own, partners[0], levels[:1], Outlook(None))[0]
        return -float(profit) if math.isfinite(profit) else math.inf

    try:
        staying = -loss(start)
        tried = [start + math.log(factor) for factor in _COMMON]
        first = min(tried, key=loss)
        bounds = [(low, high)] * len(partners)
        options = {"xtol": 1e-9, "ftol": 1e-15, "maxiter": 200}
        found = minimize(loss, np.clip(first, low, high), method="Powell", bounds=bounds, options=options)
    finally:
        for index, offer in enumerate(partners):
            board.set_price(offer, posted[:, index])
    if -float(found.fun) <= staying + LEAST_GAIN * abs(staying):
        return {offer: math.exp(level) for offer, level in zip(partners, start, strict=True)}
    return {offer: math.exp(level) for offer, level in zip(partners, found.x, strict=True)}
