"""Students that follow their teacher, and students that a judge takes further."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from lab_markets import COPIER, played, research, student, with_labs

from sim.runner import run
from sim.scenario.load import parse_scenario
from sim.shared.catalog import Catalog
from sim.study.fork import fork


def theta(tables: Any, offer: str) -> pd.Series:
    rows = tables["abilities"]
    return rows[rows["offer"] == offer].groupby("day")["theta"].mean()


def test_a_student_has_the_ability_of_its_dose_and_each_dose_adds_up(empty_catalog: Catalog) -> None:
    part = student(every_days=60, training_days=10)
    tables = played(with_labs(None, {"students": [part]}), empty_catalog).tables
    found = theta(tables, "copy")
    # 100 accounts at 30 requests of 1,000 tokens give the 60 Mtok in 20 days; training takes 10.
    assert found.index[0] == pytest.approx(5 + 20 + 10)
    for count, value in enumerate(found[:3], start=1):
        assert value == pytest.approx(0.3 + (1.5 - 0.1 - 0.3) * (1 - (1 + 60 * count / 5) ** -0.5), abs=1e-9)
    # It ends where another dose would bring less than the least gain.
    assert len(found) < len(np.arange(5, 400, 60))


def test_a_waiting_student_is_not_on_sale_before_its_release(empty_catalog: Catalog) -> None:
    tables = played(with_labs(None, {"students": [student()]}), empty_catalog).tables
    assert tables["demand"][tables["demand"]["offer"] == "copy"]["day"].min() == 40.0
    events = tables["events"]
    assert events[events["event"] == "release"]["day"].iloc[0] == 35.0
    stays = played(with_labs(None, {"students": [student(first_day=None)]}), empty_catalog).tables
    assert (stays["demand"]["offer"] != "copy").all()
    at_once = played(with_labs(None, {"students": [student(waits=False)]}), empty_catalog).tables
    assert (at_once["demand"][at_once["demand"]["offer"] == "copy"]["day"] == 0).any()


def test_a_student_follows_a_teacher_that_moves(empty_catalog: Catalog) -> None:
    lab = {"research": research(noise_sd=0.0)}
    alone = played(with_labs(None, {"students": [student()]}), empty_catalog).tables
    tables = played(with_labs(lab, {"students": [student()]}), empty_catalog).tables
    teacher, follower = theta(tables, "best"), theta(tables, "copy")
    assert teacher.iloc[-1] > 1.6
    assert follower.iloc[-1] > theta(alone, "copy").iloc[-1] + 0.2
    assert follower[follower.index < teacher.index[0]].max() < 1.4


def test_own_teacher_and_public_weights_cost_serving_alone(empty_catalog: Catalog) -> None:
    part = student(source={"kind": "open_weights", "output_mtok": 40}, every_days=None)
    tables = played(with_labs(None, {"students": [part]}), empty_catalog).tables
    ledger = tables["ledger"]
    written = ledger[(ledger["account"] == "serving") & (ledger["task_class"] == "")]
    assert written["usd"].tolist() == pytest.approx([40 * 2.5])
    assert written["payer"].tolist() == ["copier"]
    assert (ledger["account"] != "teacher_tokens").all()
    assert tables["takings"].empty


def test_training_gets_cheaper_and_faster_where_the_scenario_says_so(empty_catalog: Catalog) -> None:
    part = student(cost_factor_per_year=0.25, time_factor_per_year=0.25, training_days=40, every_days=365, first_day=0,
                   least_gain_logits=0.0, waits=False)  # fmt: skip
    tables = played(with_labs(None, {"students": [part]}, horizon_days=460), empty_catalog).tables
    paid = tables["ledger"][tables["ledger"]["account"] == "training"]
    assert paid["day"].tolist() == pytest.approx([20, 385])
    assert paid["usd"].tolist() == pytest.approx([1e5 * 0.25 ** (day / 365) for day in (20, 385)])
    released = tables["events"][tables["events"]["event"] == "release"]["day"]
    waits = released.to_numpy() - paid["day"].to_numpy()
    assert waits == pytest.approx([40 * 0.25 ** (day / 365) for day in (20, 385)])


def test_what_cannot_be_paid_is_not_begun(empty_catalog: Catalog) -> None:
    raw = with_labs(None, {"students": [student(training_cost_usd=1e6)]})
    raw["providers"][COPIER]["treasury"] = {"cash_usd": 5e5, "credit_limit_usd": 1e5}
    tables = played(raw, empty_catalog).tables
    assert (tables["events"]["event"] == "unaffordable").any()
    assert (tables["demand"]["offer"] != "copy").all()
    assert (tables["ledger"]["payer"] != "copier").all()


def test_a_teacher_that_has_left_teaches_nobody(empty_catalog: Catalog) -> None:
    raw = with_labs(None, {"students": [student()]})
    base = run(parse_scenario(raw, "test"), empty_catalog)
    gone = fork(base, empty_catalog, 15.0, ["providers.leader.offers.best.on_sale=false"])
    takings = gone.tables["takings"]
    assert takings["day"].max() <= 15.0
    assert takings["output_mtok"].sum() < 60


JUDGED: dict[str, Any] = {
    "offer": "copy", "judge_offer": "best", "judge_output_mtok": 100, "judge_error": 0.1, "gain_logits": 1.5,
    "scale_usd": 2e5, "round_usd": 1e5, "first_day": 80, "every_days": 40, "round_days": 20,
}  # fmt: skip


def test_a_judged_student_passes_its_teacher_by_what_the_error_lets_through(empty_catalog: Catalog) -> None:
    lab = {"students": [student(every_days=None)], "reinforcement": [JUDGED]}
    outcome = played(with_labs(None, lab), empty_catalog)
    assert outcome.imbalance < 1e-9
    found = theta(outcome.tables, "copy")
    before = found[found.index < 80].iloc[-1]
    rounds = found[found.index >= 80]
    for count, value in enumerate(rounds, start=1):
        assert value == pytest.approx(before + 1.5 * 0.8 * (1 - np.exp(-count / 2)), abs=1e-9)
    assert rounds.iloc[-1] > 1.5  # the teacher's
    ledger = outcome.tables["ledger"]
    judged = ledger[(ledger["account"] == "teacher_tokens") & (ledger["mtok"] == 100)]
    assert len(judged) == len(rounds)
    assert (judged["payee"] == "leader").all()


def test_a_judge_that_guesses_teaches_nothing_and_a_better_one_more(empty_catalog: Catalog) -> None:
    def reached(error: float) -> float:
        lab = {"students": [student(every_days=None)], "reinforcement": [JUDGED | {"judge_error": error}]}
        return float(theta(played(with_labs(None, lab), empty_catalog).tables, "copy").iloc[-1])

    plain = theta(played(with_labs(None, {"students": [student(every_days=None)]}), empty_catalog).tables, "copy")
    assert reached(0.5) == pytest.approx(plain.iloc[-1], abs=1e-12)
    assert reached(0.02) > reached(0.2) > reached(0.4) > plain.iloc[-1]


def test_distillation_moves_what_reinforcement_stands_on(empty_catalog: Catalog) -> None:
    lab = {"students": [student(every_days=60)], "reinforcement": [JUDGED]}
    found = theta(played(with_labs(None, lab), empty_catalog).tables, "copy")
    plain = theta(played(with_labs(None, {"students": [student(every_days=60)]}), empty_catalog).tables, "copy")
    rounds = len(found) - len(plain)
    assert found.iloc[-1] == pytest.approx(plain.iloc[-1] + 1.5 * 0.8 * (1 - np.exp(-rounds / 2)), abs=1e-9)


def test_an_intervention_puts_no_student_on_sale_before_its_release(empty_catalog: Catalog) -> None:
    raw = with_labs(None, {"students": [student()]}, report_days=5)
    raw["providers"][COPIER]["offers"][0]["on_sale"] = False
    kept = played(raw, empty_catalog).tables["demand"]
    assert (kept["offer"] != "copy").all()
    raw["interventions"] = [{"day": 10, "changes": [{"key": "providers.copier.offers.copy.on_sale", "value": True}]}]
    sold = played(raw, empty_catalog).tables["demand"]
    assert sold[sold["offer"] == "copy"]["day"].min() >= 35.0
