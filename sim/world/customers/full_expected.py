"""Expected customers with everything that the plain ones leave out: nests, word of releases, growth, bundles.

Between two events a node's occupancy n (over "none" and the J offers, not normalised) follows

    n' = rate (n P - n) + growth (n 1) pi - churn n

with P the choice of one review (`nests`), pi that of a customer who arrives and holds nothing. With
P' = (rate P + growth 1 pi)/(rate + growth) time passes in closed form by uniformisation, as in `expected`:

    n(t) = exp((growth - churn) t) sum_m Poisson(m; (rate + growth) t) n P'^m
    integral of n = sum_m ((rate + growth)/(rate + churn))^m P(N > m; (rate + churn) t)/(rate + churn) n P'^m

Word: where a node hears of an offer within the interval, the interval is cut there, so that time passes exactly.
Bundles make P depend on n; it is held at the middle of steps of at most a quarter of the time between reviews (midpoint
rule, error of second order in the step).
"""

from __future__ import annotations

import itertools
import math

import numpy as np

from sim.scenario.population import Reviewing
from sim.scenario.scenario import Scenario
from sim.shared.units import DAYS_PER_YEAR
from sim.world.board import Board
from sim.world.customers.bundles import bundle_benefit, providers_per_node, used_by_provider
from sim.world.customers.census import Census
from sim.world.customers.choice import ClassBoard, class_board
from sim.world.customers.columns import GROUPS, Columns, node_columns, node_dimensions
from sim.world.customers.demand import Demand
from sim.world.customers.full_nodes import advance_nodes, choose_nodes, nodes_surplus, notice_nodes
from sim.world.customers.nests import Nests, make_nests
from sim.world.customers.threads import for_each
from sim.world.customers.word import Word, known_days, node_waits
from sim.world.streams import Streams

_STEPS_PER_REVIEW = 4  # of the midpoint rule, where customers have bundles


class FullExpectedCustomers:
    """The `expected` population with every mechanism, and the owners' beliefs about it.

    Attributes:
        weights: occupancy of each node, which sums to 1, shape (C*N, J+1).
        mass: customers now over those of day 0.
        day: up to which time has passed.
    """

    def __init__(self, scenario: Scenario, nodes: int, board: Board, streams: Streams) -> None:
        self._nodes, self._draws = nodes, streams
        self._joint = bool(board.bundle_share.any()) and board.class_count > 1
        self._tune(scenario)
        dimensions = node_dimensions(scenario.tasks, self._joint)
        self._waits = node_waits(board.offers, nodes, dimensions, streams)
        self._word = Word(board.offer_count)
        self.weights = np.zeros((self.columns.row_count, board.offer_count + 1))
        self.mass, self.day = 1.0, 0.0
        self._arrivals, self._departures = 0.0, 0.0

    def _tune(self, scenario: Scenario) -> None:
        spec = scenario.population
        assert isinstance(spec, Reviewing)
        self.spec = spec
        self.columns: Columns = node_columns(scenario.tasks, spec, self._nodes, self._draws, self._joint)
        self.rate_per_day = 1.0 / spec.review_days
        self.growth_per_day = spec.growth_per_year / DAYS_PER_YEAR
        self.churn_per_day = spec.churn_per_year / DAYS_PER_YEAR

    def retune(self, scenario: Scenario) -> None:
        """Other tastes and tasks at the same nodes; their occupancy stays."""
        self._tune(scenario)

    @property
    def row_count(self) -> int:
        """Nodes of all task classes."""
        return self.columns.row_count

    def start(self, board: Board) -> None:
        """Everybody chooses once, without switching cost: class after class, for the bundle."""
        self._choose(board, 0.0, again=False)

    def withdraw(self, board: Board, day: float) -> None:
        """Those who hold an offer that is no longer on sale choose again, from nothing."""
        self._choose(board, day, again=True)

    def _choose(self, board: Board, day: float, again: bool) -> None:
        c, nests, views = self.columns, self.nests(board), self.views(board)
        if not again:
            self.weights[:] = 0.0
        for task, first, end in c.blocks:
            v, offset = views[task], int(c.class_rows[task])
            if first == offset:
                extra = self.extra(board)
            choose_nodes(
                first, end, offset, day, again, nests.members, nests.starts, nests.scale, extra,
                self.known(board, day), c.value_usd, c.mu_usd, c.exp_difficulty, c.harm_usd, c.outside_usd,
                *_board_columns(v), self.weights,
            )  # fmt: skip

    def advance(self, board: Board, start_day: float, end_day: float) -> Demand:
        """Let time pass at constant board."""
        if not self._joint:
            demand = self._live(board, start_day, end_day, self.extra(board))
        else:
            demand = self._live_with_bundles(board, start_day, end_day)
        self.day = end_day
        net, days = self.growth_per_day - self.churn_per_day, end_day - start_day
        life = self.mass * (days if net == 0.0 else math.expm1(net * days) / net)
        self._arrivals += self.growth_per_day * life
        self._departures += self.churn_per_day * life
        self.mass *= math.exp(net * days)
        return Demand(demand.requests, demand.switching_usd, self.rate_per_day * life * self.columns.row_count)

    def _live_with_bundles(self, board: Board, start_day: float, end_day: float) -> Demand:
        steps = max(math.ceil(_STEPS_PER_REVIEW * self.rate_per_day * (end_day - start_day)), 1)
        requests, borne = np.zeros((board.class_count, board.offer_count)), np.zeros(board.class_count)
        days = np.linspace(start_day, end_day, steps + 1)
        mass = self.mass
        for first, last in itertools.pairwise(map(float, days)):
            begun = self.weights.copy()
            self._live(board, first, 0.5 * (first + last), self.extra(board))
            middle = self.extra(board)
            self.weights[:] = begun
            part = self._live(board, first, last, middle)
            requests += part.requests
            borne += part.switching_usd
            self.mass *= math.exp((self.growth_per_day - self.churn_per_day) * (last - first))
        self.mass = mass
        return Demand(requests, borne, 0.0)

    def _live(self, board: Board, start_day: float, end_day: float, extra: np.ndarray) -> Demand:
        c, nests, views = self.columns, self.nests(board), self.views(board)
        known = self.known(board, start_day)
        request_days = np.zeros((len(c.blocks), board.offer_count + 1))
        switching = np.zeros((len(c.blocks), 1))

        def work(index: int) -> None:
            task, first, end = c.blocks[index]
            advance_nodes(
                first, end, int(c.class_rows[task]), start_day, end_day, self.rate_per_day, self.growth_per_day,
                self.churn_per_day, nests.members, nests.starts, nests.scale, extra, known, c.value_usd, c.mu_usd,
                c.exp_difficulty, c.harm_usd, c.switching_usd, c.outside_usd, c.requests_per_day,
                *_board_columns(views[task]), self.weights, request_days[index], switching[index],
            )  # fmt: skip

        for_each(work, range(len(c.blocks)), c.row_count)
        requests = np.zeros((board.class_count, board.offer_count))
        borne = np.zeros(board.class_count)
        for index, (task, _, _) in enumerate(c.blocks):
            requests[task] += self.mass * request_days[index, 1:] * views[task].volume
            borne[task] += self.mass * switching[index, 0]
        return Demand(requests, borne, 0.0)

    def notice(self, board: Board, offer: int, classes: np.ndarray, day: float) -> np.ndarray:
        """Where rises are noticed, holders of `offer` in the given classes review now; their switching costs, (C,)."""
        switching = np.zeros(board.class_count)
        if not self.spec.notices_increases:
            return switching
        c, nests, views = self.columns, self.nests(board), self.views(board)
        extra, known = self.extra(board), self.known(board, day)
        for task, first, end in c.blocks:
            if classes[task]:
                switching[task] += self.mass * notice_nodes(
                    first, end, int(c.class_rows[task]), day, offer, nests.members, nests.starts, nests.scale, extra,
                    known, c.value_usd, c.mu_usd, c.exp_difficulty, c.harm_usd, c.switching_usd, c.outside_usd,
                    c.requests_per_day, *_board_columns(views[task]), self.weights,
                )  # fmt: skip
        return switching

    def occupancy(self) -> np.ndarray:
        """Reference requests per day by class and choice, column 0 for none; shape (C, J+1)."""
        c = self.columns
        return self.mass * np.array(
            [
                c.requests_per_day[a:b] @ self.weights[a:b]
                for a, b in zip(c.class_rows[:-1], c.class_rows[1:], strict=True)
            ]
        )

    def surplus_usd_per_day(self, board: Board) -> np.ndarray:
        """Expected consumer surplus over using no model, by class, before booked switching; shape (C,)."""
        return np.asarray(self._surplus_by_group(board).sum(axis=1))

    def census(self, board: Board) -> Census:
        """The customers as they are."""
        c, market = self.columns, self.spec.market_customers
        used = used_by_provider(self.weights, board.owner_of, board.class_count)
        providers, users = providers_per_node(used)
        shares = np.array(
            [
                np.bincount(c.group[a:b], minlength=len(GROUPS)) / (b - a)
                for a, b in zip(c.class_rows[:-1], c.class_rows[1:], strict=True)
            ]
        )
        every = np.full(board.class_count, market)
        return Census(
            every * self.mass, every * self._arrivals, every * self._departures, providers * market * self.mass,
            users * market * self.mass, shares * market * self.mass, self._surplus_by_group(board),
        )  # fmt: skip

    def _surplus_by_group(self, board: Board) -> np.ndarray:
        """Shape (C, 3)."""
        c, nests, views = self.columns, self.nests(board), self.views(board)
        extra, known = self.extra(board), self.known(board, self.day)
        parts = np.zeros((len(c.blocks), len(GROUPS)))

        def work(index: int) -> None:
            task, first, end = c.blocks[index]
            nodes_surplus(
                first, end, int(c.class_rows[task]), self.day, nests.members, nests.starts, nests.scale, extra, known,
                c.group, c.value_usd, c.mu_usd, c.exp_difficulty, c.harm_usd, c.switching_usd, c.outside_usd,
                c.requests_per_day, *_board_columns(views[task]), self.weights, parts[index],
            )  # fmt: skip

        for_each(work, range(len(c.blocks)), c.row_count)
        out = np.zeros((board.class_count, len(GROUPS)))
        for index, (task, _, _) in enumerate(c.blocks):
            out[task] += self.mass * parts[index]
        return out

    def views(self, board: Board) -> list[ClassBoard]:
        """The board as each class sees it."""
        return [class_board(board, task, self.spec.volume_elasticity) for task in range(board.class_count)]

    def nests(self, board: Board) -> Nests:
        """The board's nests at the customers' scale."""
        return make_nests(board.nest, self.spec.nest_scale)

    def extra(self, board: Board) -> np.ndarray:
        """The bundle's benefit at the present occupancy, USD per request, shape (C*N, J)."""
        if not self._joint:
            return np.zeros((self.columns.row_count, board.offer_count))
        used = used_by_provider(self.weights, board.owner_of, board.class_count)
        return bundle_benefit(used, board, self.columns.value_usd)

    def known(self, board: Board, day: float) -> np.ndarray:
        """When each node hears of each offer, releases until `day` counted, shape (N, J)."""
        self._word.see(board.on_sale, day)
        return known_days(self._word.released_day, self._waits, self.spec.word_days)


def _board_columns(view: ClassBoard) -> tuple[object, ...]:
    """What the kernels above take of the board, in their order."""
    return (
        view.exp_minus_theta, view.quality, view.identity, view.fit_share, view.latency_usd, view.on_sale,
        view.curved_price_usd, view.reference_usd, view.eta,
    )  # fmt: skip
