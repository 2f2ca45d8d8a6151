"""Leaders foresee their followers; what is resold is paid for twice and counted once."""

from __future__ import annotations

from typing import Any

import pytest
from conftest import raw_line

from sim import metrics
from sim.market import Market, Outcome
from sim.runner import run
from sim.scenario.load import parse_scenario
from sim.shared.catalog import Catalog
from sim.shared.errors import InputError, InputErrors

BEST = {"kind": "best_response", "mode": "static", "review_days": 10, "first_review_day": 1, "least_gain": 1e-12}
LEADER = {"kind": "leader", "followers": ["firm1"], "review_days": 80, "first_review_day": 5}


def raw_chain(cost: float = 0.0) -> dict[str, Any]:
    """A supplier (firm0) and a retailer (firm1) that faces the demand 1 - p."""
    raw = raw_line([cost, 0.0], [0.3 + cost, 0.6], {"kind": "value"}, price=BEST)
    raw["providers"][0]["offers"][0]["wholesale"] = True
    raw["providers"][0]["price"] = LEADER
    raw["providers"][1]["offers"][0]["cost"] = {"kind": "wholesale", "offer": "o0"}
    return raw


def market(catalog: Catalog, raw: dict[str, Any]) -> Outcome:
    return Market(parse_scenario(raw, "test"), catalog).run()


def last_prices(outcome: Outcome) -> list[float]:
    prices = outcome.tables["prices"].groupby("offer")["price_input_usd_per_mtok"].last()
    return [float(price) for price in prices]


def test_two_margins_are_added_one_after_the_other(empty_catalog: Catalog) -> None:
    """w = (1 + c)/2 and p = (3 + c)/4."""
    assert last_prices(market(empty_catalog, raw_chain())) == pytest.approx([0.5, 0.75], abs=1e-5)
    assert last_prices(market(empty_catalog, raw_chain(0.2))) == pytest.approx([0.6, 0.8], abs=1e-5)


def test_the_supplier_is_paid_by_the_retailer_and_pays_for_the_compute(empty_catalog: Catalog) -> None:
    outcome = market(empty_catalog, raw_chain(0.2))
    assert outcome.imbalance < 1e-9
    ledger = outcome.tables["ledger"]
    last = ledger[ledger["day"] == ledger["day"].max()].set_index("account")
    sold = float(last.loc["retail", "requests"])
    assert last.loc["wholesale", ["payer", "payee"]].to_list() == ["firm1", "firm0"]
    assert last.loc["wholesale", "usd"] == pytest.approx(0.6 * sold, rel=1e-4)
    assert last.loc["serving", ["payer", "payee"]].to_list() == ["firm0", "compute"]
    assert last.loc["serving", "usd"] == pytest.approx(0.2 * sold, rel=1e-9)
    assert last.loc["serving", "mtok"] == pytest.approx(last.loc["retail", "mtok"], rel=1e-12)


def test_the_markets_profit_counts_the_suppliers(empty_catalog: Catalog) -> None:
    """Both margins together: p - c a request."""
    result = run(parse_scenario(raw_chain(0.2), "test"), empty_catalog)
    last = metrics.market(result.tables, result.tables["shares"]).iloc[-1]
    assert last["profit_usd"] / last["mtok"] == pytest.approx(0.8 - 0.2, abs=1e-4)


def test_a_price_leader_at_the_end_of_a_segment(empty_catalog: Catalog) -> None:
    """Stackelberg on Hotelling's line: c + 3t/2 and c + 5t/4."""
    column = {"kind": "place", "travel_usd": 1.0, "places": [{"offer": "o0", "at": 0.0}, {"offer": "o1", "at": 1.0}]}
    raw = raw_line([0.5] * 2, [1.0, 1.2], column, value_usd=5.0, outside_share=None, price=BEST)
    raw["providers"][0]["price"] = LEADER
    assert last_prices(market(empty_catalog, raw)) == pytest.approx([2.0, 1.75], abs=1e-4)


def test_with_the_supplier_goes_what_is_resold(empty_catalog: Catalog) -> None:
    raw = raw_chain(0.2)
    raw["providers"][0]["price"] = {"kind": "posted"}
    raw["providers"][0]["offers"][0]["list_price"]["input_usd_per_mtok"] = 0.1  # below its cost
    raw["providers"][0]["treasury"] = {"cash_usd": 0, "credit_limit_usd": 0}
    outcome = market(empty_catalog, raw)
    assert list(outcome.tables["events"].query("event == 'exit'")["provider"]) == ["firm0"]
    assert outcome.tables["demand"]["day"].max() == 100.0  # the report on which it left; the market ran to day 400


def test_a_wholesale_cost_needs_another_providers_wholesale_offer() -> None:
    raw = raw_chain()
    raw["providers"][0]["offers"][0]["wholesale"] = False
    with pytest.raises((InputError, InputErrors), match=r"offer o1: cost\.offer"):
        parse_scenario(raw, "test")
