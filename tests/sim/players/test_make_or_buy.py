"""Net present values of staying and building, and what a platform and its supplier do about them."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd
import pytest
from conftest import raw_line
from scipy.integrate import quad

from sim.market import Market, Outcome
from sim.players.make_or_buy import Plan, choose
from sim.scenario.load import parse_scenario
from sim.shared.catalog import Catalog
from sim.shared.errors import InputError, InputErrors

RATE = 0.15
PLAN = Plan(cost_usd=100.0, years=0.5, alone_usd_per_year=80.0, both_usd_per_year=95.0)


def test_without_a_hazard_the_values_are_annuities() -> None:
    found = choose(70.0, 30.0, [PLAN], RATE, 0.0)
    assert found.stay_usd == pytest.approx(70.0 / RATE)
    paid = 70.0 * (1 - math.exp(-RATE / 2)) / RATE
    assert found.build_usd[0] == pytest.approx(-100.0 + paid + math.exp(-RATE / 2) * 95.0 / RATE)


@pytest.mark.parametrize("hazard", [0.05, 0.2, 1.0])
def test_with_a_hazard_they_are_the_integrals_over_the_day_of_the_cut(hazard: float) -> None:
    """Both sides of the module's equations, by quadrature over the cut's exponential time."""
    found = choose(70.0, 30.0, [PLAN], RATE, hazard)
    after = max(30.0 / RATE, -100.0 + 30.0 * (1 - math.exp(-RATE / 2)) / RATE + math.exp(-RATE / 2) * 80.0 / RATE)

    def flow(usd: float, start: float, end: float) -> float:
        return usd * (math.exp(-RATE * start) - math.exp(-RATE * end)) / RATE

    def staying(t: float) -> float:
        return hazard * math.exp(-hazard * t) * (flow(70.0, 0.0, t) + math.exp(-RATE * t) * after)

    def building(t: float) -> float:
        until, lost = min(t, 0.5), max(0.5 - t, 0.0)
        value = flow(70.0, 0.0, until) + flow(30.0, until, until + lost)
        value += flow(95.0, 0.5, max(t, 0.5)) + math.exp(-RATE * max(t, 0.5)) * 80.0 / RATE
        return hazard * math.exp(-hazard * t) * value

    assert found.stay_usd == pytest.approx(quad(staying, 0, 400, points=[0.5], limit=500)[0], rel=1e-6)
    both = quad(building, 0, 0.5)[0] + quad(building, 0.5, 400, limit=500)[0]
    assert found.build_usd[0] == pytest.approx(-100.0 + both, rel=1e-6)


def test_a_greater_hazard_speaks_for_building_and_a_greater_cost_against() -> None:
    def gain(hazard: float, cost: float = 100.0) -> float:
        found = choose(90.0, 5.0, [Plan(cost, 0.5, 80.0, 92.0)], RATE, hazard)
        return found.build_usd[0] - found.stay_usd

    assert gain(0.0) < gain(0.1) < gain(0.5)
    assert gain(0.5, 200.0) < gain(0.5, 100.0)


def test_a_tie_stays_and_lost_supply_is_compared_with_the_fallback() -> None:
    never = Plan(0.0, 0.0, 0.0, 70.0)
    assert choose(70.0, 0.0, [never], RATE, 0.0).best == -1
    lost = choose(None, 30.0, [PLAN], RATE, 0.2)
    assert lost.stay_usd == pytest.approx(30.0 / RATE)
    assert lost.best == 0


def usd(value: float) -> dict[str, Any]:
    return {"kind": "stated", "input_usd_per_mtok": value, "cached_usd_per_mtok": 0.0, "output_usd_per_mtok": 0.0}


def raw_platform(cost_usd: float, hazard: float = 0.0, **build: Any) -> dict[str, Any]:
    """A platform that faces the demand 1 - p, buys at .5 and can make the same model at cost 0.

    It earns (1 - .5)^2/4 = .0625 a day now and .25 with a model of its own.
    """
    best = {"kind": "best_response", "mode": "static", "review_days": 10, "first_review_day": 1, "least_gain": 1e-12}
    raw = raw_line([0.1, 0.0], [0.5, 0.7], {"kind": "value"}, price=best)
    supplier, platform = raw["providers"]
    supplier["price"] = {"kind": "posted"}
    supplier["offers"][0]["wholesale"] = True
    platform["offers"][0]["cost"] = {"kind": "wholesale", "offer": "o0"}
    platform["offers"].append(
        {"name": "made", "model": "m0", "list_price": usd(0.6), "cost": usd(0.0), "on_sale": False}
    )
    plan = {"route": "from_scratch", "offer": "made", "cost_usd": cost_usd, "build_days": 50} | build
    platform["make_or_buy"] = {
        "builds": [plan], "hazard_per_year": hazard, "review_days": 50, "first_review_day": 100,
    }  # fmt: skip
    return raw


def outcome(catalog: Catalog, raw: dict[str, Any]) -> Outcome:
    return Market(parse_scenario(raw, "test"), catalog).run()


def test_a_platform_builds_where_the_gain_is_worth_the_cost(empty_catalog: Catalog) -> None:
    """The gain, (.25 - .0625) * 365 a year from 50 days on at .15 a year, is 447 USD."""
    worth = (0.25 - 0.0625) * 365 * math.exp(-0.15 * 50 / 365) / 0.15
    dear = outcome(empty_catalog, raw_platform(1.01 * worth))
    assert "build" not in set(dear.tables["events"]["event"])
    cheap = outcome(empty_catalog, raw_platform(0.99 * worth))
    events = cheap.tables["events"].set_index("event")
    assert events.loc["build", "day"] == 100.0
    assert events.loc["build", "usd"] == pytest.approx(0.99 * worth)
    assert events.loc["release", "day"] == 150.0
    assert list(cheap.tables["demand"].query("day == 400")["offer"]) == ["made"]
    assert cheap.imbalance < 1e-9


def test_it_does_not_spend_what_it_has_not(empty_catalog: Catalog) -> None:
    raw = raw_platform(200.0)
    raw["providers"][1]["treasury"] = {"cash_usd": 50, "credit_limit_usd": 100}
    found = outcome(empty_catalog, raw)
    assert "build" not in set(found.tables["events"]["event"])
    assert found.tables["events"].query("event == 'make_or_buy'")["detail"].str.contains("not enough cash").all()


def test_the_teachers_tokens_are_paid_to_the_teacher(empty_catalog: Catalog) -> None:
    raw = raw_platform(10.0, route="distil", teacher_offer="o0", teacher_output_mtok=20)
    raw["providers"][0]["offers"][0]["list_price"]["output_usd_per_mtok"] = 2.0
    ledger = outcome(empty_catalog, raw).tables["ledger"]
    row = ledger[ledger["account"] == "teacher_tokens"].iloc[0]
    assert (row["payer"], row["payee"], row["usd"], row["mtok"]) == ("firm1", "firm0", 40.0, 20.0)


def test_a_change_of_the_plan_changes_nothing_before_its_day(empty_catalog: Catalog) -> None:
    raw = raw_platform(1e6)
    base = outcome(empty_catalog, raw)
    key = "providers.firm1.make_or_buy.builds.made.cost_usd"
    raw["interventions"] = [{"day": 220, "changes": [{"key": key, "value": 1.0}]}]
    found = outcome(empty_catalog, raw)
    assert list(found.tables["events"].query("event == 'build'")["day"]) == [220.0]
    past = [table["events"][table["events"]["day"] < 220] for table in (base.tables, found.tables)]
    pd.testing.assert_frame_equal(past[0], past[1])


def test_a_plan_that_is_changed_and_changed_back_is_weighed_once_a_quarter(empty_catalog: Catalog) -> None:
    raw = raw_platform(1e6)
    key = "providers.firm1.make_or_buy.hazard_per_year"
    raw["interventions"] = [
        {"day": day, "changes": [{"key": key, "value": value}]} for day, value in ((160, 0.3), (170, 0.0))
    ]
    days = outcome(empty_catalog, raw).tables["events"].query("event == 'make_or_buy'")["day"]
    assert list(days) == [100.0, 150.0, 160.0, 170.0, 220.0, 270.0, 320.0, 370.0]


def test_a_waiting_offer_changes_nothing_until_it_comes(empty_catalog: Catalog) -> None:
    raw = raw_platform(1e9)
    alone = raw_platform(1e9)
    alone["providers"][1]["offers"].pop()
    del alone["providers"][1]["make_or_buy"]
    with_plan, without = outcome(empty_catalog, raw), outcome(empty_catalog, alone)
    pbar = [Market(parse_scenario(part, "test"), empty_catalog).board.reference_usd for part in (raw, alone)]
    assert (pbar[0] == pbar[1]).all()
    for name in ("prices", "demand", "ledger", "welfare"):
        pd.testing.assert_frame_equal(with_plan.tables[name], without.tables[name])


def test_a_supplier_enters_where_it_pays_and_cuts_where_that_pays_more(empty_catalog: Catalog) -> None:
    """At a wholesale price near cost it earns nothing by supplying, and all of the market by entering and cutting."""
    raw = raw_platform(1e9)
    supplier = raw["providers"][0]
    supplier["offers"][0]["list_price"] = usd(0.11)
    supplier["offers"].append(
        {"name": "own", "model": "m0", "list_price": usd(0.6), "cost": usd(0.1), "on_sale": False}
    )
    best = {"kind": "best_response", "mode": "static", "review_days": 10, "least_gain": 1e-12}
    supplier["price"] = best
    supplier["forward_entry"] = {"offer": "own", "cost_usd": 10.0, "build_days": 20, "may_cut": True}
    found = outcome(empty_catalog, raw)
    events = found.tables["events"].set_index("event")
    assert events.loc["release", "offer"] == "own"
    assert events.loc["cut_off", "day"] == pytest.approx(91.25 + 20)
    assert list(found.tables["demand"].query("day == 400")["offer"]) == ["own"]
    supplier["forward_entry"]["cost_usd"] = 1e6
    assert "release" not in set(outcome(empty_catalog, raw).tables["events"]["event"])


def test_what_contradicts_itself_is_refused() -> None:
    raw = raw_platform(1.0)
    raw["providers"][1]["offers"][1]["on_sale"] = True
    with pytest.raises((InputError, InputErrors), match=r"on_sale: false"):
        parse_scenario(raw, "test")
    raw = raw_platform(1.0)
    raw["discount_rate_per_year"] = 0
    with pytest.raises((InputError, InputErrors), match=r"discount_rate_per_year"):
        parse_scenario(raw, "test")
    raw = raw_platform(1.0)
    raw["providers"][0]["make_or_buy"] = raw["providers"][1].pop("make_or_buy")
    with pytest.raises((InputError, InputErrors), match=r"0 offers bought at wholesale"):
        parse_scenario(raw, "test")
