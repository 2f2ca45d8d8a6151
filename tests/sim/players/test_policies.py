"""What each policy posts, seen through the market."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
from conftest import raw_market

from sim.market import Market
from sim.scenario.load import parse_scenario
from sim.shared.catalog import Catalog

PRICE = "price_output_usd_per_mtok"


def prices(catalog: Catalog, beta: dict[str, Any], offers: list[dict[str, Any]] | None = None) -> pd.DataFrame:
    """Prices of all offers, one column each, with alpha at its list price and beta under the given policy."""
    raw = raw_market()
    raw["providers"][0]["price"] = {"kind": "posted"}
    raw["providers"][1]["price"] = beta | {"review_days": 30, "first_review_day": 10}
    if offers:
        raw["providers"][1]["offers"] = offers
    table = Market(parse_scenario(raw, "test"), catalog).run().tables["prices"]
    return table.pivot_table(index="day", columns="offer", values=PRICE).ffill()


def cheap(name: str, model: str) -> dict[str, Any]:
    return {"name": name, "model": model, "cost": {"kind": "share_of_list_price", "share": 0.01}}


def test_match_posts_the_rivals_price(small_catalog: Catalog) -> None:
    found = prices(small_catalog, {"kind": "match", "rival": "best"}, [cheap("second", "second")])
    assert found["second"].iloc[-1] == pytest.approx(found["best"].iloc[-1])
    assert found["second"].iloc[0] != pytest.approx(found["best"].iloc[0])


def test_undercut_posts_it_less_a_share_but_never_below_its_floor(small_catalog: Catalog) -> None:
    found = prices(small_catalog, {"kind": "undercut", "rival": "best", "by": 0.25}, [cheap("second", "second")])
    assert found["second"].iloc[-1] == pytest.approx(0.75 * found["best"].iloc[-1])
    dear = {"name": "second", "model": "second", "cost": {"kind": "share_of_list_price", "share": 0.9}}
    floored = prices(small_catalog, {"kind": "undercut", "rival": "best", "by": 0.99, "floor_markup": 0.1}, [dear])
    assert floored["second"].iloc[-1] > 0.01 * floored["best"].iloc[-1] * 1.5


def test_of_a_line_only_the_offer_nearest_in_ability_meets_the_rival(small_catalog: Catalog) -> None:
    line = [cheap("second", "second"), cheap("top", "best")]
    found = prices(small_catalog, {"kind": "undercut", "rival": "best", "by": 0.5}, line)
    assert found["top"].iloc[-1] == pytest.approx(0.5 * found["best"].iloc[-1])
    assert found["second"].iloc[-1] == pytest.approx(found["second"].iloc[0])


def test_cost_plus_posts_cost_and_its_markup(small_catalog: Catalog) -> None:
    found = prices(small_catalog, {"kind": "cost_plus", "markup": 0.5})
    assert found["second"].iloc[-1] == pytest.approx(0.4 * 1.5 * found["second"].iloc[0])


def test_a_posted_price_stands(small_catalog: Catalog) -> None:
    raw = raw_market()
    for provider in raw["providers"]:
        provider["price"] = {"kind": "posted"}
    table = Market(parse_scenario(raw, "test"), small_catalog).run().tables["prices"]
    assert (table.groupby("offer")[PRICE].nunique() == 1).all()


def test_a_rival_is_met_at_retail_and_not_at_wholesale(small_catalog: Catalog) -> None:
    bulk = cheap("bulk", "second") | {"wholesale": True}
    found = prices(small_catalog, {"kind": "match", "rival": "best"}, [bulk, cheap("second", "second")])
    assert found["second"].iloc[-1] == pytest.approx(found["best"].iloc[-1])
    assert found["bulk"].nunique() == 1
