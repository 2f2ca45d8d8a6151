"""Beliefs about customers on a line: their demand is known exactly, and so is the profit at every price.

Everybody is always at the best offer, so a price that stands for a time t brings t times its profit of a day: the
static profit and the discounted one have the same maximum, and the first is given for both.
"""

from __future__ import annotations

import numpy as np

from sim.players.pricing.beliefs import Outlook
from sim.scenario.scenario import Scenario
from sim.world.board import Board
from sim.world.compiled import kernel
from sim.world.customers.line import LineCustomers, cells


@kernel
def _profits(  # type: ignore[no-untyped-def]
    left, slope, length, none, on_sale, price, cost, paid, moved, trial, requests, profit,
):  # fmt: skip
    """Add to profit (L,) what one class brings with offer `moved` at each trial price (L,), USD per request."""
    prices = price.copy()
    share = np.empty(price.shape[0] + 1)
    for t in range(trial.shape[0]):
        prices[moved] = trial[t]
        share[:] = 0.0
        cells(left, slope, length, none, on_sale, prices, share)
        for j in range(price.shape[0]):
            if paid[j] > 0.0:
                profit[t] += paid[j] * (requests * share[j + 1] * (prices[j] - cost[j]))


class LineBeliefs:
    """Exact beliefs; nothing to keep up to date."""

    def __init__(self, customers: LineCustomers) -> None:
        self._customers = customers

    def profit_usd(
        self, board: Board, own: np.ndarray, moved: int, levels: np.ndarray, outlook: Outlook, smooth: bool = False
    ) -> np.ndarray:
        """USD per day at each level of offer `moved`, shape (L,)."""
        profit = np.zeros(len(levels))
        paid = board.paid_share(own)
        list_usd = board.tokens @ board.list_price[:, moved] * board.tariff[:, moved]
        for task in range(board.class_count):
            g = self._customers.geometry(board, task)
            _profits(
                g.left, g.slope, g.length, g.none, board.on_sale, board.price_usd[task], board.cost_usd[task], paid,
                moved, levels * list_usd[task], g.share * self._customers.requests_per_day[task], profit,
            )  # fmt: skip
        return profit

    def requests_per_day(self, board: Board) -> np.ndarray:
        """Requests per day by class, of those who use any model and those who use none; shape (C,)."""
        return self._customers.requests_per_day

    def advance(self, board: Board, start_day: float, end_day: float) -> object:
        """Nothing changes with time alone."""
        return None

    def withdraw(self, board: Board, day: float) -> None:
        """The next question sees what is on sale."""

    def notice(self, board: Board, offer: int, classes: np.ndarray, day: float) -> object:
        """The next question sees the prices."""
        return None

    def retune(self, scenario: Scenario) -> None:
        """Another line."""
        self._customers.retune(scenario)
