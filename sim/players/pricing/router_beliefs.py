"""Owners' beliefs about customers of a router, and about both kinds of customers together.

A router looks at every request, so profit a day is that of the posted prices, and what a price brings while it stands
is that times the (discounted) time for which it does: the integral of exp(-(rho + churn - growth) t).
"""

from __future__ import annotations

import numpy as np

from sim.players.pricing.beliefs import Beliefs, Outlook
from sim.scenario.scenario import Scenario
from sim.world.board import Board
from sim.world.compiled import kernel
from sim.world.customers.choice import curved
from sim.world.customers.line import cells
from sim.world.customers.router import PIECES, RoutedCustomers, straight_utilities, without_routed
from sim.world.customers.threads import for_each


@kernel
def _profit_block(  # type: ignore[no-untyped-def]
    first, end, moved, levels, paid, list_usd, cost_usd, price_usd, volume, exp_items, lengths, exp_errors,
    error_weights, value, exp_d, harm, outside, x0, exp_minus_theta, quality, identity, fit_share, latency, on_sale,
    curved_price, reference, eta, profit,
):  # fmt: skip
    """Adds to profit (L,) what the requests of nodes [first, end) bring at each level of offer `moved`, USD per day."""
    pieces, offers = lengths.shape[1], on_sale.shape[0]
    left, slope = np.empty((pieces, offers + 1)), np.empty((pieces, offers + 1))
    asked, share = curved_price.copy(), np.empty(offers + 1)
    for i in range(first, end):
        straight_utilities(
            value[i], exp_d[i], harm[i], outside[i], exp_items[i], lengths[i], exp_errors, error_weights,
            exp_minus_theta, quality, identity, fit_share, latency, reference, eta, left, slope,
        )  # fmt: skip
        for t in range(levels.shape[0]):
            price = levels[t] * list_usd
            asked[moved] = curved(price, reference, eta)
            share[:] = 0.0
            cells(left, slope, lengths[i], True, on_sale, asked, share)
            gained = 0.0
            for j in range(offers):
                if paid[j] == 0.0:
                    continue
                if j == moved:
                    bent = (price / reference) ** eta if eta != 0.0 else 1.0
                    gained += paid[j] * (share[j + 1] * bent * (price - cost_usd[j]))
                else:
                    gained += paid[j] * (share[j + 1] * volume[j] * (price_usd[j] - cost_usd[j]))
            profit[t] += x0[i] * gained


class RoutedBeliefs:
    """Beliefs about a router's customers: `RoutedCustomers` with few nodes."""

    def __init__(self, customers: RoutedCustomers) -> None:
        self.customers = customers

    def profit_usd(
        self, board: Board, own: np.ndarray, moved: int, levels: np.ndarray, outlook: Outlook, smooth: bool = False
    ) -> np.ndarray:
        """USD per day for a static outlook, discounted USD otherwise, shape (L,)."""
        customers = self.customers
        c, views, items = customers.columns, customers.views(board), customers.items
        list_usd = board.tokens @ board.list_price[:, moved] * board.tariff[:, moved]
        paid = board.paid_share(own)
        parts = np.zeros((len(c.blocks), len(levels)))

        def work(index: int) -> None:
            task, first, end = c.blocks[index]
            v = views[task]
            _profit_block(
                first, end, moved, levels, paid, float(list_usd[task]), board.cost_usd[task], v.price_usd, v.volume,
                items.exp_items, items.lengths, items.exp_errors, items.weights, c.value_usd, c.exp_difficulty,
                c.harm_usd, c.outside_usd, c.requests_per_day, v.exp_minus_theta, v.quality, v.identity, v.fit_share,
                v.latency_usd, v.on_sale, v.curved_price_usd, v.reference_usd, v.eta, parts[index],
            )  # fmt: skip

        for_each(work, range(len(c.blocks)), c.row_count * PIECES * len(levels))
        stands = 1.0
        if outlook.rate_per_day is not None:
            stands /= outlook.rate_per_day + customers.churn_per_day - customers.growth_per_day
        return np.asarray(stands * customers.mass * parts.sum(axis=0))

    def requests_per_day(self, board: Board) -> np.ndarray:
        """Reference requests per day by class, of those who use any model and those who use none; shape (C,)."""
        c = self.customers.columns
        return np.add.reduceat(c.requests_per_day, c.class_rows[:-1]) * self.customers.mass

    def advance(self, board: Board, start_day: float, end_day: float) -> object:
        """The number of customers changes."""
        return self.customers.advance(board, start_day, end_day)

    def withdraw(self, board: Board, day: float) -> None:
        """The next request goes elsewhere."""

    def notice(self, board: Board, offer: int, classes: np.ndarray, day: float) -> object:
        """Every request looks at the prices."""
        return None

    def retune(self, scenario: Scenario) -> None:
        """Other tastes, tasks and another router."""
        self.customers.retune(scenario)


class BeliefsOfBoth:
    """Beliefs about customers who choose for themselves and customers of a router."""

    def __init__(self, own: Beliefs, routed: RoutedBeliefs) -> None:
        self._own, self._routed = own, routed

    def profit_usd(
        self, board: Board, own: np.ndarray, moved: int, levels: np.ndarray, outlook: Outlook, smooth: bool = False
    ) -> np.ndarray:
        """The profit from both, shape (L,)."""
        chosen = self._own.profit_usd(board, own, moved, levels, outlook, smooth)
        return chosen + self._routed.profit_usd(board, own, moved, levels, outlook, smooth)

    def requests_per_day(self, board: Board) -> np.ndarray:
        """Of both together, shape (C,)."""
        return self._own.requests_per_day(board) + self._routed.requests_per_day(board)

    def advance(self, board: Board, start_day: float, end_day: float) -> object:
        """Time has passed for both."""
        return self._own.advance(board, start_day, end_day), self._routed.advance(board, start_day, end_day)

    def withdraw(self, board: Board, day: float) -> None:
        """Offers have left the market."""
        self._own.withdraw(board, day)

    def notice(self, board: Board, offer: int, classes: np.ndarray, day: float) -> object:
        """A price rose."""
        return self._own.notice(board, offer, classes, day)

    def retune(self, scenario: Scenario) -> None:
        """Other tastes and tasks of both."""
        self._own.retune(without_routed(scenario))
        self._routed.retune(scenario)
