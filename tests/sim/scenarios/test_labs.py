"""The shipped markets of labs, students, judges and copiers show what their titles say."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from sim.metrics.abilities import mean_abilities
from sim.results import RunResult
from sim.runner import run
from sim.scenario.load import later, load_scenario, parse_scenario
from sim.scenario.scenario import Scenario
from sim.shared.catalog import shipped_catalog
from sim.study.fork import forked_scenario
from sim.study.imitation import lags, price_of_ability, starved, without_imitation


def played(name: str, *changes: str) -> RunResult:
    """A shipped scenario, with some fields changed from the start."""
    return run(changed(load_scenario(name), *changes), shipped_catalog())


def changed(scenario: Scenario, *changes: str) -> Scenario:
    return later(forked_scenario(scenario, 0.0, list(changes)))[0][1] if changes else scenario


def last_theta(result: RunResult, offer: str) -> float:
    found = mean_abilities(result.tables)
    return float(found[found["offer"] == offer]["theta"].iloc[-1])


def profit_usd(result: RunResult, provider: str, *left_out: str) -> float:
    ledger = result.tables["ledger"]
    ledger = ledger[~ledger["account"].isin(left_out)]
    return float(ledger[ledger["payee"] == provider]["usd"].sum() - ledger[ledger["payer"] == provider]["usd"].sum())


def test_imitation_starves_the_frontier() -> None:
    scenario = load_scenario("starved_frontier")
    copied = run(scenario, shipped_catalog())
    alone = run(without_imitation(scenario), shipped_catalog())
    found = starved(copied.tables, alone.tables)
    assert found["provider"].tolist() == ["lab"]
    assert found["starved"].iloc[0] < 0.6
    assert last_theta(copied, "frontier") < last_theta(alone, "frontier") - 0.5
    assert profit_usd(copied, "lab") < profit_usd(alone, "lab")


def test_what_was_the_frontier_becomes_a_commodity() -> None:
    scenario = load_scenario("commoditisation")
    copied, alone = (run(part, shipped_catalog()) for part in (scenario, without_imitation(scenario)))
    price = price_of_ability(copied.tables, 1.5).set_index("day")["price_output_usd_per_mtok"]
    plain = price_of_ability(alone.tables, 1.5).set_index("day")["price_output_usd_per_mtok"]
    assert price.iloc[-1] < 0.25 * price.iloc[0]
    assert price.iloc[-1] < 0.4 * plain.iloc[-1]
    margin = copied.tables["market"]["margin"]
    assert margin.iloc[-1] < 0.75 * margin.iloc[2]
    assert margin.iloc[-1] < alone.tables["market"]["margin"].iloc[-1] - 0.2
    for offer in ("follower", "hosted"):
        events = copied.tables["events"]
        spent = events[(events["event"] == "release") & (events["offer"] == offer)]["usd"]
        assert spent.iloc[-1] < 0.3 * spent.iloc[0]
    seen = copied.tables["research"]["lag_days"]
    assert seen.iloc[-1] < 0.5 * seen[seen > 0].iloc[0]  # from a release to its first student


def test_a_judge_takes_the_student_past_its_teacher_and_a_guess_does_not() -> None:
    judged = played("judge_overtakes")
    guessed = played("judge_overtakes", "providers.challenger.lab.reinforcement.student.judge_error=0.5")
    assert last_theta(judged, "student") > last_theta(judged, "teacher") + 0.3
    assert last_theta(guessed, "student") < last_theta(guessed, "teacher")

    def share(result: RunResult) -> float:
        table = result.tables["shares"]
        return float(table[(table["offer"] == "student") & (table["day"] > 900)]["share_of_dollars"].mean())

    assert share(judged) > share(guessed) + 0.1


def campaigns(result: RunResult) -> pd.DataFrame:
    """Accounts and requests by campaign."""
    table = result.tables["takings"]
    number = (table["day"].diff() > 10.0).cumsum()
    return table.groupby(number).agg(accounts=("accounts", "first"), requests=("requests", "sum"))


def test_defence_makes_copying_dearer_and_thinner_and_costs_the_honest() -> None:
    free, defended = played("attack"), played("attack_defended")
    # What an account yields falls from all that it can ask for towards the 667 exchanges of the alleged campaign.
    yielded = [(found["requests"] / found["accounts"]).min() for found in (campaigns(free), campaigns(defended))]
    assert yielded[0] == 320 * 90
    assert 300 < yielded[1] < 4000
    assert campaigns(defended)["accounts"].max() > 10_000 > campaigns(free)["accounts"].max()

    def usd_per_effective_mtok(result: RunResult) -> float:
        ledger = result.tables["ledger"]
        paid = ledger[ledger["account"].isin(["teacher_tokens", "accounts"])]["usd"].sum()
        return float(paid / result.tables["takings"]["effective_mtok"].sum())

    assert usd_per_effective_mtok(defended) > 2 * usd_per_effective_mtok(free)
    assert defended.tables["takings"]["effective_mtok"].sum() < 0.6 * free.tables["takings"]["effective_mtok"].sum()
    assert defended.tables["access"]["refused_share"].max() > 0.001
    assert profit_usd(defended, "copier") < profit_usd(free, "copier")
    # The copy comes most of the way for far less than research costs, defended or not.
    for result in (free, defended):
        spent = result.tables["takings"]["usd"].sum()
        assert spent < profit_usd(result, "victim", "research") / 4


def mean_lag(result: RunResult, *, teacher: str = "leader", student: str = "student") -> float:
    found = lags(result.tables, teacher, student)
    return float(found[found["day"] > 365]["lag_days"].mean())


def test_enforced_access_lengthens_the_copiers_lag() -> None:
    enforced = played("restricted_access")
    free = played("restricted_access", "providers.leader.access={kind: open}")
    assert mean_lag(enforced) > mean_lag(free) + 60.0
    limits = [
        mean_lag(played("restricted_access", f"providers.leader.access.requests_per_account_day={limit}"))
        for limit in (20, 6)
    ]
    assert mean_lag(free) < limits[0] < limits[1]


def test_with_open_weights_or_own_reinforcement_access_makes_no_difference() -> None:
    own = {"offer": "student", "judge_error": 0.05, "gain_logits": 3.0, "scale_usd": 6e7, "round_usd": 1e7,
           "every_days": 45.0, "round_days": 30.0}  # fmt: skip
    raw = load_scenario("restricted_access").model_dump(mode="json")
    raw["providers"][1]["lab"]["reinforcement"] = [own]
    learning = parse_scenario(raw, "test")
    weights = changed(
        load_scenario("restricted_access"),
        "providers.copier.lab.students.student.source={kind: open_weights, output_mtok: 1000}",
    )
    for scenario in (weights, learning):
        free = changed(scenario, "providers.leader.access={kind: open}")
        enforced_lag, free_lag = (mean_lag(run(part, shipped_catalog())) for part in (scenario, free))
        assert abs(enforced_lag - free_lag) < 10.0


def test_abilities_are_numbers_and_books_balance_in_all_of_them() -> None:
    for name in ("starved_frontier", "commoditisation", "judge_overtakes", "attack", "attack_defended",
                 "restricted_access"):  # fmt: skip
        tables = played(name).tables
        assert np.isfinite(tables["abilities"]["theta"]).all()
        assert tables["treasury"]["cash_usd"].notna().all()
        last = tables["treasury"].groupby("provider")["cash_usd"].last()
        scenario = load_scenario(name)
        ledger = tables["ledger"]
        for provider in scenario.providers:
            moved = ledger[ledger["payee"] == provider.name]["usd"].sum()
            moved -= ledger[ledger["payer"] == provider.name]["usd"].sum()
            assert np.isclose(last[provider.name] - provider.treasury.cash_usd, moved, rtol=1e-9, atol=1e-3)


def test_who_copies_open_weights_pays_for_its_own_compute_whoever_rents_the_labs_fleet() -> None:
    def paid(rented: bool) -> dict[str, float]:
        raw = load_scenario("commoditisation").model_dump(mode="json")
        raw["starts_on"], raw["horizon_days"] = "2026-11-24", 250
        raw["models"][0]["shape"] = {
            "active_params": 70e9, "total_params": 70e9, "layers": 80, "kv_bytes_per_token": 327680,
        }  # fmt: skip
        lab = next(part for part in raw["providers"] if part["name"] == "lab")
        lab["price"] = {"kind": "posted"}
        lab["fleet"] = {
            "accelerator": "H100 SXM 80GB", "accelerators_per_replica": 4, "replicas": 100, "batch": 64,
            "rented": rented,
        }  # fmt: skip
        lab["offers"][0]["cost"] = {"kind": "fleet"}
        ledger = run(parse_scenario(raw, "test"), shipped_catalog()).tables["ledger"]
        writing = ledger[(ledger["account"] == "serving") & (ledger["task_class"] == "")]
        return {str(payer): float(usd) for payer, usd in writing.groupby("payer")["usd"].sum().items()}

    bought, rented = paid(rented=False), paid(rented=True)
    others = {name: usd for name, usd in bought.items() if name != "lab" and usd > 0}
    assert others
    assert {name: rented[name] for name in others} == pytest.approx(others)
    assert bought.get("lab", 1.0) > 0.0
    assert rented.get("lab", 0.0) == 0.0
