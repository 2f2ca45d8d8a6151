"""Entry and leave of hosts and newcomers: how many, when, at what fixed cost; weights that stay open."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
from supply import account, events, play

from sim.market import Outcome
from sim.theory.logit import Firms, nash_prices, profits

CUSTOMERS, REVIEW_DAYS = 1000, 60


def logit_market(profit_at_entry: float, **group: Any) -> dict[str, Any]:
    """Newcomers alone, in the logit-Bertrand market of a = 2, c = 1, mu = 0.25; F as profit a customer and day."""
    price = {"kind": "best_response", "mode": "static", "review_days": 7, "first_review_day": 7, "least_gain": 1e-9}
    return {
        "name": "logit", "title": "free entry", "starts_on": "2026-01-01", "horizon_days": 400, "report_days": 20,
        "belief_nodes_per_class": 1,
        "tasks": [
            {
                "name": "chat", "input_tokens": 1e6, "output_tokens": 0, "requests_per_day": 1, "difficulty_sd": 0,
                "value_usd": {"median": 4}, "success": "identity",
            }
        ],
        "population": {
            "kind": "expected", "nodes_per_class": 1, "market_customers": CUSTOMERS, "taste_usd": 0.25,
            "switching_share": 0, "volume_elasticity": 0, "review_days": 1, "notices_increases": False,
        },
        "models": [{"kind": "stated", "name": "unused", "quality": 0.5}],
        "providers": [],
        "free_entry": [
            {
                "name": "firm", "count_max": 7, "review_days": REVIEW_DAYS, "price": price,
                "fixed_cost_usd_per_year": profit_at_entry * CUSTOMERS * 365,
                "model": {"kind": "stated", "name": "own", "quality": 0.5},
                "list_price": {"kind": "stated", "input_usd_per_mtok": 1.4, "output_usd_per_mtok": 0},
                "cost": {"kind": "stated", "input_usd_per_mtok": 1.0, "output_usd_per_mtok": 0},
            }
            | group
        ],
    }  # fmt: skip


def profit_of(count: int) -> float:
    """Of one of `count` equal firms at their equilibrium, a customer and day: mu*s/(1-s)."""
    firms = Firms(a=(2.0,) * count, c=(1.0,) * count, mu=0.25)
    return float(profits(firms, nash_prices(firms))[0])


def inside(outcome: Outcome) -> pd.Series:
    """How many firms sold something, by day."""
    demand = outcome.tables["demand"].query("requests > 0")
    return demand.groupby("day")["offer"].nunique()


@pytest.mark.parametrize("count", [1, 2, 3, 5])
@pytest.mark.parametrize("edge", [0.02, 0.98])
def test_firms_enter_until_the_next_ones_profit_is_below_the_fixed_cost(count: int, edge: float) -> None:
    fixed = profit_of(count + 1) + edge * (profit_of(count) - profit_of(count + 1))
    outcome = play(logit_market(fixed))
    assert len(events(outcome, "entry")) == count
    assert events(outcome, "leave").empty
    assert inside(outcome).iloc[-1] == count


def test_prices_and_profits_are_those_of_the_equilibrium_with_free_entry() -> None:
    outcome = play(logit_market(0.1))
    firms = Firms(a=(2.0,) * 3, c=(1.0,) * 3, mu=0.25)
    last = outcome.tables["prices"].groupby("offer").last()["price_input_usd_per_mtok"]
    assert last.to_numpy() == pytest.approx(nash_prices(firms), abs=1e-3)
    demand = outcome.tables["demand"].query("day == 400")
    share = demand["requests"] / (CUSTOMERS * 20)
    margin = (demand["revenue_usd"] - demand["serving_cost_usd"]) / (CUSTOMERS * 20)
    assert margin.to_numpy() == pytest.approx((0.25 * share / (1 - share)).to_numpy(), rel=1e-3)


def test_the_fixed_cost_is_paid_while_a_firm_is_there() -> None:
    outcome = play(logit_market(0.1))
    fixed = account(outcome, "fixed")
    assert fixed.groupby("payer")["usd"].sum().to_numpy() == pytest.approx([0.1 * CUSTOMERS * 400] * 3)
    assert set(fixed["payee"]) == {"others"}
    assert outcome.imbalance < 1e-9


def test_a_dearer_market_sends_the_last_ones_away_and_a_cheaper_one_brings_more() -> None:
    raw = logit_market(0.1)
    key = "free_entry.firm.fixed_cost_usd_per_year"
    raw["interventions"] = [{"day": 100, "changes": [{"key": key, "value": 0.2 * CUSTOMERS * 365}]}]
    dearer, as_it_was = play(raw), play(logit_market(0.1))
    assert events(dearer, "leave")[["day", "offer"]].to_numpy().tolist() == [[120.0, "firm-3"]]
    assert inside(dearer).iloc[-1] == 2
    for name in ("demand", "prices", "events", "ledger", "treasury"):
        left, right = (side.tables[name].query("day < 100") for side in (dearer, as_it_was))
        pd.testing.assert_frame_equal(left.reset_index(drop=True), right.reset_index(drop=True), check_exact=True)
    raw["interventions"][0]["changes"][0]["value"] = 0.06 * CUSTOMERS * 365
    assert inside(play(raw)).iloc[-1] > 3
    back = raw | {
        "interventions": [
            {"day": 100, "changes": [{"key": key, "value": 0.2 * CUSTOMERS * 365}]},
            {"day": 200, "changes": [{"key": key, "value": 0.1 * CUSTOMERS * 365}]},
        ]
    }
    again = play(back)
    assert events(again, "entry")["offer"].tolist() == ["firm-1", "firm-2", "firm-3", "firm-3"]


def test_what_entering_costs_keeps_firms_out_and_does_not_drive_them_away() -> None:
    # Interest on the sunk cost, 15% a year, counts before the entry alone.
    sunk = 0.1 * CUSTOMERS * 365 / 0.15
    outcome = play(logit_market(0.1, entry_cost_usd=sunk, treasury={"credit_limit_usd": 1e12}))
    assert inside(outcome).iloc[-1] == 2  # the second earns .22, the third .13, and .2 is needed
    assert account(outcome, "training").groupby("payer")["usd"].sum().tolist() == [sunk, sunk]
    assert events(outcome, "leave").empty


def test_newcomers_who_run_out_of_money_leave_for_good() -> None:
    poor = {"cash_usd": 0, "credit_limit_usd": 100}
    raw = logit_market(0.05, count_max=2, treasury=poor, review_days=1000)  # no decision after the first
    raw["interventions"] = [
        {"day": 50, "changes": [{"key": "free_entry.firm.fixed_cost_usd_per_year", "value": 10 * CUSTOMERS * 365}]}
    ]
    outcome = play(raw)
    assert set(events(outcome, "exit")["provider"]) == {"firm-1", "firm-2"}
    assert len(events(outcome, "everybody_left")) == 1
    assert len(events(outcome, "entry")) == 2
    gone = events(outcome, "exit")["day"].max()
    assert account(outcome, "fixed")["day"].max() == gone


def hosted(day: float | None, **group: Any) -> dict[str, Any]:
    """A lab whose model may be published, and hosts that wait for it; customers see no nest, so a host can earn."""
    raw = logit_market(0.05, **group)
    raw["population"]["nest_scale"] = 1.0
    newcomers = raw.pop("free_entry")[0]
    raw["hosts"] = [
        {key: value for key, value in newcomers.items() if key != "model"} | {"name": "host", "model": "open"}
    ]
    raw["models"] = [{"kind": "stated", "name": "open", "quality": 0.5}]
    lab = {"open_weights": [{"offer": "first", "day": day}]}
    offer = {"name": "first", "model": "open", "list_price": newcomers["list_price"], "cost": newcomers["cost"]}
    raw["providers"] = [{"name": "lab", "price": newcomers["price"], "offers": [offer], "lab": lab}]
    return raw


def test_hosts_wait_for_the_weights_and_press_the_price() -> None:
    published, closed = play(hosted(75)), play(hosted(None))
    assert events(closed, "entry").empty
    assert events(published, "open_weights")[["day", "provider", "detail"]].to_numpy().tolist() == [
        [75.0, "lab", "open"]
    ]
    entries = events(published, "entry")
    assert len(entries) >= 1
    assert entries["day"].min() == 75.0
    for name in ("demand", "prices", "events", "ledger"):
        left, right = (side.tables[name].query("day < 75") for side in (published, closed))
        pd.testing.assert_frame_equal(left.reset_index(drop=True), right.reset_index(drop=True), check_exact=True)

    def last_price(outcome: Outcome) -> float:
        prices = outcome.tables["prices"]
        return float(prices[prices["offer"] == "first"]["price_input_usd_per_mtok"].iloc[-1])

    assert last_price(published) < last_price(closed) - 0.1


@pytest.mark.parametrize("scale", [1.0, 0.05])
def test_hosts_who_never_come_change_nothing(scale: float) -> None:
    """With a nest to the last digits of single precision: that there may be one changes the order of a sum."""
    raw = hosted(None)
    raw["population"] = {
        "kind": "sampled", "customers": 300, "taste_usd": 0.25, "review_days": 10, "nest_scale": scale,
    }  # fmt: skip
    alone = {key: value for key, value in raw.items() if key != "hosts"}
    for name in ("demand", "prices", "welfare", "ledger"):
        with_hosts, without = play(raw).tables[name], play(alone).tables[name]
        pd.testing.assert_frame_equal(with_hosts, without, check_exact=scale == 1.0, rtol=1e-6)


def test_weights_that_no_lab_publishes_are_open_from_the_start() -> None:
    raw = hosted(75)
    raw["providers"][0]["lab"] = {}
    assert events(play(raw), "entry")["day"].min() == 0.0


def test_a_release_that_is_put_off_lets_hosts_in_later() -> None:
    raw = hosted(75)
    key = "providers.lab.lab.open_weights.first.day"
    raw["interventions"] = [{"day": 30, "changes": [{"key": key, "value": 150}]}]
    outcome = play(raw)
    assert events(outcome, "open_weights")["day"].tolist() == [150.0]
    assert events(outcome, "entry")["day"].min() == 150.0
    raw["interventions"] = [{"day": 30, "changes": [{"key": key, "value": None}]}]
    assert events(play(raw), "entry").empty


def test_runs_are_repeated_exactly() -> None:
    one, two = play(hosted(75)), play(hosted(75))
    for name, table in one.tables.items():
        pd.testing.assert_frame_equal(table, two.tables[name], check_exact=True)
