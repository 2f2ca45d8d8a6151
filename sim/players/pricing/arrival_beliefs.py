"""Beliefs about customers who arrive one by one: the profit that a day's arrivals are expected to bring.

Owners see how many customers each offer has had (the board's `company`) and take it as standing. That more customers
now bring more later is not in their profit: they are myopic about the network effect, whatever their outlook.
"""

from __future__ import annotations

import numpy as np

from sim.players.pricing.beliefs import Outlook
from sim.scenario.population import Arrivals
from sim.scenario.scenario import Scenario
from sim.scenario.tasks import TaskClass
from sim.world.board import Board
from sim.world.customers.arrivals import expected_utilities
from sim.world.customers.choice import class_board
from sim.world.customers.columns import sampled_columns
from sim.world.streams import Streams


class ArrivalBeliefs:
    """An arrival's expected choice, averaged over a few rows drawn as the arrivals are, but on streams of their own."""

    def __init__(self, tasks: tuple[TaskClass, ...], spec: Arrivals, rows_per_class: int, streams: Streams) -> None:
        self._draws = Streams(streams.seed, 2**32 + streams.replication)  # no replication has this number
        self._rows_per_class = rows_per_class
        self._tune(tasks, spec)

    def _tune(self, tasks: tuple[TaskClass, ...], spec: Arrivals) -> None:
        self._columns = sampled_columns(tasks, spec, self._rows_per_class, self._draws)
        self._spec = spec

    def retune(self, scenario: Scenario) -> None:
        """Other tastes and tasks of those who are still to come."""
        assert isinstance(scenario.population, Arrivals)
        self._tune(scenario.tasks, scenario.population)

    def profit_usd(
        self, board: Board, own: np.ndarray, moved: int, levels: np.ndarray, outlook: Outlook, smooth: bool = False
    ) -> np.ndarray:
        """USD of a day's arrivals at each level of offer `moved`, shape (L,)."""
        posted = board.price[:, moved].copy()
        profit, paid = np.zeros(len(levels)), board.paid_share(own)
        try:
            for index, level in enumerate(levels):
                board.set_price(moved, level * board.list_price[:, moved])
                profit[index] = sum(self._profit_of_class(board, paid, task) for task in range(board.class_count))
        finally:
            board.set_price(moved, posted)
        return profit

    def requests_per_day(self, board: Board) -> np.ndarray:
        """Requests per day by class, of those who use any model and those who use none; shape (C,)."""
        c = self._columns
        return c.requests_per_day[c.class_rows[:-1]] * self._spec.arrivals_per_day

    def advance(self, board: Board, start_day: float, end_day: float) -> object:
        """The counts stand on the board."""
        return None

    def withdraw(self, board: Board, day: float) -> None:
        """The next question sees what is on sale."""

    def notice(self, board: Board, offer: int, classes: np.ndarray, day: float) -> object:
        """Nobody who came reviews."""
        return None

    def _profit_of_class(self, board: Board, paid: np.ndarray, task: int) -> float:
        c = self._columns
        rows = np.arange(c.class_rows[task], c.class_rows[task + 1])
        view = class_board(board, task, self._spec.volume_elasticity)
        company = np.maximum(board.company[task], self._spec.first_customers)
        utility = expected_utilities(c, rows, view, company, self._spec.network)
        top = utility.max(axis=1, keepdims=True)
        mass = np.exp(np.where(np.isfinite(top), utility - top, -np.inf) / c.mu_usd[rows, None])
        chosen = (mass / np.maximum(mass.sum(axis=1, keepdims=True), 1e-300)).mean(axis=0)[1:]
        margin = view.volume * (view.price_usd - board.cost_usd[task])
        arrivals = self._spec.arrivals_per_day * float(c.requests_per_day[rows[0]])
        return arrivals * float((paid * (chosen * margin))[paid > 0.0].sum())
