"""The shipped scenarios of the supply side change in the direction that their titles say, against a market without."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

from sim.results import RESULT_TABLES, RunResult
from sim.runner import run
from sim.scenario.load import load_scenario, parse_scenario
from sim.scenario.population import Reviewing
from sim.scenario.tasks import TaskClass
from sim.shared.catalog import shipped_catalog

NESTED = "nest_scale" in Reviewing.model_fields  # whether offers of equal weights are near substitutes


def played(name: str, change: Callable[[dict[str, Any]], None] = lambda raw: None) -> RunResult:
    """The shipped scenario, or what `change` makes of its plain data."""
    raw = load_scenario(name).model_dump(mode="json")
    change(raw)
    result = run(parse_scenario(raw, name), shipped_catalog())
    for spec in RESULT_TABLES:
        whole = [column.name for column in spec.columns if column.kind == "number" and not column.missing]
        assert not result.tables[spec.name][whole].isna().any().any(), spec.name
    return result


def table(result: RunResult, name: str, after: float = 0.0, until: float = 1e9) -> pd.DataFrame:
    frame = result.tables[name]
    return frame[(frame["day"] > after) & (frame["day"] <= until)]


def revenue(result: RunResult, provider: str, after: float = 0.0, until: float = 1e9) -> float:
    rows = table(result, "shares", after, until)
    return float(rows[rows["provider"] == provider]["revenue_usd"].sum())


def profit(result: RunResult, provider: str) -> float:
    rows = result.tables["shares"]
    return float(rows[rows["provider"] == provider]["profit_usd"].sum())


def last_share(result: RunResult, prefix: str) -> float:
    rows = table(result, "shares")
    rows = rows[(rows["day"] == rows["day"].max()) & rows["offer"].str.startswith(prefix)]
    return float(rows["share_of_tokens"].sum())


def last_price(result: RunResult, offer: str) -> float:
    rows = result.tables["prices"]
    return float(rows[rows["offer"] == offer]["price_output_usd_per_mtok"].iloc[-1])


def surplus(result: RunResult, after: float) -> float:
    return float(table(result, "welfare", after)["consumer_surplus_usd_per_day"].mean())


def entries(result: RunResult) -> pd.DataFrame:
    rows = result.tables["events"]
    return rows[rows["event"] == "entry"]


def before_day(result: RunResult, day: float, name: str) -> pd.DataFrame:
    rows = result.tables[name]
    return rows[rows["day"] < day].reset_index(drop=True)


# -- capacity_shock ---------------------------------------------------------------------------------------------


def test_a_lab_that_loses_its_accelerators_loses_revenue_and_its_rival_gains_share() -> None:
    def calm(raw: dict[str, Any]) -> None:
        raw["providers"][0]["fleet"]["outages"] = []

    hit, whole = played("capacity_shock"), played("capacity_shock", calm)
    for name in ("demand", "fleet", "prices", "ledger"):
        left, right = before_day(hit, 180, name), before_day(whole, 180, name)
        pd.testing.assert_frame_equal(left, right, check_exact=True)
    fleet = hit.tables["fleet"].query("provider == 'alpha'").set_index("day")
    assert (fleet.loc[(fleet.index > 182) & (fleet.index <= 224), "refused_mtok"] > 0).all()
    assert fleet.loc[(fleet.index > 140) & (fleet.index < 180), "refused_mtok"].sum() == 0.0
    assert fleet.loc[280:, "refused_mtok"].sum() == 0.0
    assert fleet.loc[196, "delay_s"] > 5.0 > fleet.loc[175, "delay_s"]
    assert revenue(hit, "alpha", 180, 240) < 0.8 * revenue(whole, "alpha", 180, 240)

    def share_of_beta(result: RunResult) -> float:
        rows = table(result, "shares", 182, 238)
        return float(rows[rows["provider"] == "beta"]["share_of_tokens"].mean())

    assert share_of_beta(hit) > share_of_beta(whole) + 0.05
    rent = hit.tables["ledger"].query("account == 'rent' and payer == 'alpha'").set_index("day")["usd"]
    assert rent.loc[210.0] == pytest.approx(rent.loc[175.0])


@pytest.mark.skipif("value_of_time_usd_per_s" not in TaskClass.model_fields, reason="waiting costs customers nothing")
def test_customers_to_whom_waiting_costs_something_leave_the_lab_that_makes_them_wait() -> None:
    def held(outages: bool) -> float:
        def change(raw: dict[str, Any]) -> None:
            for task in raw["tasks"]:
                task["value_of_time_usd_per_s"] = 0.0005
            if not outages:
                raw["providers"][0]["fleet"]["outages"] = []

        rows = table(played("capacity_shock", change), "demand", 224, 238)
        return float(rows[rows["offer"] == "first"]["share_of_customers"].mean())

    assert held(True) < held(False) - 0.05


# -- mixture_of_experts -----------------------------------------------------------------------------------------


def test_the_mixture_is_cheaper_than_its_teacher_which_sells_nothing_while_it_is_held_back() -> None:
    result = played("mixture_of_experts")
    cost = result.tables["offers"].groupby("offer")[["cost_input_usd_per_mtok", "cost_output_usd_per_mtok"]].first()
    assert (cost.loc["teacher"] > 2.0 * cost.loc["mixture"]).all()
    ability = result.tables["offers"].groupby("offer")["theta"].first()
    assert ability["rival"] < ability["mixture"] < ability["teacher"]
    sold = result.tables["demand"].query("offer == 'teacher'")
    assert sold["day"].min() > 365
    assert sold["requests"].sum() > 0
    assert surplus(result, 400) > float(table(result, "welfare", 200, 364)["consumer_surplus_usd_per_day"].mean())


def test_the_lab_earns_more_with_the_mixture_than_by_serving_its_teacher_alone() -> None:
    def held_back(raw: dict[str, Any]) -> None:
        raw["interventions"] = []

    def teacher_alone(raw: dict[str, Any]) -> None:
        raw["interventions"] = []
        mixture, teacher = raw["providers"][0]["offers"]
        mixture["on_sale"], teacher["on_sale"] = False, True

    assert profit(played("mixture_of_experts", held_back), "lab") > profit(
        played("mixture_of_experts", teacher_alone), "lab"
    )


def test_the_less_the_experts_at_rest_count_the_less_the_mixture_sells() -> None:
    def counted(weight_of_active: float) -> float:
        def change(raw: dict[str, Any]) -> None:
            raw["interventions"], raw["horizon_days"] = [], 200
            raw["models"][1]["equivalence"] = weight_of_active

        return revenue(played("mixture_of_experts", change), "lab")

    every, half, none = counted(0.0), counted(0.5), counted(1.0)
    assert every > half > none


# -- open_release -----------------------------------------------------------------------------------------------


def never_published(raw: dict[str, Any]) -> None:
    raw["providers"][1]["lab"]["open_weights"][0]["day"] = None


def test_published_weights_bring_hosts_lower_prices_and_more_surplus() -> None:
    published, closed = played("open_release"), played("open_release", never_published)
    assert entries(closed).empty
    assert len(entries(published)) >= 1
    assert entries(published)["day"].min() == 180.0
    for name in ("demand", "prices", "ledger", "treasury"):
        left, right = before_day(published, 180, name), before_day(closed, 180, name)
        pd.testing.assert_frame_equal(left, right, check_exact=True)
    assert last_price(published, "open") < 0.9 * last_price(closed, "open")
    assert last_price(published, "closed") < last_price(closed, "closed")
    assert surplus(published, 240) > surplus(closed, 240)
    assert revenue(published, "open-lab", 180) < revenue(closed, "open-lab", 180)
    assert last_share(published, "host") > 0.1
    fixed = published.tables["ledger"].query("account == 'fixed'")
    assert fixed["usd"].sum() == pytest.approx(len(entries(published)) * 150_000 * 365 / 365, rel=1e-9)


@pytest.mark.skipif(not NESTED, reason="offers of equal weights are as far apart as others: plain logit")
def test_hosts_of_equal_weights_sell_near_their_cost() -> None:
    result = played("open_release")
    prices = [last_price(result, name) for name in entries(result)["offer"].unique()]
    assert min(prices) < 1.2 * 2.0  # cost of a written token


# -- free_entry -------------------------------------------------------------------------------------------------


def test_newcomers_press_the_incumbent_and_dearer_entry_keeps_some_out() -> None:
    def dear(raw: dict[str, Any]) -> None:
        raw["free_entry"][0]["fixed_cost_usd_per_year"] *= 4

    def shut(raw: dict[str, Any]) -> None:
        raw["free_entry"][0]["fixed_cost_usd_per_year"] = 1e12

    free, dearer, alone = played("free_entry"), played("free_entry", dear), played("free_entry", shut)
    assert len(entries(free)) > len(entries(dearer)) > len(entries(alone)) == 0
    assert entries(free)["day"].min() == 90.0
    prices = [last_price(result, "teacher") for result in (free, dearer, alone)]
    assert prices == sorted(prices)
    hhi = [float(result.tables["market"]["hhi_tokens"].iloc[-1]) for result in (free, dearer, alone)]
    assert hhi == sorted(hhi)
    assert surplus(free, 200) > surplus(dearer, 200) > surplus(alone, 200)
    assert profit(free, "incumbent") < profit(alone, "incumbent")
    # Who is in expects to earn its fixed cost, and earns it.
    last = table(free, "shares", 365)
    yearly = last[last["offer"].str.startswith("newcomer")].groupby("offer")["profit_usd"].sum()
    assert (yearly > 1.5e6).all()


# -- deepseek_r1 ------------------------------------------------------------------------------------------------


def test_the_open_release_takes_share_and_lowers_the_price_of_what_comes_after_it() -> None:
    scenario = load_scenario("deepseek_r1")
    released = run(scenario, shipped_catalog())
    without = run(scenario.without_entry("deepseek-r1"), shipped_catalog())
    assert entries(without).empty
    assert set(entries(released)["day"]) == {32.0}
    for name in ("demand", "prices", "ledger"):
        left, right = before_day(released, 32, name), before_day(without, 32, name)
        pd.testing.assert_frame_equal(left, right, check_exact=True)
    for result in (released, without):
        assert "o3-mini" in set(result.tables["events"].query("event == 'release' and day == 41")["offer"])
    assert last_price(released, "o3-mini") < last_price(without, "o3-mini")
    assert revenue(released, "openai", 32) < revenue(without, "openai", 32)
    assert surplus(released, 60) > surplus(without, 60)
    assert last_share(released, "deepseek-r1") + last_share(released, "r1-host") > 0.3
    # Hosts rent dearer accelerators and few of them: they sell above the lab's own price, as they did.
    assert last_price(released, "r1-host-1") > last_price(released, "deepseek-r1") == 2.19


def test_the_model_of_january_2025_is_priced_and_rented_as_cited() -> None:
    scenario = load_scenario("deepseek_r1")
    prices = pd.read_csv("data/prices.csv").set_index("model")
    row = prices.loc["deepseek-reasoner (R1)"]
    day = (pd.Timestamp(row["date"]) - pd.Timestamp(scenario.starts_on)).days
    lab = next(part for part in scenario.providers if part.name == "deepseek")
    assert (lab.lab.releases[0].release_day, lab.lab.open_weights[0].day) == (day, day)
    listed = lab.offers[0].list_price
    assert listed.kind == "stated"
    assert (listed.input_usd_per_mtok, listed.output_usd_per_mtok) == (
        row["price_in_usd_per_mtok"], row["price_out_usd_per_mtok"],
    )  # fmt: skip
    o3 = prices.loc["o3-mini"]
    openai = next(part for part in scenario.providers if part.name == "openai")
    assert openai.lab.releases[0].release_day == (pd.Timestamp(o3["date"]) - pd.Timestamp(scenario.starts_on)).days
