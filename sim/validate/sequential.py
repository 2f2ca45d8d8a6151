"""Duopoly with alternating moves: the tables of Maskin and Tirole, played in the market and checked for deviations.

The deviation is computed on the profits that the market's owners expect on the grid, so that the row fails where the
market's demand is another one than the theory's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from sim.market import Market
from sim.players.pricing.grid import grid_profits
from sim.runner import run
from sim.scenario.prices import ReactionTable
from sim.scenario.scenario import Scenario
from sim.shared.catalog import Catalog
from sim.theory import sequential
from sim.validate.case import Check
from sim.validate.markets import Raw, firm, market, uniform_customers
from sim.validate.row import Row, mean_row

_SOURCE = "Maskin and Tirole 1988; Klein 2021"
PERIODS, SETTLED = 2_000, 100  # played, and of these left out; a period is a day
_REPLICATIONS, _FULL_REPLICATIONS = 16, 100


def checks() -> list[Check]:
    """The price war and the kinked demand curve at the targets' discount factor and at others."""
    war = [Turns.of("Edgeworth cycle", sequential.edgeworth, d) for d in (0.95, 0.9, 0.99)]
    kink = [Turns.of("kinked demand", sequential.kinked, d, chance=False) for d in (0.95, 0.85)]
    return [*war, *kink]


@dataclass(frozen=True)
class Turns:
    """Two firms that move in turn and both play one table."""

    scenario: Scenario
    name: str
    table: Callable[[float], np.ndarray]
    discount: float
    chance: bool = True  # in the long run; the focal price has none

    @classmethod
    def of(cls, name: str, table: Callable[[float], np.ndarray], discount: float, chance: bool = True) -> Turns:
        """The market in which both play `table` at `discount`."""
        policies = [_policy(index, table(discount)) for index in (0, 1)]
        firms = [firm(index, 0.0, 1.0, policy) for index, policy in enumerate(policies)]
        scenario = market("turns", uniform_customers(), firms, (1.0, 1.0), 1.0, PERIODS, SETTLED)
        return cls(scenario, f"{name}, delta {discount:g}", table, discount, chance)

    def with_scenario(self, scenario: Scenario) -> Turns:
        """The same expectations of another market."""
        return replace(self, scenario=scenario)

    def rows(self, catalog: Catalog, full: bool) -> list[Row]:
        """One exact row for the deviation, two for the long run."""
        replications = (_FULL_REPLICATIONS if full else _REPLICATIONS) if self.chance else 2
        wanted = sequential.long_run(sequential.grid_profits(), self.table(self.discount))
        opened = Market(self.scenario, catalog)
        levels = np.arange(sequential.POINTS) / (sequential.POINTS - 1)
        profit = grid_profits(opened.board, opened.beliefs, (0, 1), (levels, levels))[0]
        gain = sequential.deviation_gain(profit, _played(self.scenario), self.discount)
        tables = run(self.scenario, catalog, replications=replications).tables
        settled = tables["demand"][tables["demand"]["day"] > SETTLED]
        days = PERIODS - SETTLED
        settled = settled.assign(profit_usd=settled["revenue_usd"] - settled["serving_cost_usd"])
        earned = settled.groupby("replication")["profit_usd"].sum() / days / 2.0
        prices = [_mean_lower_price(part) for _, part in tables["prices"].groupby("replication")]
        return [
            Row(f"{self.name}: gain of one deviation", _SOURCE, "exact", 0.0, gain, 1e-12),
            mean_row(f"{self.name}: profit of a firm", _SOURCE, wanted.profit, list(earned), 1e-9),
            mean_row(f"{self.name}: market price", _SOURCE, wanted.price, prices, 1e-9),
        ]


def _policy(index: int, table: np.ndarray) -> Raw:
    responses = []
    for row in table:
        points = [int(point) for point in np.flatnonzero(row)]
        chances = [float(row[point]) for point in points]
        responses.append({"points": points} | ({"probabilities": chances} if len(points) > 1 else {}))
    return {
        "kind": "reaction_table", "rival": f"o{1 - index}", "responses": responses, "review_days": 2,
        "levels": [point / (len(table) - 1) for point in range(len(table))], "first_review_day": index,
    }  # fmt: skip


def _played(scenario: Scenario) -> np.ndarray:
    """The table of the first provider, shape (q, p)."""
    policy = scenario.providers[0].price
    assert isinstance(policy, ReactionTable)
    out = np.zeros((len(policy.levels), len(policy.levels)))
    for standing, response in enumerate(policy.responses):
        out[standing, list(response.points)] = response.probabilities or (1.0,)
    return out


def _mean_lower_price(prices: object) -> float:
    """Mean over the settled days of the lower posted price."""
    import pandas as pd

    assert isinstance(prices, pd.DataFrame)
    wide = prices.pivot_table(index="day", columns="offer", values="price_input_usd_per_mtok", aggfunc="last")
    daily = wide.reindex(np.arange(PERIODS)).ffill()
    return float(daily[daily.index >= SETTLED].min(axis=1).mean())
