"""Owners' beliefs about customers with nests, word of releases, growth and bundles; otherwise as in `beliefs`.

The discounted occupancy y = integral of exp(-rho t) n dt solves, with n as in `full_expected`,

    y ((rho + churn + rate) I - rate P) = w + growth pi (y 1)        y 1 = 1/(rho + churn - growth)

P is diagonal plus two ranks a nest plus one, so that y costs O(J): given R = sum_k y_k/Z_k, each nest is two linear
equations in its own R_g and T_g = sum_k y_k beside_k/Z_k, and R itself is linear in them.

What owners leave out: within a trial the bundle's benefit stands as it is, so that winning a customer in one class wins
nothing in its others; and of word they see one time only, the mean of their outlook, 1/rho days ahead (a static owner
prices for customers who have all heard).
"""

from __future__ import annotations

import math

import numpy as np

from sim.players.pricing.beliefs import Outlook
from sim.scenario.scenario import Scenario
from sim.world.board import Board
from sim.world.compiled import kernel
from sim.world.customers.choice import benefit, curved
from sim.world.customers.full_expected import FullExpectedCustomers
from sim.world.customers.nests import choice_terms, nest_terms, offer_utilities, reviewed
from sim.world.customers.threads import for_each


@kernel
def _discounted(  # type: ignore[no-untyped-def]
    w, rho, rate, growth, churn, none, total, stay, members, starts, within, reach, own, beside, self_more, y,
):  # fmt: skip
    """Write y (J+1,) for the occupancy w (J+1,)."""
    base = none + stay * total
    held = rho + churn + rate
    entering = growth / (rho + churn - growth)
    alone = none + total
    constant = (w[0] + entering * none / alone) / (held * base)
    slope = rate * none / (held * base)
    for g in range(starts.shape[0] - 1):
        a1, a2, b1, b2, d1, d2 = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
        for m in range(starts[g], starts[g + 1]):
            j = members[m]
            z = base + own[j]
            inverse = 1.0 / (held * z - rate * self_more[j])  # 1/(delta Z)
            begins = w[j + 1] + entering * reach[j] / alone
            a1 += begins * inverse
            a2 += begins * beside[j] * inverse
            b1 += rate * stay * reach[j] * inverse
            b2 += rate * stay * reach[j] * beside[j] * inverse
            d1 += rate * within[j] * inverse
            d2 += rate * within[j] * beside[j] * inverse
        a, b = a1 + d1 * a2 / (1.0 - d2), b1 + d1 * b2 / (1.0 - d2)
        constant += a / (1.0 + b)
        slope += b / (1.0 + b)
    everybody = constant / (1.0 - slope)
    y[0] = (w[0] + entering * none / alone + rate * none * everybody) / held
    for g in range(starts.shape[0] - 1):
        a1, a2, b1, b2, d1, d2 = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
        for m in range(starts[g], starts[g + 1]):
            j = members[m]
            inverse = 1.0 / (held * (base + own[j]) - rate * self_more[j])
            begins = w[j + 1] + entering * reach[j] / alone
            a1 += begins * inverse
            a2 += begins * beside[j] * inverse
            b1 += rate * stay * reach[j] * inverse
            b2 += rate * stay * reach[j] * beside[j] * inverse
            d1 += rate * within[j] * inverse
            d2 += rate * within[j] * beside[j] * inverse
        a, b = a1 + d1 * a2 / (1.0 - d2), b1 + d1 * b2 / (1.0 - d2)
        elsewhere = (everybody - a) / (1.0 + b)
        moving = (a2 + b2 * elsewhere) / (1.0 - d2)
        for m in range(starts[g], starts[g + 1]):
            j = members[m]
            z = base + own[j]
            begins = w[j + 1] + entering * reach[j] / alone
            inflow = rate * (stay * reach[j] * elsewhere + within[j] * moving)
            y[j + 1] = (begins + inflow) * z / (held * z - rate * self_more[j])


@kernel
def _profit_block(  # type: ignore[no-untyped-def]
    first, end, offset, day, rho, rate, growth, churn, noticed, moved, levels, paid, list_usd, cost_usd, price_usd,
    volume, weights, nest, members, starts, scale, extra, known,
    value, mu, exp_d, harm, switching, outside, x0, exp_minus_theta, quality, identity, fit_share, latency, on_sale,
    curved_price, reference, eta, profit,
):  # fmt: skip
    """Adds to profit (L,) what nodes [first, end) bring at each level of offer `moved`."""
    choices = weights.shape[1]
    offers = choices - 1
    u = np.empty(offers)
    within, reach, own = np.empty(offers), np.empty(offers), np.empty(offers)
    beside, self_more = np.empty(offers), np.empty(offers)
    w, holders, use = np.empty(choices), np.zeros(choices), np.empty(choices)
    for i in range(first, end):
        heard = known[i - offset]
        offer_utilities(
            value[i], exp_d[i], harm[i], exp_minus_theta, quality, identity, fit_share, latency, on_sale,
            curved_price, reference, eta, extra[i], heard, day, u,
        )  # fmt: skip
        top, none, _ = choice_terms(
            outside[i], u, mu[i], members, starts, scale, switching[i], within, reach, own, beside, self_more
        )
        stay = np.exp(-switching[i] / mu[i])
        gross = -np.inf
        if heard[moved] <= day:
            gross = curved(
                benefit(
                    value[i], harm[i], exp_d[i], exp_minus_theta[moved], quality[moved], identity, fit_share[moved],
                    latency[moved],
                ) + extra[i, moved],
                reference, eta,
            )  # fmt: skip
        others = 0.0
        for g in range(starts.shape[0] - 1):
            if g != nest:
                for m in range(starts[g], starts[g + 1]):
                    others += reach[members[m]]
        for t in range(levels.shape[0]):
            price = levels[t] * list_usd
            u[moved] = gross - curved(price, reference, eta)
            here = nest_terms(
                starts[nest], starts[nest + 1], members, u, mu[i], scale, switching[i], top, within, reach, own,
                beside, self_more,
            )  # fmt: skip
            total = others + here
            w[:] = weights[i]
            if noticed and price > price_usd[moved] * (1.0 + 1e-9):
                holders[moved + 1] = w[moved + 1]
                w[moved + 1] = 0.0
                reviewed(holders, none, total, stay, members, starts, within, reach, own, beside, self_more, use)
                for k in range(choices):
                    w[k] += use[k]
            if rho < 0.0:
                reviewed(w, none, total, stay, members, starts, within, reach, own, beside, self_more, use)
            else:
                _discounted(
                    w, rho, rate, growth, churn, none, total, stay, members, starts, within, reach, own, beside,
                    self_more, use,
                )  # fmt: skip
            gained = 0.0
            for j in range(offers):
                if paid[j] > 0.0:
                    if j == moved:
                        bent = (price / reference) ** eta if eta != 0.0 else 1.0
                        gained += paid[j] * (use[j + 1] * bent * (price - cost_usd[j]))
                    else:
                        gained += paid[j] * (use[j + 1] * volume[j] * (price_usd[j] - cost_usd[j]))
            profit[t] += x0[i] * gained


class FullNodeBeliefs:
    """Beliefs about customers with every mechanism: `FullExpectedCustomers` with few nodes."""

    def __init__(self, customers: FullExpectedCustomers) -> None:
        self.customers = customers

    def profit_usd(
        self, board: Board, own: np.ndarray, moved: int, levels: np.ndarray, outlook: Outlook, smooth: bool = False
    ) -> np.ndarray:
        """Profit by nodes in the order of their blocks; see the module."""
        customers = self.customers
        c, views, nests = customers.columns, customers.views(board), customers.nests(board)
        ahead = math.inf if outlook.rate_per_day is None else customers.day + 1.0 / outlook.rate_per_day
        known, extra = customers.known(board, customers.day), customers.extra(board)
        list_usd = board.tokens @ board.list_price[:, moved] * board.tariff[:, moved]
        paid = board.paid_share(own)
        parts = np.zeros((len(c.blocks), len(levels)))
        notice = customers.spec.notices_increases and not smooth

        def work(index: int) -> None:
            task, first, end = c.blocks[index]
            v = views[task]
            _profit_block(
                first, end, int(c.class_rows[task]), ahead, outlook.code, customers.rate_per_day,
                customers.growth_per_day, customers.churn_per_day, notice, moved, levels, paid, float(list_usd[task]),
                board.cost_usd[task], v.price_usd, v.volume, customers.weights, int(nests.of[moved]), nests.members,
                nests.starts, nests.scale, extra, known, c.value_usd, c.mu_usd, c.exp_difficulty, c.harm_usd,
                c.switching_usd, c.outside_usd, c.requests_per_day, v.exp_minus_theta, v.quality, v.identity,
                v.fit_share, v.latency_usd, v.on_sale, v.curved_price_usd, v.reference_usd, v.eta, parts[index],
            )  # fmt: skip

        for_each(work, range(len(c.blocks)), c.row_count * len(levels))
        return np.asarray(customers.mass * parts.sum(axis=0))

    def requests_per_day(self, board: Board) -> np.ndarray:
        """Reference requests per day by class, of those who use any model and those who use none; shape (C,)."""
        return np.asarray(self.customers.occupancy().sum(axis=1))

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
