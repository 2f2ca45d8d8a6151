"""Network effects: customers who arrive one by one and follow those before them, session by session in the market."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from sim.market import Market
from sim.scenario.population import Arrivals
from sim.scenario.scenario import Scenario
from sim.shared.catalog import Catalog
from sim.theory import urn
from sim.validate.case import Check
from sim.validate.markets import POSTED, firm, market
from sim.validate.row import Row

_SOURCE = "Arthur 1989; Hill, Lane and Sudderth 1980"
ARRIVALS = 5_000
SESSIONS = 2_000  # of the targets' urns; of the further ones in full
_FEWER_SESSIONS = 1_000
Limit = Literal["random", "monopoly", "equal"]


def checks() -> list[Check]:
    """The targets' three urns, and others: more offers, more first customers, other strengths of feedback."""
    return [
        Urn.of(2, 1.0, 1.0, "random", target=True),
        Urn.of(2, 2.0, 1.0, "monopoly", target=True),
        Urn.of(2, 0.5, 1.0, "equal", target=True),
        # The two further tests share one chance in a hundred to fail without a reason.
        Urn.of(3, 1.0, 1.0, "random", level=0.005),
        Urn.of(2, 1.0, 2.0, "random", level=0.005),
        Urn.of(2, 3.0, 1.0, "monopoly"),
        Urn.of(2, 0.25, 1.0, "equal"),
    ]


@dataclass(frozen=True)
class Urn:
    """Offers that differ in nothing, and what becomes of the first one's share."""

    scenario: Scenario
    offers: int
    network: float
    first: float
    limit: Limit
    target: bool
    level: float = 0.01  # of the test of a random limit

    @classmethod
    def of(
        cls, offers: int, network: float, first: float, limit: Limit, target: bool = False, level: float = 0.01
    ) -> Urn:
        """The market with `offers` offers that begin with `first` customers each."""
        population = {
            "kind": "arrivals", "arrivals_per_day": 1, "taste_usd": 0.25, "volume_elasticity": 0, "network": network,
            "first_customers": first, "outside_share": None,
        }  # fmt: skip
        firms = [firm(i, 1.0, 1.5, POSTED) for i in range(offers)]
        scenario = market("urn", population, firms, [0.5] * offers, 4.0, ARRIVALS, ARRIVALS)
        return cls(scenario, offers, network, first, limit, target, level)

    def with_scenario(self, scenario: Scenario) -> Urn:
        """The same expectation of another market."""
        return replace(self, scenario=scenario)

    def rows(self, catalog: Catalog, full: bool) -> list[Row]:
        """One row: the distribution of the share, or how often it ends near its limit."""
        count = SESSIONS if full or self.target else _FEWER_SESSIONS
        shares = np.array([_shares(self.scenario, catalog, replication) for replication in range(count)])
        name = f"urn, {self.offers} offers, gamma {self.network:g}, {self.first:g} customers first"
        detail = f"{count} sessions of {ARRIVALS:,} arrivals"
        if self.limit == "random":
            distance = urn.polya_distance(shares[:, 0], self.first, self.first * (self.offers - 1))
            of = f"Beta({self.first:g}, {self.first * (self.offers - 1):g})"
            return [
                Row(
                    f"{name}: distance of the share from {of}", _SOURCE, "stochastic", 0.0, distance,
                    urn.critical_distance(count, self.level), f"{detail}; the tolerance is that of p = {self.level:g}",
                )
            ]  # fmt: skip
        if self.limit == "monopoly":
            ended = float((shares.max(axis=1) > 0.95).mean())
            return [Row(f"{name}: ends with one above 95%", _SOURCE, "event", 1.0, ended, 0.01, detail)]
        near = float((np.abs(shares[:, 0] - 1.0 / self.offers) < 0.05).mean())
        return [Row(f"{name}: ends within .05 of equal shares", _SOURCE, "event", 1.0, near, 0.05, detail)]


def _shares(scenario: Scenario, catalog: Catalog, replication: int) -> np.ndarray:
    """Shares of the offers among all who came, one session; shape (J,)."""
    played = Market(scenario, catalog, replication=replication)
    played.play()
    assert isinstance(scenario.population, Arrivals)
    came = played.population.occupancy()[0, 1:]
    return np.asarray(came / came.sum())
