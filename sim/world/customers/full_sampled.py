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
from sim.world.compiled import kernel
from sim.world.customers.bundles import providers_per_row
from sim.world.customers.census import Census
from sim.world.customers.choice import ClassBoard, class_board
from sim.world.customers.columns import BLOCK_ROWS, GROUPS, Columns, sampled_columns, single_precision
from sim.world.customers.demand import Demand
from sim.world.customers.fastmath import exp_f32, exponential_f32, log_f32, mixed
from sim.world.customers.nests import Nests, choice_terms, make_nests
from sim.world.customers.sampled import TIMES, offer_key
from sim.world.customers.threads import for_each
from sim.world.customers.word import Word
from sim.world.streams import Streams


@kernel
def _utilities(  # type: ignore[no-untyped-def]
    c, who, now, held, word, keys, released, word_days, owner_of, bundle_share, value, exp_d, harm,
    exp_minus_theta, quality, identity, fit_share, latency, on_sale, curved_price, reference, eta, u,
):  # fmt: skip
    """Write u (J,) of customer `who` in class c without switching, -inf for what it cannot take; in float32.

    `held` (C, N) is what it uses, which the bundle counts in the other classes.
    """
    one = np.float32(1.0)
    power = np.float32(1.0 + eta)
    scale = np.float32(reference[c] ** (-eta) / (1.0 + eta))
    classes = held.shape[0]
    for j in range(on_sale.shape[0]):
        u[j] = np.float32(-np.inf)
        if not on_sale[j]:
            continue
        if released[j] > 0.0 and word_days > 0.0:
            wait = exponential_f32(mixed(who, 0, word[0], word[1], keys[j + 1, 0], keys[j + 1, 1]))
            if now < released[j] + word_days * wait:
                continue
        success = np.float32(quality[c, j])
        if not identity[c]:
            success = one / (one + exp_d[c, who] * np.float32(exp_minus_theta[c, j]))
        worth = value[c, who]
        gross = worth * success - harm[c, who] * (one - success) + np.float32(fit_share[j]) * worth
        gross -= np.float32(latency[c, j])
        if bundle_share[j] > 0.0 and classes > 1:
            shared = 0
            for other in range(classes):
                if other != c and held[other, who] > 0 and owner_of[held[other, who] - 1] == owner_of[j]:
                    shared += 1
            gross += np.float32(bundle_share[j] * shared / (classes - 1)) * worth
        if eta != 0.0 and gross > np.float32(0.0):
            gross = scale * exp_f32(power * log_f32(max(gross, np.float32(1e-30))))
        u[j] = gross - np.float32(curved_price[c, j])


@kernel
def _choice(  # type: ignore[no-untyped-def]
    who, review, mu, outside, stream, hosts, keys, members, starts, nest_scale, u,
):  # fmt: skip
    """The choice (j+1, or 0 for none) at utilities u (J,), which hold the switching cost already."""
    noise = exponential_f32(mixed(who, review, stream[0], stream[1], keys[0, 0], keys[0, 1]))
    best, best_utility = 0, outside - mu * log_f32(noise)
    chosen = -1
    spread = nest_scale * mu
    for g in range(starts.shape[0] - 1):
        top = np.float32(-np.inf)
        for m in range(starts[g], starts[g + 1]):
            top = max(top, u[members[m]])
        if top == np.float32(-np.inf):
            continue
        inclusive = top
        if starts[g + 1] - starts[g] > 1:
            mass = 0.0
            for m in range(starts[g], starts[g + 1]):
                mass += np.exp((u[members[m]] - top) / spread)
            inclusive = np.float32(top + spread * np.log(mass))
        key = members[starts[g]] + 1
        noise = exponential_f32(mixed(who, review, stream[0], stream[1], keys[key, 0], keys[key, 1]))
        utility = inclusive - mu * log_f32(noise)
        if utility > best_utility:
            best_utility, chosen = utility, g
    if chosen < 0:
        return best
    if starts[chosen + 1] - starts[chosen] == 1:
        return members[starts[chosen]] + 1
    best_utility = np.float32(-np.inf)
    for m in range(starts[chosen], starts[chosen + 1]):
        j = members[m]
        if u[j] == np.float32(-np.inf):
            continue
        noise = exponential_f32(mixed(who, review, hosts[0], hosts[1], keys[j + 1, 0], keys[j + 1, 1]))
        utility = u[j] - np.float32(spread) * log_f32(noise)
        if utility > best_utility:
            best, best_utility = j + 1, utility
    return best


@kernel
def _live_block(  # type: ignore[no-untyped-def]
    first, end, start, stop, rate, streams, hosts, word, keys, times, members, starts, nest_scale, released, word_days,
    owner_of, bundle_share, value, mu, exp_d, harm, switching, outside, x0, exp_minus_theta, quality, identity,
    fit_share, latency, on_sale, curved_price, reference, eta, arrive, leave, held, next_review, reviews,
    request_days, switching_usd,
):  # fmt: skip
    """Customers [first, end) live from `start` to `stop`; adds to request_days (C, J+1); returns reviews."""
    classes, done = held.shape[0], 0
    u = np.empty(on_sale.shape[0], dtype=np.float32)
    for who in range(first, end):
        if leave[who] <= start or arrive[who] > stop:
            continue
        begin, until = max(start, arrive[who]), min(stop, leave[who])
        if arrive[who] > start:
            for c in range(classes):
                _utilities(
                    c, who, begin, held, word, keys, released, word_days, owner_of, bundle_share, value, exp_d, harm,
                    exp_minus_theta, quality, identity, fit_share, latency, on_sale, curved_price, reference, eta, u,
                )  # fmt: skip
                held[c, who] = _choice(
                    who, reviews[c, who], mu[c, who], outside[c, who], streams[c], hosts[c], keys, members, starts,
                    nest_scale, u,
                )  # fmt: skip
                wait = exponential_f32(
                    mixed(who, reviews[c, who], streams[c, 0], streams[c, 1], times[0], times[1])
                )  # fmt: skip
                next_review[c, who] = begin + wait / rate
                done += 1
        for c in range(classes):
            request_days[c, held[c, who]] += x0[c, who] * (until - begin)
        while True:
            c = 0
            for other in range(1, classes):
                if next_review[other, who] < next_review[c, who]:
                    c = other
            if next_review[c, who] >= until:
                break
            now = max(next_review[c, who], begin)
            reviews[c, who] += np.uint32(1)
            _utilities(
                c, who, now, held, word, keys, released, word_days, owner_of, bundle_share, value, exp_d, harm,
                exp_minus_theta, quality, identity, fit_share, latency, on_sale, curved_price, reference, eta, u,
            )  # fmt: skip
            before = held[c, who]
            for j in range(u.shape[0]):
                u[j] -= switching[c, who] if before != j + 1 else np.float32(0.0)
            after = _choice(
                who, reviews[c, who], mu[c, who], outside[c, who], streams[c], hosts[c], keys, members, starts,
                nest_scale, u,
            )  # fmt: skip
            done += 1
            if after != before:
                moved = x0[c, who] * (until - now)
                request_days[c, before] -= moved
                request_days[c, after] += moved
                if after != 0:
                    switching_usd[c] += switching[c, who] * x0[c, who] * DAYS_PER_YEAR
                held[c, who] = after
            wait = exponential_f32(mixed(who, reviews[c, who], streams[c, 0], streams[c, 1], times[0], times[1]))
            next_review[c, who] = now + wait / rate
        if leave[who] <= stop:
            for c in range(classes):
                held[c, who] = 0
    return done


@kernel
def _choose_block(  # type: ignore[no-untyped-def]
    first, end, day, again, rate, streams, hosts, word, keys, times, members, starts, nest_scale, released, word_days,
    owner_of, bundle_share, value, mu, exp_d, harm, outside, exp_minus_theta, quality, identity,
    fit_share, latency, on_sale, curved_price, reference, eta, arrive, leave, held, next_review, reviews,
):  # fmt: skip
    """A choice from nothing: by all who are there, or `again` by those whose offer is no longer on sale."""
    u = np.empty(on_sale.shape[0], dtype=np.float32)
    for who in range(first, end):
        if arrive[who] > day or leave[who] <= day:
            continue
        for c in range(held.shape[0]):
            if again:
                if held[c, who] == 0 or on_sale[held[c, who] - 1]:
                    continue
                reviews[c, who] += np.uint32(1)
                held[c, who] = 0
            _utilities(
                c, who, day, held, word, keys, released, word_days, owner_of, bundle_share, value, exp_d, harm,
                exp_minus_theta, quality, identity, fit_share, latency, on_sale, curved_price, reference, eta, u,
            )  # fmt: skip
            held[c, who] = _choice(
                who, reviews[c, who], mu[c, who], outside[c, who], streams[c], hosts[c], keys, members, starts,
                nest_scale, u,
            )  # fmt: skip
            wait = exponential_f32(mixed(who, reviews[c, who], streams[c, 0], streams[c, 1], times[0], times[1]))
            next_review[c, who] = day + wait / rate


@kernel
def _surplus_block(  # type: ignore[no-untyped-def]
    first, end, day, word, keys, members, starts, nest_scale, released, word_days, owner_of, bundle_share,
    value, mu, exp_d, harm, switching, outside, x0, exp_minus_theta, quality, identity, fit_share, latency, on_sale,
    curved_price, reference, eta, arrive, leave, held, group, by_group,
):  # fmt: skip
    """Adds to by_group (C, 3) the expected surplus of one review by each who is there, USD per day."""
    offers = on_sale.shape[0]
    u, exact = np.empty(offers, dtype=np.float32), np.empty(offers)
    within, reach, own = np.empty(offers), np.empty(offers), np.empty(offers)
    beside, self_more = np.empty(offers), np.empty(offers)
    for who in range(first, end):
        if arrive[who] > day or leave[who] <= day:
            continue
        for c in range(held.shape[0]):
            _utilities(
                c, who, day, held, word, keys, released, word_days, owner_of, bundle_share, value, exp_d, harm,
                exp_minus_theta, quality, identity, fit_share, latency, on_sale, curved_price, reference, eta, u,
            )  # fmt: skip
            exact[:] = u
            spread, none_usd, pays = float(mu[c, who]), float(outside[c, who]), float(switching[c, who])
            top, none, total = choice_terms(
                none_usd, exact, spread, members, starts, nest_scale, pays, within, reach, own, beside, self_more
            )
            inside = none + np.exp(-pays / spread) * total
            if held[c, who] > 0:
                inside += own[held[c, who] - 1]
            by_group[c, group[c, who]] += x0[c, who] * (top + spread * np.log(inside) - none_usd)


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
            reviews[index] = _live_block(
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
            _surplus_block(
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
            _choose_block(
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
