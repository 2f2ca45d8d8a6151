"""What a provider would earn were it in the market, when everybody's prices have answered.

A newcomer who took the posted prices as standing would always find room: they are those without it. So it lets every
owner whose policy says so answer in turn, itself first, until nothing moves, on a board that is put back afterwards.
"""

from __future__ import annotations

import math

import numpy as np

from sim.players.pricing.beliefs import Beliefs, Outlook
from sim.players.pricing.best_response import posted_level
from sim.players.pricing.policies import Owners, within_bounds
from sim.scenario.prices import CostPlus, Match, Undercut
from sim.scenario.providers import Provider
from sim.scenario.reviewed import BestResponse
from sim.scenario.scenario import Scenario
from sim.world.board import Board

ROUNDS = 30  # of everybody's answers
LEAST_MOVE = 1e-4  # of a price's logarithm
_FORESEEN = (BestResponse, CostPlus, Match, Undercut)  # policies that answer what is posted; others' prices stand


class Foresight:
    """Expected profits in markets that might be."""

    def __init__(self, board: Board, beliefs: Beliefs, owners: Owners, scenario: Scenario) -> None:
        self._board, self._beliefs, self._owners = board, beliefs, owners
        self._providers: dict[str, Provider] = {}
        self.revise(scenario)

    def revise(self, scenario: Scenario) -> None:
        """The owners are those of another scenario from now on."""
        self._providers = {provider.name: provider for provider in scenario.providers}

    def profit_usd_per_day(self, provider: str, day: float) -> float:
        """Revenue less serving cost of a day with the provider's offers on sale, USD; the board is left as it was.

        Everybody reviews once at the prices that were answered; fixed costs are not in it.
        """
        board = self._board
        own = np.array([owner == provider for owner in board.owners])
        with board.hypothetical():
            for offer in np.flatnonzero(own & ~board.on_sale):
                board.on_sale[offer] = True
                board.set_price(int(offer), board.list_price[:, offer])
            self._answer(provider, day)
            moved = int(np.flatnonzero(own & board.on_sale)[0])
            level = np.array([posted_level(board, moved)])
            return float(self._beliefs.profit_usd(board, own & board.on_sale, moved, level, Outlook(None))[0])

    def _answer(self, first: str, day: float) -> None:
        board = self._board
        order = sorted(self._providers, key=lambda name: name != first)
        answering = [self._providers[name] for name in order if isinstance(self._providers[name].price, _FORESEEN)]
        for _ in range(ROUNDS):
            largest = 0.0
            for provider in answering:
                for posting in self._owners.review(provider, day):
                    price = within_bounds(posting.price, board.list_price[:, posting.offer])
                    before, after = float(board.price[:, posting.offer].sum()), float(price.sum())
                    if before > 0.0 and after > 0.0:
                        largest = max(largest, abs(math.log(after / before)))
                    board.set_price(posting.offer, price)
            if largest < LEAST_MOVE:
                return
