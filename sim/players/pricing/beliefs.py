"""An owner's beliefs about demand: expected profit of its whole product line as a function of one price level.

A price is `level` times the offer's list price vector, so that the ratio of input to output prices stays. Profit is

    static:      sum over nodes of x0 * sum over own offers of (w P)_j * volume_j * s_j (p_j - c_j)      USD per day
    discounted:  the same with the discounted occupancy y = integral of exp(-(r + 1/H) t) w(t) dt         USD

s_j is the share of requests that the offer is expected to serve (the board's `served_share`): what access policies and
full fleets refuse brings nothing, wherever income is reckoned.

A rise is noticed (where customers notice increases): the offer's holders review once at the new price, before anything
else. A cut is found out at reviews only. So profit has a kink at the posted price.

H is the mean of the (exponential) time for which the price stands. For w' = rate*(wP - w) the integral is
y = w ((r + 1/H + rate) I - rate P)^-1, and since P is diagonal plus rank one the inverse costs O(J) (Sherman-Morrison).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from sim.scenario.scenario import Scenario
from sim.world.board import Board
from sim.world.compiled import kernel
from sim.world.customers.choice import benefit, curved
from sim.world.customers.columns import Columns
from sim.world.customers.expected import ExpectedCustomers, attractions
from sim.world.customers.threads import for_each


@dataclass(frozen=True)
class Outlook:
    """How far an owner looks: `rate_per_day` is r + 1/H; None means static."""

    rate_per_day: float | None

    @property
    def code(self) -> float:
        """The rate for the kernel, which reads a negative one as static."""
        return -1.0 if self.rate_per_day is None else self.rate_per_day


@kernel
def _profit_block(  # type: ignore[no-untyped-def]
    first, end, outlook, rate, noticed, moved, levels, paid, list_usd, cost_usd, price_usd, volume, weights,
    value, mu, exp_d, harm, switching, outside, x0,
    exp_minus_theta, quality, identity, fit_share, latency, on_sale, curved_price, reference, eta, profit,
):  # fmt: skip
    """Adds to profit (L,) what nodes [first, end) bring at each level of `moved`; `paid` is (J,)."""
    choices = weights.shape[1]
    count = levels.shape[0]
    a = np.empty(choices)
    w = np.empty(choices)
    trial_volume = np.empty(count)
    trial_curved = np.empty(count)
    for t in range(count):
        price = levels[t] * list_usd
        trial_volume[t] = (price / reference) ** eta if eta != 0.0 else 1.0
        trial_curved[t] = curved(price, reference, eta)
    for i in range(first, end):
        top = attractions(
            value[i], mu[i], exp_d[i], harm[i], outside[i], exp_minus_theta, quality, identity, fit_share, latency,
            on_sale, curved_price, reference, eta, a,
        )  # fmt: skip
        stay = np.exp(-switching[i] / mu[i])
        gross = curved(
            benefit(value[i], harm[i], exp_d[i], exp_minus_theta[moved], quality[moved], identity, fit_share[moved],
            latency[moved]), reference, eta,
        )  # fmt: skip
        others = 0.0
        for j in range(1, choices):
            if j != moved + 1:
                others += a[j]
        for t in range(count):
            mine = np.exp(min((gross - trial_curved[t] - top) / mu[i], 600.0))
            a[moved + 1] = mine
            base = a[0] + stay * (others + mine)
            w[:] = weights[i]
            if noticed and levels[t] * list_usd > price_usd[moved] * (1.0 + 1e-9):
                holders = w[moved + 1] / (base + (1.0 - stay) * mine)
                w[moved + 1] = 0.0
                w[0] += holders * a[0]
                for j in range(1, choices):
                    w[j] += holders * a[j] * (1.0 if j == moved + 1 else stay)
            if outlook < 0.0:
                reach = w[0] / base
                for j in range(1, choices):
                    reach += w[j] / (base + (1.0 - stay) * a[j])
            else:
                # reach = (w inverse(L) u) / (1 - b inverse(L) u), with L the diagonal and u = rate/Z.
                diagonal = outlook + rate
                from_none = rate / base / diagonal
                reach = w[0] * from_none
                echo = a[0] * from_none
                for j in range(1, choices):
                    z = base + (1.0 - stay) * a[j]
                    inverse = 1.0 / (diagonal * z - rate * (1.0 - stay) * a[j])
                    reach += w[j] * rate * inverse
                    echo += stay * a[j] * rate * inverse
                reach /= 1.0 - echo
            total = 0.0
            for j in range(1, choices):
                if paid[j - 1] == 0.0:
                    continue
                z = base + (1.0 - stay) * a[j]
                if outlook < 0.0:
                    use = stay * a[j] * reach + (1.0 - stay) * a[j] * w[j] / z
                else:
                    inverse = z / ((outlook + rate) * z - rate * (1.0 - stay) * a[j])
                    use = (w[j] + stay * a[j] * reach) * inverse
                if j == moved + 1:
                    total += paid[moved] * (use * trial_volume[t] * (levels[t] * list_usd - cost_usd[moved]))
                else:
                    total += paid[j - 1] * (use * volume[j - 1] * (price_usd[j - 1] - cost_usd[j - 1]))
            profit[t] += x0[i] * total


class Beliefs(Protocol):
    """What owners think of demand, whatever the customers' kind; kept up to date with what is posted."""

    def profit_usd(
        self, board: Board, own: np.ndarray, moved: int, levels: np.ndarray, outlook: Outlook, smooth: bool = False
    ) -> np.ndarray:
        """Expected profit of the owner of the offers in `own` (J,) bool, with offer `moved` at each of `levels` (L,).

        USD per day for a static outlook, discounted USD otherwise; shape (L,). Requests that the board expects to
        be refused bring nothing. `smooth` leaves the notice of a rise out, for derivatives at the posted price.
        """

    def requests_per_day(self, board: Board) -> np.ndarray:
        """Reference requests per day by class, of those who use any model and those who use none; shape (C,)."""

    def advance(self, board: Board, start_day: float, end_day: float) -> object:
        """Time has passed at constant board."""

    def withdraw(self, board: Board, day: float) -> None:
        """Offers have left the market."""

    def notice(self, board: Board, offer: int, classes: np.ndarray, day: float) -> object:
        """The price of `offer` rose in the given classes, shape (C,), bool."""

    def retune(self, scenario: Scenario) -> None:
        """Customers have the tastes and tasks of another scenario from now on."""


def income_usd(board: Board, beliefs: Beliefs, margin_usd: np.ndarray) -> float:
    """Expected income of a day if a request of class c at offer j brought margin_usd[c, j], shape (C, J), USD.

    At posted prices, whoever owns the offers; the board is left as it was.
    """
    saved = board.cost_usd.copy()
    everything = board.on_sale.copy()
    moved = int(np.argmax(everything))
    part = int(np.argmax(board.list_price[:, moved]))
    level = board.price[part, moved] / board.list_price[part, moved]
    try:
        board.cost_usd[:] = board.price_usd - margin_usd
        return float(beliefs.profit_usd(board, everything, moved, np.array([level]), Outlook(None))[0])
    finally:
        board.cost_usd[:] = saved


class NodeBeliefs:
    """Beliefs about customers who review: `expected` customers with few nodes."""

    def __init__(self, customers: ExpectedCustomers) -> None:
        self.customers = customers

    def profit_usd(
        self, board: Board, own: np.ndarray, moved: int, levels: np.ndarray, outlook: Outlook, smooth: bool = False
    ) -> np.ndarray:
        """Profit by nodes in the order of their blocks; see the module."""
        c: Columns = self.customers.columns
        views = self.customers.views(board)
        list_usd = board.tokens @ board.list_price[:, moved] * board.tariff[:, moved]
        paid = board.paid_share(own)
        parts = np.zeros((len(c.blocks), len(levels)))
        notice = self.customers.notices_increases and not smooth

        def work(index: int) -> None:
            task, first, end = c.blocks[index]
            v = views[task]
            _profit_block(
                first, end, outlook.code, self.customers.rate_per_day, notice, moved, levels, paid,
                float(list_usd[task]), board.cost_usd[task], v.price_usd, v.volume, self.customers.weights,
                c.value_usd, c.mu_usd, c.exp_difficulty, c.harm_usd, c.switching_usd, c.outside_usd,
                c.requests_per_day, v.exp_minus_theta, v.quality, v.identity, v.fit_share, v.latency_usd, v.on_sale,
                v.curved_price_usd, v.reference_usd, v.eta, parts[index],
            )  # fmt: skip

        for_each(work, range(len(c.blocks)), c.row_count * len(levels))
        return parts.sum(axis=0)

    def requests_per_day(self, board: Board) -> np.ndarray:
        """Reference requests per day by class, of those who use any model and those who use none; shape (C,)."""
        return self.customers.occupancy().sum(axis=1)

    def advance(self, board: Board, start_day: float, end_day: float) -> object:
        """The nodes' occupancy moves as the customers' is expected to."""
        return self.customers.advance(board, start_day, end_day)

    def withdraw(self, board: Board, day: float) -> None:
        """Holders of what has left choose again."""
        self.customers.withdraw(board, day)

    def notice(self, board: Board, offer: int, classes: np.ndarray, day: float) -> object:
        """Holders of an offer whose price rose review, where customers notice."""
        return self.customers.notice(board, offer, classes, day)

    def retune(self, scenario: Scenario) -> None:
        """The nodes' tastes and tasks change as the customers' do."""
        self.customers.retune(scenario)
