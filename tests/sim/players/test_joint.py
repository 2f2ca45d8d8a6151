"""The joint optimum: one owner's prices, whoever owns the offers."""

from __future__ import annotations

from typing import Any

import pytest
from conftest import raw_bertrand

from sim.market import Market
from sim.scenario.load import parse_scenario
from sim.shared.catalog import Catalog
from sim.shared.errors import InputErrors

JOINT = {"kind": "joint", "review_days": 10, "first_review_day": 1}
BEST = {"kind": "best_response", "mode": "static", "review_days": 10, "first_review_day": 1, "least_gain": 1e-12}


def last_prices(catalog: Catalog, raw: dict[str, Any]) -> list[float]:
    prices = Market(parse_scenario(raw, "test"), catalog).run().tables["prices"]
    return [float(price) for price in prices.groupby("offer")["price_input_usd_per_mtok"].last()]


def test_partners_post_the_monopoly_price_and_hold_it(empty_catalog: Catalog) -> None:
    raw = raw_bertrand([1.0] * 2)
    for provider in raw["providers"]:
        provider["price"] = JOINT
    prices = Market(parse_scenario(raw, "test"), empty_catalog).run().tables["prices"]
    assert prices.groupby("offer")["price_input_usd_per_mtok"].last().to_list() == pytest.approx(
        [1.92498] * 2, abs=1e-5
    )
    assert prices.groupby("offer").size().to_list() == [2, 2]  # the list price and the plan


def test_it_is_what_one_owner_of_both_posts(empty_catalog: Catalog) -> None:
    apart, one = raw_bertrand([1.0, 0.75]), raw_bertrand([1.0, 0.75])
    for provider in apart["providers"]:
        provider["price"] = JOINT
    first, second = one["providers"]
    first["price"], first["offers"] = BEST, [*first["offers"], *second["offers"]]
    one["providers"] = [first]
    assert last_prices(empty_catalog, apart) == pytest.approx(last_prices(empty_catalog, one), abs=1e-3)


def test_an_outsider_gains_from_a_cartel_of_the_others(empty_catalog: Catalog) -> None:
    raw = raw_bertrand([1.0] * 3)
    for provider in raw["providers"]:
        provider["price"] = BEST
    nash = last_prices(empty_catalog, raw)
    for provider in raw["providers"][:2]:
        provider["price"] = JOINT | {"partners": ["firm0", "firm1"]}
    cartel = last_prices(empty_catalog, raw)
    assert cartel[0] > nash[0] + 0.05
    assert nash[2] + 1e-3 < cartel[2] < cartel[0]


def test_unknown_partners_and_followers_are_refused_together() -> None:
    raw = raw_bertrand([1.0] * 2)
    raw["providers"][0]["price"] = JOINT | {"partners": ["nobody"]}
    raw["providers"][1]["price"] = {"kind": "leader", "followers": ["firm1"]}
    with pytest.raises(InputErrors) as caught:
        parse_scenario(raw, "test")
    told = str(caught.value)
    assert "'nobody'" in told
    assert "firm0 among them" in told
    assert "price.followers" in told
