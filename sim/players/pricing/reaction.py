"""A reaction table, played as given: the answer to the rival's price on a grid, possibly by lottery."""

from __future__ import annotations

import numpy as np

from sim.scenario.prices import ReactionTable
from sim.world.board import Board
from sim.world.draws import coin_and_choice, draw_key
from sim.world.streams import Streams


class Reaction:
    """One owner's table, and how often it has answered (the place of the next draw)."""

    def __init__(self, policy: ReactionTable, provider: str, streams: Streams) -> None:
        self.policy = policy
        self._key = draw_key(streams, f"pricing/{provider}/reaction")
        self._answers = 0

    def price(self, board: Board, offer: int, requests_per_day: np.ndarray) -> np.ndarray:
        """The price vector (3,) in USD per Mtok that answers the rival's posted price."""
        levels = np.array(self.policy.levels)
        rival = board.basket_usd(board.price[:, board.index(self.policy.rival)], requests_per_day)
        grid = levels * board.basket_usd(board.list_price[:, offer], requests_per_day)
        response = self.policy.responses[int(np.argmin(np.abs(grid - rival)))]
        coin, _ = coin_and_choice(self._key, self._answers, 1)
        self._answers += 1
        reached = np.cumsum(response.probabilities or (1.0,))
        place = min(int(np.searchsorted(reached, coin, side="right")), len(response.points) - 1)
        return np.asarray(levels[response.points[place]] * board.list_price[:, offer])
