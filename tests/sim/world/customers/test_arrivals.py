"""Customers who arrive: one by one, keyed, in company; their requests are paid for once."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from conftest import raw_bertrand

from sim.market import Market, Outcome
from sim.scenario.load import parse_scenario
from sim.shared.catalog import Catalog


def raw_urn(offers: int = 2, arrivals: int = 500, **population: Any) -> dict[str, Any]:
    raw = raw_bertrand([1.0] * offers)
    raw["horizon_days"] = arrivals
    raw["report_days"] = arrivals
    raw["population"] = {
        "kind": "arrivals", "arrivals_per_day": 1, "taste_usd": 0.25, "volume_elasticity": 0, "outside_share": None,
    } | population  # fmt: skip
    for provider in raw["providers"]:
        provider["price"] = {"kind": "posted"}
        provider["offers"][0]["list_price"] |= {"input_usd_per_mtok": 1.3}
    return raw


def run(catalog: Catalog, raw: dict[str, Any], replication: int = 0) -> Outcome:
    return Market(parse_scenario(raw, "test"), catalog, replication=replication).run()


def customers(outcome: Outcome) -> np.ndarray:
    demand = outcome.tables["demand"]
    return demand[demand["day"] > 0].groupby("offer")["requests"].sum().to_numpy()


def test_every_arrival_is_served_once(empty_catalog: Catalog) -> None:
    outcome = run(empty_catalog, raw_urn(network=1.0))
    assert customers(outcome).sum() == 500
    assert outcome.reviews == outcome.rows == 500
    assert outcome.imbalance < 1e-9


def test_without_company_the_shares_are_those_of_the_logit(empty_catalog: Catalog) -> None:
    """Prices 1.3 and 1.4 at mu = .25 and no outside option: odds exp(.4)."""
    raw = raw_urn(arrivals=36_000)
    raw["providers"][1]["offers"][0]["list_price"]["input_usd_per_mtok"] = 1.4
    found = customers(run(empty_catalog, raw))
    wanted = np.exp(0.4) / (1.0 + np.exp(0.4))
    assert found[0] / found.sum() == pytest.approx(wanted, abs=4 * np.sqrt(wanted * (1 - wanted) / 36_000))


def test_strong_company_ends_in_a_monopoly_and_weak_company_in_halves(empty_catalog: Catalog) -> None:
    strong = [customers(run(empty_catalog, raw_urn(network=3.0), r)) for r in range(10)]
    assert all(part.max() / part.sum() > 0.95 for part in strong)
    assert len({int(part.argmax()) for part in strong}) == 2  # which one wins is chance
    weak = [customers(run(empty_catalog, raw_urn(network=0.25, arrivals=2000), r)) for r in range(5)]
    assert all(abs(part[0] / part.sum() - 0.5) < 0.05 for part in weak)


def test_a_new_offer_leaves_the_first_arrivals_tastes_alone(empty_catalog: Catalog) -> None:
    """Of customers without company, those who do not take the third offer choose as they did without it."""
    two = customers(run(empty_catalog, raw_urn(offers=2)))
    three = customers(run(empty_catalog, raw_urn(offers=3)))
    assert (three[:2] <= two).all()
    assert three[2] > 0


def test_an_outside_option_and_surplus(empty_catalog: Catalog) -> None:
    """mu * ln(2 exp((2 - 1.3)/mu) + 1) a day, one arrival a day."""
    outcome = run(empty_catalog, raw_urn(outside_share=0.0))
    surplus = outcome.tables["welfare"]["consumer_surplus_usd_per_day"].iloc[-1]
    assert surplus == pytest.approx(0.25 * np.log(2 * np.exp(0.7 / 0.25) + 1), abs=1e-9)
    assert 400 < customers(outcome).sum() < 500


def test_owners_price_for_those_who_arrive(empty_catalog: Catalog) -> None:
    """Without company the best responses are those of logit-Bertrand: 1.47293 for two firms."""
    raw = raw_urn(outside_share=0.0, arrivals=200)
    for provider in raw["providers"]:
        provider["price"] = {"kind": "best_response", "mode": "static", "review_days": 10, "first_review_day": 1}
    prices = run(empty_catalog, raw).tables["prices"].groupby("offer")["price_input_usd_per_mtok"].last()
    assert prices.to_numpy() == pytest.approx([1.47293, 1.47293], abs=1e-3)
