"""Customers with every mechanism: against the plain ones, sampled against expected ones, and their surplus."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from conftest import raw_market
from demand_markets import as_expected, as_sampled, parsed, raw_hosts, requests

import sim.players.opening
import sim.world.customers.population
from sim.market import Market
from sim.players.opening import open_market
from sim.players.pricing.beliefs import NodeBeliefs, Outlook
from sim.players.pricing.full_beliefs import FullNodeBeliefs
from sim.players.pricing.router_beliefs import BeliefsOfBoth, RoutedBeliefs
from sim.scenario.load import parse_scenario
from sim.scenario.mechanisms import mechanisms
from sim.shared.catalog import Catalog
from sim.shared.errors import InputError
from sim.world.customers.full_expected import FullExpectedCustomers
from sim.world.customers.full_sampled import FullSampledCustomers
from sim.world.customers.router import WithRouter

MECHANISMS: dict[str, dict[str, Any]] = {
    "nests": {"population": {"nest_scale": 0.2}},
    "word": {"population": {"nest_scale": 1.0, "word_days": 30.0}},
    "growth": {"population": {"nest_scale": 1.0, "growth_per_year": 1.0, "churn_per_year": 0.6}},
    "bundles": {"population": {"nest_scale": 1.0}, "bundle_share": 0.05},
    "router": {"population": {"nest_scale": 1.0, "router": {"share": 0.4}}},
    "all": {
        "population": {
            "word_days": 30.0, "growth_per_year": 1.0, "churn_per_year": 0.6, "router": {"share": 0.4},
        },
        "bundle_share": 0.05,
    },
}  # fmt: skip


@pytest.mark.parametrize("kind", ["sampled", "expected"])
def test_without_a_mechanism_the_full_customers_are_the_plain_ones(
    small_catalog: Catalog, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """The same tables to rounding, best responses included."""
    scenario = parse_scenario(raw_market(horizon_days=120), "test")
    scenario = scenario if kind == "sampled" else as_expected(scenario, 64)
    plain = Market(scenario, small_catalog).run().tables
    for module in (sim.world.customers.population, sim.players.opening):
        monkeypatch.setattr(module, "mechanisms", lambda _: frozenset({"nests"}))
    market = Market(scenario, small_catalog)
    assert isinstance(market.population, FullSampledCustomers | FullExpectedCustomers)
    full = market.run().tables
    assert full["prices"]["price_input_usd_per_mtok"].to_numpy() == pytest.approx(
        plain["prices"]["price_input_usd_per_mtok"].to_numpy(), rel=1e-6
    )
    # A price that moved in its last digit may turn a sampled choice.
    near = {"rel": 1e-5, "abs": 1e-6} if kind == "expected" else {"rel": 2e-3}
    for table, column in (
        ("demand", "requests"), ("welfare", "consumer_surplus_usd_per_day"), ("welfare", "switching_usd"),
        ("welfare_by_group", "consumer_surplus_usd_per_day"), ("multihoming", "providers_per_user"),
    ):  # fmt: skip
        assert full[table][column].to_numpy() == pytest.approx(plain[table][column].to_numpy(), **near), column


@pytest.mark.parametrize("name", MECHANISMS)
def test_sampled_customers_approach_expected_ones(small_catalog: Catalog, name: str) -> None:
    scenario = parsed(**MECHANISMS[name])
    assert name == "all" or name in mechanisms(scenario)
    truth = requests(as_expected(scenario, 2048), small_catalog)

    def error(customers: int) -> float:
        return float(np.abs(requests(as_sampled(scenario, customers), small_catalog) - truth).mean() / truth.mean())

    assert error(16_000) < 0.02
    assert error(500) > 2 * error(16_000)  # 1/sqrt(N) gives 6


@pytest.mark.parametrize("name", MECHANISMS)
def test_the_derivative_of_surplus_in_a_price_is_minus_the_demand_of_a_review(
    small_catalog: Catalog, name: str
) -> None:
    """Surplus of the nodes against what their own static beliefs expect to sell; volumes bend with price."""
    market = Market(as_expected(parsed(**MECHANISMS[name]), 64), small_catalog)
    market.play()
    board, (population, beliefs) = market.board, both(market)
    for part in (population, beliefs):
        hear_all(part)
    offer, posted = board.index("second"), board.price[:, board.index("second")].copy()
    own = np.arange(board.offer_count) == offer
    sold = beliefs.profit_usd(board, own, offer, np.array([1.0]), Outlook(None), smooth=True)[0]
    margins = (board.price_usd - board.cost_usd)[:, offer] / board.price_usd[:, offer]
    assert margins == pytest.approx(margins[0])
    step, ends = 1e-4, []
    for factor in (1.0 - step, 1.0 + step):
        board.set_price(offer, factor * posted)
        ends.append(population.surplus_usd_per_day(board).sum())
    assert (ends[0] - ends[1]) / (2 * step) == pytest.approx(sold / margins[0], rel=2e-3 if "router" in name else 1e-5)


def both(market: Market) -> tuple[Any, Any]:
    """The market's customers, and beliefs that rest on those very nodes."""
    population = market.population
    if isinstance(population, WithRouter):
        own, routed = population._own, population._routed
        chosen = FullNodeBeliefs(own) if isinstance(own, FullExpectedCustomers) else NodeBeliefs(own)
        return population, BeliefsOfBoth(chosen, RoutedBeliefs(routed))
    return population, FullNodeBeliefs(population)


def hear_all(part: Any) -> None:
    """Let time pass until everybody has heard of every offer."""
    for inner in (part, getattr(part, "_own", None)):
        if isinstance(inner, FullExpectedCustomers):
            inner.day = 1e9


@pytest.mark.parametrize("name", MECHANISMS)
def test_sampled_surplus_falls_with_a_price_as_with_a_wait_that_costs_as_much(
    small_catalog: Catalog, name: str
) -> None:
    """At eta = 0 a price and a wait are the same to a customer; the second does not pass through the price."""
    arguments = MECHANISMS[name]
    tastes = arguments["population"] | {"volume_elasticity": 0}
    market = Market(as_sampled(parsed(**arguments | {"population": tastes}), 300), small_catalog)
    market.play()
    board, offer = market.board, market.board.index("second")
    before = market.population.surplus_usd_per_day(board)
    posted = board.price_usd[:, offer].copy()
    board.price_usd[:, offer] += 1e-3
    dearer = market.population.surplus_usd_per_day(board)
    board.price_usd[:, offer] = posted
    board.delay_s[offer], board.value_of_time_usd_per_s[:] = 2.0, 5e-4
    slower = market.population.surplus_usd_per_day(board)
    assert (slower < before).all()
    assert slower == pytest.approx(dearer, rel=1e-6)


def test_what_a_population_cannot_have_is_refused(small_catalog: Catalog) -> None:
    raw = raw_market()
    raw["population"] = {"kind": "arrivals", "arrivals_per_day": 5}
    raw["providers"][0]["bundle_share"] = 0.1
    with pytest.raises(InputError, match="bundle_share"):
        parse_scenario(raw, "test")
    raw["providers"][0]["bundle_share"] = 0.0
    raw["population"] |= {"word_days": 5.0}
    with pytest.raises(InputError, match="word_days"):
        parse_scenario(raw, "test")
    raw = raw_hosts({"growth_per_year": 2.0})
    raw["providers"][0]["price"] = {"kind": "best_response"}
    with pytest.raises(InputError, match=r"growth_per_year.*below 1.15"):
        parse_scenario(raw, "test")


def test_an_intervention_cannot_switch_a_mechanism_on(small_catalog: Catalog) -> None:
    raw = raw_hosts({"nest_scale": 1.0})
    raw["interventions"] = [{"day": 50, "changes": [{"key": "population.word_days", "value": 20}]}]
    with pytest.raises(InputError, match="word switched on or off"):
        parse_scenario(raw, "test")
    raw["population"]["word_days"] = 1e-6
    parse_scenario(raw, "test")
    assert open_market(parse_scenario(raw, "test"), small_catalog, 0, 0).board.offer_count == 5
