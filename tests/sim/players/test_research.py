"""Research: what is spent is what pays, what comes out is the stated law, and imitation takes its return."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from lab_markets import LEADER, played, research, stated, student, with_labs

from sim.runner import run
from sim.scenario.load import parse_scenario
from sim.shared.catalog import Catalog
from sim.study.fork import fork


def test_a_release_has_the_ability_that_its_amount_buys(empty_catalog: Catalog) -> None:
    part = research(noise_sd=0.0, ability_per_log_usd=0.5, progress_per_year=1.2, every_days=50)
    tables = played(with_labs({"research": part}), empty_catalog).tables
    made = tables["abilities"].drop_duplicates(["day"])
    spent = tables["research"][tables["research"]["spent_usd"] > 0]
    assert len(made) >= 1
    for day, theta in zip(made["day"], made["theta"], strict=True):
        paid = spent[spent["day"] == day - 120.0].iloc[0]
        years = paid["day"] / 365.0
        law = 1.5 + 0.5 * (math.log(paid["spent_usd"] / 1e6) + 1.2 * years)
        assert theta == pytest.approx(law, abs=1e-12)
        doublings = math.log2(paid["spent_usd"] / 1e5)
        assert doublings == pytest.approx(round(doublings))


def test_noise_is_drawn_by_decision_and_has_the_stated_spread(empty_catalog: Catalog) -> None:
    def surprises(sd: float, copier: dict[str, object] | None = None) -> np.ndarray:
        rule = {"kind": "share_of_profit", "share": 0.2}
        part = research(rule=rule, noise_sd=sd, reference_usd=2e6, every_days=30, first_day=40, progress_per_year=6.0)
        raw = with_labs({"research": part}, copier, horizon_days=1200)
        tables = played(raw, empty_catalog).tables
        decided = tables["research"].set_index("day")["expected_theta"]
        said = tables["events"][tables["events"]["event"].isin(["release", "shelved"])]
        said = said[said["provider"] == "leader"]
        found = said["detail"].str.extract(r"ability (\S+) for .* of day (\S+)").astype(float)
        return np.round(found[0].to_numpy() - decided.loc[found[1]].to_numpy(), 2)

    alone = surprises(0.3)
    assert len(alone) > 25
    assert 0.2 < alone.std() < 0.42
    # Another lab in the market moves what is spent, and no draw.
    assert surprises(0.3, {"students": [student()]}) == pytest.approx(alone, abs=0.011)


def test_no_more_is_spent_than_cash_and_credit(empty_catalog: Catalog) -> None:
    def first(cash: float, credit: float) -> float:
        raw = with_labs({"research": research()}, horizon_days=20)
        raw["providers"][LEADER]["treasury"] = {"cash_usd": cash, "credit_limit_usd": credit}
        return float(played(raw, empty_catalog).tables["research"]["spent_usd"].iloc[0])

    wanted = first(1e9, 1e9)
    assert wanted >= 8e5
    assert first(wanted / 2, wanted / 2 - 1.0) == wanted / 2
    assert first(5e4, 0.0) == 0.0


def test_the_amount_is_the_best_of_all_that_were_possible(empty_catalog: Catalog) -> None:
    """Allowed one amount only, the lab never expects more than it did with all to choose from."""

    def value(least: float, doublings: int) -> tuple[float, float]:
        rule = {"kind": "expected_return", "least_usd": least, "doublings": doublings}
        raw = with_labs({"research": research(rule=rule)}, horizon_days=20)
        row = played(raw, empty_catalog).tables["research"].iloc[0]
        return float(row["value_usd"]), float(row["spent_usd"])

    best, spent = value(1e5, 10)
    assert best > 0.0
    alone = {usd: value(usd, 0)[0] for usd in (spent / 4, spent / 2, spent, spent * 2, spent * 4)}
    # Profits between the grid's abilities differ a little with the grid, which spans what can be reached.
    assert alone[spent] == pytest.approx(best, rel=0.02)
    assert max(alone.values()) <= best * 1.02


def test_a_share_of_profit_is_that_share_of_what_the_books_say(empty_catalog: Catalog) -> None:
    rule = {"kind": "share_of_profit", "share": 0.3, "trailing_days": 100}
    tables = played(with_labs({"research": research(rule=rule, every_days=60)}), empty_catalog).tables
    ledger = tables["ledger"]
    for row in tables["research"].itertuples():
        # A decision on a report day is taken before the report.
        window = ledger[(ledger["day"] > row.day - 100) & (ledger["day"] < row.day) & (ledger["account"] != "research")]
        profit = window[window["payee"] == "leader"]["usd"].sum() - window[window["payer"] == "leader"]["usd"].sum()
        assert row.spent_usd == pytest.approx(0.3 * max(profit, 0.0))
    assert tables["research"]["spent_usd"].max() > 0


def test_research_that_spends_nothing_changes_nothing(empty_catalog: Catalog) -> None:
    idle = research(rule={"kind": "share_of_profit", "share": 0.0})
    with_it, without = (played(with_labs(leader), empty_catalog).tables for leader in ({"research": idle}, None))
    for name, table in without.items():
        if name != "research":
            # Demand is settled on the days of decision too, which moves the last digits.
            pd.testing.assert_frame_equal(with_it[name], table, rtol=1e-9)


def test_a_lab_that_sees_itself_imitated_expects_less_and_spends_less(empty_catalog: Catalog) -> None:
    long = {"horizon_days": 1100}
    lab = {"research": research()}
    alone = played(with_labs(lab, **long), empty_catalog).tables["research"]
    copied = played(with_labs(lab, {"students": [student()]}, **long), empty_catalog).tables["research"]
    assert copied["spent_usd"].sum() < 0.6 * alone["spent_usd"].sum()
    assert copied["lag_days"].iloc[0] == 730.0  # nobody was seen yet
    assert copied["lag_days"].iloc[-1] < 120.0
    assert (alone["lag_days"] == 730.0).all()
    bought = copied[(copied["spent_usd"] > 0) & (copied["lag_days"] < 730)]
    assert (bought["imitated_usd_per_day"] < bought["exclusive_usd_per_day"]).all()


def test_the_sooner_imitators_follow_the_less_is_spent(empty_catalog: Catalog) -> None:
    def spent(training_days: float) -> tuple[float, float]:
        lab = {"research": research(noise_sd=0.0)}
        copier = {"students": [student(training_days=training_days)]}
        table = played(with_labs(lab, copier, horizon_days=2000), empty_catalog).tables["research"]
        return float(table["lag_days"].iloc[-1]), float(table["spent_usd"].sum())

    (soon, least), (later, more), (late, most) = spent(5), spent(150), spent(300)
    assert soon < later < late
    assert least < more < most


def test_a_successor_goes_on_sale_and_its_forerunner_retires(empty_catalog: Catalog) -> None:
    raw = with_labs({"research": research(successors=["next"])})
    raw["models"].append({"kind": "stated", "name": "blank", "theta": 0.0})
    raw["providers"][LEADER]["offers"].append(
        {"name": "next", "model": "blank", "list_price": stated(2.5, 12), "cost": stated(0.5, 2.5)}
    )
    tables = played(raw, empty_catalog).tables
    events = tables["events"]
    released = events[events["event"] == "release"]
    assert released["offer"].tolist()[0] == "next"
    assert events[events["event"] == "retired"]["offer"].tolist() == ["best"]
    day = released["day"].iloc[0]
    demand = tables["demand"]
    assert (demand[demand["offer"] == "next"]["day"] >= day).all()
    assert demand[(demand["offer"] == "best") & (demand["day"] > day + 20)].empty
    theta = tables["abilities"].groupby(["day", "offer"])["theta"].mean().iloc[0]
    assert theta > 1.5  # better than what it replaces, not than what the waiting offer was stated with


def test_a_private_teachers_ability_reaches_customers_through_its_own_student(empty_catalog: Catalog) -> None:
    source = {"kind": "own", "output_mtok": 100}
    served = student(offer="served", teacher_offer="best", source=source, waits=False, every_days=30)
    raw = with_labs({"research": research(), "students": [served]}, horizon_days=500)
    raw["models"].append({"kind": "stated", "name": "small", "theta": 1.2})
    raw["providers"][LEADER]["offers"][0]["on_sale"] = False
    raw["providers"][LEADER]["offers"].append(
        {"name": "served", "model": "small", "list_price": stated(2.5, 12), "cost": stated(0.2, 1)}
    )
    tables = played(raw, empty_catalog).tables
    assert tables["research"]["spent_usd"].sum() > 0
    moved = tables["abilities"]
    assert set(moved["offer"]) == {"best", "served"}
    assert tables["demand"][tables["demand"]["offer"] == "best"].empty
    assert (tables["ledger"]["account"] == "teacher_tokens").sum() == 0
    written = tables["ledger"][(tables["ledger"]["account"] == "serving") & (tables["ledger"]["offer"] == "best")]
    assert (written["payer"] == "leader").all()
    assert written["usd"].iloc[0] == pytest.approx(100 * 2.5)


def test_a_fork_changes_nothing_before_its_day_and_what_labs_made_stays(empty_catalog: Catalog) -> None:
    raw = with_labs({"research": research()}, {"students": [student()]})
    base = run(parse_scenario(raw, "test"), empty_catalog)
    day = 200.0
    changed = fork(base, empty_catalog, day, ["providers.leader.lab.research.ability_per_log_usd=0.05"])
    for name, table in base.tables.items():
        if name not in ("offers",):
            old, new = table[table["day"] < day], changed.tables[name][changed.tables[name]["day"] < day]
            pd.testing.assert_frame_equal(old.reset_index(drop=True), new.reset_index(drop=True), check_exact=True)
    spent = changed.tables["research"]
    assert spent[spent["day"] > day]["spent_usd"].sum() == 0.0
    # The intervention puts the scenario on the board anew, and not over what was released before.
    made = base.tables["abilities"]
    assert made[(made["offer"] == "best") & (made["day"] < day)]["theta"].min() > 1.5
    after = changed.tables["abilities"]
    assert not ((after["cause"] == "intervention") & (after["offer"] == "best")).any()


def test_a_restated_model_replaces_what_labs_made(empty_catalog: Catalog) -> None:
    raw = with_labs({"research": research()})
    base = run(parse_scenario(raw, "test"), empty_catalog)
    changed = fork(base, empty_catalog, 200.0, ["models.frontier.theta=0.9"])
    rows = changed.tables["abilities"]
    assert rows[rows["cause"] == "intervention"]["theta"].unique().tolist() == [0.9]


def test_books_balance_and_the_same_seed_gives_the_same_tables(empty_catalog: Catalog) -> None:
    raw = with_labs({"research": research()}, {"students": [student()]})
    first, second = played(raw, empty_catalog), played(raw, empty_catalog)
    assert first.imbalance < 1e-9
    for name, table in first.tables.items():
        pd.testing.assert_frame_equal(table, second.tables[name], check_exact=True)
    paid = first.tables["ledger"].groupby("account")["usd"].sum()
    assert paid["research"] == pytest.approx(first.tables["research"]["spent_usd"].sum())
