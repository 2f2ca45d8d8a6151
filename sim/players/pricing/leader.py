"""A leader's price: the one that brings most when every follower answers it with its best response.

Stackelberg's leader in prices (von Stackelberg 1934), and with an offer at wholesale the supplier of the double margin
(Spengler 1950): its customers' cost is its price, and it earns on what they sell.
"""

from __future__ import annotations

import numpy as np

from sim.players.channel import margins_usd
from sim.players.pricing.beliefs import Beliefs, Outlook, income_usd
from sim.players.pricing.best_response import best_levels, posted_level, search_level
from sim.world.board import Board

ROUNDS = 50  # of the followers' answers to one price
FOLLOWERS_LEAST_GAIN = 1e-12  # answers are exact, so that the leader's profit is smooth in its price
LEAST_GAIN = 1e-9  # of the leader's profit: below, its price would creep by the search's tolerance


def leading_levels(board: Board, beliefs: Beliefs, own: list[int], followers: list[list[int]]) -> dict[int, float]:
    """The level of each offer in `own`, retail or wholesale, foreseeing the answers of `followers` (offers by owner).

    Own offers are searched one after the other, which is exact for a single one; the board is left as it was.
    """
    posted = board.price.copy()

    def restore(offers: list[int]) -> None:
        for offer in offers:
            board.set_price(offer, posted[:, offer])

    every_follower = [offer for group in followers for offer in group]
    levels = {}
    try:
        for moved in own:

            def profits(trials: np.ndarray, moved: int = moved) -> np.ndarray:
                out = np.empty(len(trials))
                for index, level in enumerate(trials):
                    restore(every_follower)
                    board.set_price(moved, level * board.list_price[:, moved])
                    _answer(board, beliefs, followers)
                    out[index] = income_usd(board, beliefs, margins_usd(board, own))
                return out

            levels[moved] = search_level(profits, posted_level(board, moved), LEAST_GAIN)
            restore(every_follower)
            board.set_price(moved, levels[moved] * board.list_price[:, moved])
    finally:
        restore([*own, *every_follower])
    return levels


def _answer(board: Board, beliefs: Beliefs, followers: list[list[int]]) -> None:
    """Let the followers post best responses, one after the other, until none moves."""
    for _ in range(ROUNDS):
        moved = False
        for group in followers:
            own = np.zeros(board.offer_count, dtype=bool)
            own[group] = True
            found = best_levels(board, beliefs, own, group, Outlook(None), FOLLOWERS_LEAST_GAIN)
            for offer, level in found.items():
                moved |= level != posted_level(board, offer)
                board.set_price(offer, level * board.list_price[:, offer])
        if not moved or len(followers) == 1:
            return
