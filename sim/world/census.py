"""What the customers are on each report day: rows of the tables `customers`, `multihoming`, `welfare_by_group`."""

from __future__ import annotations

import numpy as np

from sim.world.board import Board
from sim.world.customers.columns import GROUPS
from sim.world.customers.demand import Population
from sim.world.recorder import Recorder


class CensusTaker:
    """Reads a population on report days; remembers who had come and left by the last one."""

    def __init__(self, population: Population) -> None:
        self._population = population
        self._came = self._left = np.zeros(1)

    def record(self, recorder: Recorder, board: Board, day: float) -> None:
        """Add the day's rows."""
        found = self._population.census(board)
        came, left = found.arrivals - self._came, found.departures - self._left
        self._came, self._left = found.arrivals, found.departures
        for c, task in enumerate(board.classes):
            recorder.add("customers", day, task, float(found.customers[c]), float(came[c]), float(left[c]))
            for g, group in enumerate(GROUPS):
                customers = float(found.group_customers[c, g])
                gain = float(found.group_surplus_usd_per_day[c, g])
                recorder.add("welfare_by_group", day, task, group, customers, gain)
        mean = found.providers / found.users if found.users else 0.0
        recorder.add("multihoming", day, float(found.users), float(mean))
