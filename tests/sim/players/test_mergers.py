"""One owner's pricing: merged rivals, a supplier and a platform in one hand, direct sales beside supply."""

from __future__ import annotations

import math
from typing import Any

import pytest
from conftest import raw_bertrand, raw_line

from sim.market import Market, Outcome
from sim.scenario.load import parse_scenario
from sim.shared.catalog import Catalog

BEST = {"kind": "best_response", "mode": "static", "review_days": 10, "first_review_day": 1, "least_gain": 1e-12}


def outcome(catalog: Catalog, raw: dict[str, Any]) -> Outcome:
    return Market(parse_scenario(raw, "test"), catalog).run()


def last_prices(found: Outcome) -> dict[str, float]:
    return dict(found.tables["prices"].groupby("offer")["price_input_usd_per_mtok"].last())


def joint(*partners: str) -> dict[str, Any]:
    return {"kind": "joint", "partners": list(partners), "review_days": 10, "first_review_day": 2}


def test_merged_sellers_charge_a_common_margin_that_counts_what_is_diverted(empty_catalog: Catalog) -> None:
    """Logit, from day 200 on: p - c = mu/(1 - s0 - s1) for the partners, mu/(1 - s2) for the third."""
    raw = raw_bertrand([1.0, 0.9, 1.0], review_days=4, least_gain=1e-13)
    before = last_prices(outcome(empty_catalog, raw))
    both = joint("firm0", "firm1") | {"review_days": 4}
    raw["interventions"] = [
        {"day": 200, "changes": [{"key": f"providers.{name}.price", "value": both} for name in ("firm0", "firm1")]}
    ]
    prices = last_prices(outcome(empty_catalog, raw))
    weight = {offer: math.exp((2.0 - price) / 0.25) for offer, price in prices.items()}
    share = {offer: value / (1.0 + sum(weight.values())) for offer, value in weight.items()}
    margin = 0.25 / (1.0 - share["o0"] - share["o1"])
    assert prices["o0"] - 1.0 == pytest.approx(margin, abs=1e-4)
    assert prices["o1"] - 0.9 == pytest.approx(margin, abs=1e-4)
    assert prices["o2"] - 1.0 == pytest.approx(0.25 / (1.0 - share["o2"]), abs=1e-4)
    assert all(prices[offer] > before[offer] for offer in prices)
    assert prices["o2"] - before["o2"] < prices["o0"] - before["o0"]


def raw_chain(cost: float, price: dict[str, Any]) -> dict[str, Any]:
    raw = raw_line([cost, 0.0], [0.3 + cost, 0.6], {"kind": "value"}, price=price)
    raw["providers"][0]["offers"][0]["wholesale"] = True
    raw["providers"][1]["offers"][0]["cost"] = {"kind": "wholesale", "offer": "o0"}
    return raw


def test_a_supplier_and_a_platform_in_one_hand_have_one_margin(empty_catalog: Catalog) -> None:
    """Inside one owner service moves at cost: p = (1 + c)/2, whatever the wholesale price in the books says."""
    found = outcome(empty_catalog, raw_chain(0.2, joint("firm0", "firm1")))
    assert last_prices(found)["o1"] == pytest.approx(0.6, abs=1e-5)
    assert found.imbalance < 1e-9


def test_one_owner_of_a_retailer_and_of_its_rivals_supplier_spares_the_rival(empty_catalog: Catalog) -> None:
    """What the platform sells of it earns the supplier's margin, so that its own retail price is higher."""

    def direct(wholesale: float) -> float:
        raw = raw_bertrand([1.0, 0.0], review_days=4, least_gain=1e-13)
        supplier, platform = raw["providers"]
        stated = {"kind": "stated", "cached_usd_per_mtok": 0.0, "output_usd_per_mtok": 0.0}
        supplier["offers"].append(
            {"name": "bulk", "model": "m0", "wholesale": True,
             "list_price": stated | {"input_usd_per_mtok": wholesale},
             "cost": stated | {"input_usd_per_mtok": 1.0},
             "bargain": {"kind": "linear", "first_day": 1000}}
        )  # fmt: skip
        platform["price"] = {"kind": "posted"}
        platform["offers"][0]["cost"] = {"kind": "wholesale", "offer": "bulk"}
        return last_prices(outcome(empty_catalog, raw))["o0"]

    assert direct(1.3) > direct(1.0) + 0.01


@pytest.mark.parametrize("kind", ["sampled", "arrivals"])
def test_bargains_and_builds_work_with_every_kind_of_customer(empty_catalog: Catalog, kind: str) -> None:
    raw = raw_chain(0.2, BEST)
    raw["providers"][0]["price"] = {"kind": "posted"}
    raw["providers"][0]["offers"][0]["bargain"] = {"kind": "two_part"}
    stated = {"kind": "stated", "input_usd_per_mtok": 0.1, "output_usd_per_mtok": 0.0}
    raw["providers"][1]["offers"].append(
        {"name": "made", "model": "m0", "list_price": stated | {"input_usd_per_mtok": 0.5}, "cost": stated,
         "on_sale": False}
    )  # fmt: skip
    build = {"route": "distil", "offer": "made", "cost_usd": 1, "build_days": 30}
    raw["providers"][1]["make_or_buy"] = {"builds": [build], "first_review_day": 50}
    customers: dict[str, Any] = {"kind": "arrivals", "arrivals_per_day": 2, "taste_usd": 0.25}
    if kind == "sampled":
        customers = {"kind": "sampled", "customers": 200, "market_customers": 10, "taste_usd": 0.25}
    raw["population"] = customers | {"volume_elasticity": 0}
    raw["belief_nodes_per_class"] = 16
    first, second = outcome(empty_catalog, raw), outcome(empty_catalog, raw)
    assert first.imbalance < 1e-9
    assert {"deal", "build", "release"} <= set(first.tables["events"]["event"])
    assert all(first.tables[name].equals(second.tables[name]) for name in first.tables)
