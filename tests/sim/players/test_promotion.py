"""Subsidised starts, prices by value and tariffs in tiers, seen through the market."""

from __future__ import annotations

import math
from typing import Any

import pytest
from conftest import raw_bertrand, raw_line, raw_market

from sim.market import Market, Outcome
from sim.scenario.load import parse_scenario
from sim.scenario.promotion import Tiers
from sim.scenario.tariff import monthly_mtok, tariff_by_class
from sim.shared.catalog import Catalog
from sim.shared.errors import InputError, InputErrors

STATIC = {"kind": "best_response", "mode": "static", "review_days": 10, "first_review_day": 1, "least_gain": 1e-12}


def outcome(catalog: Catalog, raw: dict[str, Any]) -> Outcome:
    return Market(parse_scenario(raw, "test"), catalog).run()


def entry(catalog: Catalog, **policy: Any) -> Outcome:
    """The small market, in which the student enters on day 60 with a campaign."""
    raw = raw_market(horizon_days=400, report_days=5)
    raw["population"] |= {"kind": "expected", "nodes_per_class": 64}
    del raw["population"]["customers"]
    raw["providers"][2]["price"] = {"kind": "penetration", "target_share": 1.0, "subsidy_budget_usd": 1e9} | policy
    return outcome(catalog, raw)


def spent(found: Outcome) -> float:
    events = found.tables["events"]
    return float(events[events["event"].isin(["subsidy", "subsidy_ended"])]["usd"].sum())


def lost_below_cost(found: Outcome) -> float:
    """What the student's sales took less than they cost, up to the end of the campaign; from the demand table."""
    ended = found.tables["events"].query("event == 'subsidy_ended'")["day"].min()
    sold = found.tables["demand"].query("offer == 'student'")
    if not math.isnan(ended):
        sold = sold[sold["day"] <= ended]
    return float((sold["serving_cost_usd"] - sold["revenue_usd"]).sum())


def test_a_campaign_prices_below_cost_until_the_share_is_reached(small_catalog: Catalog) -> None:
    found = entry(small_catalog, target_share=0.6, below_cost=0.4, review_days=5)
    ended = found.tables["events"].query("event == 'subsidy_ended'")
    assert "reached" in ended["detail"].iloc[0]
    day = float(ended["day"].iloc[0])
    assert day > 60
    cost = float(found.tables["offers"].query("offer == 'student'")["cost_output_usd_per_mtok"].iloc[0])
    prices = found.tables["prices"].query("offer == 'student'")
    campaign = prices[prices["day"] < day].iloc[1:]  # after the list price of the release
    assert campaign["price_output_usd_per_mtok"].to_list() == pytest.approx([0.6 * cost])
    assert (prices[prices["day"] >= day]["price_output_usd_per_mtok"] > cost).all()
    assert spent(found) == pytest.approx(lost_below_cost(found), rel=1e-9)


def test_the_campaign_ends_with_its_budget(small_catalog: Catalog) -> None:
    budget = 0.3 * spent(entry(small_catalog, review_days=5))
    found = entry(small_catalog, subsidy_budget_usd=budget, review_days=5)
    assert "budget spent" in found.tables["events"].query("event == 'subsidy_ended'")["detail"].iloc[0]
    assert 0.5 * budget < spent(found) <= budget


def test_a_larger_budget_wins_more_of_the_market(small_catalog: Catalog) -> None:
    def held(budget: float) -> float:
        found = entry(small_catalog, subsidy_budget_usd=budget, below_cost=0.9)
        last = found.tables["demand"].query("offer == 'student' and day == 160")
        return float(last["share_of_customers"].sum())

    assert held(0.0) < held(1e9)


def raw_value(share: float, **rival: Any) -> dict[str, Any]:
    """A firm of quality .8 that prices by value beside one of quality .5 at .1; values uniform on [0, 1]."""
    raw = raw_line([0.0, 0.0], [0.4, 0.1], {"kind": "value"}, qualities=[0.8, 0.5], price={"kind": "posted"})
    raw["providers"][0]["price"] = {"kind": "value_based", "share": share, "first_review_day": 1}
    raw["providers"][1]["offers"][0] |= rival
    return raw


def value_price(catalog: Catalog, raw: dict[str, Any]) -> float:
    prices = outcome(catalog, raw).tables["prices"]
    return float(prices[prices["offer"] == "o0"]["price_input_usd_per_mtok"].iloc[-1])


def test_a_price_by_value_takes_its_share_of_the_median_customers_gain(empty_catalog: Catalog) -> None:
    """Worth: .5 * .8 - (.5 * .5 - .1) = .25; without the rival .5 * .8 = .4."""
    assert value_price(empty_catalog, raw_value(0.6)) == pytest.approx(0.6 * 0.25)
    assert value_price(empty_catalog, raw_value(1.0)) == pytest.approx(0.25)
    assert value_price(empty_catalog, raw_value(1.0, on_sale=False)) == pytest.approx(0.4)


def test_a_better_or_cheaper_alternative_lowers_the_price_by_value_but_not_below_cost(empty_catalog: Catalog) -> None:
    raw = raw_value(0.5)
    raw["models"][1]["quality"] = 0.75
    assert value_price(empty_catalog, raw) == pytest.approx(0.5 * (0.4 - (0.375 - 0.1)))
    raw["providers"][0]["offers"][0]["cost"]["input_usd_per_mtok"] = 0.2
    assert value_price(empty_catalog, raw) == pytest.approx(0.2)


def test_at_its_full_worth_the_median_customer_is_indifferent_where_volumes_bend(small_catalog: Catalog) -> None:
    """With eta below 0: W(worth) = W(B) - best alternative."""
    raw = raw_market(horizon_days=20)
    raw["providers"][0]["price"] = {"kind": "value_based", "share": 1.0, "first_review_day": 1}
    raw["providers"][1]["price"] = {"kind": "posted"}
    raw["tasks"] = raw["tasks"][:1]
    market = Market(parse_scenario(raw, "test"), small_catalog)
    market.play()
    board, task = market.board, raw["tasks"][0]
    pbar, eta, value = float(board.reference_usd[0]), -0.3, 0.015

    def bent(y: float) -> float:
        return pbar * (y / pbar) ** (1 + eta) / (1 + eta)

    def surplus(offer: int) -> float:
        right = 1 / (1 + math.exp(task["difficulty_mean"] - board.theta[0, offer]))
        return bent(value * right - 0.1 * value * (1 - right)) - bent(float(board.price_usd[0, offer]))

    assert surplus(0) == pytest.approx(max(surplus(1), 0.0), rel=1e-9)


def tiers(**parts: Any) -> Tiers:
    return Tiers.model_validate({"kind": "tiers"} | parts)


def test_a_tariff_is_the_bill_over_the_volume() -> None:
    tasks = parse_scenario(raw_market(), "test").tasks
    chat, code = (monthly_mtok(task) for task in tasks)
    assert chat == pytest.approx(10 * 365 / 12 * 1300 / 1e6)
    off_peak = {"discount": 0.5, "can_wait": [{"task": "code", "share": 0.4}]}
    assert tariff_by_class(tiers(off_peak=off_peak), tasks) == pytest.approx([1.0, 0.8])
    free = [{"from_mtok_per_month": 0, "discount": 1}, {"from_mtok_per_month": 0.1, "discount": 0}]
    assert tariff_by_class(tiers(blocks=free), tasks) == pytest.approx([1 - 0.1 / chat, 1 - 0.1 / code])
    volume = [{"from_mtok_per_month": 1.0, "discount": 0.25}]
    assert tariff_by_class(tiers(blocks=volume), tasks) == pytest.approx([1.0, (1 + 0.75 * (code - 1)) / code])
    plan = {"included_mtok_per_month": 0.5, "discount": 0.5}
    assert tariff_by_class(tiers(subscription=plan), tasks) == pytest.approx(
        [min(0.25 / chat, 1.0), min((0.25 + code - 0.5) / code, 1.0)]
    )
    promise = {"mtok_per_month": 1.0, "discount": 0.3}
    assert chat < 0.5
    assert tariff_by_class(tiers(commitment=promise), tasks) == pytest.approx([1.0, 0.7])
    dear = {"included_mtok_per_month": 100.0, "discount": 0.5}
    assert tariff_by_class(tiers(subscription=dear), tasks) == pytest.approx([1.0, 1.0])


def raw_tiers(**policy: Any) -> dict[str, Any]:
    raw = raw_market(horizon_days=120)
    for provider in raw["providers"]:
        provider["price"] = {"kind": "posted"}
    raw["providers"][0]["price"] = {"kind": "tiers"} | policy
    return raw


def test_customers_pay_the_tariff_and_use_more_where_it_is_lower(small_catalog: Catalog) -> None:
    blocks = [{"from_mtok_per_month": 0.2, "discount": 0.5}]
    found = outcome(small_catalog, raw_tiers(blocks=blocks))
    plain = raw_tiers(blocks=blocks)
    plain["providers"][0]["price"] = {"kind": "posted"}
    base = outcome(small_catalog, plain)
    tariff = dict(
        zip(("chat", "code"), tariff_by_class(tiers(blocks=blocks), parse_scenario(plain, "t").tasks), strict=True)
    )
    for task, expected in tariff.items():
        query = f"offer == 'best' and task_class == '{task}' and day > 10"
        sold, before = found.tables["demand"].query(query), base.tables["demand"].query(query)
        price = sold["revenue_usd"].sum() / sold["requests"].sum()
        assert price == pytest.approx(expected * before["revenue_usd"].sum() / before["requests"].sum(), rel=1e-9)
        assert sold["requests"].sum() > before["requests"].sum()
    assert found.imbalance < 1e-9
    assert len(found.tables["events"].query("event == 'tariff'")) == 1


def test_a_best_response_under_a_tariff_raises_the_posted_price_so_that_the_paid_one_is_the_same(
    empty_catalog: Catalog,
) -> None:
    """With one class, half off for everybody is no more than another name for the price."""
    raw = raw_bertrand([1.0, 1.0], review_days=5)
    half = {"kind": "tiers", "level": STATIC, "review_days": 5, "blocks": [{"from_mtok_per_month": 0, "discount": 0.5}]}
    plain = outcome(empty_catalog, raw)
    raw["providers"][0]["price"] = half
    found = outcome(empty_catalog, raw)
    assert found.tables["prices"].query("offer == 'o0'")["price_input_usd_per_mtok"].iloc[-1] == pytest.approx(
        2 * plain.tables["prices"].query("offer == 'o0'")["price_input_usd_per_mtok"].iloc[-1], rel=2e-3
    )


def test_a_tariff_ends_with_its_policy(small_catalog: Catalog) -> None:
    raw = raw_tiers(blocks=[{"from_mtok_per_month": 0, "discount": 0.5}])
    raw["interventions"] = [
        {"day": 60, "changes": [{"key": "providers.alpha.price", "value": {"kind": "cost_plus", "markup": 0.5}}]}
    ]
    market = Market(parse_scenario(raw, "test"), small_catalog)
    market.play()
    assert (market.board.tariff == 1.0).all()


def test_sellers_who_move_in_turn_end_where_sellers_who_move_at_once_do(empty_catalog: Catalog) -> None:
    """Reviews on alternate days: static best responses reach the prices of the textbook's equilibrium."""
    raw = raw_bertrand([1.0, 1.0], review_days=2, least_gain=1e-13)
    raw["providers"][1]["price"] = raw["providers"][1]["price"] | {"first_review_day": 2}
    prices = outcome(empty_catalog, raw).tables["prices"]
    days = [set(prices[(prices["offer"] == offer) & (prices["day"] > 0)]["day"] % 2) for offer in ("o0", "o1")]
    assert days == [{1.0}, {0.0}]
    last = prices.groupby("offer")["price_input_usd_per_mtok"].last()
    assert last.to_list() == pytest.approx([1.47293] * 2, abs=1e-4)


def test_what_contradicts_itself_is_refused() -> None:
    raw = raw_tiers(off_peak={"discount": 0.5, "can_wait": [{"task": "poetry", "share": 0.4}]})
    with pytest.raises((InputError, InputErrors), match=r"price\.off_peak\.can_wait"):
        parse_scenario(raw, "test")
    raw = raw_tiers(blocks=[{"from_mtok_per_month": 0, "discount": 1}])
    with pytest.raises((InputError, InputErrors), match=r"0\.000 of the posted price"):
        parse_scenario(raw, "test")
    raw = raw_tiers()
    with pytest.raises((InputError, InputErrors), match=r"at least one of off_peak"):
        parse_scenario(raw, "test")
    column = {"kind": "place", "travel_usd": 1.0, "places": [{"offer": "o0", "at": 0.0}, {"offer": "o1", "at": 1.0}]}
    raw = raw_line([0.5] * 2, [1.0, 1.2], column, price={"kind": "posted"})
    raw["providers"][0]["price"] = {"kind": "value_based", "share": 0.5}
    with pytest.raises((InputError, InputErrors), match=r"no median value"):
        parse_scenario(raw, "test")
