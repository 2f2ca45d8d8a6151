"""Sampled customers with everything that the plain ones leave out: nests, word of releases, growth, bundles.

A customer lives through an interval in the order of its reviews over all of its task classes, because the bundle makes
what it holds in one count in the others; so the loop goes customer by customer, in scalar code. Draws are keyed as in
`sampled`, and of offers in a nest there are two (Cardell 1997): one for the nest, keyed by its first offer's name, on
the inclusive value lambda mu ln sum exp(u/(lambda mu)), and one for each of its offers, of scale lambda mu. So a new
offer in a nest moves no draw of another nest, and an offer alone has the draw that it has in `sampled`.

Customers who arrive hold nothing, choose at once in all classes, and leave after an exponential time. Arrivals come at
the times at which the expected number of customers calls for one more; lives are drawn by customer.
"""

from __future__ import annotations

import math

import numpy as np

from sim.scenario.population import Sampled
from sim.scenario.scenario import Scenario
from sim.shared.units import DAYS_PER_YEAR
from sim.world.board import Board
from sim.world.customers.bundles import providers_per_row
from sim.world.customers.census import Census
from sim.world.customers.choice import ClassBoard, class_board
from sim.world.customers.columns import BLOCK_ROWS, GROUPS, Columns, sampled_columns, single_precision
from sim.world.customers.demand import Demand
from sim.world.customers.full_rows import choose_rows, live_rows, rows_surplus
from sim.world.customers.nests import Nests, make_nests
from sim.world.customers.sampled import TIMES, offer_key
from sim.world.customers.threads import for_each
from sim.world.customers.word import Word
from sim.world.streams import Streams


class FullSampledCustomers:
    """The `sampled` population with every mechanism; arrays of rows have shape (C, N), N customers ever there."""

    def __init__(self, scenario: Scenario, board: Board, streams: Streams) -> None:
        self._draws, self._horizon_days = streams, scenario.horizon_days
        self._tune(scenario)
        names = [task.name for task in scenario.tasks]
        self._streams = np.array([streams.key(f"customers/{name}/review") for name in names])
        self._hosts = np.array([streams.key(f"customers/{name}/host") for name in names])
        self._heard = streams.key("customers/word")
        self._keys = np.array([offer_key(name) for name in ["", *board.offers]], dtype=np.uint32)
        self._word = Word(board.offer_count)
        self._arrive, self._leave = self._lives()
        shape = (len(names), len(self._arrive))
        self._held = np.zeros(shape, dtype=np.int16)
        self._next_review_day = np.zeros(shape)
        self._reviews = np.zeros(shape, dtype=np.uint32)
        self._day = 0.0

    def _tune(self, scenario: Scenario) -> None:
        spec = scenario.population
        assert isinstance(spec, Sampled)
        self._spec = spec
        arrivals = arrival_days(spec, self._horizon_days)
        self.columns: Columns = sampled_columns(scenario.tasks, spec, spec.customers, self._draws, len(arrivals))
        self._f32 = single_precision(self.columns)

    def _lives(self) -> tuple[np.ndarray, np.ndarray]:
        """When each customer arrives and leaves, shape (N,): 0 for those of day 0, inf for ever."""
        later = arrival_days(self._spec, self._horizon_days)
        arrive = np.concatenate([np.zeros(self._spec.customers), later])
        if not self._spec.churn_per_year:
            return arrive, np.full(len(arrive), np.inf)
        lives = [
            self._draws.generator(f"customers/life{part}").standard_exponential(count)
            for part, count in (("", self._spec.customers), ("/later", len(later)))
        ]
        return arrive, arrive + np.concatenate(lives) * DAYS_PER_YEAR / self._spec.churn_per_year

    def retune(self, scenario: Scenario) -> None:
        """Other tastes and tasks of the same draws; waits that were drawn already stand."""
        self._tune(scenario)

    @property
    def row_count(self) -> int:
        """Rows of all task classes, those of customers who come later too."""
        return self.columns.row_count

    def start(self, board: Board) -> None:
        """Everybody chooses once, without switching cost."""
        self._choose_free(board, 0.0, again=False)

    def withdraw(self, board: Board, day: float) -> None:
        """Those who hold an offer that is no longer on sale choose again, from nothing."""
        self._choose_free(board, day, again=True)

    def advance(self, board: Board, start_day: float, end_day: float) -> Demand:
        """Let time pass at constant board."""
        views, columns = self._views(board), self._columns()
        blocks = self._blocks()
        days = np.zeros((len(blocks), board.class_count, board.offer_count + 1))
        switching = np.zeros((len(blocks), board.class_count))
        reviews = np.zeros(len(blocks))
        inputs = self._inputs(board, start_day)
        stacked = _stacked(views)

        def work(index: int) -> None:
            first, end = blocks[index]
            reviews[index] = live_rows(
                first, end, start_day, end_day, 1.0 / self._spec.review_days, self._streams, self._hosts, self._heard,
                self._keys, TIMES, *inputs, *columns, *stacked, self._arrive, self._leave, self._held,
                self._next_review_day, self._reviews, days[index], switching[index],
            )  # fmt: skip

        for_each(work, range(len(blocks)), self.columns.row_count)
        self._day = end_day
        requests = np.zeros((board.class_count, board.offer_count))
        borne = np.zeros(board.class_count)
        for index in range(len(blocks)):
            requests += days[index, :, 1:]
            borne += switching[index]
        for task, view in enumerate(views):
            requests[task] *= view.volume
        return Demand(requests, borne, float(reviews.sum()))

    def notice(self, board: Board, offer: int, classes: np.ndarray, day: float) -> np.ndarray:
        """Where rises are noticed, holders of `offer` in the given classes review at the start of the next interval."""
        for task in np.flatnonzero(classes) if self._spec.notices_increases else ():
            self._next_review_day[task][self._held[task] == offer + 1] = day
        return np.zeros(board.class_count)

    def occupancy(self) -> np.ndarray:
        """Reference requests per day by class and choice, column 0 for none; shape (C, J+1)."""
        there = self._present()
        requests = self.columns.requests_per_day.reshape(self._held.shape)
        return np.array(
            [
                np.bincount(held[there], weights=weight[there], minlength=len(self._keys))
                for held, weight in zip(self._held, requests, strict=True)
            ]
        )

    def surplus_usd_per_day(self, board: Board) -> np.ndarray:
        """Expected consumer surplus over using no model, by class, before booked switching; shape (C,)."""
        return np.asarray(self._surplus_by_group(board).sum(axis=1))

    def census(self, board: Board) -> Census:
        """The customers as they are."""
        there = self._present()
        stands_for = self._spec.market_customers / self._spec.customers
        distinct, users = providers_per_row(self._held, board.owner_of, there)
        group = self.columns.group.reshape(self._held.shape)
        every = np.full(board.class_count, stands_for)
        came, left = ((days > 0.0) & (days <= self._day) for days in (self._arrive, self._leave))
        return Census(
            every * there.sum(), every * came.sum(), every * left.sum(), distinct * stands_for, users * stands_for,
            stands_for * np.array([np.bincount(part[there], minlength=len(GROUPS)) for part in group]),
            self._surplus_by_group(board),
        )  # fmt: skip

    def _surplus_by_group(self, board: Board) -> np.ndarray:
        """Shape (C, 3)."""
        blocks, columns, stacked = self._blocks(), self._columns(), _stacked(self._views(board))
        members, starts, scale, released, word_days, owner_of, bundle_share = self._inputs(board, self._day)
        group = self.columns.group.reshape(self._held.shape)
        parts = np.zeros((len(blocks), board.class_count, len(GROUPS)))

        def work(index: int) -> None:
            first, end = blocks[index]
            rows_surplus(
                first, end, self._day, self._heard, self._keys, members, starts, scale, released, word_days, owner_of,
                bundle_share, *columns, *stacked, self._arrive, self._leave, self._held, group, parts[index],
            )  # fmt: skip

        for_each(work, range(len(blocks)), self.columns.row_count)
        return np.asarray(sum(parts, np.zeros((board.class_count, len(GROUPS)))))

    def _choose_free(self, board: Board, day: float, again: bool) -> None:
        value, mu, exp_d, harm, _, outside, _ = self._columns()
        blocks, inputs, stacked = self._blocks(), self._inputs(board, day), _stacked(self._views(board))

        def work(index: int) -> None:
            first, end = blocks[index]
            choose_rows(
                first, end, day, again, 1.0 / self._spec.review_days, self._streams, self._hosts, self._heard,
                self._keys, TIMES, *inputs, value, mu, exp_d, harm, outside, *stacked, self._arrive, self._leave,
                self._held, self._next_review_day, self._reviews,
            )  # fmt: skip

        for_each(work, range(len(blocks)), self.columns.row_count)

    def _present(self) -> np.ndarray:
        """Who is there, shape (N,), bool."""
        return np.asarray((self._arrive <= self._day) & (self._leave > self._day))

    def _blocks(self) -> list[tuple[int, int]]:
        count = len(self._arrive)
        return [(first, min(first + BLOCK_ROWS, count)) for first in range(0, count, BLOCK_ROWS)]

    def _columns(self) -> tuple[np.ndarray, ...]:
        """Value, mu, exp(d), harm, switching and outside in float32, x0 in float64; shape (C, N) each."""
        f, shape = self._f32, self._held.shape
        parts = (f.value_usd, f.mu_usd, f.exp_difficulty, f.harm_usd, f.switching_usd, f.outside_usd)
        return tuple(part.reshape(shape) for part in (*parts, self.columns.requests_per_day))

    def _inputs(self, board: Board, day: float) -> tuple[object, ...]:
        """Nests, releases until `day`, and providers, in the order in which kernels take them."""
        self._word.see(board.on_sale, day)
        nests: Nests = make_nests(board.nest, self._spec.nest_scale)
        return (
            nests.members, nests.starts, nests.scale, self._word.released_day, self._spec.word_days, board.owner_of,
            board.bundle_share,
        )  # fmt: skip

    def _views(self, board: Board) -> list[ClassBoard]:
        return [class_board(board, task, self._spec.volume_elasticity) for task in range(board.class_count)]


def arrival_days(spec: Sampled, horizon_days: float) -> np.ndarray:
    """When customers arrive: the n-th where the expected number of arrivals passes n - 1/2; sorted.

    N' = (growth - churn) N gives growth N_0 (exp(net t) - 1)/net arrivals by t.
    """
    growth = spec.growth_per_year / DAYS_PER_YEAR
    net = growth - spec.churn_per_year / DAYS_PER_YEAR
    if growth == 0.0:
        return np.zeros(0)
    life = horizon_days if net == 0.0 else math.expm1(net * horizon_days) / net
    number = np.arange(math.floor(growth * spec.customers * life + 0.5)) + 0.5
    reached = number / (growth * spec.customers)
    return reached if net == 0.0 else np.log1p(net * reached) / net


def _stacked(views: list[ClassBoard]) -> tuple[object, ...]:
    """What kernels take of the board, class by class, in their order."""

    def stack(name: str) -> np.ndarray:
        return np.array([getattr(view, name) for view in views])

    return (
        stack("exp_minus_theta"), stack("quality"), stack("identity"), views[0].fit_share, stack("latency_usd"),
        views[0].on_sale, stack("curved_price_usd"), stack("reference_usd"), views[0].eta,
    )  # fmt: skip
