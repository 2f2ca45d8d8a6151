"""Customers who arrive one by one, choose once, and are company for those who come after them.

    u_ij = W(B_ij) - W(p_ij) + mu_i * (gamma * ln n_j + eps_ij)

where n_j is `first_customers` plus the customers of j who came before i; so that without other differences the next
customer takes j with probability n_j^gamma / sum n^gamma: Polya's urn for gamma = 1 (Arthur, Ermoliev and Kaniovski
1987), monopoly above, equal shares below. The counts stand on the board, where owners see them. Draws are keyed by
(stream, customer, offer's name), as those of sampled customers.
"""

from __future__ import annotations

import math

import numpy as np

from sim.scenario.population import Arrivals
from sim.scenario.scenario import Scenario
from sim.scenario.tasks import TaskClass
from sim.world.board import Board
from sim.world.compiled import kernel
from sim.world.customers.census import Census, ungrouped_census
from sim.world.customers.choice import ClassBoard, benefit, class_board, curved
from sim.world.customers.columns import Columns, sampled_columns
from sim.world.customers.demand import Demand
from sim.world.customers.fastmath import exponential_f32, mixed
from sim.world.customers.sampled import offer_key
from sim.world.streams import Streams

_SURPLUS_ROWS = 1024  # rows over which the expected surplus of an arrival is averaged


@kernel
def _arrive_block(  # type: ignore[no-untyped-def]
    first, end, offset, network, stream, keys, value, mu, exp_d, harm, outside, x0,
    exp_minus_theta, quality, identity, fit_share, latency, on_sale, curved_price, reference, eta, company, requests,
):  # fmt: skip
    """Rows [first, end) choose one after the other; adds to company (J,) and requests (J,); returns those without."""
    without = 0
    for i in range(first, end):
        who = i - offset
        noise = exponential_f32(mixed(who, 0, stream[0], stream[1], keys[0, 0], keys[0, 1]))
        best, best_utility = -1, outside[i] - mu[i] * np.log(np.float64(noise))
        for j in range(on_sale.shape[0]):
            if not on_sale[j]:
                continue
            gross = benefit(
                value[i], harm[i], exp_d[i], exp_minus_theta[j], quality[j], identity, fit_share[j], latency[j]
            )
            noise = exponential_f32(mixed(who, 0, stream[0], stream[1], keys[j + 1, 0], keys[j + 1, 1]))
            taste = network * np.log(company[j]) - np.log(np.float64(noise))
            utility = curved(gross, reference, eta) - curved_price[j] + mu[i] * taste
            if utility > best_utility:
                best, best_utility = j, utility
        if best < 0:
            without += 1
        else:
            company[best] += 1.0
            requests[best] += x0[i]
    return without


class ArrivingCustomers:
    """The `arrivals` population: every arrival of the horizon is a row, drawn beforehand."""

    def __init__(
        self, tasks: tuple[TaskClass, ...], spec: Arrivals, offers: list[str], horizon_days: float, streams: Streams
    ) -> None:
        self._per_class = arrivals_by(spec, horizon_days)
        self._draws = streams
        self._tune(tasks, spec)
        self._streams = np.array([streams.key(f"customers/{task.name}/arrival") for task in tasks])
        self._keys = np.array([offer_key(name) for name in ["", *offers]], dtype=np.uint32)
        self._came = 0
        self._without = np.zeros(len(tasks))
        self._company = np.full((len(tasks), len(offers)), spec.first_customers)

    def _tune(self, tasks: tuple[TaskClass, ...], spec: Arrivals) -> None:
        self._spec = spec
        self.columns: Columns = sampled_columns(tasks, spec, max(self._per_class, 1), self._draws)
        self._requests_per_day = np.array([task.requests_per_day for task in tasks])

    def retune(self, scenario: Scenario) -> None:
        """Other tastes and tasks of those who are still to come."""
        assert isinstance(scenario.population, Arrivals)
        self._tune(scenario.tasks, scenario.population)

    @property
    def row_count(self) -> int:
        """Arrivals within the horizon, of all task classes."""
        return self._per_class * len(self._streams)

    def start(self, board: Board) -> None:
        """Nobody is there yet but the first customers of every offer."""
        board.company[:] = self._company

    def advance(self, board: Board, start_day: float, end_day: float) -> Demand:
        """Those who arrive in (start, end] choose, one after the other."""
        c, first = self.columns, arrivals_by(self._spec, start_day)
        end = min(arrivals_by(self._spec, end_day), self._per_class)
        self._came = end
        requests = np.zeros((board.class_count, board.offer_count))
        for task, view in enumerate(self.views(board)):
            offset = int(c.class_rows[task])
            self._without[task] += _arrive_block(
                offset + first, offset + end, offset, self._spec.network, self._streams[task], self._keys, c.value_usd,
                c.mu_usd, c.exp_difficulty, c.harm_usd, c.outside_usd, c.requests_per_day, view.exp_minus_theta,
                view.quality, view.identity, view.fit_share, view.latency_usd, view.on_sale, view.curved_price_usd,
                view.reference_usd, view.eta, self._company[task], requests[task],
            )  # fmt: skip
            requests[task] *= view.volume
        board.company[:] = self._company
        return Demand(requests, np.zeros(board.class_count), float(max(end - first, 0) * board.class_count))

    def withdraw(self, board: Board, day: float) -> None:
        """Nothing: those who came have been served."""

    def notice(self, board: Board, offer: int, classes: np.ndarray, day: float) -> np.ndarray:
        """Nothing: nobody reviews."""
        return np.zeros(board.class_count)

    def occupancy(self) -> np.ndarray:
        """Reference requests of all who came so far, the first customers too, by class and choice; shape (C, J+1)."""
        counts = np.hstack([self._without[:, None], self._company])
        return counts * self._requests_per_day[:, None]

    def surplus_usd_per_day(self, board: Board) -> np.ndarray:
        """Expected surplus of a day's arrivals over using no model (over nothing, where that is ruled out); (C,)."""
        c, out = self.columns, np.zeros(board.class_count)
        for task, view in enumerate(self.views(board)):
            a, b = int(c.class_rows[task]), int(c.class_rows[task + 1])
            rows = np.arange(a, b, math.ceil((b - a) / _SURPLUS_ROWS))
            utility = expected_utilities(c, rows, view, board.company[task], self._spec.network)
            none = np.where(np.isfinite(utility[:, 0]), utility[:, 0], 0.0)
            top = utility.max(axis=1)
            usable = np.isfinite(top)
            mass = np.exp((utility[usable] - top[usable, None]) / c.mu_usd[rows[usable], None]).sum(axis=1)
            gain = top[usable] + c.mu_usd[rows[usable]] * np.log(mass) - none[usable]
            per_row = float((gain * c.requests_per_day[rows[usable]]).sum()) / len(rows)
            out[task] = per_row * self._spec.arrivals_per_day
        return out

    def census(self, board: Board) -> Census:
        """All who came so far; not split into groups, and every class has customers of its own."""
        came = np.full(board.class_count, float(self._came))
        counts = np.hstack([self._without[:, None], self._company - self._spec.first_customers])
        shares = counts / np.maximum(came, 1.0)[:, None]
        return ungrouped_census(self.surplus_usd_per_day(board), shares, came, came)

    def views(self, board: Board) -> list[ClassBoard]:
        """The board as each class sees it."""
        return [class_board(board, task, self._spec.volume_elasticity) for task in range(board.class_count)]


def expected_utilities(
    columns: Columns, rows: np.ndarray, view: ClassBoard, company: np.ndarray, network: float
) -> np.ndarray:
    """Utility of every choice without the unobserved taste, USD per request; column 0 for none; (rows, J+1)."""
    value, mu = columns.value_usd[rows, None], columns.mu_usd[rows, None]
    success = 1.0 / (1.0 + columns.exp_difficulty[rows, None] * view.exp_minus_theta)
    if view.identity:
        success = np.broadcast_to(view.quality, success.shape)
    gross = value * success - columns.harm_usd[rows, None] * (1.0 - success) + view.fit_share * value
    gross = gross - view.latency_usd
    if view.eta != 0.0:
        power = view.reference_usd * (np.maximum(gross, 0.0) / view.reference_usd) ** (1.0 + view.eta)
        gross = np.where(gross > 0.0, power / (1.0 + view.eta), gross)
    utility = gross - view.curved_price_usd + mu * network * np.log(company)
    utility = np.where(view.on_sale, utility, -np.inf)
    return np.hstack([columns.outside_usd[rows, None], utility])


def arrivals_by(spec: Arrivals, day: float) -> int:
    """How many have arrived in each task class by the end of `day`: the n-th comes on day n / arrivals_per_day."""
    return math.floor(day * spec.arrivals_per_day * (1.0 + 1e-12))
