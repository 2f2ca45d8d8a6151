"""Starvation, lag and the price of an ability, on tables whose answers are known."""

from __future__ import annotations

import pandas as pd
from lab_markets import research, student, with_labs

from sim.metrics.abilities import mean_abilities
from sim.scenario.load import parse_scenario
from sim.study.imitation import lags, price_of_ability, starved, without_imitation


def tables() -> dict[str, pd.DataFrame]:
    run = {"catalog_draw": 0, "replication": 0, "quality": 0.5}
    offers = pd.DataFrame(
        [
            run | {"offer": offer, "task_class": task, "theta": theta + (0.5 if task == "a" else -0.5)}
            for offer, theta in (("teacher", 1.0), ("student", 0.0))
            for task in ("a", "b")
        ]
    )
    moved = pd.DataFrame(
        [
            run | {"day": float(day), "offer": offer, "task_class": task, "theta": theta}
            for day, offer, theta in ((100, "teacher", 2.0), (150, "student", 1.0), (180, "student", 1.5),
                                      (190, "student", 3.0))
            for task in ("a", "b")
        ]
    )  # fmt: skip
    demand = pd.DataFrame(
        [
            {"catalog_draw": 0, "replication": 0, "day": float(day), "offer": offer}
            for day in (0, 50, 120, 160, 185, 200)
            for offer in ("teacher", "student")
        ]
    )
    prices = pd.DataFrame(
        [
            {"catalog_draw": 0, "replication": 0, "day": float(day), "offer": offer, "price_output_usd_per_mtok": usd}
            for day, offer, usd in ((0, "teacher", 10.0), (0, "student", 4.0), (170, "teacher", 3.0))
        ]
    )
    return {"offers": offers, "abilities": moved, "demand": demand, "prices": prices}


def test_abilities_are_those_of_the_day() -> None:
    found = mean_abilities(tables()).set_index(["offer", "day"])["theta"]
    assert found["teacher"].to_dict() == {0.0: 1.0, 100.0: 2.0}
    assert found["student"].to_dict() == {0.0: 0.0, 150.0: 1.0, 180.0: 1.5, 190.0: 3.0}


def test_the_lag_is_the_time_since_the_teacher_could_do_as_much() -> None:
    found = lags(tables(), "teacher", "student").set_index("day")["lag_days"]
    assert found.to_dict() == {50: 50, 120: 120, 160: 160, 185: 85, 200: 0}


def test_the_price_of_an_ability_is_the_cheapest_offer_that_has_it() -> None:
    found = price_of_ability(tables(), 1.0).set_index("day")["price_output_usd_per_mtok"]
    assert found.to_dict() == {0: 10.0, 50: 10.0, 120: 10.0, 160: 4.0, 185: 3.0, 200: 3.0}
    assert price_of_ability(tables(), 9.0).empty


def test_starvation_is_paired_run_by_run() -> None:
    def paid(*usd: float) -> dict[str, pd.DataFrame]:
        rows = [
            {"catalog_draw": 0, "replication": r, "provider": "lab", "spent_usd": part}
            for r, value in enumerate(usd)
            for part in (value / 2, value / 2)
        ]
        return {"research": pd.DataFrame(rows)}

    found = starved(paid(2.0, 0.0, 1.0), paid(8.0, 0.0, 0.0))["starved"]
    assert found.iloc[:2].tolist() == [0.25, 1.0]
    assert pd.isna(found.iloc[2])


def test_without_imitation_only_students_of_rivals_are_left_out() -> None:
    scenario = parse_scenario(with_labs({"research": research()}, {"students": [student()]}), "test")
    plain = without_imitation(scenario)
    assert plain.providers[1].lab.students[0].first_day is None
    assert plain.waiting_offers == scenario.waiting_offers
    assert plain.providers[0] == scenario.providers[0]
