"""Laws of the market, each under the condition that makes it hold."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from conftest import raw_market

from sim.market import Market, Outcome
from sim.runner import run
from sim.scenario.load import parse_scenario
from sim.scenario.scenario import Scenario
from sim.shared.catalog import Catalog
from sim.world.ledger import UnbalancedBooksError


def market(catalog: Catalog, **changes: object) -> Outcome:
    return Market(parse_scenario(raw_market(**changes), "test"), catalog).run()


def test_books_balance_and_tokens_are_counted_once(small_scenario: Scenario, small_catalog: Catalog) -> None:
    outcome = Market(small_scenario, small_catalog).run()
    assert outcome.imbalance < 1e-9
    ledger, demand = outcome.tables["ledger"], outcome.tables["demand"]
    paid = ledger[ledger["account"] == "retail"]["usd"].sum()
    assert paid == pytest.approx(demand["revenue_usd"].sum(), rel=1e-12)
    tokens = ledger[ledger["account"] == "retail"]["mtok"].sum()
    served = demand[["input_mtok", "cached_mtok", "output_mtok"]].to_numpy().sum()
    assert tokens == pytest.approx(served, rel=1e-12)


def test_a_lost_payment_is_noticed(small_scenario: Scenario, small_catalog: Catalog) -> None:
    market = Market(small_scenario, small_catalog)
    market.run()
    market.ledger.receive("alpha", 0.01)
    with pytest.raises(UnbalancedBooksError, match="cash of alpha"):
        market.ledger.check()


def test_the_teacher_is_paid_for_the_tokens_its_copier_takes(small_scenario: Scenario, small_catalog: Catalog) -> None:
    ledger = Market(small_scenario, small_catalog).run().tables["ledger"]
    row = ledger[ledger["account"] == "teacher_tokens"].iloc[0]
    assert (row["payer"], row["payee"], row["mtok"]) == ("gamma", "alpha", 50)
    assert row["usd"] > 0


def test_same_seed_gives_the_same_tables_and_another_seed_others(
    small_scenario: Scenario, small_catalog: Catalog
) -> None:
    first, second = run(small_scenario, small_catalog, seed=0), run(small_scenario, small_catalog, seed=0)
    for name, table in first.tables.items():
        pd.testing.assert_frame_equal(table, second.tables[name], check_exact=True)
    other = run(small_scenario, small_catalog, seed=1)
    assert not other.tables["demand"].equals(first.tables["demand"])


@pytest.mark.parametrize("threads", ["1", "2"])
def test_the_number_of_threads_changes_nothing(
    small_catalog: Catalog, monkeypatch: pytest.MonkeyPatch, threads: str
) -> None:
    population = raw_market()["population"] | {"customers": 40_000}
    scenario = parse_scenario(raw_market(population=population, horizon_days=60), "test")
    monkeypatch.setenv("UNDERCUT_THREADS", threads)
    here = Market(scenario, small_catalog).run()
    monkeypatch.setenv("UNDERCUT_THREADS", "3")
    there = Market(scenario, small_catalog).run()
    for name, table in here.tables.items():
        pd.testing.assert_frame_equal(table, there.tables[name], check_exact=True)


def test_without_the_entry_everything_before_it_is_identical(small_scenario: Scenario, small_catalog: Catalog) -> None:
    with_entry = Market(small_scenario, small_catalog).run().tables
    without = Market(small_scenario.without_entry("student"), small_catalog).run().tables
    for name in ("demand", "prices", "events", "ledger", "treasury"):
        before, counterfactual = (
            side[name][side[name]["day"] < 60].reset_index(drop=True) for side in (with_entry, without)
        )
        pd.testing.assert_frame_equal(before, counterfactual, check_exact=True)
    assert not with_entry["demand"].equals(without["demand"])


def test_an_offer_that_is_never_released_changes_nothing(small_catalog: Catalog) -> None:
    raw = raw_market()
    raw["entrant"] = None
    raw["providers"][2]["lab"]["releases"][0]["release_day"] = None
    absent = {**raw, "providers": raw["providers"][:2], "models": raw["models"][:2]}
    dormant = Market(parse_scenario(raw, "test"), small_catalog).run().tables["demand"]
    none = Market(parse_scenario(absent, "test"), small_catalog).run().tables["demand"]
    pd.testing.assert_frame_equal(dormant, none, check_exact=True)


def test_a_cheaper_and_nearly_as_good_student_takes_share_and_profit(
    small_scenario: Scenario, small_catalog: Catalog
) -> None:
    with_entry = Market(small_scenario, small_catalog).run().tables
    without = Market(small_scenario.without_entry("student"), small_catalog).run().tables
    demand = with_entry["demand"]
    end = demand[demand["day"] == demand["day"].max()].groupby("offer")["requests"].sum()
    assert end["student"] / end.sum() > 0.1

    def profit(tables: dict[str, pd.DataFrame]) -> float:
        mine = tables["demand"].query("provider == 'alpha'")
        return float((mine["revenue_usd"] - mine["serving_cost_usd"]).sum())

    assert profit(with_entry) < profit(without)


def test_harder_tasks_move_demand_to_the_best_model(small_catalog: Catalog) -> None:
    def share_of_best(difficulty: float) -> float:
        raw = raw_market()
        raw["tasks"] = [raw["tasks"][1] | {"difficulty_mean": difficulty}]
        raw["providers"] = [p | {"price": {"kind": "posted"}} for p in raw["providers"]]
        demand = Market(parse_scenario(raw, "test"), small_catalog).run().tables["demand"].query("day > 0")
        by_offer = demand.groupby("offer")["requests"].sum()
        return float(by_offer["best"] / by_offer.sum())

    assert share_of_best(2.0) > share_of_best(-3.0) + 0.05


def test_switching_costs_slow_the_entrant(small_catalog: Catalog) -> None:
    def entrant_share(switching: float) -> float:
        population = raw_market()["population"] | {"switching_share": switching}
        demand = market(small_catalog, population=population).tables["demand"]
        last = demand[demand["day"] == 100].groupby("offer")["requests"].sum()
        return float(last["student"] / last.sum())

    assert entrant_share(0.2) < entrant_share(0.0) - 0.02


def test_sampled_customers_approach_the_expected_ones(small_catalog: Catalog) -> None:
    fixed = [p | {"price": {"kind": "posted"}} for p in raw_market()["providers"]]
    tastes = {k: v for k, v in raw_market()["population"].items() if k not in ("kind", "customers")}

    def requests(population: dict[str, object]) -> np.ndarray:
        raw = raw_market(population=tastes | population, providers=fixed)
        demand = Market(parse_scenario(raw, "test"), small_catalog).run().tables["demand"]
        wide = demand[demand["day"] > 0].pivot_table(index="day", columns=["task_class", "offer"], values="requests")
        return wide.fillna(0.0).to_numpy()

    truth = requests({"kind": "expected", "nodes_per_class": 4096})

    def error(customers: int) -> float:
        return float(np.abs(requests({"kind": "sampled", "customers": customers}) - truth).mean() / truth.mean())

    few, many = error(500), error(32_000)
    assert many < 0.01
    assert few / many > 4  # 1/sqrt(N) gives 8


def test_customers_notice_a_rise_at_once(small_catalog: Catalog) -> None:
    """A monopolist's base that reviews once in a hundred years leaves within a report of a rise it notices."""
    raw = raw_market(entrant=None, horizon_days=100)
    raw["models"], raw["providers"] = raw["models"][:1], [raw["providers"][0]]
    raw["providers"][0]["offers"][0]["cost"] = {
        "kind": "stated",
        "input_usd_per_mtok": 20.0,
        "output_usd_per_mtok": 80.0,
    }
    raw["providers"][0]["price"] = {"kind": "cost_plus", "markup": 0.1, "first_review_day": 45, "review_days": 1000}

    def lost(notices: bool) -> float:
        raw["population"] |= {"review_days": 36_500, "notices_increases": notices}
        demand = Market(parse_scenario(raw, "test"), small_catalog).run().tables["demand"]
        held = demand.groupby("day")["share_of_customers"].sum()
        return float(held[40] - held[60])

    assert lost(True) > 0.3
    assert lost(False) < 0.02


def test_a_bankrupt_provider_leaves_and_its_customers_choose_again(small_catalog: Catalog) -> None:
    raw = raw_market()
    raw["providers"][2]["treasury"] = {"cash_usd": 0, "credit_limit_usd": 0}
    tables = Market(parse_scenario(raw, "test"), small_catalog).run().tables
    exits = tables["events"].query("event == 'exit'")
    assert list(exits["provider"]) == ["gamma"]
    day = float(exits["day"].iloc[0])
    after = tables["demand"][tables["demand"]["day"] > day]
    assert "student" not in set(after["offer"])
    assert not after.empty
    assert not tables["demand"].isna().any(axis=None)


def test_shares_sum_to_one_and_no_table_holds_nan(small_scenario: Scenario, small_catalog: Catalog) -> None:
    result = run(small_scenario, small_catalog, replications=2, catalog_draws=2)
    totals = result.tables["shares"].groupby(["catalog_draw", "replication", "day"])["share_of_tokens"].sum()
    assert np.allclose(totals, 1.0, atol=1e-12)
    tables = dict(result.tables)
    frontier = tables.pop("frontier")
    assert all(not table.isna().any(axis=None) for table in tables.values())
    # A best student has no ability and no lag before there is one.
    empty = frontier[["student_theta", "gap_theta", "lag_days"]].isna()
    assert (empty.all(axis=1) == (frontier["day"] < 60)).all()
    assert not frontier[~empty.any(axis=1)].isna().any(axis=None)
