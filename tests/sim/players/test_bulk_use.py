"""What copiers take is demand on the fleet that serves it, is refused where it is full, and pays its own tariff."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
from lab_markets import LEADER, played, stated, student, with_labs
from supply import account, events, play, raw_supply

from sim.market import Outcome
from sim.shared.catalog import Catalog
from sim.shared.units import DAYS_PER_MONTH

ACCOUNTS, PACE = 5000, 1000.0
ASKED_MTOK_PER_DAY = ACCOUNTS * PACE * 1000 / 1e6


def copied(**of_alpha: Any) -> Outcome:
    """Beta takes as much as it gets of alpha's model for three weeks from day 10 on, in ever the same way."""
    raw = raw_supply(**of_alpha)
    raw["models"][1]["theta"] = 0.0
    source = {
        "kind": "accounts", "accounts": ACCOUNTS, "requests_per_account_day": PACE, "output_mtok": 1e9,
        "most_days": 21, "account_usd": 0,
    }  # fmt: skip
    part = student(offer="beta-offer", teacher_offer="alpha-offer", source=source, waits=False, every_days=None,
                   first_day=10, training_days=0)  # fmt: skip
    raw["providers"][1]["lab"] = {"students": [part]}
    return play(raw)


def alpha_fleet(found: Outcome) -> pd.DataFrame:
    table = found.tables["fleet"]
    return table[table["provider"] == "alpha"].set_index("day")


def taken_mtok(found: Outcome) -> float:
    return float(found.tables["takings"]["output_mtok"].sum())


def test_a_large_fleet_serves_all_that_is_asked_for() -> None:
    large = copied(replicas=4000)
    assert taken_mtok(large) == pytest.approx(21 * ASKED_MTOK_PER_DAY)
    assert (alpha_fleet(large)["refused_mtok"] == 0.0).all()
    unbounded = copied(replicas=None, rented=False)
    assert taken_mtok(unbounded) == pytest.approx(taken_mtok(large))


def test_a_full_fleet_refuses_copiers_and_customers_alike() -> None:
    full, large = copied(replicas=40), copied(replicas=4000)
    assert 0.0 < taken_mtok(full) < 0.9 * taken_mtok(large)
    fleet = alpha_fleet(full)
    during = fleet.loc[20.0]
    assert during["refused_mtok"] > 0.0
    assert during["offered_mtok"] == pytest.approx(during["served_mtok"] + during["refused_mtok"])
    assert fleet.loc[10.0, "refused_mtok"] == 0.0  # before it began
    assert during["delay_s"] > fleet.loc[10.0, "delay_s"]
    # Served and refused in one proportion: of all tokens of the interval, and so of the copier's.
    share = during["served_mtok"] / during["offered_mtok"]
    asked = 10 * ASKED_MTOK_PER_DAY
    honest = full.tables["demand"].query("offer == 'alpha-offer' and day == 20")
    served_honest = honest[["input_mtok", "cached_mtok", "output_mtok"]].to_numpy().sum()
    assert served_honest + share * asked == pytest.approx(during["served_mtok"], rel=0.02)
    demand = [found.tables["demand"].query("offer == 'alpha-offer' and day == 20") for found in (full, large)]
    assert demand[0]["requests"].sum() < 0.9 * demand[1]["requests"].sum()


def test_what_is_served_is_paid_for_and_what_is_refused_is_not() -> None:
    found = copied(replicas=40)
    bought, takings = account(found, "teacher_tokens"), found.tables["takings"]
    assert bought["mtok"].sum() == pytest.approx(taken_mtok(found))
    assert bought["usd"].sum() == pytest.approx(2.0 * taken_mtok(found))  # alpha's posted price
    assert takings["requests"].sum() == pytest.approx(taken_mtok(found) / 1e-3)
    assert found.imbalance < 1e-9
    # A rented fleet is paid for by its rent, of which customers bear what they used.
    rent = account(found, "rent").query("payer == 'alpha' and day == 20")["usd"].sum()
    fleet = alpha_fleet(found)
    assert fleet.loc[20.0, "rent_usd"] == pytest.approx(rent)
    serving = found.tables["demand"].query("offer == 'alpha-offer' and day == 20")["serving_cost_usd"].sum()
    assert 0.0 < serving < 0.9 * rent
    before = found.tables["demand"].query("offer == 'alpha-offer' and day == 10")["serving_cost_usd"].sum()
    assert before == pytest.approx(rent)


def test_a_fleet_that_is_out_gives_nothing_and_the_campaign_ends() -> None:
    out = copied(outages=[{"day": 5, "days": 60, "share_lost": 1.0}])
    assert taken_mtok(out) == 0.0
    assert account(out, "teacher_tokens")["usd"].sum() == 0.0
    # Not released: there was nothing to train on.
    assert events(out, "release").empty


def test_a_dose_that_was_refused_in_part_is_asked_for_again(empty_catalog: Catalog) -> None:
    raw = raw_supply(replicas=40)
    raw["models"][1]["theta"] = 0.0
    source = {
        "kind": "accounts", "accounts": ACCOUNTS, "requests_per_account_day": PACE, "output_mtok": 8000,
        "most_days": 60, "account_usd": 0,
    }  # fmt: skip
    part = student(offer="beta-offer", teacher_offer="alpha-offer", source=source, waits=False, every_days=None,
                   first_day=10, training_days=0)  # fmt: skip
    raw["providers"][1]["lab"] = {"students": [part]}
    found = play(raw)
    assert taken_mtok(found) == pytest.approx(8000, rel=1e-6)
    assert found.tables["takings"]["day"].max() > 10 + 8000 / ASKED_MTOK_PER_DAY + 1.0
    assert len(found.tables["takings"]) < 100


TIERS: dict[str, Any] = {"kind": "tiers", "blocks": [{"from_mtok_per_month": 0.5, "discount": 0.5}]}


@pytest.mark.parametrize("pace", [10.0, 30.0, 300.0])
def test_a_copiers_account_pays_the_tariff_of_its_own_volume(empty_catalog: Catalog, pace: float) -> None:
    source = {"kind": "accounts", "accounts": 100, "requests_per_account_day": pace, "output_mtok": 1e6,
              "most_days": 60}  # fmt: skip
    raw = with_labs(None, {"students": [student(source=source, every_days=None)]}, horizon_days=120)
    raw["providers"][LEADER]["price"] = TIERS
    found = played(raw, empty_catalog)
    volume = pace * 1e-3 * DAYS_PER_MONTH
    tariff = 1.0 - 0.5 * max(volume - 0.5, 0.0) / volume
    takings, bought = found.tables["takings"], account(found, "teacher_tokens")
    assert takings["usd"].sum() == pytest.approx(12.0 * tariff * takings["output_mtok"].sum())
    assert bought["usd"].sum() == pytest.approx(takings["usd"].sum())
    assert found.imbalance < 1e-9


def test_dated_releases_pay_the_tariff_of_what_they_bought(empty_catalog: Catalog) -> None:
    release = {"offer": "copy", "release_day": 50, "teacher_offer": "best", "teacher_output_mtok": 20}
    raw = with_labs(None, {"releases": [release]}, horizon_days=120)
    raw["providers"][LEADER]["price"] = TIERS
    bought = account(played(raw, empty_catalog), "teacher_tokens")
    assert bought["usd"].sum() == pytest.approx(12.0 * (0.5 + 0.5 * 19.5))


def test_tokens_of_a_resold_offer_pay_its_supplier_too(empty_catalog: Catalog) -> None:
    raw = with_labs(None, {"students": [student(teacher_offer="resold", every_days=None)]}, horizon_days=120)
    raw["providers"][LEADER]["offers"].append(
        {"name": "supply", "model": "frontier", "wholesale": True, "list_price": stated(1, 5), "cost": stated(0.5, 2.5)}
    )
    raw["providers"][2]["offers"].append(
        {"name": "resold", "model": "frontier", "list_price": stated(3, 14),
         "cost": {"kind": "wholesale", "offer": "supply"}}
    )  # fmt: skip
    found = played(raw, empty_catalog)
    assert found.imbalance < 1e-9
    ledger = found.tables["ledger"]
    bulk = ledger[ledger["task_class"] == ""]
    paid = {
        (row.account, row.payer, row.payee): row.usd
        for row in bulk.groupby(["account", "payer", "payee"], as_index=False)["usd"].sum().itertuples()
    }
    assert paid[("teacher_tokens", "copier", "host")] == pytest.approx(60 * 14)
    assert paid[("wholesale", "host", "leader")] == pytest.approx(60 * 5)
    assert paid[("serving", "leader", "compute")] == pytest.approx(60 * 2.5)


def judged(**of_alpha: Any) -> Outcome:
    """Beta trains against alpha as a judge, whose verdicts are more than forty replicas write in the round's days."""
    raw = raw_supply(**of_alpha)
    raw["models"][1]["theta"] = 0.0
    raw["providers"][1]["lab"] = {
        "reinforcement": [
            {"offer": "beta-offer", "judge_offer": "alpha-offer", "judge_output_mtok": 60_000, "round_usd": 1e5,
             "scale_usd": 2e5, "first_day": 10, "every_days": 400, "round_days": 20}
        ]
    }  # fmt: skip
    return play(raw)


def test_a_judge_whose_fleet_is_full_makes_the_round_longer() -> None:
    full, large = judged(replicas=40), judged(replicas=4000)
    assert events(large, "release")["day"].tolist() == pytest.approx([30.0])
    assert 35.0 < events(full, "release")["day"].iloc[0] < 100.0
    for found in (full, large):
        bought = account(found, "teacher_tokens")
        assert bought["mtok"].sum() == pytest.approx(60_000)
        assert bought["usd"].sum() == pytest.approx(2.0 * 60_000)
        assert found.imbalance < 1e-9
    assert alpha_fleet(full)["refused_mtok"].max() > 0.0
    assert (alpha_fleet(large)["refused_mtok"] == 0.0).all()
