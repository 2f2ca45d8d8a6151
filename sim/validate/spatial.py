"""Competition in space, in quality, and in a chain of two margins, with customers on a line."""

from __future__ import annotations

from dataclasses import dataclass

from sim.runner import run
from sim.scenario.scenario import Scenario
from sim.shared.catalog import Catalog
from sim.theory import spatial
from sim.validate.case import Case, Check, Reading, last_price, last_profit, last_share
from sim.validate.markets import EXACT, firm, market, placed_customers, uniform_customers
from sim.validate.row import Row

_HOTELLING = "Hotelling 1929; price leadership: von Stackelberg 1934"
_SALOP = "Salop 1979"
_QUALITY = "Shaked and Sutton 1982; Tirole 1988, 7.5.1"
_CHAIN = "Spengler 1950"


def checks() -> list[Check]:
    """All markets: those of the project's targets and further values."""
    return [
        *(_hotelling(costs, t) for costs, t in [((0.5, 0.5), 1.0), ((0.2, 0.2), 0.4), ((0.5, 0.8), 1.0)]),
        *(_leader(cost, t) for cost, t in [(0.5, 1.0), (0.1, 0.6)]),
        *(_salop(cost, t, n) for cost, t, n in [(0.5, 1.0, 4), (0.5, 1.0, 3), (0.2, 0.5, 6)]),
        *(_quality(high, low) for high, low in [(1.0, 0.5), (1.0, 0.8), (0.6, 0.1), (1.0, 0.99)]),
        BestLowQuality(_qualities(1.0, 4.0 / 7.0), 1.0),
        BestLowQuality(_qualities(0.7, 0.4), 0.7),
        *(_chain(cost) for cost in (0.0, 0.2, 0.5)),
        *(_integrated(cost) for cost in (0.0, 0.2)),
    ]


def _titled(scenario: Scenario, title: str) -> Scenario:
    return scenario.model_copy(update={"title": title})


def _hotelling(costs: tuple[float, float], travel: float) -> Case:
    price = spatial.hotelling_prices(costs, travel)
    firms = [firm(i, cost, cost + 0.8 * travel + 0.1 * i, EXACT) for i, cost in enumerate(costs)]
    scenario = market("hotelling", placed_customers("segment", travel, (0.0, 1.0)), firms, (1.0, 1.0), 6.0)
    sold = 0.5 + (price[1] - price[0]) / (2.0 * travel)
    readings = (
        Reading("price of the first shop", price[0], last_price("o0")),
        Reading("price of the second shop", price[1], last_price("o1")),
        Reading("share of the first shop", sold, last_share("o0")),
        Reading("profit of the first shop", (price[0] - costs[0]) * sold, last_profit("firm0")),
    )
    return Case(
        _titled(scenario, f"Hotelling, costs {costs[0]:g} and {costs[1]:g}, t {travel:g}"), _HOTELLING, readings
    )


def _leader(cost: float, travel: float) -> Case:
    leader, follower = spatial.hotelling_leader_prices(cost, travel)
    policy = {"kind": "leader", "followers": ["firm1"], "review_days": 80, "first_review_day": 2}
    firms = [firm(0, cost, cost + travel, policy), firm(1, cost, cost + travel, EXACT)]
    scenario = market("hotelling-leader", placed_customers("segment", travel, (0.0, 1.0)), firms, (1.0, 1.0), 6.0)
    readings = (
        Reading("price of the leader", leader, last_price("o0")),
        Reading("price of the follower", follower, last_price("o1")),
    )
    return Case(_titled(scenario, f"Hotelling with a leader, cost {cost:g}, t {travel:g}"), _HOTELLING, readings)


def _salop(cost: float, travel: float, shops: int) -> Case:
    price = spatial.salop_price(cost, travel, shops)
    firms = [firm(i, cost, cost + travel * (0.2 + 0.05 * i), EXACT) for i in range(shops)]
    places = [i / shops for i in range(shops)]
    scenario = market("salop", placed_customers("circle", travel, places), firms, [1.0] * shops, 6.0)
    readings = (
        Reading("price of the first shop", price, last_price("o0")),
        Reading("price of the last shop", price, last_price(f"o{shops - 1}")),
        Reading("profit of the first shop", (price - cost) / shops, last_profit("firm0")),
    )
    return Case(_titled(scenario, f"Salop, {shops} shops, cost {cost:g}, t {travel:g}"), _SALOP, readings)


def _qualities(high: float, low: float) -> Scenario:
    duopoly = spatial.quality_duopoly(high, low)
    firms = [firm(i, 0.0, 1.5 * price, EXACT) for i, price in enumerate(duopoly.prices)]
    return market("quality", uniform_customers(), firms, (high, low))


def _quality(high: float, low: float) -> Case:
    duopoly = spatial.quality_duopoly(high, low)
    readings = tuple(
        reading
        for i, which in enumerate(("high", "low"))
        for reading in (
            Reading(f"price of the {which} quality", duopoly.prices[i], last_price(f"o{i}")),
            Reading(f"demand for the {which} quality", duopoly.demands[i], last_share(f"o{i}")),
            Reading(f"profit of the {which} quality", duopoly.profits[i], last_profit(f"firm{i}")),
        )
    )
    return Case(_titled(_qualities(high, low), f"two qualities, {high:g} and {low:g}"), _QUALITY, readings)


@dataclass(frozen=True)
class BestLowQuality:
    """Which lower quality earns most: the market is run at several, 1/28 of the higher one apart."""

    scenario: Scenario
    high: float

    def with_scenario(self, scenario: Scenario) -> BestLowQuality:
        """The same expectation of another market."""
        return BestLowQuality(scenario, self.high)

    def rows(self, catalog: Catalog, full: bool) -> list[Row]:
        """One run for each quality."""
        earned = {}
        for step in range(12, 21):
            low = self.high * step / 28.0
            model = self.scenario.models[1].model_copy(update={"quality": low})
            scenario = self.scenario.model_copy(update={"models": (self.scenario.models[0], model)})
            earned[low] = last_profit("firm1")(run(scenario, catalog).tables)
        best = max(earned, key=lambda low: earned[low])
        name = f"two qualities, the higher {self.high:g}: the lower one that earns most"
        return [Row(name, _QUALITY, "event", spatial.best_low_quality(self.high), best, 1e-9)]


def _chain(cost: float) -> Case:
    expected = spatial.double_margin(cost)
    policy = {"kind": "leader", "followers": ["firm1"], "review_days": 80, "first_review_day": 2}
    firms = [
        firm(0, cost, cost + 0.3, policy, wholesale=True),
        firm(1, {"kind": "wholesale", "offer": "o0"}, cost + 0.4, EXACT),
    ]
    scenario = market("double-margin", uniform_customers(), firms, (1.0, 1.0))
    readings = (
        Reading("wholesale price", expected.wholesale, last_price("o0")),
        Reading("retail price", expected.retail, last_price("o1")),
        Reading("profit of the supplier", expected.supplier_profit, last_profit("firm0")),
        Reading("profit of the retailer", expected.retailer_profit, last_profit("firm1")),
    )
    return Case(_titled(scenario, f"double margin, cost {cost:g}"), _CHAIN, readings)


def _integrated(cost: float) -> Case:
    price = spatial.integrated_price(cost)
    scenario = market("integrated", uniform_customers(), [firm(0, cost, cost + 0.2, EXACT)], (1.0,))
    readings = (
        Reading("price", price, last_price("o0")),
        Reading("profit", (price - cost) * (1.0 - price), last_profit("firm0")),
    )
    return Case(_titled(scenario, f"integrated chain, cost {cost:g}"), _CHAIN, readings)
