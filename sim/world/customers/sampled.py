"""Sampled customers: one row per (customer, task class), reviewing at Poisson times with keyed draws.

A draw depends on (stream, customer, review, offer's name) alone: a counter-based hash, so that an offer that enters or
a price that changes moves no other draw. The unobserved taste is Gumbel, from 32 hashed bits.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from sim.scenario.population import Sampled
from sim.scenario.tasks import TaskClass
from sim.shared.units import DAYS_PER_YEAR
from sim.world.board import Board
from sim.world.customers.choice import ClassBoard, benefit, class_board, curved
from sim.world.customers.columns import Columns, sampled_columns
from sim.world.customers.demand import Demand
from sim.world.customers.threads import for_each
from sim.world.streams import Streams, name_key

_TIMES = np.array([0x9E3779B9, 0x85EBCA6B], dtype=np.uint32)  # the "offer" of the draw of the next review's time


@njit(cache=True, nogil=True, inline="always")
def _uniform(customer, review, stream, offer):  # type: ignore[no-untyped-def]
    """A number in (0, 1) from two words each of stream and offer, the customer and the review.

    The mixing is that of 32-bit murmur finalisers; the second words enter half way, so that 64 bits are keyed.
    """
    # Every step is cast back: numba widens 32-bit products to 64 bits.
    h = np.uint32(np.uint32(np.uint32(customer) * np.uint32(0x9E3779B1)) ^ stream[0] ^ offer[0])
    h = np.uint32(h ^ (h >> np.uint32(16)))
    h = np.uint32(h * np.uint32(0x7FEB352D))
    h = np.uint32(h ^ (h >> np.uint32(15)))
    h = np.uint32(h + np.uint32(np.uint32(np.uint32(review) * np.uint32(0x85EBCA77)) ^ stream[1] ^ offer[1]))
    h = np.uint32(h * np.uint32(0x846CA68B))
    h = np.uint32(h ^ (h >> np.uint32(16)))
    h = np.uint32(h * np.uint32(0x9E485565))
    h = np.uint32(h ^ (h >> np.uint32(15)))
    return (np.float64(h) + 0.5) * 2.0**-32


@njit(cache=True, nogil=True)
def _choose(  # type: ignore[no-untyped-def]
    customer, review, held, pays_switching, stream, keys, value, mu, exp_d, harm, switching, outside,
    exp_minus_theta, quality, identity, fit_share, on_sale, curved_price, reference, eta,
):  # fmt: skip
    """The offer that a review chooses: j+1, or 0 for none."""
    best = 0
    best_utility = outside - mu * np.log(-np.log(_uniform(customer, review, stream, keys[0])))
    for j in range(on_sale.shape[0]):
        if not on_sale[j]:
            continue
        gross = benefit(value, harm, exp_d, exp_minus_theta[j], quality[j], identity, fit_share[j])
        utility = curved(gross, reference, eta) - curved_price[j]
        if pays_switching and held != j + 1:
            utility -= switching
        utility -= mu * np.log(-np.log(_uniform(customer, review, stream, keys[j + 1])))
        if utility > best_utility:
            best = j + 1
            best_utility = utility
    return best


@njit(cache=True, nogil=True)
def _advance_block(  # type: ignore[no-untyped-def]
    first, end, offset, start, stop, rate, stream, keys, times, value, mu, exp_d, harm, switching, outside, x0,
    exp_minus_theta, quality, identity, fit_share, on_sale, curved_price, reference, eta,
    held, next_review, reviews, request_days, switching_usd,
):  # fmt: skip
    """Let rows [first, end) of one class live from `start` to `stop`; adds to request_days (J+1,); returns reviews."""
    done = 0
    for i in range(first, end):
        day = start
        while next_review[i] < stop:
            now = max(next_review[i], start)
            k = held[i]
            request_days[k] += x0[i] * (now - day)
            reviews[i] += 1
            j = _choose(
                i - offset, reviews[i], k, True, stream, keys, value[i], mu[i], exp_d[i], harm[i], switching[i],
                outside[i], exp_minus_theta, quality, identity, fit_share, on_sale, curved_price, reference, eta,
            )  # fmt: skip
            if j != k and j != 0:
                switching_usd[0] += switching[i] * x0[i] * DAYS_PER_YEAR
            held[i] = j
            day = now
            next_review[i] = now - np.log(_uniform(i - offset, reviews[i], stream, times)) / rate
            done += 1
        request_days[held[i]] += x0[i] * (stop - day)
    return done


@njit(cache=True, nogil=True)
def _start_block(  # type: ignore[no-untyped-def]
    first, end, offset, day, rate, again, stream, keys, times, value, mu, exp_d, harm, switching, outside,
    exp_minus_theta, quality, identity, fit_share, on_sale, curved_price, reference, eta,
    held, next_review, reviews,
):  # fmt: skip
    """A choice without switching cost: by every row, or `again` by those whose offer is no longer on sale."""
    for i in range(first, end):
        if again and (held[i] == 0 or on_sale[held[i] - 1]):
            continue
        if again:
            reviews[i] += 1
        held[i] = _choose(
            i - offset, reviews[i], 0, False, stream, keys, value[i], mu[i], exp_d[i], harm[i], switching[i],
            outside[i], exp_minus_theta, quality, identity, fit_share, on_sale, curved_price, reference, eta,
        )  # fmt: skip
        next_review[i] = day - np.log(_uniform(i - offset, reviews[i], stream, times)) / rate


@njit(cache=True, nogil=True)
def _surplus_block(  # type: ignore[no-untyped-def]
    first, end, value, mu, exp_d, harm, switching, outside, x0,
    exp_minus_theta, quality, identity, fit_share, on_sale, curved_price, reference, eta, held,
):  # fmt: skip
    """Sum over rows of x0 * (mu * ln sum exp(u/mu) - a0), USD per day."""
    total = 0.0
    utilities = np.empty(on_sale.shape[0])
    for i in range(first, end):
        top = outside[i]
        for j in range(on_sale.shape[0]):
            if on_sale[j]:
                gross = benefit(value[i], harm[i], exp_d[i], exp_minus_theta[j], quality[j], identity, fit_share[j])
                utility = curved(gross, reference, eta) - curved_price[j]
                if held[i] != j + 1:
                    utility -= switching[i]
                utilities[j] = utility
                top = max(top, utility)
        mass = np.exp((outside[i] - top) / mu[i])
        for j in range(on_sale.shape[0]):
            if on_sale[j]:
                mass += np.exp((utilities[j] - top) / mu[i])
        total += x0[i] * (top + mu[i] * np.log(mass) - outside[i])
    return total


class SampledCustomers:
    """The `sampled` population."""

    def __init__(self, tasks: tuple[TaskClass, ...], spec: Sampled, offers: list[str], streams: Streams) -> None:
        self.columns: Columns = sampled_columns(tasks, spec, spec.customers, streams)
        self._rate_per_day = 1.0 / spec.review_days
        self._eta = spec.volume_elasticity
        self._streams = np.array([streams.key(f"customers/{task.name}/review") for task in tasks])
        self._keys = np.array([_offer_key(name) for name in ["", *offers]], dtype=np.uint32)
        rows = self.columns.row_count
        self._held = np.zeros(rows, dtype=np.int16)
        self._next_review_day = np.zeros(rows)
        self._reviews = np.zeros(rows, dtype=np.uint32)

    def start(self, board: Board) -> None:
        """Everybody chooses once, without switching cost."""
        self._choose_free(board, 0.0, again=False)

    def withdraw(self, board: Board, day: float) -> None:
        """Those who hold an offer that is no longer on sale choose again, from nothing."""
        self._choose_free(board, day, again=True)

    def advance(self, board: Board, start_day: float, end_day: float) -> Demand:
        """Let time pass at constant board."""
        c, views = self.columns, self._views(board)
        days = np.zeros((len(c.blocks), board.offer_count + 1))
        switching = np.zeros((len(c.blocks), 1))
        reviews = np.zeros(len(c.blocks))

        def work(index: int) -> None:
            task, first, end = c.blocks[index]
            v = views[task]
            reviews[index] = _advance_block(
                first, end, int(c.class_rows[task]), start_day, end_day, self._rate_per_day, self._streams[task],
                self._keys, _TIMES, c.value_usd, c.mu_usd, c.exp_difficulty, c.harm_usd, c.switching_usd,
                c.outside_usd, c.requests_per_day, v.exp_minus_theta, v.quality, v.identity, v.fit_share, v.on_sale,
                v.curved_price_usd, v.reference_usd, v.eta, self._held, self._next_review_day, self._reviews,
                days[index], switching[index],
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
        """Those who hold `offer` in the given classes review at the start of the next interval."""
        for task in np.flatnonzero(classes):
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
        c, views = self.columns, self._views(board)
        parts = np.zeros(len(c.blocks))

        def work(index: int) -> None:
            task, first, end = c.blocks[index]
            v = views[task]
            parts[index] = _surplus_block(
                first, end, c.value_usd, c.mu_usd, c.exp_difficulty, c.harm_usd, c.switching_usd, c.outside_usd,
                c.requests_per_day, v.exp_minus_theta, v.quality, v.identity, v.fit_share, v.on_sale,
                v.curved_price_usd, v.reference_usd, v.eta, self._held,
            )  # fmt: skip

        for_each(work, range(len(c.blocks)), c.row_count)
        total = np.zeros(board.class_count)
        for index, (task, _, _) in enumerate(c.blocks):
            total[task] += parts[index]
        return total

    def _choose_free(self, board: Board, day: float, again: bool) -> None:
        c, views = self.columns, self._views(board)

        def work(index: int) -> None:
            task, first, end = c.blocks[index]
            v = views[task]
            _start_block(
                first, end, int(c.class_rows[task]), day, self._rate_per_day, again, self._streams[task], self._keys,
                _TIMES, c.value_usd, c.mu_usd, c.exp_difficulty, c.harm_usd, c.switching_usd, c.outside_usd,
                v.exp_minus_theta, v.quality, v.identity, v.fit_share, v.on_sale, v.curved_price_usd, v.reference_usd,
                v.eta, self._held, self._next_review_day, self._reviews,
            )  # fmt: skip

        for_each(work, range(len(c.blocks)), c.row_count)

    def _views(self, board: Board) -> list[ClassBoard]:
        return [class_board(board, task, self._eta) for task in range(board.class_count)]


def _offer_key(name: str) -> tuple[int, int]:
    key = name_key(f"offer/{name}")
    return key & 0xFFFFFFFF, key >> 32
