"""What is refused earns nothing, wherever an owner reckons with income: beliefs, joint prices, chains, pressure."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from conftest import raw_bertrand, raw_line
from lab_markets import raw_labs, stated
from supply import play, raw_supply

from sim.market import Market
from sim.players.channel import income
from sim.players.pricing.beliefs import Outlook, income_usd
from sim.players.pricing.best_response import posted_level
from sim.players.pricing.grid import grid_profits
from sim.players.pricing.joint import joint_levels
from sim.players.prospects import Prospects, Supposed
from sim.scenario.load import parse_scenario
from sim.shared.catalog import Catalog
from sim.study.elasticity import elasticities, mergers, position, responses

POPULATIONS: dict[str, dict[str, Any]] = {
    "expected": {},
    "with every mechanism": {"growth_per_year": 0.2, "word_days": 20.0},
    "routed": {"router": {"share": 0.5}},
    "line": {"kind": "line", "market_customers": 1e6},
    "arrivals": {"kind": "arrivals", "arrivals_per_day": 20.0, "price_sensitivity": {"median": 0.05}},
}


def market(catalog: Catalog, population: dict[str, Any]) -> Market:
    raw = raw_labs()
    raw["population"] = population if "kind" in population else raw["population"] | population
    if population.get("kind") == "line":
        for task in raw["tasks"]:
            task |= {"difficulty_sd": 0.0, "value_usd": {"median": task["value_usd"]["median"]}}
    found = Market(parse_scenario(raw, "test"), catalog)
    found.floor.open()
    return found


@pytest.mark.parametrize("outlook", [Outlook(None), Outlook(0.01)], ids=["static", "discounted"])
@pytest.mark.parametrize("kind", POPULATIONS)
def test_every_belief_pays_for_what_is_served_alone(empty_catalog: Catalog, kind: str, outlook: Outlook) -> None:
    one = market(empty_catalog, POPULATIONS[kind])
    board, both = one.board, np.array([True, True, False])
    levels = posted_level(board, 0) * np.array([0.8, 1.0, 1.3])

    def profit(own: np.ndarray) -> np.ndarray:
        return one.beliefs.profit_usd(board, own, 0, levels, outlook)

    alone = [profit(np.arange(3) == offer) for offer in (0, 1)]
    assert profit(both) == pytest.approx(alone[0] + alone[1])
    board.full_share[:2] = (0.25, 0.5)
    assert profit(both) == pytest.approx(0.75 * alone[0] + 0.5 * alone[1])
    board.full_share[:2] = (0.25, 1.0)
    assert profit(both) == pytest.approx(0.75 * alone[0])


def test_income_of_any_margin_is_of_what_is_served(empty_catalog: Catalog) -> None:
    one = market(empty_catalog, {})
    margin = np.zeros((2, 3))
    margin[:, 1] = 0.01
    whole = income_usd(one.board, one.beliefs, margin)
    one.board.full_share[1] = 0.4
    assert income_usd(one.board, one.beliefs, margin) == pytest.approx(0.6 * whole)


def test_a_joint_plan_weighs_partners_by_what_they_serve(empty_catalog: Catalog) -> None:
    """Of two equal offers the one that serves little is priced so that its customers go to the other."""
    one = Market(parse_scenario(raw_bertrand([1.0, 1.0]), "test"), empty_catalog)
    own = np.ones(2, dtype=bool)
    even = joint_levels(one.board, one.beliefs, [0, 1], own)
    price = [even[j] * one.board.list_price[0, j] for j in (0, 1)]
    assert price[0] == pytest.approx(price[1], rel=1e-4)
    one.board.full_share[1] = 0.7
    uneven = joint_levels(one.board, one.beliefs, [0, 1], own)
    assert uneven[1] * one.board.list_price[0, 1] > price[1] + 0.05
    assert uneven[1] * one.board.list_price[0, 1] > uneven[0] * one.board.list_price[0, 0] + 0.05


def test_learners_see_the_profits_of_what_is_served(empty_catalog: Catalog) -> None:
    one = Market(parse_scenario(raw_bertrand([1.0, 1.0]), "test"), empty_catalog)
    grids = [np.linspace(0.9, 1.2, 3)] * 2
    whole = grid_profits(one.board, one.beliefs, [0, 1], grids)
    one.board.full_share[0] = 0.2
    part = grid_profits(one.board, one.beliefs, [0, 1], grids)
    assert part[0] == pytest.approx(0.8 * whole[0])
    assert part[1] == pytest.approx(whole[1])


def test_a_chain_earns_on_what_is_served(empty_catalog: Catalog) -> None:
    raw = raw_line([0.2, 0.0], [0.5, 0.6], {"kind": "value"})
    raw["providers"][0]["offers"][0]["wholesale"] = True
    raw["providers"][1]["offers"][0]["cost"] = {"kind": "wholesale", "offer": "o0"}
    one = Market(parse_scenario(raw, "test"), empty_catalog)
    whole = [income(one.board, one.beliefs, group) for group in ([0], [1])]
    assert min(whole) > 0.0
    one.board.full_share[1] = 0.4
    part = [income(one.board, one.beliefs, group) for group in ([0], [1])]
    assert part == pytest.approx([0.6 * usd for usd in whole])


def test_a_supplier_expects_less_where_its_policy_refuses_its_resellers_customers(empty_catalog: Catalog) -> None:
    raw = raw_labs()
    raw["providers"][0]["offers"][0] |= {"wholesale": True}
    raw["providers"][1]["offers"][0] = {
        "name": "copy", "model": "frontier", "list_price": stated(3, 15),
        "cost": {"kind": "wholesale", "offer": "best"},
    }  # fmt: skip
    one = Market(parse_scenario(raw, "test"), empty_catalog)
    prospects = Prospects(one.board, one.beliefs)
    whole, less = (prospects.profit_usd_per_day("leader", Supposed(refused_share={0: share})) for share in (0.0, 0.25))
    assert 0.0 < less < 0.75 * whole  # a quarter is refused, and some who are refused leave


def test_pressure_counts_what_the_partner_can_serve(empty_catalog: Catalog) -> None:
    at = position(parse_scenario(raw_bertrand([1.0, 0.75, 1.2]), "test"), empty_catalog)
    pair = [("firm0", "firm2")]
    before = mergers(at, responses(at), pair, efficiency=0.0).set_index("offer")
    own = (
        elasticities(at, responses(at))
        .query("moved == demanded and task_class == 'all'")
        .set_index("moved")["elasticity"]
    )
    at.board.full_share[2] = 0.5
    after = mergers(at, responses(at), pair, efficiency=0.0).set_index("offer")
    assert after.loc["o0", "guppi"] == pytest.approx(0.5 * before.loc["o0", "guppi"], rel=1e-6)
    assert after.loc["o0", "upp_usd_per_mtok"] == pytest.approx(0.5 * before.loc["o0", "upp_usd_per_mtok"], rel=1e-6)
    # What the full one itself would lose is half as much, and what its partner gains is not.
    assert after.loc["o2", "guppi"] == pytest.approx(2.0 * before.loc["o2", "guppi"], rel=1e-6)
    kept = (
        elasticities(at, responses(at))
        .query("moved == demanded and task_class == 'all'")
        .set_index("moved")["elasticity"]
    )
    assert kept["o2"] == pytest.approx(own["o2"], rel=1e-6)


def test_fleets_write_what_they_turn_away_and_owners_expect_it() -> None:
    scenario = parse_scenario(raw_supply(replicas=3), "test")
    from sim.shared.catalog import shipped_catalog

    one = Market(scenario, shipped_catalog())
    one.play()
    fleet = play(raw_supply(replicas=3)).tables["fleet"].query("provider == 'alpha' and day == 100").iloc[0]
    refused = fleet["refused_mtok"] / fleet["offered_mtok"]
    assert refused > 0.1
    alpha, beta = one.board.index("alpha-offer"), one.board.index("beta-offer")
    assert one.board.full_share[alpha] == pytest.approx(refused, rel=0.05)
    assert one.board.full_share[beta] == 0.0
    own = np.arange(2) == alpha
    at = np.array([posted_level(one.board, alpha)])
    expected = float(one.beliefs.profit_usd(one.board, own, alpha, at, Outlook(None))[0])
    one.board.full_share[:] = 0.0
    assert expected == pytest.approx(
        (1 - refused) * float(one.beliefs.profit_usd(one.board, own, alpha, at, Outlook(None))[0]), rel=0.05
    )


def test_a_tariff_is_in_what_beliefs_with_every_mechanism_expect(empty_catalog: Catalog) -> None:
    """At the posted level profit is the same whichever offer is said to move."""
    one = market(empty_catalog, POPULATIONS["with every mechanism"])
    board = one.board
    board.set_tariff(0, np.array([0.5, 0.6]), None)
    both = np.array([True, True, False])
    found = [
        one.beliefs.profit_usd(board, both, moved, np.array([posted_level(board, moved)]), Outlook(None), smooth=True)
        for moved in (0, 1)
    ]
    assert found[0] == pytest.approx(found[1], rel=1e-9)
