"""Expected customers: quadrature nodes with an occupancy row each, and no sampling noise.

A node's occupancy w (over "none" and the J offers) follows w' = rate * (w P - w) while the board stands still, where P
is the matrix of choice probabilities of one review, by the offer in use. With a = exp(u/mu), s = exp(-S/mu) and
Z_k = a_0 + s * sum a + (1-s) * a_k (k an offer; Z_0 without the last term),

    (w P)_j = b_j * sum_k w_k/Z_k + (1-s) * a_j * w_j/Z_j        b = (a_0, s*a_1, ..., s*a_J)

so a product costs O(J). Time passes in closed form by uniformisation: w(t) = sum_n Poisson(n; rate*t) * w P^n, and the
integral of w over the interval is sum_n P(N > n)/rate * w P^n, both cut where the tail is below 1e-13.
"""

from __future__ import annotations

import numpy as np

from sim.scenario.population import Reviewing
from sim.scenario.scenario import Scenario
from sim.scenario.tasks import TaskClass
from sim.shared.units import DAYS_PER_YEAR
from sim.world.board import Board
from sim.world.compiled import kernel
from sim.world.customers.bundles import providers_per_node, used_by_provider
from sim.world.customers.census import Census, Gains, steady_census
from sim.world.customers.choice import ClassBoard, benefit, class_board, curved
from sim.world.customers.columns import GROUPS, Columns, node_columns
from sim.world.customers.demand import Demand
from sim.world.customers.threads import for_each
from sim.world.streams import Streams

_TAIL = 1e-13


@kernel
def attractions(  # type: ignore[no-untyped-def]
    value, mu, exp_d, harm, outside, exp_minus_theta, quality, identity, fit_share, latency, on_sale, curved_price,
    reference, eta, out,
):  # fmt: skip
    """Write a = exp((u - top)/mu) for "none" and each offer into out (J+1,), without switching; returns top."""
    top = outside
    out[0] = outside
    for j in range(on_sale.shape[0]):
        if on_sale[j]:
            gross = benefit(value, harm, exp_d, exp_minus_theta[j], quality[j], identity, fit_share[j], latency[j])
            out[j + 1] = curved(gross, reference, eta) - curved_price[j]
            top = max(top, out[j + 1])
    out[0] = np.exp((out[0] - top) / mu)
    for j in range(on_sale.shape[0]):
        out[j + 1] = np.exp((out[j + 1] - top) / mu) if on_sale[j] else 0.0
    return top


@kernel
def _review(w, a, stay, out):  # type: ignore[no-untyped-def]
    """out = w P for attractions a (J+1,) and stay = exp(-S/mu)."""
    total = 0.0
    for j in range(1, a.shape[0]):
        total += a[j]
    base = a[0] + stay * total
    reach = w[0] / base
    for j in range(1, a.shape[0]):
        reach += w[j] / (base + (1.0 - stay) * a[j])
    out[0] = a[0] * reach
    for j in range(1, a.shape[0]):
        out[j] = stay * a[j] * reach + (1.0 - stay) * a[j] * w[j] / (base + (1.0 - stay) * a[j])


@kernel
def _advance_block(  # type: ignore[no-untyped-def]
    first, end, days, rate, poisson, tail, value, mu, exp_d, harm, switching, outside, x0,
    exp_minus_theta, quality, identity, fit_share, latency, on_sale, curved_price, reference, eta,
    occupancy, request_days, switching_usd,
):  # fmt: skip
    choices = occupancy.shape[1]
    a, now, after, mean = np.empty(choices), np.empty(choices), np.empty(choices), np.empty(choices)
    for i in range(first, end):
        attractions(
            value[i], mu[i], exp_d[i], harm[i], outside[i], exp_minus_theta, quality, identity, fit_share, latency,
            on_sale, curved_price, reference, eta, a,
        )  # fmt: skip
        stay = np.exp(-switching[i] / mu[i])
        now[:] = occupancy[i]
        occupancy[i] = 0.0
        mean[:] = 0.0
        for n in range(poisson.shape[0]):
            for k in range(choices):
                occupancy[i, k] += poisson[n] * now[k]
                mean[k] += tail[n] / rate * now[k]
            if n + 1 < poisson.shape[0]:
                _review(now, a, stay, after)
                now[:] = after
        # The cut tail is given back in proportion, so that the occupancy sums to one and the integral to `days`.
        whole = 0.0
        span = 0.0
        for k in range(choices):
            whole += occupancy[i, k]
            span += mean[k]
        _review(mean, a, stay, after)
        for k in range(choices):
            occupancy[i, k] /= whole
            request_days[k] += x0[i] * mean[k] * days / span
        moved = 0.0
        total = 0.0
        for j in range(1, choices):
            total += a[j]
        for j in range(1, choices):
            # Of those who choose j, some held it before and pay nothing.
            kept = mean[j] * a[j] / (a[0] + stay * total + (1.0 - stay) * a[j])
            moved += after[j] - kept
        switching_usd[0] += rate * moved * days / span * switching[i] * x0[i] * DAYS_PER_YEAR


@kernel
def _start_block(  # type: ignore[no-untyped-def]
    first, end, again, value, mu, exp_d, harm, outside,
    exp_minus_theta, quality, identity, fit_share, latency, on_sale, curved_price, reference, eta, occupancy,
):  # fmt: skip
    choices = occupancy.shape[1]
    a = np.empty(choices)
    for i in range(first, end):
        attractions(
            value[i], mu[i], exp_d[i], harm[i], outside[i], exp_minus_theta, quality, identity, fit_share, latency,
            on_sale, curved_price, reference, eta, a,
        )  # fmt: skip
        free = 1.0
        if again:
            free = 0.0
            for j in range(1, choices):
                if not on_sale[j - 1]:
                    free += occupancy[i, j]
                    occupancy[i, j] = 0.0
        else:
            occupancy[i] = 0.0
        total = a.sum()
        for k in range(choices):
            occupancy[i, k] += free * a[k] / total


@kernel
def _notice_block(  # type: ignore[no-untyped-def]
    first, end, offer, value, mu, exp_d, harm, switching, outside, x0,
    exp_minus_theta, quality, identity, fit_share, latency, on_sale, curved_price, reference, eta, occupancy,
):  # fmt: skip
    """One review by those who hold `offer`; returns the switching costs of those who leave it, USD."""
    choices = occupancy.shape[1]
    a = np.empty(choices)
    borne = 0.0
    for i in range(first, end):
        attractions(
            value[i], mu[i], exp_d[i], harm[i], outside[i], exp_minus_theta, quality, identity, fit_share, latency,
            on_sale, curved_price, reference, eta, a,
        )  # fmt: skip
        stay = np.exp(-switching[i] / mu[i])
        holders = occupancy[i, offer + 1]
        total = a[0] + (1.0 - stay) * a[offer + 1]
        for j in range(1, choices):
            total += stay * a[j]
        occupancy[i, offer + 1] = holders * a[offer + 1] / total
        occupancy[i, 0] += holders * a[0] / total
        for j in range(1, choices):
            if j != offer + 1:
                moved = holders * stay * a[j] / total
                occupancy[i, j] += moved
                borne += moved * switching[i] * x0[i] * DAYS_PER_YEAR
    return borne


@kernel
def _surplus_block(  # type: ignore[no-untyped-def]
    first, end, value, mu, exp_d, harm, switching, outside, x0,
    exp_minus_theta, quality, identity, fit_share, latency, on_sale, curved_price, reference, eta, occupancy,
    group, by_group,
):  # fmt: skip
    """Sum over nodes of their expected surplus, USD per day; adds the same to by_group (3,)."""
    choices = occupancy.shape[1]
    a = np.empty(choices)
    surplus = 0.0
    for i in range(first, end):
        top = attractions(
            value[i], mu[i], exp_d[i], harm[i], outside[i], exp_minus_theta, quality, identity, fit_share, latency,
            on_sale, curved_price, reference, eta, a,
        )  # fmt: skip
        stay = np.exp(-switching[i] / mu[i])
        total = 0.0
        for j in range(1, choices):
            total += a[j]
        base = a[0] + stay * total
        inclusive = occupancy[i, 0] * np.log(base)
        for k in range(1, choices):
            if occupancy[i, k] > 0.0:
                inclusive += occupancy[i, k] * np.log(base + (1.0 - stay) * a[k])
        gain = x0[i] * (top + mu[i] * inclusive - outside[i])
        surplus += gain
        by_group[group[i]] += gain
    return surplus


class ExpectedCustomers:
    """The `expected` population, and the owners' beliefs about demand."""

    def __init__(
        self, tasks: tuple[TaskClass, ...], tastes: Reviewing, nodes: int, offer_count: int, streams: Streams
    ) -> None:
        self._nodes, self._draws = nodes, streams
        self._tune(tasks, tastes)
        self.weights = np.zeros((self.columns.row_count, offer_count + 1))
        self._changes = 0  # of who holds what
        self._known_gains: tuple[tuple[int, bytes], Gains] | None = None

    def _tune(self, tasks: tuple[TaskClass, ...], tastes: Reviewing) -> None:
        self._tastes = tastes
        self.columns: Columns = node_columns(tasks, tastes, self._nodes, self._draws)
        self.rate_per_day = 1.0 / tastes.review_days
        self.eta = tastes.volume_elasticity
        self.notices_increases = tastes.notices_increases

    def retune(self, scenario: Scenario) -> None:
        """Other tastes and tasks at the same nodes; their occupancy stays."""
        assert isinstance(scenario.population, Reviewing)
        self._tune(scenario.tasks, scenario.population)
        self._changes += 1

    @property
    def row_count(self) -> int:
        """Nodes of all task classes."""
        return self.columns.row_count

    def start(self, board: Board) -> None:
        """Everybody chooses once, without switching cost."""
        self._choose_free(board, again=False)

    def withdraw(self, board: Board, day: float) -> None:
        """Those who hold an offer that is no longer on sale choose again, from nothing."""
        self._choose_free(board, again=True)

    def advance(self, board: Board, start_day: float, end_day: float) -> Demand:
        """Let time pass at constant board."""
        self._changes += 1
        c, views, days = self.columns, self.views(board), end_day - start_day
        poisson, tail = poisson_weights(self.rate_per_day * days)
        request_days = np.zeros((len(c.blocks), board.offer_count + 1))
        switching = np.zeros((len(c.blocks), 1))

        def work(index: int) -> None:
            task, first, end = c.blocks[index]
            v = views[task]
            _advance_block(
                first, end, days, self.rate_per_day, poisson, tail, c.value_usd, c.mu_usd, c.exp_difficulty,
                c.harm_usd, c.switching_usd, c.outside_usd, c.requests_per_day, v.exp_minus_theta, v.quality,
                v.identity, v.fit_share, v.latency_usd, v.on_sale, v.curved_price_usd, v.reference_usd, v.eta,
                self.weights, request_days[index], switching[index],
            )  # fmt: skip

        for_each(work, range(len(c.blocks)), c.row_count)
        requests = np.zeros((board.class_count, board.offer_count))
        borne = np.zeros(board.class_count)
        for index, (task, _, _) in enumerate(c.blocks):
            requests[task] += request_days[index, 1:]
            borne[task] += switching[index, 0]
        for task, view in enumerate(views):
            requests[task] *= view.volume
        return Demand(requests, borne, self.rate_per_day * days * c.row_count)

    def notice(self, board: Board, offer: int, classes: np.ndarray, day: float) -> np.ndarray:
        """Where rises are noticed, holders of `offer` in the given classes review now; their switching costs, (C,)."""
        switching = np.zeros(board.class_count)
        if not self.notices_increases:
            return switching
        self._changes += 1
        c, views = self.columns, self.views(board)
        for task, first, end in c.blocks:
            if classes[task]:
                v = views[task]
                switching[task] += _notice_block(
                    first, end, offer, c.value_usd, c.mu_usd, c.exp_difficulty, c.harm_usd, c.switching_usd,
                    c.outside_usd, c.requests_per_day, v.exp_minus_theta, v.quality, v.identity, v.fit_share,
                    v.latency_usd, v.on_sale, v.curved_price_usd, v.reference_usd, v.eta, self.weights,
                )  # fmt: skip
        return switching

    def occupancy(self) -> np.ndarray:
        """Reference requests per day by class and choice, column 0 for none; shape (C, J+1)."""
        c = self.columns
        return np.array(
            [
                c.requests_per_day[a:b] @ self.weights[a:b]
                for a, b in zip(c.class_rows[:-1], c.class_rows[1:], strict=True)
            ]
        )

    def surplus_usd_per_day(self, board: Board) -> np.ndarray:
        """Expected consumer surplus over using no model, by class, before booked switching; shape (C,)."""
        return self._gains(board).by_class

    def census(self, board: Board) -> Census:
        """The customers as they are; none comes or goes."""
        customers = self._tastes.market_customers
        used = used_by_provider(self.weights, board.owner_of, board.class_count)
        providers, users = providers_per_node(used)
        return steady_census(
            customers, self.columns.group.reshape(board.class_count, -1), customers * providers, customers * users,
            self._gains(board).by_group,
        )  # fmt: skip

    def _gains(self, board: Board) -> Gains:
        """Surplus by class and by group; computed once for a state of customers and board."""
        key = (self._changes, board.seen)
        if self._known_gains is None or self._known_gains[0] != key:
            self._known_gains = (key, self._compute_gains(board))
        return self._known_gains[1]

    def _compute_gains(self, board: Board) -> Gains:
        c, views = self.columns, self.views(board)
        parts, groups = np.zeros(len(c.blocks)), np.zeros((len(c.blocks), len(GROUPS)))

        def work(index: int) -> None:
            task, first, end = c.blocks[index]
            v = views[task]
            parts[index] = _surplus_block(
                first, end, c.value_usd, c.mu_usd, c.exp_difficulty, c.harm_usd, c.switching_usd, c.outside_usd,
                c.requests_per_day, v.exp_minus_theta, v.quality, v.identity, v.fit_share, v.latency_usd, v.on_sale,
                v.curved_price_usd, v.reference_usd, v.eta, self.weights, c.group, groups[index],
            )  # fmt: skip

        for_each(work, range(len(c.blocks)), c.row_count)
        total, by_group = np.zeros(board.class_count), np.zeros((board.class_count, len(GROUPS)))
        for index, (task, _, _) in enumerate(c.blocks):
            total[task] += parts[index]
            by_group[task] += groups[index]
        return Gains(total, by_group)

    def views(self, board: Board) -> list[ClassBoard]:
        """The board as each class sees it."""
        return [class_board(board, task, self.eta) for task in range(board.class_count)]

    def _choose_free(self, board: Board, again: bool) -> None:
        self._changes += 1
        c, views = self.columns, self.views(board)

        def work(index: int) -> None:
            task, first, end = c.blocks[index]
            v = views[task]
            _start_block(
                first, end, again, c.value_usd, c.mu_usd, c.exp_difficulty, c.harm_usd, c.outside_usd,
                v.exp_minus_theta, v.quality, v.identity, v.fit_share, v.latency_usd, v.on_sale, v.curved_price_usd,
                v.reference_usd, v.eta, self.weights,
            )  # fmt: skip

        for_each(work, range(len(c.blocks)), c.row_count)


def poisson_weights(mean: float) -> tuple[np.ndarray, np.ndarray]:
    """P(N = n) and P(N > n) of a Poisson of that mean, for n from 0 until the tail is below 1e-13."""
    from scipy.stats import poisson

    count = int(poisson.isf(_TAIL, mean)) + 2
    n = np.arange(count)
    return poisson.pmf(n, mean), poisson.sf(n, mean)
