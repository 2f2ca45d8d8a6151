"""Customers who buy request by request through a router, which sends each to the offer that it takes to be worth most.

A request's difficulty is d ~ N(d_i, item_sd); the router sees d + N(0, error_sd) and corrects for its error, so that it
holds d for N(m, tau), tau = item_sd error_sd/sqrt(item_sd^2 + error_sd^2), where over requests m ~ N(d_i, sigma) with
sigma = item_sd^2/sqrt(item_sd^2 + error_sd^2). It takes the best of

    u_j(m) = W(v E[succ] - harm (1 - E[succ]) + fit_j v - latency_j) - W(p_j)          and a0 for none

Cheap offers take the easy requests and the best the hard ones, a cascade without trial and error. Since the choice is
the best one given what is known, the derivative of expected surplus in a price is minus demand. Nothing is held, so
nobody reviews or pays for switching; word and bundles play no part, for a router knows what is on sale.

Between PIECES + 1 values of m utilities are taken as straight in its probability, as on a `line`: shares are the exact
lengths of the cells of their upper envelope, so that demand has no steps in prices. The values are shifted by node.
E[succ] is computed by Gauss-Hermite.
"""

from __future__ import annotations

import math

import numpy as np

from sim.scenario.population import Reviewing, Router
from sim.scenario.scenario import Scenario
from sim.shared.units import DAYS_PER_YEAR
from sim.world.board import Board
from sim.world.compiled import kernel
from sim.world.customers.bundles import providers_per_node, used_by_provider
from sim.world.customers.census import Census, Gains
from sim.world.customers.choice import ClassBoard, benefit, class_board, curved
from sim.world.customers.columns import GROUPS, Columns, node_columns
from sim.world.customers.demand import Demand, Population
from sim.world.customers.line import cells
from sim.world.customers.threads import for_each
from sim.world.streams import Streams

PIECES = 16  # of the requests of one node, equally wide in m
_FARTHEST = 3.2  # standard deviations between which they lie, but for the shift; what is beyond is in the last ones
_ERROR_POINTS = 7  # of the quadrature over what the router does not know


@kernel
def straight_utilities(  # type: ignore[no-untyped-def]
    value, exp_d, harm, outside, exp_items, lengths, exp_errors, error_weights, exp_minus_theta, quality, identity,
    fit_share, latency, reference, eta, left, slope,
):  # fmt: skip
    """Write W(B) at the left end of each piece and per unit of probability into left and slope (PIECES, J+1)."""
    pieces = left.shape[0]
    left[:, 0] = outside
    slope[:, 0] = 0.0
    for j in range(left.shape[1] - 1):
        before = 0.0
        for k in range(pieces + 1):
            success = quality[j]
            if not identity:
                success = 0.0
                for h in range(exp_errors.shape[0]):
                    success += error_weights[h] / (1.0 + exp_d * exp_items[k] * exp_errors[h] * exp_minus_theta[j])
            # benefit() takes a known success as the quality of `identity`.
            gross = curved(benefit(value, harm, 0.0, 0.0, success, True, fit_share[j], latency[j]), reference, eta)
            if k > 0:
                left[k - 1, j + 1] = before
                slope[k - 1, j + 1] = (gross - before) / lengths[k - 1]
            before = gross


@kernel
def _route_block(  # type: ignore[no-untyped-def]
    first, end, exp_items, lengths, exp_errors, error_weights, value, exp_d, harm, outside, exp_minus_theta, quality,
    identity, fit_share, latency, on_sale, curved_price, reference, eta, shares, gains,
):  # fmt: skip
    """Write the shares of requests by choice into shares (N, J+1), and the mean gain over none into gains (N,)."""
    pieces, choices = lengths.shape[1], shares.shape[1]
    left, slope = np.empty((pieces, choices)), np.empty((pieces, choices))
    for i in range(first, end):
        straight_utilities(
            value[i], exp_d[i], harm[i], outside[i], exp_items[i], lengths[i], exp_errors, error_weights,
            exp_minus_theta, quality, identity, fit_share, latency, reference, eta, left, slope,
        )  # fmt: skip
        shares[i] = 0.0
        gains[i] = cells(left, slope, lengths[i], True, on_sale, curved_price, shares[i]) - outside[i]


class Items:
    """What the router knows of a node's requests, relative to the node's difficulty.

    Attributes:
        exp_items: exp(m - d_i) at the ends of the pieces, shape (C*N, PIECES + 1).
        lengths: probability of each piece, shape (C*N, PIECES).
        exp_errors, weights: exp(tau x) and weights of the points x of what it does not know, shape (7,).
    """

    def __init__(self, router: Router, nodes: int, tasks: list[str], streams: Streams) -> None:
        from scipy.special import ndtr

        both = math.hypot(router.item_sd, router.error_sd)
        shift = np.concatenate([streams.generator(f"customers/{name}/router").random(nodes) for name in tasks])
        normal = np.linspace(-_FARTHEST, _FARTHEST, PIECES + 1) + (shift[:, None] - 0.5) * 2.0 * _FARTHEST / PIECES
        probability = ndtr(normal)
        probability[:, 0], probability[:, -1] = 0.0, 1.0
        self.lengths = np.diff(probability, axis=1)
        self.exp_items = np.exp(router.item_sd**2 / both * normal)
        points, weights = np.polynomial.hermite_e.hermegauss(_ERROR_POINTS)
        self.exp_errors = np.exp(router.item_sd * router.error_sd / both * points)
        self.weights = weights / weights.sum()


class RoutedCustomers:
    """The customers of a router, as nodes; a part of the `sampled` and of the `expected` population.

    Attributes:
        mass: customers now over those of day 0.
    """

    def __init__(self, scenario: Scenario, nodes: int, streams: Streams) -> None:
        self._nodes, self._draws = nodes, streams
        self._day = self._arrivals = self._departures = 0.0
        self.mass = 1.0
        self._tune(scenario)
        self._shares, self._gain = np.zeros((self.row_count, 1)), np.zeros(self.row_count)

    def _tune(self, scenario: Scenario) -> None:
        spec = scenario.population
        assert isinstance(spec, Reviewing)
        assert spec.router is not None
        self.spec, share = spec, spec.router.share
        routed = spec.model_copy(update={"market_customers": spec.market_customers * share})
        self._customers = spec.market_customers * share
        self.columns: Columns = node_columns(scenario.tasks, routed, self._nodes, self._draws)
        self.items = Items(spec.router, self._nodes, [task.name for task in scenario.tasks], self._draws)
        self.growth_per_day = spec.growth_per_year / DAYS_PER_YEAR
        self.churn_per_day = spec.churn_per_year / DAYS_PER_YEAR
        self._seen: bytes | None = None  # the board of the shares below

    def retune(self, scenario: Scenario) -> None:
        """Other tastes, tasks and another router at the same nodes."""
        self._tune(scenario)

    @property
    def row_count(self) -> int:
        """Nodes of all task classes."""
        return self.columns.row_count

    def start(self, board: Board) -> None:
        """Nothing is held."""

    def advance(self, board: Board, start_day: float, end_day: float) -> Demand:
        """Requests at constant board."""
        net, days = self.growth_per_day - self.churn_per_day, end_day - start_day
        life = self.mass * (days if net == 0.0 else math.expm1(net * days) / net)
        self.mass *= math.exp(net * days)
        self._arrivals += self.growth_per_day * life
        self._departures += self.churn_per_day * life
        volume = np.array([view.volume for view in self.views(board)])
        return Demand(self._held(board)[:, 1:] * volume * life, np.zeros(board.class_count), 0.0)

    def withdraw(self, board: Board, day: float) -> None:
        """The next request goes elsewhere."""

    def notice(self, board: Board, offer: int, classes: np.ndarray, day: float) -> np.ndarray:
        """Nothing: every request looks at the prices."""
        return np.zeros(board.class_count)

    def occupancy(self) -> np.ndarray:
        """Reference requests per day by class and choice at the board seen last, column 0 for none; shape (C, J+1)."""
        return self._by_class(self._shares) * self.mass

    def surplus_usd_per_day(self, board: Board) -> np.ndarray:
        """Expected consumer surplus over using no model, by class, shape (C,)."""
        return self._gains(board).by_class

    def census(self, board: Board) -> Census:
        """The customers as they are; a provider counts that gets any of a node's requests."""
        shares, _ = self.routed(board)
        used = used_by_provider((shares > 0.0).astype(float), board.owner_of, board.class_count) > 0.0
        providers, users = providers_per_node(used.astype(float))
        group = self.columns.group.reshape(board.class_count, -1)
        counts = np.array([np.bincount(part, minlength=len(GROUPS)) for part in group]) / group.shape[1]
        every, now = np.full(board.class_count, self._customers), self._customers * self.mass
        return Census(
            every * self.mass, every * self._arrivals, every * self._departures, providers * now, users * now,
            counts * now, self._gains(board).by_group,
        )  # fmt: skip

    def routed(self, board: Board) -> tuple[np.ndarray, np.ndarray]:
        """Shares of requests by node and choice, (C*N, J+1), and mean gain over none, USD per request, (C*N,)."""
        seen = board.seen
        if seen != self._seen:
            c, views = self.columns, self.views(board)
            shares, gains = np.zeros((c.row_count, board.offer_count + 1)), np.zeros(c.row_count)

            def work(index: int) -> None:
                task, first, end = c.blocks[index]
                v = views[task]
                _route_block(
                    first, end, self.items.exp_items, self.items.lengths, self.items.exp_errors, self.items.weights,
                    c.value_usd, c.exp_difficulty, c.harm_usd, c.outside_usd, v.exp_minus_theta, v.quality, v.identity,
                    v.fit_share, v.latency_usd, v.on_sale, v.curved_price_usd, v.reference_usd, v.eta, shares, gains,
                )  # fmt: skip

            for_each(work, range(len(c.blocks)), c.row_count * PIECES)
            self._seen, self._shares, self._gain = seen, shares, gains
        return self._shares, self._gain

    def views(self, board: Board) -> list[ClassBoard]:
        """The board as each class sees it."""
        return [class_board(board, task, self.spec.volume_elasticity) for task in range(board.class_count)]

    def _held(self, board: Board) -> np.ndarray:
        return self._by_class(self.routed(board)[0])

    def _by_class(self, shares: np.ndarray) -> np.ndarray:
        c = self.columns
        bounds = zip(c.class_rows[:-1], c.class_rows[1:], strict=True)
        return np.array([c.requests_per_day[a:b] @ shares[a:b] for a, b in bounds])

    def _gains(self, board: Board) -> Gains:
        c, gains = self.columns, self.routed(board)[1] * self.columns.requests_per_day * self.mass
        bounds = zip(c.class_rows[:-1], c.class_rows[1:], strict=True)
        groups = [np.bincount(c.group[a:b], weights=gains[a:b], minlength=len(GROUPS)) for a, b in bounds]
        return Gains(np.array([part.sum() for part in groups]), np.array(groups))


class WithRouter:
    """Customers who choose for themselves, and those of a router, as one population.

    `own` are the first, of whom the scenario's share is missing.
    """

    def __init__(self, own: Population, routed: RoutedCustomers) -> None:
        self._own, self._routed = own, routed

    @property
    def row_count(self) -> int:
        """Rows or nodes of both."""
        return self._own.row_count + self._routed.row_count

    def start(self, board: Board) -> None:
        """Everybody chooses once."""
        self._own.start(board)
        self._routed.routed(board)

    def advance(self, board: Board, start_day: float, end_day: float) -> Demand:
        """Let time pass at constant board."""
        own, routed = (part.advance(board, start_day, end_day) for part in (self._own, self._routed))
        return Demand(own.requests + routed.requests, own.switching_usd, own.reviews)

    def withdraw(self, board: Board, day: float) -> None:
        """Those who hold what is gone choose again; the router stops sending there."""
        self._own.withdraw(board, day)

    def notice(self, board: Board, offer: int, classes: np.ndarray, day: float) -> np.ndarray:
        """Holders review."""
        return self._own.notice(board, offer, classes, day)

    def retune(self, scenario: Scenario) -> None:
        """Other tastes and tasks."""
        self._own.retune(without_routed(scenario))
        self._routed.retune(scenario)

    def occupancy(self) -> np.ndarray:
        """Of both together, shape (C, J+1)."""
        return self._own.occupancy() + self._routed.occupancy()

    def surplus_usd_per_day(self, board: Board) -> np.ndarray:
        """Of both together, shape (C,)."""
        return self._own.surplus_usd_per_day(board) + self._routed.surplus_usd_per_day(board)

    def census(self, board: Board) -> Census:
        """Both together."""
        return self._own.census(board).plus(self._routed.census(board))


def without_routed(scenario: Scenario) -> Scenario:
    """The scenario with those customers alone who choose for themselves; the same where there is no router."""
    spec = scenario.population
    if not isinstance(spec, Reviewing) or spec.router is None:
        return scenario
    left = spec.market_customers * (1.0 - spec.router.share)
    return scenario.model_copy(update={"population": spec.model_copy(update={"market_customers": left})})
