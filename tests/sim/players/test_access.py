"""Detection: closed forms, what it takes from copiers and from the honest, and providers that choose it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from lab_markets import COPIER, LEADER, played, research, student, with_labs
from scipy.stats import norm

from sim.market import Outcome
from sim.players.access import Terms, flag_probability, refused_share, served_days
from sim.players.scraper import Plan
from sim.runner import run
from sim.scenario.load import parse_scenario
from sim.shared.catalog import Catalog
from sim.study.fork import fork

GUARDED: dict[str, Any] = {"kind": "guarded", "returns": "text"}


def test_flags_are_those_of_a_normal_threshold() -> None:
    assert flag_probability(2.0, 30.0) == pytest.approx(norm.sf(2.0))
    assert flag_probability(2.0, 300.0) == pytest.approx(norm.sf(2.0 - math.log(10.0)))
    assert flag_probability(None, 1e9) == 0.0


def test_an_account_is_served_as_long_as_simulated_bans_let_it() -> None:
    rng = np.random.default_rng(1)
    for flagged in (0.002, 0.05, 0.6):
        banned_on = rng.geometric(flagged, 200_000)  # the day on which it is flagged is still served
        assert served_days(flagged, 90) == pytest.approx(np.minimum(banned_on, 90).mean(), rel=0.01)
    assert served_days(0.0, 90) == 90
    assert served_days(1.0, 90) == 1.0
    assert served_days(1e-9, 90) == pytest.approx(90, rel=1e-6)


def test_the_honest_are_refused_as_long_as_they_are_blocked() -> None:
    rng = np.random.default_rng(2)
    flagged = norm.sf(1.5)
    served = rng.geometric(flagged, 100_000)  # days until a flag, then 4 days without service
    assert refused_share(1.5, 4.0) == pytest.approx(4.0 / (served.mean() + 4.0), rel=0.02)
    assert refused_share(None, 4.0) == 0.0


def test_the_days_until_a_dose_are_those_that_yield_it() -> None:
    terms = Terms("text", 1.0, None, 2.0, 3.0)
    plan = Plan(accounts=10, pace=60, mtok_per_request=1e-3, wanted_mtok=None, days=90, account_usd=10)
    dose = plan.mtok(terms, 12.5, 0.7)
    assert plan.days_until(terms, dose, 0.7) == pytest.approx(12.5)
    assert plan.days_until(terms, plan.mtok(terms, 1e9, 0.7) * 1.01, 0.7) == math.inf


def copied(catalog: Catalog, access: dict[str, Any] | None, **source: Any) -> Outcome:
    kind: dict[str, Any] = {"kind": "accounts", "accounts": 100, "requests_per_account_day": 120,
                            "output_mtok": 1e6, "most_days": 60}  # fmt: skip
    part = student(source=kind | source, every_days=None)
    return played(with_labs(None, {"students": [part]}, access, horizon_days=120), catalog)


def test_a_campaign_takes_what_the_formula_says(empty_catalog: Catalog) -> None:
    tau = 3.0
    takings = copied(empty_catalog, GUARDED | {"tau": tau}).tables["takings"]
    flagged = norm.sf(tau - math.log(120 / 30))
    assert takings["requests"].sum() == pytest.approx(100 * 120 * (1 - (1 - flagged) ** 60) / flagged)
    assert takings["alive_share"].iloc[-1] == pytest.approx((1 - flagged) ** 60)
    assert takings["output_mtok"].sum() == pytest.approx(takings["requests"].sum() * 1e-3)


def test_limits_bans_and_thinner_answers_each_take_from_the_copier(empty_catalog: Catalog) -> None:
    def dose(access: dict[str, Any] | None) -> float:
        return float(copied(empty_catalog, access).tables["takings"]["effective_mtok"].sum())

    free = dose(GUARDED | {"returns": "topk"})
    assert free == pytest.approx(4 * 100 * 120 * 60 * 1e-3)
    assert dose(GUARDED) == pytest.approx(free / 4)
    assert dose({"kind": "open", "returns": "topk"}) == pytest.approx(free)
    assert dose(GUARDED | {"returns": "topk", "requests_per_account_day": 30}) == pytest.approx(free / 4)
    strict = [dose(GUARDED | {"returns": "topk", "tau": tau}) for tau in (5.0, 3.0, 2.0, 1.0)]
    assert free > strict[0] > strict[1] > strict[2] > strict[3]


def test_the_copier_pays_the_posted_price_and_the_teacher_serves_at_its_cost(empty_catalog: Catalog) -> None:
    outcome = copied(empty_catalog, GUARDED | {"bulk_price_ratio": 0.5}, output_mtok=100, accounts=200)
    assert outcome.imbalance < 1e-9
    ledger, takings = outcome.tables["ledger"], outcome.tables["takings"]
    bought = ledger[ledger["account"] == "teacher_tokens"]
    assert set(zip(bought["payer"], bought["payee"], strict=True)) == {("copier", "leader")}
    assert bought["mtok"].sum() == pytest.approx(100)  # it stops at its dose
    assert bought["requests"].sum() == pytest.approx(1e5)
    assert bought["usd"].sum() == pytest.approx(takings["usd"].sum())
    assert takings["usd"].iloc[0] == pytest.approx(takings["output_mtok"].iloc[0] * 12 * 0.5)  # before any review
    served = ledger[(ledger["account"] == "serving") & (ledger["task_class"] == "")]
    assert served["payer"].unique().tolist() == ["leader"]
    assert served["usd"].sum() == pytest.approx(100 * 2.5)
    fees = ledger[ledger["account"] == "accounts"]
    assert fees["usd"].sum() == pytest.approx(200 * 10)
    assert fees["payee"].unique().tolist() == ["brokers"]


def test_false_positives_cost_honest_customers_and_the_provider(empty_catalog: Catalog) -> None:
    def sold(tau: float | None) -> tuple[float, float]:
        tables = played(with_labs(access=GUARDED | {"tau": tau}), empty_catalog).tables
        ledger = tables["ledger"]
        mine = ledger[(ledger["account"] == "retail") & (ledger["payee"] == "leader")]
        return float(mine["usd"].sum()), float(tables["welfare"]["consumer_surplus_usd_per_day"].sum())

    without, mild, harsh = sold(None), sold(2.5), sold(1.0)
    for place in (0, 1):
        assert without[place] > mild[place] > harsh[place]


def test_what_is_refused_is_the_share_that_is_told_and_its_value_is_lost_to_customers(empty_catalog: Catalog) -> None:
    share = refused_share(1.5, 3.0)

    def requests(access: dict[str, Any], fit_share: float) -> pd.Series:
        raw = with_labs(access=access)
        raw["providers"][LEADER]["price"] = {"kind": "posted"}
        raw["providers"][LEADER]["offers"][0]["fit_share"] = fit_share
        tables = played(raw, empty_catalog).tables
        demand = tables["demand"][tables["demand"]["offer"] == "best"]
        return demand.set_index(["day", "task_class"])["requests"]

    served = requests(GUARDED | {"tau": 1.5}, 0.1)
    assert share > 0.1
    assert served.to_numpy() == pytest.approx((1 - share) * requests({"kind": "open"}, 0.1 - share).to_numpy())


def test_access_without_limits_is_open_access(empty_catalog: Catalog) -> None:
    one, other = (copied(empty_catalog, access).tables for access in (None, GUARDED))
    for name, table in one.items():
        if name not in ("access", "events"):
            pd.testing.assert_frame_equal(other[name], table, check_exact=True)


DEFENDED: dict[str, Any] = {"kind": "defended", "regimes": ["topk", "text"], "first_day": 45}
SCRAPED: dict[str, Any] = {"kind": "scraped", "least_accounts": 10, "output_tokens_per_request": 2000}


def attacked(catalog: Catalog, access: dict[str, Any], horizon_days: float = 400) -> Outcome:
    part = student(source=SCRAPED, curve={"kind": "parametric", "asymptote_logits": -0.1, "scale_mtok": 3000},
                   first_day=0, every_days=91.25)  # fmt: skip
    lab = {"research": research(rule={"kind": "share_of_profit", "share": 0.3}, every_days=182.5)}
    return played(with_labs(lab, {"students": [part]}, access, horizon_days=horizon_days), catalog)


def test_a_provider_whom_nobody_copies_stays_mild(empty_catalog: Catalog) -> None:
    tables = played(with_labs(access=DEFENDED), empty_catalog).tables
    assert tables["access"]["tau"].unique().tolist() == [5.0]


def test_a_provider_that_is_copied_detects_more_and_tells_less_and_the_copier_answers(empty_catalog: Catalog) -> None:
    free = attacked(empty_catalog, {"kind": "open", "returns": "topk"}).tables
    defended = attacked(empty_catalog, DEFENDED).tables
    chosen = defended["access"]
    assert chosen["tau"].min() < 4.0
    assert "text" in chosen["returns"].tolist()
    assert chosen["refused_share"].max() > 1e-4
    assert defended["takings"]["effective_mtok"].sum() < free["takings"]["effective_mtok"].sum()

    def per_account(tables: Any) -> float:
        takings = tables["takings"]
        return float(takings["requests"].sum() / takings.groupby("accounts")["accounts"].first().sum())

    assert per_account(defended) < per_account(free)


def test_a_copier_takes_nothing_that_does_not_pay(empty_catalog: Catalog) -> None:
    dear = GUARDED | {"bulk_price_ratio": 1e5}
    tables = attacked(empty_catalog, dear, 200).tables
    assert tables["takings"].empty
    assert (tables["ledger"]["account"] != "accounts").all()
    cheap = attacked(empty_catalog, GUARDED, 200).tables["takings"]
    assert cheap["output_mtok"].sum() > 0
    dearer = attacked(empty_catalog, GUARDED | {"bulk_price_ratio": 20.0}, 200).tables["takings"]
    assert dearer["output_mtok"].sum() < cheap["output_mtok"].sum()


def test_access_that_is_tightened_on_a_day_holds_from_that_day(empty_catalog: Catalog) -> None:
    part = student(source={"kind": "accounts", "accounts": 100, "output_mtok": 1e6, "most_days": 90})
    base = run(parse_scenario(with_labs(None, {"students": [part]}), "test"), empty_catalog)
    day = 50.0
    changed = fork(base, empty_catalog, day, ["providers.leader.access={kind: guarded, tau: 1.0}"])
    for name, table in base.tables.items():
        if name != "offers":
            old, new = table[table["day"] < day], changed.tables[name][changed.tables[name]["day"] < day]
            pd.testing.assert_frame_equal(old.reset_index(drop=True), new.reset_index(drop=True), check_exact=True)
    after = changed.tables["takings"]
    first = after[(after["day"] > day + 7) & (after["day"] < 95)]
    assert (first["alive_share"] < 1.0).all()
    assert changed.tables["access"]["day"].tolist() == [day]
    relaxed = fork(base, empty_catalog, day, ["providers.copier.lab.students.copy.source.accounts=500"])
    assert relaxed.tables["takings"]["accounts"].max() == 500


def test_a_copier_that_leaves_the_market_takes_no_more(empty_catalog: Catalog) -> None:
    part = student(source={"kind": "accounts", "accounts": 100, "output_mtok": 1e6, "most_days": 90})
    raw = with_labs(None, {"students": [part]})
    raw["providers"][COPIER]["treasury"] = {"cash_usd": 5e5, "credit_limit_usd": 0.0}
    raw["interventions"] = [
        {"day": 20, "changes": [{"key": "providers.leader.access", "value": GUARDED | {"bulk_price_ratio": 1e4}}]}
    ]
    outcome = played(raw, empty_catalog)
    events = outcome.tables["events"]
    exit_day = events[(events["event"] == "exit") & (events["provider"] == "copier")]["day"].iloc[0]
    assert outcome.tables["takings"]["day"].max() <= exit_day
    assert (outcome.tables["ledger"]["account"] != "training").all()
    assert outcome.imbalance < 1e-9


def test_a_resellers_accounts_hide_the_copier_and_the_reseller_is_paid(empty_catalog: Catalog) -> None:
    tau, usual = 3.0, 240.0
    lent = {"reseller": "host", "usual_requests_per_day": usual, "usd_per_request": 0.01}
    access = GUARDED | {"tau": tau}
    own, hidden = copied(empty_catalog, access).tables, copied(empty_catalog, access, lent=lent).tables
    flagged = norm.sf(tau - math.log(1 + 120 / usual))
    taken = hidden["takings"]["requests"].sum()
    assert taken == pytest.approx(100 * 120 * (1 - (1 - flagged) ** 60) / flagged)
    assert taken > 1.2 * own["takings"]["requests"].sum()
    fees = hidden["ledger"][hidden["ledger"]["account"] == "accounts"]
    assert fees["payee"].unique().tolist() == ["host"]
    assert fees["usd"].sum() == pytest.approx(0.01 * taken)
    assert own["ledger"].query("account == 'accounts'")["payee"].unique().tolist() == ["brokers"]
