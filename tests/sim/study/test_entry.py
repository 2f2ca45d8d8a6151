"""What an entry changed, read off paired runs."""

from __future__ import annotations

import pandas as pd
import pytest
from conftest import raw_market

from sim.scenario.load import parse_scenario
from sim.scenario.scenario import Scenario
from sim.shared.catalog import Catalog
from sim.shared.errors import InputError
from sim.study.entry import entry_answer, run_entry
from sim.study.paired import differences


def test_the_answer_agrees_with_the_tables(small_scenario: Scenario, small_catalog: Catalog) -> None:
    with_entry, without = run_entry(small_scenario, small_catalog, replications=2)
    answer = entry_answer(with_entry, without, months=4)
    end = answer.release_day + 4 * 365 / 12
    shares = with_entry.tables["shares"]
    rows = shares[(shares["offer"] == "student") & (shares["day"] > end - 28) & (shares["day"] <= end)]
    wanted = rows.groupby("replication")["share_of_tokens"].mean().mean()
    assert answer.estimates["entrant_share_of_tokens"].value == pytest.approx(wanted)
    assert answer.teacher_provider == "alpha"
    assert f"{wanted:.1%}" in answer.sentence


def test_the_entrants_profit_is_after_training_and_tokens(small_catalog: Catalog) -> None:
    def profit(cost: float) -> float:
        raw = raw_market()
        raw["providers"][2]["lab"]["releases"][0]["training_cost_usd"] = cost
        with_entry, without = run_entry(parse_scenario(raw, "test"), small_catalog)
        return entry_answer(with_entry, without, months=4).estimates["entrant_profit_usd"].value

    assert profit(0.0) - profit(5000.0) == pytest.approx(5000.0)


def test_a_month_beyond_the_horizon_is_refused(small_scenario: Scenario, small_catalog: Catalog) -> None:
    with_entry, without = run_entry(small_scenario, small_catalog)
    with pytest.raises(InputError, match=r"at most 4\.6"):
        entry_answer(with_entry, without, months=12)


def test_results_of_different_seeds_are_not_paired(small_scenario: Scenario, small_catalog: Catalog) -> None:
    with_entry, _ = run_entry(small_scenario, small_catalog, seed=0)
    _, without = run_entry(small_scenario, small_catalog, seed=1)
    with pytest.raises(InputError, match="seed"):
        entry_answer(with_entry, without, months=4)


def test_before_the_entry_no_metric_differs(small_scenario: Scenario, small_catalog: Catalog) -> None:
    with_entry, without = run_entry(small_scenario, small_catalog, replications=2)
    before = differences(without, with_entry, [50.0])
    pd.testing.assert_series_equal(before["difference"], before["difference"] * 0.0)
    after = differences(without, with_entry, [200.0])
    assert (after["difference"] != 0).any()


def test_money_from_investors_is_not_spent_by_the_entrant(small_scenario: Scenario, small_catalog: Catalog) -> None:
    def profit(rounds: list[dict[str, float]]) -> float:
        raw = small_scenario.model_dump(mode="json")
        owner = next(part for part in raw["providers"] if any(o["name"] == "student" for o in part["offers"]))
        owner["treasury"]["rounds"] = rounds
        pair = run_entry(parse_scenario(raw, "test"), small_catalog)
        return entry_answer(*pair, months=3.0).estimates["entrant_profit_usd"].value

    assert profit([{"day": 80, "usd": 1e9}]) == pytest.approx(profit([]), rel=1e-12)
