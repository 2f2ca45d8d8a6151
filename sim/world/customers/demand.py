"""What an interval of demand leaves behind, and the interface that every population keeps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from sim.scenario.scenario import Scenario
from sim.world.board import Board
from sim.world.customers.census import Census


@dataclass(frozen=True)
class Demand:
    """Flows of one interval.

    Attributes:
        requests: by class and offer, shape (C, J).
        switching_usd: one-off switching costs borne, by class, shape (C,).
        reviews: number of choices made (expected number for nodes; 0 on a line, where everybody is always at the best).
    """

    requests: np.ndarray
    switching_usd: np.ndarray
    reviews: float


class Population(Protocol):
    """Customers who choose one offer (or none) in each task class."""

    @property
    def row_count(self) -> int:
        """Rows, nodes or arrivals of all task classes; cells do not count."""

    def start(self, board: Board) -> None:
        """Everybody chooses once, without switching cost."""

    def advance(self, board: Board, start_day: float, end_day: float) -> Demand:
        """Let time pass at constant board."""

    def withdraw(self, board: Board, day: float) -> None:
        """Those who hold an offer that is no longer on sale choose again, from nothing."""

    def notice(self, board: Board, offer: int, classes: np.ndarray, day: float) -> np.ndarray:
        """The price of `offer` rose in the given classes (C,) bool: customers who notice that review now.

        Returns one-off switching costs that are not in a later `Demand`, USD by class, shape (C,).
        """

    def retune(self, scenario: Scenario) -> None:
        """The same customers with the tastes and tasks of another scenario; who holds what stays."""

    def occupancy(self) -> np.ndarray:
        """Reference requests per day by class and choice, column 0 for none; shape (C, J+1).

        Of customers who arrive, those of all who came so far.
        """

    def surplus_usd_per_day(self, board: Board) -> np.ndarray:
        """Expected consumer surplus over using no model, by class, before booked switching; shape (C,)."""

    def census(self, board: Board) -> Census:
        """How many customers there are, who came and left, how many providers they use, who gains."""
