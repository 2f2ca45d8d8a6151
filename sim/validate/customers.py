"""Customers against customers: sampled ones approach expected ones, and more nodes move no price."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from sim.runner import run
from sim.scenario.load import load_scenario, parse_scenario
from sim.scenario.population import Expected, Sampled
from sim.scenario.prices import Posted
from sim.scenario.scenario import Scenario
from sim.shared.catalog import Catalog
from sim.validate.case import Check
from sim.validate.markets import EXACT, firm, market
from sim.validate.row import Row

_SOURCE = "the market's own populations"
COUNTS = (1_000, 4_000, 16_000)
_REPLICATIONS = 8
_BELIEF_NODES, _NODES = 512, 8_192


def checks() -> list[Check]:
    """The default scenario at posted prices, and best responses to customers who differ in everything."""
    posted = _posted_default()
    return [Convergence(posted, posted), Nodes(_differing(0.5)), Nodes(_differing(1.0))]


def _posted_default() -> Scenario:
    scenario = load_scenario("default")
    providers = tuple(part.model_copy(update={"price": Posted(kind="posted")}) for part in scenario.providers)
    return scenario.model_copy(update={"providers": providers, "horizon_days": 60.0, "report_days": 30.0})


def _differing(spread: float) -> Scenario:
    """Two firms and customers who differ in value, difficulty and price sensitivity."""
    population = {
        "kind": "expected", "nodes_per_class": 512, "market_customers": 1, "switching_share": 0, "review_days": 1,
        "price_sensitivity": {"median": 0.1, "log_sd": 0.25 * spread}, "volume_elasticity": 0,
        "notices_increases": False,
    }  # fmt: skip
    firms = [firm(0, 0.5, 1.0, EXACT), firm(1, 0.2, 0.8, EXACT)]
    raw = market("differing", population, firms, (0.7, 0.6), 4.0, 200).model_dump(mode="json")
    raw["tasks"][0] |= {
        "success": "irt", "difficulty_sd": spread, "value_usd": {"median": 4.0, "log_sd": spread}, "harm_share": 0.2,
    }  # fmt: skip
    return parse_scenario(raw, "customers who differ")


@dataclass(frozen=True)
class Convergence:
    """The error of sampled requests against expected ones falls as 1/sqrt(N) at posted prices."""

    scenario: Scenario
    truth: Scenario

    def with_scenario(self, scenario: Scenario) -> Convergence:
        """Samples of another market against the same expectation."""
        return replace(self, scenario=scenario)

    def rows(self, catalog: Catalog, full: bool) -> list[Row]:
        """The exponent, by least squares over the numbers of customers."""
        expected = _requests(_with(self.truth, expected=8192), catalog)[0]
        errors = []
        for count in COUNTS:
            drawn = _requests(_with(self.scenario, sampled=count), catalog, _REPLICATIONS)
            errors.append(float(np.mean([np.abs(part - expected).sum() / expected.sum() for part in drawn])))
        slope = float(np.polyfit(np.log(COUNTS), np.log(errors), 1)[0])
        detail = ", ".join(f"{error:.2%} at {count:,}" for count, error in zip(COUNTS, errors, strict=True))
        return [Row("sampled to expected: exponent of the error", _SOURCE, "stochastic", -0.5, slope, 0.1, detail)]


@dataclass(frozen=True)
class Nodes:
    """The largest relative move of a best-response price when many nodes are doubled, and against few."""

    scenario: Scenario

    def with_scenario(self, scenario: Scenario) -> Nodes:
        """Another market."""
        return replace(self, scenario=scenario)

    def rows(self, catalog: Catalog, full: bool) -> list[Row]:
        """Two rows."""
        few, many, more = (
            _prices(self.scenario.model_copy(update={"belief_nodes_per_class": count}), catalog)
            for count in (_BELIEF_NODES, _NODES, 2 * _NODES)
        )
        name = f"best responses to customers who differ by {self.scenario.tasks[0].value_usd.log_sd:g}"
        return [
            _moved(f"{name}: {_NODES:,} nodes doubled", many, more, 1e-3),
            _moved(f"{name}: {_BELIEF_NODES} nodes against {2 * _NODES:,}", few, more, 5e-3),
        ]


def _moved(name: str, prices: np.ndarray, others: np.ndarray, tolerance: float) -> Row:
    """The largest relative difference."""
    return Row(name, _SOURCE, "exact", 0.0, float(np.abs(others / prices - 1.0).max()), tolerance)


def _with(scenario: Scenario, sampled: int = 0, expected: int = 0) -> Scenario:
    """The scenario with another population of the same tastes."""
    tastes = scenario.population.model_dump(exclude={"kind", "customers", "nodes_per_class"})
    population = Sampled(customers=sampled, **tastes) if sampled else Expected(nodes_per_class=expected, **tastes)
    return scenario.model_copy(update={"population": population})


def _requests(scenario: Scenario, catalog: Catalog, replications: int = 1) -> list[np.ndarray]:
    """Requests by class, offer and report day, of each replication."""
    demand = run(scenario, catalog, replications=replications).tables["demand"]
    demand = demand[demand["day"] > 0]
    keys = ["day", "task_class", "offer"]
    wide = demand.pivot_table(index=keys, columns="replication", values="requests").fillna(0.0)
    return [wide[column].to_numpy() for column in wide.columns]


def _prices(scenario: Scenario, catalog: Catalog) -> np.ndarray:
    prices = run(scenario, catalog).tables["prices"].groupby("offer")["price_input_usd_per_mtok"].last().to_numpy()
    assert all(math.isfinite(price) for price in prices)
    return np.asarray(prices)
