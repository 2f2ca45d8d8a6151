"""Customers on a line: one column differs, there is no unobserved taste, and shares are exact lengths.

The utility of an offer is piecewise linear in the coordinate x that differs:

    value:  u_j(x) = v*x * (succ - harm*(1 - succ) + fit_j) - p_j              x uniform on [low, high], v the median
    place:  u_j(x) = v * (succ - harm*(1 - succ) + fit_j) - travel*d(x, x_j) - p_j         x uniform on [0, 1]

and that of using none is a0*v*x, or a0*v. Between two kinks (the places of offers and, on a circle, the points across)
all are straight, so that the offers chosen there are the upper envelope of straight lines, walked from the left: a line
of the envelope gives way to the steeper one that it meets first. Offers that tie along a cell share it equally.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sim.scenario.population import Line, PlaceColumn, ValueColumn
from sim.scenario.scenario import Scenario
from sim.scenario.tasks import TaskClass
from sim.world.board import Board
from sim.world.compiled import kernel
from sim.world.customers.census import Census, ungrouped_census
from sim.world.customers.demand import Demand

_TIE = 1e-12  # of the largest utility or slope: differences below are rounding


@dataclass(frozen=True)
class Geometry:
    """One class's gross utilities (before prices) on the S pieces of the line between kinks.

    Attributes:
        left, slope: at the left end of a piece and per unit of x, USD per request; column 0 for none; shape (S, J+1).
        length: in units of x, shape (S,).
        share: of customers per unit of x.
        none: whether customers may use no model.
    """

    left: np.ndarray
    slope: np.ndarray
    length: np.ndarray
    share: float
    none: bool


@kernel
def cells(left, slope, length, none, on_sale, price, out):  # type: ignore[no-untyped-def]
    """Add to out (J+1,) the length on which each choice is best; returns the integral of the best utility over x."""
    choices = left.shape[1]
    now = np.empty(choices)
    allowed = np.zeros(choices, dtype=np.bool_)
    allowed[0] = none
    anything = none
    for j in range(1, choices):
        allowed[j] = on_sale[j - 1]
        anything = anything or on_sale[j - 1]
    area = 0.0
    for s in range(left.shape[0]):
        if not anything:
            out[0] += length[s]
            continue
        scale = 1e-300
        steepest = 1e-300
        for j in range(choices):
            if allowed[j]:
                now[j] = left[s, j] - (price[j - 1] if j > 0 else 0.0)
                scale = max(scale, abs(now[j]))
                steepest = max(steepest, abs(slope[s, j]))
        scale = max(scale, steepest * length[s])
        x = 0.0
        for _ in range(choices + 1):
            top = -np.inf
            for j in range(choices):
                if allowed[j] and now[j] > top:
                    top = now[j]
            rise = -np.inf
            for j in range(choices):
                if allowed[j] and now[j] >= top - _TIE * scale and slope[s, j] > rise:
                    rise = slope[s, j]
            step = length[s] - x
            tied = 0
            for j in range(choices):
                if allowed[j] and slope[s, j] > rise + _TIE * steepest:
                    step = min(step, (top - now[j]) / (slope[s, j] - rise))
                elif allowed[j] and now[j] >= top - _TIE * scale and slope[s, j] >= rise - _TIE * steepest:
                    tied += 1
            for j in range(choices):
                if allowed[j]:
                    if now[j] >= top - _TIE * scale and abs(slope[s, j] - rise) <= _TIE * steepest:
                        out[j] += step / tied
                    now[j] += slope[s, j] * step
            area += top * step + 0.5 * rise * step * step
            x += step
            if x >= length[s] * (1.0 - 1e-15):
                break
    return area


class LineCustomers:
    """The `line` population."""

    def __init__(self, tasks: tuple[TaskClass, ...], spec: Line, offers: list[str]) -> None:
        self._offers = offers
        self._tune(tasks, spec)
        self._shares = np.zeros((len(tasks), len(offers) + 1))

    def _tune(self, tasks: tuple[TaskClass, ...], spec: Line) -> None:
        self._spec = spec
        self._tasks = tasks
        self.requests_per_day = np.array([task.requests_per_day for task in tasks]) * spec.market_customers

    def retune(self, scenario: Scenario) -> None:
        """Another line."""
        assert isinstance(scenario.population, Line)
        self._tune(scenario.tasks, scenario.population)

    @property
    def row_count(self) -> int:
        """None: the line has no rows."""
        return 0

    def start(self, board: Board) -> None:
        """Everybody takes what is best."""
        self._choose(board)

    def advance(self, board: Board, start_day: float, end_day: float) -> Demand:
        """Everybody holds what is best at the board of this interval."""
        self._choose(board)
        requests = self._shares[:, 1:] * self.requests_per_day[:, None] * (end_day - start_day)
        return Demand(requests, np.zeros(board.class_count), 0.0)

    def withdraw(self, board: Board, day: float) -> None:
        """Everybody takes what is best of what is left."""
        self._choose(board)

    def notice(self, board: Board, offer: int, classes: np.ndarray, day: float) -> np.ndarray:
        """Nothing: everybody looks at the board all the time."""
        return np.zeros(board.class_count)

    def occupancy(self) -> np.ndarray:
        """Requests per day by class and choice, column 0 for none; shape (C, J+1)."""
        return self._shares * self.requests_per_day[:, None]

    def surplus_usd_per_day(self, board: Board) -> np.ndarray:
        """Consumer surplus over using no model (over nothing, where everybody must use one), by class; shape (C,)."""
        out = np.zeros(board.class_count)
        for task in range(board.class_count):
            g = self.geometry(board, task)
            lengths = np.zeros(board.offer_count + 1)
            area = cells(g.left, g.slope, g.length, g.none, board.on_sale, board.price_usd[task], lengths)
            none = float((g.left[:, 0] * g.length + g.slope[:, 0] * g.length**2 / 2).sum()) if g.none else 0.0
            out[task] = (area - none) * g.share * self.requests_per_day[task]
        return out

    def census(self, board: Board) -> Census:
        """Everybody on the line; not split into groups, and every class has customers of its own."""
        return ungrouped_census(
            self.surplus_usd_per_day(board), self._shares, np.full(len(self._tasks), self._spec.market_customers)
        )

    def geometry(self, board: Board, task: int) -> Geometry:
        """Gross utilities along the line, as the board's abilities make them."""
        part, spec, column = self._tasks[task], self._spec, self._spec.varies
        value = part.value_usd.median
        success = 1.0 / (1.0 + np.exp(part.difficulty_mean - board.theta[task]))
        if board.identity[task]:
            success = board.quality[task]
        gross = value * np.concatenate(
            [[spec.outside_share or 0.0], success - part.harm_share * (1.0 - success) + board.taste_share]
        )
        wait = np.concatenate([[0.0], board.latency_usd[task]])
        none = spec.outside_share is not None
        if isinstance(column, ValueColumn):
            span = column.high - column.low
            return Geometry(gross[None, :] * column.low - wait, gross[None, :], np.array([span]), 1.0 / span, none)
        kinks, left, right = _distances(column, self._offers)
        length = np.diff(kinks)
        return Geometry(
            gross - wait - column.travel_usd * left,
            -column.travel_usd * (right - left) / length[:, None],
            length,
            1.0,
            none,
        )

    def _choose(self, board: Board) -> None:
        self._shares[:] = 0.0
        for task in range(board.class_count):
            g = self.geometry(board, task)
            cells(g.left, g.slope, g.length, g.none, board.on_sale, board.price_usd[task], self._shares[task])
            self._shares[task] *= g.share


def _distances(column: PlaceColumn, offers: list[str]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Kinks (S+1,), and the distances of both ends of each piece to every choice, none being everywhere; (S, J+1)."""
    at = {place.offer: place.at for place in column.places}
    places = np.array([at.get(name, 0.0) for name in offers])
    circle = column.shape == "circle"
    points = np.concatenate([[0.0, 1.0], places % 1.0 if circle else places])
    kinks = np.unique(np.concatenate([points, (places + 0.5) % 1.0]) if circle else points)
    gap = np.abs(kinks[:, None] - places[None, :])
    distance = np.hstack([np.zeros((len(kinks), 1)), np.minimum(gap, 1.0 - gap) if circle else gap])
    return kinks, distance[:-1], distance[1:]
