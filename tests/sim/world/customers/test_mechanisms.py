"""What each mechanism of demand does to a market, against a count or a closed form where there is one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from demand_markets import as_expected, as_sampled, parsed, raw_hosts
from scipy.special import ndtr

from sim.market import Market
from sim.scenario.load import parse_scenario
from sim.scenario.scenario import Scenario
from sim.shared.catalog import Catalog
from sim.world.customers.router import RoutedCustomers
from sim.world.streams import Streams

KINDS = ("sampled", "expected")


def of_kind(scenario: Scenario, kind: str) -> Scenario:
    return as_sampled(scenario, 4000) if kind == "sampled" else as_expected(scenario, 256)


def tables(scenario: Scenario, catalog: Catalog) -> dict[str, pd.DataFrame]:
    return dict(Market(scenario, catalog).run().tables)


def last_shares(table: pd.DataFrame) -> pd.Series:
    """Share of all requests of the last interval by offer."""
    last = table[table["day"] == table["day"].max()].groupby("offer")["requests"].sum()
    return last / last.sum()


@pytest.mark.parametrize("kind", KINDS)
def test_a_second_host_takes_from_the_first_and_hardly_from_the_rest(small_catalog: Catalog, kind: str) -> None:
    def share_of_second(hosts: int, scale: float) -> tuple[float, float]:
        shares = last_shares(
            tables(of_kind(parsed(population={"nest_scale": scale}, hosts=hosts), kind), small_catalog)["demand"]
        )
        served = shares[shares.index.str.startswith("second")]
        return float(served.sum()), float(served.min())

    alone, _ = share_of_second(1, 0.05)
    nested, smallest = share_of_second(4, 0.05)
    plain, _ = share_of_second(4, 1.0)
    assert alone < nested < alone + 0.35 * (plain - alone)
    assert smallest == pytest.approx(nested / 4, rel=0.1)  # equal hosts share alike


def test_a_new_host_changes_no_draw_of_another_nest(small_catalog: Catalog) -> None:
    """Sampled customers who do not use the nest choose as they did: others lose to it alone, and gain nothing."""
    raw = raw_hosts({"customers": 3000, "switching_share": 0.0})
    raw["horizon_days"] = raw["report_days"] = 20.0
    absent = {**raw, "providers": [part for part in raw["providers"] if part["name"] != "beta1"]}
    absent["population"] = raw["population"] | {"nest_scale": 0.05}
    many, few = (
        tables(parse_scenario(part, "test"), small_catalog)["demand"].set_index(["day", "task_class", "offer"])
        for part in (raw, absent)
    )
    start = [frame[frame.index.get_level_values("day") == 0]["share_of_customers"] for frame in (many, few)]
    for offer in ("best", "small"):
        for task in ("chat", "code"):
            assert start[0][0.0, task, offer] <= start[1][0.0, task, offer]
    assert start[0].sum() > 0


@pytest.mark.parametrize("kind", KINDS)
def test_word_delays_a_release_and_leaves_what_came_before_alone(small_catalog: Catalog, kind: str) -> None:
    def student(word_days: float) -> pd.Series:
        scenario = parsed(population={"nest_scale": 1.0, "word_days": word_days, "switching_share": 0.0})
        demand = tables(of_kind(scenario, kind), small_catalog)["demand"]
        return demand[demand["offer"] == "student"].groupby("day")["requests"].sum()

    at_once, slow = student(1e-9), student(60.0)
    assert slow[80.0] < 0.5 * at_once[80.0]
    assert slow[200.0] > 2 * slow[80.0]


def test_those_who_have_heard_are_an_exponential_share_of_the_nodes(small_catalog: Catalog) -> None:
    """With reviews far faster than word, the student's share is that of a market without word times 1 - exp(-t/tau)."""
    fast = {"nest_scale": 1.0, "review_days": 0.5, "switching_share": 0.0}

    def student(word_days: float) -> pd.Series:
        scenario = as_expected(parsed(population=fast | {"word_days": word_days}), 512)
        demand = tables(scenario, small_catalog)["demand"]
        return demand[demand["offer"] == "student"].set_index(["day", "task_class"])["share_of_customers"]

    known, spreading = student(1e-9), student(40.0)
    for day in (80.0, 120.0, 200.0):
        heard = 1.0 - np.exp(-(day - 60.0 - 0.5) / 40.0)  # half a day passes until the review after the news
        for task in ("chat", "code"):
            assert spreading[day, task] / known[day, task] == pytest.approx(heard, rel=0.02)


@pytest.mark.parametrize("kind", KINDS)
def test_customers_are_those_before_plus_arrivals_less_departures(small_catalog: Catalog, kind: str) -> None:
    growth, churn = 1.0, 0.4
    scenario = parsed(population={"growth_per_year": growth, "churn_per_year": churn, "router": {"share": 0.3}})
    found = tables(of_kind(scenario, kind), small_catalog)["customers"]
    for _, rows in found.groupby("task_class"):
        moved = (rows["arrivals"] - rows["departures"]).to_numpy()
        assert np.diff(rows["customers"]) == pytest.approx(moved[1:], abs=1e-8)
        last = rows.iloc[-1]
        years = last["day"] / 365.0
        wanted = 1000 * np.exp((growth - churn) * years)
        assert last["customers"] == pytest.approx(wanted, rel=0.02 if kind == "sampled" else 1e-9)
        came = 1000 * growth * np.expm1((growth - churn) * years) / (growth - churn)
        assert rows["arrivals"].sum() == pytest.approx(came, rel=0.02 if kind == "sampled" else 1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_newcomers_hold_nothing_so_that_growth_favours_what_is_new(small_catalog: Catalog, kind: str) -> None:
    def share(growth: float) -> float:
        population = {
            "switching_share": 0.02, "review_days": 300.0, "nest_scale": 1.0, "growth_per_year": growth,
            "churn_per_year": growth,
        }  # fmt: skip
        return float(
            last_shares(tables(of_kind(parsed(population=population), kind), small_catalog)["demand"])["student"]
        )

    assert share(1.0) > 1.1 * share(0.0) > 0.0


@pytest.mark.parametrize("kind", KINDS)
def test_a_bundle_gathers_a_customers_classes_at_one_provider(small_catalog: Catalog, kind: str) -> None:
    def providers(bundle_share: float) -> tuple[float, float]:
        found = tables(of_kind(parsed(bundle_share=bundle_share), kind), small_catalog)
        mine = found["demand"].query("provider == 'alpha' and day == 200")["requests"].sum()
        return float(found["multihoming"]["providers_per_user"].iloc[-1]), float(mine)

    (apart, before), (tied, after) = providers(1e-9), providers(0.05)
    assert tied < apart - 0.01
    assert after > 1.02 * before


def test_the_mean_field_of_bundles_is_near_the_sample(small_catalog: Catalog) -> None:
    scenario = parsed(bundle_share=0.05)
    sample, field = (tables(part, small_catalog) for part in (as_sampled(scenario, 20_000), as_expected(scenario, 512)))
    counts = [part["multihoming"]["providers_per_user"].iloc[-1] for part in (sample, field)]
    assert counts[0] == pytest.approx(counts[1], rel=0.03)
    for one, other in zip(last_shares(sample["demand"]), last_shares(field["demand"]), strict=True):
        assert one == pytest.approx(other, abs=0.01)


def routed(catalog: Catalog, **router: float) -> tuple[RoutedCustomers, Any]:
    """In a market whose cheap offers are a good deal worse."""
    scenario = as_expected(parsed(population={"router": {"share": 1.0} | router}, ratio=0.6), 64)
    market = Market(scenario, catalog)
    market.play()
    return RoutedCustomers(scenario, 64, Streams(0, 0)), market.board


def test_a_router_sends_easy_requests_to_the_cheap_and_hard_ones_up(small_catalog: Catalog) -> None:
    """Of what is bought, the dearest and best offer has more where requests are harder."""
    customers, board = routed(small_catalog)
    shares, gains = customers.routed(board)
    assert shares.sum(axis=1) == pytest.approx(1.0, abs=1e-12)
    assert (gains >= -1e-12).all()
    code = slice(64, 128)
    difficulty = np.log(customers.columns.exp_difficulty[code])
    of_bought = shares[code][:, 1 + board.index("best")] / shares[code][:, 1:].sum(axis=1)
    easy, middle, hard = (
        of_bought[difficulty < 0.5],
        of_bought[abs(difficulty - 1.0) < 0.5],
        of_bought[difficulty > 1.5],
    )
    assert easy.mean() < middle.mean() < hard.mean()
    assert hard.mean() > 2 * easy.mean()


def test_the_share_that_a_router_buys_is_that_of_requests_worth_their_price(small_catalog: Catalog) -> None:
    """One offer and no error: the requests below the difficulty at which v succ - h (1 - succ) = p."""
    raw = raw_hosts({"router": {"share": 1.0, "item_sd": 1.2, "error_sd": 0.0}, "volume_elasticity": 0})
    raw["providers"] = raw["providers"][:1]
    raw["providers"][0]["offers"] = raw["providers"][0]["offers"][:1]
    raw["providers"][0]["offers"][0]["cost"] = {"kind": "share_of_list_price", "share": 0.5}
    raw["providers"][0]["offers"][0]["list_price"] = {
        "kind": "stated", "input_usd_per_mtok": 4.0, "output_usd_per_mtok": 30.0,
    }  # fmt: skip
    raw |= {"models": raw["models"][:1], "entrant": None}
    market = Market(as_expected(parse_scenario(raw, "test"), 64), small_catalog)
    market.play()
    board, customers = market.board, RoutedCustomers(market.scenario, 64, Streams(0, 0))
    shares, _ = customers.routed(board)
    c = customers.columns
    price = np.repeat(board.price_usd[:, 0], 64)
    needed = (price + c.harm_usd) / (c.value_usd + c.harm_usd)
    hardest = np.repeat(board.theta[:, 0], 64) - np.log(np.maximum(needed, 1e-12) / np.maximum(1 - needed, 1e-12))
    wanted = np.where(needed < 1, ndtr((hardest - np.log(c.exp_difficulty)) / 1.2), 0.0)
    assert 0.2 < wanted.mean() < 0.8
    assert shares[:, 1] == pytest.approx(wanted, abs=0.03)
    assert shares[:, 1].mean() == pytest.approx(wanted.mean(), abs=0.003)


def test_a_router_that_sees_nothing_serves_its_customers_less(small_catalog: Catalog) -> None:
    sharp, blind = (routed(small_catalog, error_sd=error)[0:2] for error in (0.0, 50.0))
    gains = [customers.routed(board)[1].mean() for customers, board in (sharp, blind)]
    assert gains[0] > 1.01 * gains[1]


@pytest.mark.parametrize("kind", KINDS)
def test_groups_add_up_to_the_whole(small_catalog: Catalog, kind: str) -> None:
    found = tables(of_kind(parsed(population={"nest_scale": 1.0}), kind), small_catalog)
    groups = found["welfare_by_group"].groupby(["day", "task_class"])
    whole = found["welfare"].set_index(["day", "task_class"])["consumer_surplus_usd_per_day"]
    assert groups["consumer_surplus_usd_per_day"].sum().to_numpy() == pytest.approx(whole.to_numpy(), rel=1e-12)
    assert groups["customers"].sum().to_numpy() == pytest.approx(1000.0)
    each = found["welfare_by_group"].set_index("value_group")
    per_head = each["consumer_surplus_usd_per_day"] / each["customers"]
    assert per_head["low"].mean() < per_head["middle"].mean() < per_head["high"].mean()
    assert each["customers"].to_numpy() == pytest.approx(1000 / 3, rel=0.1)


@pytest.mark.parametrize("kind", KINDS)
def test_harm_that_differs_keeps_the_other_columns(small_catalog: Catalog, kind: str) -> None:
    raw = raw_hosts()
    even = tables(of_kind(parse_scenario(raw, "test"), kind), small_catalog)
    for task in raw["tasks"]:
        task["harm_log_sd"] = 1.0
    uneven = tables(of_kind(parse_scenario(raw, "test"), kind), small_catalog)
    gains = [part["welfare"]["consumer_surplus_usd_per_day"].sum() for part in (even, uneven)]
    assert gains[0] != gains[1]
    assert gains[1] == pytest.approx(gains[0], rel=0.3)


@pytest.mark.parametrize("kind", KINDS)
def test_who_values_time_leaves_the_slow_offer(small_catalog: Catalog, kind: str) -> None:
    def second(value_of_time: float) -> float:
        raw = raw_hosts({"nest_scale": 1.0})
        for task in raw["tasks"]:
            task["value_of_time_usd_per_s"] = value_of_time
        market = Market(of_kind(parse_scenario(raw, "test"), kind), small_catalog)
        market.board.delay_s[market.board.index("second")] = 2.0
        return float(last_shares(dict(market.run().tables)["demand"])["second"])

    assert second(0.001) < 0.8 * second(0.0)
