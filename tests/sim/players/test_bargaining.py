"""The wholesale price that a supplier and a platform agree on, and what happens where they do not."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
from conftest import raw_line

from sim import metrics
from sim.market import Market, Outcome
from sim.runner import run
from sim.scenario.load import parse_scenario
from sim.shared.catalog import Catalog
from sim.shared.errors import InputError, InputErrors
from sim.theory.spatial import bargained_margin, two_part_chain

BEST = {"kind": "best_response", "mode": "static", "review_days": 10, "first_review_day": 1, "least_gain": 1e-12}


def usd(value: float) -> dict[str, Any]:
    return {"kind": "stated", "input_usd_per_mtok": value, "cached_usd_per_mtok": 0.0, "output_usd_per_mtok": 0.0}


def raw_chain(cost: float = 0.2, **bargain: Any) -> dict[str, Any]:
    """A supplier (firm0) and a platform (firm1) that faces the demand 1 - p; nobody has an alternative."""
    raw = raw_line([cost, 0.0], [0.3 + cost, 0.6], {"kind": "value"}, price=BEST)
    supplier, platform = raw["providers"]
    supplier["price"] = {"kind": "posted"}
    supplier["offers"][0] |= {"wholesale": True, "bargain": {"kind": "linear"} | bargain}
    platform["offers"][0]["cost"] = {"kind": "wholesale", "offer": "o0"}
    return raw


def with_second_source(raw: dict[str, Any], price: float, quality: float = 1.0) -> dict[str, Any]:
    """A third firm posts a wholesale price, at which the platform may buy another model instead."""
    raw["models"].append({"kind": "stated", "name": "m2", "quality": quality})
    other = {"name": "w2", "model": "m2", "wholesale": True, "list_price": usd(price), "cost": usd(0.1)}
    raw["providers"].append({"name": "firm2", "price": {"kind": "posted"}, "offers": [other]})
    platform = raw["providers"][1]
    platform["offers"].append(
        {"name": "o2", "model": "m2", "list_price": usd(0.6), "cost": {"kind": "wholesale", "offer": "w2"},
         "on_sale": False}
    )  # fmt: skip
    platform["offers"][0]["fallbacks"] = ["o2"]
    return raw


def outcome(catalog: Catalog, raw: dict[str, Any]) -> Outcome:
    return Market(parse_scenario(raw, "test"), catalog).run()


def last_price(found: Outcome, offer: str) -> float:
    prices = found.tables["prices"]
    return float(prices[prices["offer"] == offer]["price_input_usd_per_mtok"].iloc[-1])


def paid(found: Outcome, account: str) -> pd.DataFrame:
    ledger = found.tables["ledger"]
    return ledger[ledger["account"] == account]


@pytest.mark.parametrize("weight", [0.0, 0.25, 0.5, 1.0])
def test_the_price_rises_with_the_suppliers_weight_from_cost_to_the_double_margin(
    empty_catalog: Catalog, weight: float
) -> None:
    found = outcome(empty_catalog, raw_chain(0.2, beta=weight))
    expected = bargained_margin(0.2, weight)
    assert last_price(found, "o0") == pytest.approx(expected.wholesale, abs=1e-5)
    assert last_price(found, "o1") == pytest.approx(expected.retail, abs=1e-5)
    assert found.imbalance < 1e-9


def test_a_two_part_contract_reaches_the_integrated_price_and_its_fee_splits_the_profit(empty_catalog: Catalog) -> None:
    raw = raw_chain(0.2, kind="two_part", beta=0.3, every_days=1000, instalment_days=25)
    found = outcome(empty_catalog, raw)
    expected = two_part_chain(0.2, 0.3)
    assert last_price(found, "o0") == pytest.approx(0.2)
    assert last_price(found, "o1") == pytest.approx(expected.retail, abs=1e-5)
    fee = paid(found, "fee")
    assert set(fee["payer"]) == {"firm1"}
    assert set(fee["payee"]) == {"firm0"}
    assert fee["usd"].sum() == pytest.approx(400 * expected.supplier_profit, rel=1e-6)
    assert found.imbalance < 1e-9


def test_a_cheap_second_source_lowers_the_price(empty_catalog: Catalog) -> None:
    """It gives the platform an alternative; a dear one, with which nothing can be earned, changes nothing."""
    alone = last_price(outcome(empty_catalog, raw_chain(0.2)), "o0")
    dear = outcome(empty_catalog, with_second_source(raw_chain(0.2), 1.5))
    cheap = outcome(empty_catalog, with_second_source(raw_chain(0.2), 0.35))
    assert last_price(dear, "o0") == pytest.approx(alone, abs=1e-4)
    assert 0.2 < last_price(cheap, "o0") < min(alone, 0.35)


def test_the_price_with_an_alternative_maximises_the_nash_product(empty_catalog: Catalog) -> None:
    """Linear demand, D_P = (1 - v)^2/4 at the second source's price v: the product on a fine grid."""
    second = 0.4
    found = outcome(empty_catalog, with_second_source(raw_chain(0.2, beta=0.5), second))
    alone = (1.0 - second) ** 2 / 4.0

    def product(w: float) -> float:
        return ((w - 0.2) * (1.0 - w) / 2.0) ** 0.5 * max((1.0 - w) ** 2 / 4.0 - alone, 0.0) ** 0.5

    grid = [0.2 + step * 1e-5 for step in range(20_000)]
    assert last_price(found, "o0") == pytest.approx(max(grid, key=product), abs=5e-5)


def test_without_a_gain_there_is_no_deal_and_the_platform_falls_back(empty_catalog: Catalog) -> None:
    raw = with_second_source(raw_chain(0.9), 0.2)
    found = outcome(empty_catalog, raw)
    events = found.tables["events"]
    assert "no_deal" in set(events["event"])
    assert list(events[events["event"] == "fallback"]["offer"]) == ["o2"]
    last = found.tables["demand"].query("day == 400")
    assert list(last["offer"]) == ["o2"]
    assert last_price(found, "o2") == pytest.approx(0.6, abs=1e-4)  # (1 + v)/2 at its second source's v = 0.2


def test_each_of_two_pairs_answers_the_others_terms(empty_catalog: Catalog) -> None:
    """Nash-in-Nash on a segment, costs c, everybody buys: w = c + 2t/3, and the platforms' prices are w + t.

    At the other's price q a platform's price is (q + t + w)/2 and its share (q + t - w)/(4t), so that the product is
    largest where w - c = (q + t - w)/3.
    """
    column = {"kind": "place", "travel_usd": 1.0, "places": [{"offer": "o1", "at": 0.0}, {"offer": "o3", "at": 1.0}]}
    raw = raw_line([0.5] * 4, [0.9, 1.6, 0.9, 1.6], column, value_usd=9.0, outside_share=None, price=BEST)
    for seller in (0, 2):
        raw["providers"][seller]["price"] = {"kind": "posted"}
        raw["providers"][seller]["offers"][0] |= {"wholesale": True, "bargain": {"kind": "linear"}}
        raw["providers"][seller + 1]["offers"][0]["cost"] = {"kind": "wholesale", "offer": f"o{seller}"}
    found = outcome(empty_catalog, raw)
    prices = [last_price(found, offer) for offer in ("o0", "o1", "o2", "o3")]
    assert prices == pytest.approx([0.5 + 2 / 3, 1.5 + 2 / 3] * 2, abs=1e-3)
    again = outcome(empty_catalog, raw)
    for name, table in found.tables.items():
        pd.testing.assert_frame_equal(table, again.tables[name])


def test_another_weight_from_a_day_on_is_negotiated_on_that_day(empty_catalog: Catalog) -> None:
    raw = raw_chain(0.2, beta=0.5)
    before = outcome(empty_catalog, raw)
    raw["interventions"] = [{"day": 100, "changes": [{"key": "providers.firm0.offers.o0.bargain.beta", "value": 1.0}]}]
    found = outcome(empty_catalog, raw)
    assert list(found.tables["events"].query("event == 'deal'")["day"])[:2] == [0.0, 100.0]
    assert last_price(found, "o0") == pytest.approx(0.6, abs=1e-5)
    past = [table["prices"][table["prices"]["day"] < 100] for table in (before.tables, found.tables)]
    pd.testing.assert_frame_equal(past[0], past[1])


def test_supply_that_is_cut_by_an_intervention_falls_back_and_comes_back(empty_catalog: Catalog) -> None:
    raw = with_second_source(raw_chain(0.2, kind="two_part"), 0.5)
    key = "providers.firm0.offers.o0.on_sale"
    raw["interventions"] = [
        {"day": day, "changes": [{"key": key, "value": value}]} for day, value in ((100, False), (200, True))
    ]
    found = outcome(empty_catalog, raw)
    sold = found.tables["demand"].query("requests > 0").groupby("day")["offer"].unique().map(set)
    assert sold[100.0] == {"o1"}
    assert sold[200.0] == {"o2"}
    assert sold[400.0] == {"o1"}
    assert list(found.tables["demand"].query("day == 400")["offer"]) == ["o1"]  # the fallback is off sale
    fees = paid(found, "fee")
    assert not ((fees["day"] > 101) & (fees["day"] <= 200)).any()
    assert found.imbalance < 1e-9


def test_a_supplier_that_leaves_is_replaced_and_its_contract_ends(empty_catalog: Catalog) -> None:
    raw = with_second_source(raw_chain(0.2, kind="two_part", beta=0.0), 0.5)
    raw["providers"][0]["offers"].append(
        {"name": "own", "model": "m0", "list_price": usd(0.05), "cost": usd(0.2)}
    )  # fmt: skip
    raw["providers"][0]["treasury"] = {"cash_usd": 0, "credit_limit_usd": 0}
    found = outcome(empty_catalog, raw)
    left = found.tables["events"].query("event == 'exit'")
    assert list(left["provider"]) == ["firm0"]
    assert list(found.tables["demand"].query("day == 400")["offer"]) == ["o2"]
    assert not (paid(found, "fee")["day"] > left["day"].iloc[0]).any()
    assert found.imbalance < 1e-9


def test_a_bargain_needs_one_buyer_and_no_leader() -> None:
    raw = raw_chain()
    raw["providers"][1]["offers"][0]["cost"] = usd(0.1)
    with pytest.raises((InputError, InputErrors), match=r"offer o0: bargain"):
        parse_scenario(raw, "test")
    raw = raw_chain()
    raw["providers"][0]["price"] = {"kind": "leader", "followers": ["firm1"]}
    with pytest.raises((InputError, InputErrors), match=r"a leader names the wholesale price"):
        parse_scenario(raw, "test")
    raw = raw_chain()
    raw["providers"][1]["offers"][0]["fallbacks"] = ["o0"]
    with pytest.raises((InputError, InputErrors), match=r"offer o1: fallbacks"):
        parse_scenario(raw, "test")


def test_fees_are_the_suppliers_profit_and_the_platforms_loss(empty_catalog: Catalog) -> None:
    raw = raw_chain(0.2, kind="two_part", beta=0.3, every_days=1000, instalment_days=25)
    result = run(parse_scenario(raw, "test"), empty_catalog)
    earned = metrics.supplier_profits(result.tables["ledger"]).groupby("provider")["profit_usd"].sum()
    assert earned["firm0"] == pytest.approx(400 * two_part_chain(0.2, 0.3).supplier_profit, rel=1e-6)
    assert earned["firm1"] == pytest.approx(-earned["firm0"])
