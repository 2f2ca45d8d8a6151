"""The scenarios of pricing, platforms, suppliers and mergers show what their titles say."""

from __future__ import annotations

import functools
from typing import Any

import pandas as pd
import pytest

from sim.results import RunResult
from sim.runner import run
from sim.scenario.load import load_scenario, parse_scenario
from sim.shared.catalog import shipped_catalog
from sim.study.entry import entry_answer


def raw(name: str) -> dict[str, Any]:
    return load_scenario(name).model_dump(mode="json")


def played(scenario: dict[str, Any]) -> RunResult:
    return run(parse_scenario(scenario, "test"), shipped_catalog())


@functools.cache
def shipped(name: str) -> RunResult:
    """The scenario as it ships, run once for all tests."""
    return played(raw(name))


def provider(scenario: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(part for part in scenario["providers"] if part["name"] == name)
    return found


def events(result: RunResult, kind: str) -> pd.DataFrame:
    table = result.tables["events"]
    return table[table["event"] == kind]


def profit(result: RunResult, name: str, after: float = 0.0) -> float:
    ledger = result.tables["ledger"]
    ledger = ledger[ledger["day"] > after]
    return float(ledger[ledger["payee"] == name]["usd"].sum() - ledger[ledger["payer"] == name]["usd"].sum())


def share(result: RunResult, offer: str, day: float) -> float:
    demand = result.tables["demand"]
    last = demand[(demand["offer"] == offer) & (demand["day"] <= day)]
    last = last[last["day"] == demand[demand["day"] <= day]["day"].max()]
    return float(last["share_of_customers"].mean()) if len(last) else 0.0


def posted(result: RunResult, offer: str, day: float, part: str = "input") -> float:
    prices = result.tables["prices"]
    return float(prices[(prices["offer"] == offer) & (prices["day"] <= day)][f"price_{part}_usd_per_mtok"].iloc[-1])


def test_the_platform_stays_while_it_fears_nothing() -> None:
    result = shipped("platform_stays")
    assert list(events(result, "deal")["day"]) == [0.0, 365.0, 730.0]
    assert len(events(result, "make_or_buy")) == 11
    assert events(result, "build").empty
    assert share(result, "editor", 1095) > 0.3


def test_a_hazard_of_a_fifth_a_year_makes_it_build_and_its_supplier_earn_less() -> None:
    stays, builds = shipped("platform_stays"), shipped("platform_builds")
    assert list(events(builds, "build")["offer"]) == ["editor-distilled"]
    assert list(events(builds, "release")["day"]) == [91.25 + 180]
    assert share(builds, "editor-distilled", 1095) > 0.2
    before = [result.tables["prices"].query("day < 271") for result in (stays, builds)]
    pd.testing.assert_frame_equal(before[0], before[1])
    assert posted(builds, "frontier-wholesale", 400) < 0.9 * posted(stays, "frontier-wholesale", 400)
    assert profit(builds, "lab", 271) < profit(stays, "lab", 271)
    tokens = builds.tables["ledger"].query("account == 'teacher_tokens'")
    assert list(tokens["payer"]) == ["platform"]


def test_a_supplier_that_may_enter_does_and_cuts_off_the_platform_that_bargained_hard() -> None:
    result = shipped("platform_cut_off")
    assert list(events(result, "cut_off")["day"]) == [362.0]
    assert list(events(result, "fallback")["offer"]) == ["editor-weak"]
    assert share(result, "editor", 360) > 0.3
    assert share(result, "editor", 420) == 0.0
    assert share(result, "frontier-editor", 540) > 0.3
    assert list(events(result, "build")["offer"]) == ["frontier-editor", "editor-distilled"]
    stays = shipped("platform_stays")
    assert profit(result, "platform", 365) < profit(stays, "platform", 365)
    after_entry, after_build = (profit(result, "lab", day) - profit(stays, "lab", day) for day in (362.0, 545.0))
    assert after_entry - after_build > 0 > after_build  # it gains until the platform's own model comes, and loses then


def test_it_goes_on_supplying_a_platform_that_pays_well() -> None:
    """With equal weights the wholesale margin is worth more to the supplier than the platform's absence."""
    scenario = raw("platform_cut_off")
    provider(scenario, "lab")["offers"][0]["bargain"]["beta"] = 0.5
    provider(scenario, "platform")["make_or_buy"]["builds"][0]["cost_usd"] = 9e7
    result = played(scenario)
    assert list(events(result, "release")["offer"]) == ["frontier-editor"]
    assert events(result, "cut_off").empty


def test_windsurf_loses_what_those_who_keep_the_model_gain() -> None:
    cut = shipped("windsurf_2025")
    kept = played(raw("windsurf_2025") | {"interventions": []})
    assert share(cut, "windsurf-claude", 60) > 0.15
    assert share(cut, "windsurf-claude", 70) == 0.0
    for offer in ("claude-direct", "windsurf-gemini"):
        assert share(cut, offer, 365) > share(kept, offer, 365), offer
    assert posted(cut, "cursor-claude", 365) > 1.1 * posted(kept, "cursor-claude", 365)
    assert posted(cut, "windsurf-gemini", 365) < posted(kept, "windsurf-gemini", 365)  # as Windsurf did
    assert profit(cut, "windsurf", 60) < 0.9 * profit(kept, "windsurf", 60)
    for name in ("cursor", "google"):
        assert profit(cut, name, 60) > profit(kept, name, 60), name
    assert profit(cut, "anthropic", 60) < profit(kept, "anthropic", 60)  # the cut was not paid for by what it sold


def test_the_price_war_of_may_2024_follows_its_dates_and_reaches_its_prices() -> None:
    result = shipped("price_war_2024")
    cited = {  # offer: day, input price in CNY per Mtok before and after, at 7.2 CNY
        "glm-3-turbo": (40, 5.0, 1.0), "doubao-pro": (44, None, 0.8), "qwen-long": (50, 20.0, 0.5),
    }  # fmt: skip
    for offer, (day, before, after) in cited.items():
        if before is not None:
            assert posted(result, offer, day - 1) * 7.2 == pytest.approx(before, rel=0.02)
        assert posted(result, offer, day + 1) * 7.2 == pytest.approx(after, rel=0.02)
    cheapest = result.tables["shares"].groupby("day")["price_usd_per_mtok"].min()
    assert cheapest[60.0] < 0.25 * cheapest[30.0]


def test_who_does_not_follow_in_the_price_war_loses_the_customers_and_who_does_the_margin() -> None:
    followed = shipped("price_war_2024")
    scenario = raw("price_war_2024")
    provider(scenario, "alibaba")["price"] = {"kind": "posted"}
    stayed = played(scenario)
    assert share(followed, "qwen-long", 364) > 3 * share(stayed, "qwen-long", 364)
    demand = followed.tables["demand"].query("offer == 'qwen-long'")
    margin = 1 - demand["serving_cost_usd"] / demand["revenue_usd"]
    assert margin[demand["day"] < 50].iloc[-1] > 0.9
    assert margin[demand["day"] > 51].iloc[0] < 0.5


def test_the_subsidised_entrant_ends_its_campaign_at_its_share_and_raises_its_price() -> None:
    result = shipped("subsidised_entrant")
    ended = events(result, "subsidy_ended").iloc[0]
    assert "reached" in ended["detail"]
    assert posted(result, "student", ended["day"], "output") > 1.5 * posted(
        result, "student", ended["day"] - 1, "output"
    )
    spent = result.tables["events"].query("event in ['subsidy', 'subsidy_ended']")["usd"].sum()
    assert 0 < spent <= 100e6


def test_without_a_budget_the_entrant_takes_longer() -> None:
    scenario = raw("subsidised_entrant")
    provider(scenario, "entrant")["price"]["subsidy_budget_usd"] = 0
    without = played(scenario)
    assert events(without, "subsidy_ended")["usd"].sum() == 0
    assert share(without, "student", 118) < share(shipped("subsidised_entrant"), "student", 118)


def test_a_merger_raises_the_partners_prices_and_those_of_others_by_less() -> None:
    result = shipped("merger")

    def rise(offer: str) -> float:
        return posted(result, offer, 729, "output") / posted(result, offer, 364, "output") - 1

    assert min(rise("first"), rise("second")) > 2 * max(rise("third"), rise("fourth")) > 0
    welfare = result.tables["welfare"].set_index("day")["consumer_surplus_usd_per_day"]
    assert welfare[728.0] < welfare[364.0]
    assert profit(result, "alpha", 500) + profit(result, "beta", 500) > 0


def test_upward_pricing_pressure_points_to_the_rise() -> None:
    """Diversion times margin of the market before; simulated rises are of its order (pass-through about one)."""
    result = shipped("merger")
    demand = result.tables["demand"].query("day == 364").set_index("offer")
    used = demand["share_of_customers"]
    for own, other in (("first", "second"), ("second", "first")):
        diversion = used[other] / (1 - used[own])  # of plain logit
        pressure = diversion * (posted(result, other, 364, "output") - 3.0)
        rise = posted(result, own, 729, "output") - posted(result, own, 364, "output")
        assert 0.5 < rise / pressure < 2.0


def test_a_campaigns_cost_counts_once_in_the_entrants_profit() -> None:
    scenario = load_scenario("subsidised_entrant")
    without = run(scenario.without_entry("student"), shipped_catalog())
    found = entry_answer(shipped("subsidised_entrant"), without, months=12)
    ledger = shipped("subsidised_entrant").tables["ledger"].query("day <= 455")
    cash = ledger[ledger["payee"] == "entrant"]["usd"].sum() - ledger[ledger["payer"] == "entrant"]["usd"].sum()
    assert found.estimates["entrant_profit_usd"].value == pytest.approx(float(cash), rel=1e-9)


@pytest.mark.parametrize("direct", [True, False])
def test_a_platform_in_its_suppliers_hand_loses_a_margin_and_where_both_sold_a_rival(direct: bool) -> None:
    """Both together earn more. Alone in the market the editor gets cheaper; beside direct sales both get dearer."""
    scenario = raw("platform_stays")
    scenario["horizon_days"] = 700
    scenario["population"]["notices_increases"] = False
    provider(scenario, "lab")["offers"][0]["bargain"]["beta"] = 0.9
    provider(scenario, "lab")["offers"][1]["on_sale"] = direct
    apart = played(scenario)
    price = {"kind": "joint", "partners": ["lab", "platform"], "review_days": 91, "first_review_day": 0}
    scenario["interventions"] = [
        {"day": 400, "changes": [{"key": f"providers.{name}.price", "value": price} for name in ("lab", "platform")]}
    ]
    together = played(scenario)
    change = posted(together, "editor", 450) / posted(apart, "editor", 450) - 1
    assert change > 0.1 if direct else change < -0.01
    earned = [profit(result, "lab", 420) + profit(result, "platform", 420) for result in (apart, together)]
    assert earned[1] > earned[0]
