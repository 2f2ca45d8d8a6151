"""Sampled customers: one row per (customer, task class), reviewing at Poisson times with keyed draws.

A draw depends on (stream, customer, review, offer's name) alone: a counter-based hash, so that an offer that enters or
a price that changes moves no other draw. The unobserved taste is Gumbel, -ln of an exponential of 32 hashed bits.
"""

from __future__ import annotations

import numpy as np

from sim.scenario.population import Sampled
from sim.scenario.scenario import Scenario
from sim.scenario.tasks import TaskClass
from sim.shared.units import DAYS_PER_YEAR
from sim.world.board import Board
from sim.world.compiled import kernel
from sim.world.customers.bundles import providers_per_row
from sim.world.customers.census import Census, Gains, steady_census
from sim.world.customers.choice import ClassBoard, class_board
from sim.world.customers.columns import GROUPS, Columns, sampled_columns, single_precision
from sim.world.customers.demand import Demand
from sim.world.customers.fastmath import exp_f32, exponential_f32, log_f32, mixed
from sim.world.customers.threads import for_each
from sim.world.streams import Streams, name_key

_CHUNK = 1024  # rows gathered at a time: their working set stays in the first cache
TIMES = np.array([0x9E3779B9, 0x85EBCA6B], dtype=np.uint32)  # the "offer" of the draw of the next review's time


@kernel
def _choose_rows(  # type: ignore[no-untyped-def]
    rows, count, offset, pays, stream, keys, value, mu, exp_d, harm, switching, outside,
    exp_minus_theta, quality, identity, fit_share, latency, on_sale, curved_price, reference, eta, held, reviews,
    best,
):  # fmt: skip
    """Write the choice of each of the first `count` entries of `rows` into best (j+1, or 0 for none).

    What the rows hold is first copied side by side: a loop that gathers by `rows` itself is not compiled to vector
    instructions (44 ns a row and offer against 3.9, one thread, 2026-11-24). The loops have no branches and no calls,
    and go one offer after the other, so that no array of all rows times offers exists.
    """
    one, zero = np.float32(1.0), np.float32(0.0)
    power = np.float32(1.0 + eta)
    scale = np.float32(reference ** (-eta) / (1.0 + eta))
    v, m, d = np.empty(_CHUNK, dtype=np.float32), np.empty(_CHUNK, dtype=np.float32), np.empty(_CHUNK, dtype=np.float32)
    h, s, top = (
        np.empty(_CHUNK, dtype=np.float32),
        np.empty(_CHUNK, dtype=np.float32),
        np.empty(_CHUNK, dtype=np.float32),
    )
    holds, chosen = np.empty(_CHUNK, dtype=np.int32), np.empty(_CHUNK, dtype=np.int32)
    who, review = np.empty(_CHUNK, dtype=np.uint32), np.empty(_CHUNK, dtype=np.uint32)
    for r in range(count):
        i = rows[r]
        v[r], m[r], d[r], h[r], top[r] = value[i], mu[i], exp_d[i], harm[i], outside[i]
        s[r] = switching[i] if pays else zero
        holds[r], who[r], review[r] = held[i], np.uint32(i - offset), reviews[i]
    stream0, stream1, key0, key1 = stream[0], stream[1], keys[0, 0], keys[0, 1]
    for r in range(count):
        noise = exponential_f32(mixed(who[r], review[r], stream0, stream1, key0, key1))
        top[r] -= m[r] * log_f32(noise)
        chosen[r] = 0
    for j in range(on_sale.shape[0]):
        if not on_sale[j]:
            continue
        ability, known = np.float32(exp_minus_theta[j]), np.float32(quality[j])
        fit, price, wait = np.float32(fit_share[j]), np.float32(curved_price[j]), np.float32(latency[j])
        key0, key1, choice = keys[j + 1, 0], keys[j + 1, 1], np.int32(j + 1)
        for r in range(count):
            success = known if identity else one / (one + d[r] * ability)
            gross = v[r] * success - h[r] * (one - success) + fit * v[r] - wait
            if eta != 0.0:
                positive = max(gross, np.float32(1e-30))
                gross = scale * exp_f32(power * log_f32(positive)) if gross > zero else gross
            utility = gross - price
            utility -= s[r] if holds[r] != choice else zero
            noise = exponential_f32(mixed(who[r], review[r], stream0, stream1, key0, key1))
            utility -= m[r] * log_f32(noise)
            better = utility > top[r]
            top[r] = utility if better else top[r]
            chosen[r] = choice if better else chosen[r]
    for r in range(count):
        best[r] = chosen[r]


@kernel
def _advance_block(  # type: ignore[no-untyped-def]
    first, end, offset, start, stop, rate, stream, keys, times, value, mu, exp_d, harm, switching, outside, x0,
    exp_minus_theta, quality, identity, fit_share, latency, on_sale, curved_price, reference, eta,
    held, next_review, reviews, request_days, switching_usd,
):  # fmt: skip
    """Let rows [first, end) of one class live from `start` to `stop`; adds to request_days (J+1,); returns reviews.

    A row's requests are first booked as if it kept its offer to the end, and moved at each review for the time left.
    """
    done = 0
    rows = np.empty(_CHUNK, dtype=np.int64)
    best = np.empty(_CHUNK, dtype=np.int16)
    for chunk in range(first, end, _CHUNK):
        last = min(chunk + _CHUNK, end)
        count = 0
        for i in range(chunk, last):
            request_days[held[i]] += x0[i] * (stop - start)
            if next_review[i] < stop:
                rows[count] = i
                count += 1
        while count > 0:
            for r in range(count):
                reviews[rows[r]] += np.uint32(1)
            _choose_rows(
                rows, count, offset, True, stream, keys, value, mu, exp_d, harm, switching, outside, exp_minus_theta,
                quality, identity, fit_share, latency, on_sale, curved_price, reference, eta, held, reviews, best,
            )  # fmt: skip
            done += count
            again = 0
            for r in range(count):
                i = rows[r]
                now = max(next_review[i], start)
                if best[r] != held[i]:
                    moved = x0[i] * (stop - now)
                    request_days[held[i]] -= moved
                    request_days[best[r]] += moved
                    if best[r] != 0:
                        switching_usd[0] += switching[i] * x0[i] * DAYS_PER_YEAR
                    held[i] = best[r]
                wait = exponential_f32(mixed(i - offset, reviews[i], stream[0], stream[1], times[0], times[1]))
                next_review[i] = now + wait / rate
                if next_review[i] < stop:
                    rows[again] = i
                    again += 1
            count = again
    return done


@kernel
def _start_block(  # type: ignore[no-untyped-def]
    first, end, offset, day, rate, again, stream, keys, times, value, mu, exp_d, harm, switching, outside,
    exp_minus_theta, quality, identity, fit_share, latency, on_sale, curved_price, reference, eta,
    held, next_review, reviews,
):  # fmt: skip
    """A choice without switching cost: by every row, or `again` by those whose offer is no longer on sale."""
    rows = np.empty(_CHUNK, dtype=np.int64)
    best = np.empty(_CHUNK, dtype=np.int16)
    for chunk in range(first, end, _CHUNK):
        count = 0
        for i in range(chunk, min(chunk + _CHUNK, end)):
            if again and (held[i] == 0 or on_sale[held[i] - 1]):
                continue
            if again:
                reviews[i] += np.uint32(1)
            rows[count] = i
            count += 1
        _choose_rows(
            rows, count, offset, False, stream, keys, value, mu, exp_d, harm, switching, outside, exp_minus_theta,
            quality, identity, fit_share, latency, on_sale, curved_price, reference, eta, held, reviews, best,
        )  # fmt: skip
        for r in range(count):
            i = rows[r]
            held[i] = best[r]
            wait = exponential_f32(mixed(i - offset, reviews[i], stream[0], stream[1], times[0], times[1]))
            next_review[i] = day + wait / rate


@kernel
def _surplus_block(  # type: ignore[no-untyped-def]
    first, end, value, mu, exp_d, harm, switching, outside, x0,
    exp_minus_theta, quality, identity, fit_share, latency, on_sale, curved_price, reference, eta, held,
    group, by_group,
):  # fmt: skip
    """Sum over rows of x0 * (mu * ln sum exp(u/mu) - a0), USD per day; a running maximum keeps the sum finite.

    Adds the same to by_group (3,), by the rows' group.
    """
    total = 0.0
    one = np.float32(1.0)
    power = np.float32(1.0 + eta)
    scale = np.float32(reference ** (-eta) / (1.0 + eta))
    top = np.empty(_CHUNK, dtype=np.float32)
    mass = np.empty(_CHUNK, dtype=np.float32)
    for chunk in range(first, end, _CHUNK):
        count = min(chunk + _CHUNK, end) - chunk
        for r in range(count):
            top[r] = outside[chunk + r]
            mass[r] = one
        for j in range(on_sale.shape[0]):
            if not on_sale[j]:
                continue
            ability, known = np.float32(exp_minus_theta[j]), np.float32(quality[j])
            fit, price, choice = np.float32(fit_share[j]), np.float32(curved_price[j]), np.int16(j + 1)
            wait = np.float32(latency[j])
            for r in range(count):
                i = chunk + r
                success = known if identity else one / (one + exp_d[i] * ability)
                gross = value[i] * success - harm[i] * (one - success) + fit * value[i] - wait
                if eta != 0.0:
                    positive = max(gross, np.float32(1e-30))
                    gross = scale * exp_f32(power * log_f32(positive)) if gross > np.float32(0.0) else gross
                utility = gross - price
                utility -= switching[i] if held[i] != choice else np.float32(0.0)
                high = max(top[r], utility)
                low = min(top[r], utility)
                small = exp_f32((low - high) / mu[i])
                mass[r] = mass[r] * small + one if utility > top[r] else mass[r] + small
                top[r] = high
        for r in range(count):
            i = chunk + r
            gain = x0[i] * (np.float64(top[r]) + mu[i] * np.log(np.float64(mass[r])) - outside[i])
            total += gain
            by_group[group[i]] += gain
    return total


class SampledCustomers:
    """The `sampled` population."""

    def __init__(self, tasks: tuple[TaskClass, ...], spec: Sampled, offers: list[str], streams: Streams) -> None:
        self._draws = streams
        self._tune(tasks, spec)
        self._streams = np.array([streams.key(f"customers/{task.name}/review") for task in tasks])
        self._keys = np.array([offer_key(name) for name in ["", *offers]], dtype=np.uint32)
        rows = self.columns.row_count
        self._held = np.zeros(rows, dtype=np.int16)
        self._next_review_day = np.zeros(rows)
        self._reviews = np.zeros(rows, dtype=np.uint32)
        self._changes = 0  # of who holds what
        self._known_gains: tuple[tuple[int, bytes], Gains] | None = None

    def _tune(self, tasks: tuple[TaskClass, ...], spec: Sampled) -> None:
        self._spec = spec
        self.columns: Columns = sampled_columns(tasks, spec, spec.customers, self._draws)
        # Single precision is what the noise of a sample deserves; sums are kept in double.
        self._f32 = single_precision(self.columns)
        self._rate_per_day = 1.0 / spec.review_days
        self._eta = spec.volume_elasticity
        self._notices_increases = spec.notices_increases

    def retune(self, scenario: Scenario) -> None:
        """Other tastes and tasks of the same draws; waits that were drawn already stand."""
        assert isinstance(scenario.population, Sampled)
        self._tune(scenario.tasks, scenario.population)
        self._changes += 1

    @property
    def row_count(self) -> int:
        """Rows of all task classes."""
        return self.columns.row_count

    def start(self, board: Board) -> None:
        """Everybody chooses once, without switching cost."""
        self._choose_free(board, 0.0, again=False)

    def withdraw(self, board: Board, day: float) -> None:
        """Those who hold an offer that is no longer on sale choose again, from nothing."""
        self._choose_free(board, day, again=True)

    def advance(self, board: Board, start_day: float, end_day: float) -> Demand:
        """Let time pass at constant board."""
        self._changes += 1
        c, f, views = self.columns, self._f32, self._views(board)
        days = np.zeros((len(c.blocks), board.offer_count + 1))
        switching = np.zeros((len(c.blocks), 1))
        reviews = np.zeros(len(c.blocks))

        def work(index: int) -> None:
            task, first, end = c.blocks[index]
            v = views[task]
            reviews[index] = _advance_block(
                first, end, int(c.class_rows[task]), start_day, end_day, self._rate_per_day, self._streams[task],
                self._keys, TIMES, f.value_usd, f.mu_usd, f.exp_difficulty, f.harm_usd, f.switching_usd,
                f.outside_usd, c.requests_per_day, v.exp_minus_theta, v.quality, v.identity, v.fit_share,
                v.latency_usd, v.on_sale, v.curved_price_usd, v.reference_usd, v.eta, self._held,
                self._next_review_day, self._reviews, days[index], switching[index],
            )  # fmt: skip

        for_each(work, range(len(c.blocks)), c.row_count)
        requests = np.zeros((board.class_count, board.offer_count))
        borne = np.zeros(board.class_count)
        for index, (task, _, _) in enumerate(c.blocks):
            requests[task] += days[index, 1:]
            borne[task] += switching[index, 0]
        for task, view in enumerate(views):
            requests[task] *= view.volume
        return Demand(requests, borne, float(reviews.sum()))

    def notice(self, board: Board, offer: int, classes: np.ndarray, day: float) -> np.ndarray:
        """Where rises are noticed, holders of `offer` in the given classes review at the start of the next interval."""
        for task in np.flatnonzero(classes) if self._notices_increases else ():
            rows = slice(int(self.columns.class_rows[task]), int(self.columns.class_rows[task + 1]))
            self._next_review_day[rows][self._held[rows] == offer + 1] = day
        return np.zeros(board.class_count)

    def occupancy(self) -> np.ndarray:
        """Reference requests per day by class and choice, column 0 for none; shape (C, J+1)."""
        c, choices = self.columns, len(self._keys)
        return np.array(
            [
                np.bincount(self._held[a:b], weights=c.requests_per_day[a:b], minlength=choices)
                for a, b in zip(c.class_rows[:-1], c.class_rows[1:], strict=True)
            ]
        )

    def surplus_usd_per_day(self, board: Board) -> np.ndarray:
        """Expected consumer surplus over using no model, by class, before booked switching; shape (C,)."""
        return self._gains(board).by_class

    def census(self, board: Board) -> Census:
        """The customers as they are; none comes or goes."""
        c, shape = self.columns, (board.class_count, -1)
        distinct, users = providers_per_row(
            self._held.reshape(shape), board.owner_of, np.ones(c.row_count // board.class_count, dtype=bool)
        )
        stands_for = self._spec.market_customers / self._spec.customers
        return steady_census(
            self._spec.market_customers, c.group.reshape(shape), stands_for * distinct, stands_for * users,
            self._gains(board).by_group,
        )  # fmt: skip

    def _gains(self, board: Board) -> Gains:
        """Surplus by class and by group; computed once for a state of customers and board."""
        key = (self._changes, board.seen)
        if self._known_gains is None or self._known_gains[0] != key:
            self._known_gains = (key, self._compute_gains(board))
        return self._known_gains[1]

    def _compute_gains(self, board: Board) -> Gains:
        c, f, views = self.columns, self._f32, self._views(board)
        parts, groups = np.zeros(len(c.blocks)), np.zeros((len(c.blocks), len(GROUPS)))

        def work(index: int) -> None:
            task, first, end = c.blocks[index]
            v = views[task]
            parts[index] = _surplus_block(
                first, end, f.value_usd, f.mu_usd, f.exp_difficulty, f.harm_usd, f.switching_usd, f.outside_usd,
                c.requests_per_day, v.exp_minus_theta, v.quality, v.identity, v.fit_share, v.latency_usd, v.on_sale,
                v.curved_price_usd, v.reference_usd, v.eta, self._held, c.group, groups[index],
            )  # fmt: skip

        for_each(work, range(len(c.blocks)), c.row_count)
        total, by_group = np.zeros(board.class_count), np.zeros((board.class_count, len(GROUPS)))
        for index, (task, _, _) in enumerate(c.blocks):
            total[task] += parts[index]
            by_group[task] += groups[index]
        return Gains(total, by_group)

    def _choose_free(self, board: Board, day: float, again: bool) -> None:
        self._changes += 1
        c, f, views = self.columns, self._f32, self._views(board)

        def work(index: int) -> None:
            task, first, end = c.blocks[index]
            v = views[task]
            _start_block(
                first, end, int(c.class_rows[task]), day, self._rate_per_day, again, self._streams[task], self._keys,
                TIMES, f.value_usd, f.mu_usd, f.exp_difficulty, f.harm_usd, f.switching_usd, f.outside_usd,
                v.exp_minus_theta, v.quality, v.identity, v.fit_share, v.latency_usd, v.on_sale, v.curved_price_usd,
                v.reference_usd, v.eta, self._held, self._next_review_day, self._reviews,
            )  # fmt: skip

        for_each(work, range(len(c.blocks)), c.row_count)

    def _views(self, board: Board) -> list[ClassBoard]:
        return [class_board(board, task, self._eta) for task in range(board.class_count)]


def offer_key(name: str) -> tuple[int, int]:
    """Two 32-bit words that key the draws of an offer; the empty name is that of using none."""
    key = name_key(f"offer/{name}")
    return key & 0xFFFFFFFF, key >> 32
