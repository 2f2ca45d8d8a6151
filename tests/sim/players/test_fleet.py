"""Fleets in a market: conservation, rent, orders with lead time, outages, interventions."""

from __future__ import annotations

import pandas as pd
import pytest
from supply import account, events, fleet, play, raw_supply

from sim import metrics
from sim.market import Market, Outcome
from sim.scenario.load import parse_scenario
from sim.shared.catalog import shipped_catalog

USD_PER_REPLICA_DAY = 24.0


def of_alpha(outcome: Outcome) -> pd.DataFrame:
    table = outcome.tables["fleet"]
    return table[(table["provider"] == "alpha") & (table["day"] > 0)].reset_index(drop=True)


def before(outcome: Outcome, day: float, name: str) -> pd.DataFrame:
    table = outcome.tables[name]
    return table[table["day"] < day].reset_index(drop=True)


def test_what_is_offered_is_served_or_refused_and_only_what_is_served_is_paid_for() -> None:
    outcome = play(raw_supply(replicas=3))
    table = of_alpha(outcome)
    assert (table["refused_mtok"] > 0).all()
    assert table["offered_mtok"].to_numpy() == pytest.approx((table["served_mtok"] + table["refused_mtok"]).to_numpy())
    demand = outcome.tables["demand"].query("provider == 'alpha' and day > 0")
    served = demand[["input_mtok", "cached_mtok", "output_mtok"]].to_numpy().sum(axis=1)
    assert served == pytest.approx(table["served_mtok"].to_numpy(), rel=1e-12)
    paid = account(outcome, "retail").query("payee == 'alpha'")["mtok"].to_numpy()
    assert paid == pytest.approx(served, rel=1e-12)
    assert outcome.imbalance < 1e-9


def test_refusal_is_where_the_load_exceeds_the_admitted_capacity() -> None:
    few, many = of_alpha(play(raw_supply(replicas=3))), of_alpha(play(raw_supply(replicas=40)))
    assert few["utilisation"].iloc[-1] == pytest.approx(0.95)
    assert (many["refused_mtok"] == 0).all()
    assert few["delay_s"].iloc[-1] > 1.0 > many["delay_s"].iloc[-1]
    assert few["capacity_tokens_per_s"].iloc[-1] < many["capacity_tokens_per_s"].iloc[-1]
    # Served at full admitted capacity, the tokens of ten days are those that the column says.
    tokens = few["capacity_tokens_per_s"].iloc[-1] * 0.95 * 86400 * 10 / 1e6
    assert few["served_mtok"].iloc[-1] == pytest.approx(tokens, rel=1e-9)


def test_the_rent_is_paid_once_used_or_not_and_is_the_cost_of_serving() -> None:
    outcome = play(raw_supply(replicas=40))
    rent = account(outcome, "rent").query("payer == 'alpha'")
    assert rent["usd"].sum() == pytest.approx(40 * USD_PER_REPLICA_DAY * 100)
    assert (account(outcome, "serving")["usd"] == 0).all()
    demand = outcome.tables["demand"].query("provider == 'alpha'")
    assert demand["serving_cost_usd"].sum() == pytest.approx(rent["usd"].sum())
    assert of_alpha(outcome)["rent_usd"].sum() == pytest.approx(rent["usd"].sum())


def test_paid_by_use_and_without_bound_a_fleet_is_a_stated_cost() -> None:
    by_use = play(raw_supply(replicas=None, rented=False))
    raw = raw_supply()
    offers = by_use.tables["offers"].query("provider == 'alpha'").iloc[0]
    raw["providers"][0] |= {"fleet": None}
    raw["providers"][0]["offers"][0]["cost"] = {
        "kind": "stated",
        **{f"{kind}_usd_per_mtok": offers[f"cost_{kind}_usd_per_mtok"] for kind in ("input", "cached", "output")},
    }
    stated = play(raw)
    for name in ("demand", "ledger", "treasury"):
        pd.testing.assert_frame_equal(by_use.tables[name], stated.tables[name], check_exact=True)
    assert account(by_use, "rent").query("payer == 'alpha'").empty


def test_orders_arrive_after_their_lead_time_and_end_the_refusal() -> None:
    orders = {"threshold": 0.8, "target": 0.6, "lead_days": 30}
    outcome = play(raw_supply(replicas=3, orders=orders))
    ordered, arrived = events(outcome, "order"), events(outcome, "arrival")
    assert ordered["day"].iloc[0] == 7.0
    assert (arrived["day"].to_numpy() - ordered["day"].to_numpy()[: len(arrived)] == 30.0).all()
    table = of_alpha(outcome)
    assert table["refused_mtok"].iloc[0] > 0.0
    assert table["refused_mtok"].iloc[-1] == 0.0
    assert table["utilisation"].iloc[-1] <= 0.8
    assert table.loc[table["day"] == 20.0, "replicas_on_order"].item() > 0.0
    rent = account(outcome, "rent").query("payer == 'alpha'")["usd"].to_numpy()
    assert rent[-1] == pytest.approx(10 * USD_PER_REPLICA_DAY * table["replicas"].iloc[-1])


def test_idle_capacity_goes_back_where_the_plan_says_so() -> None:
    orders = {"threshold": 0.8, "target": 0.6, "give_back_below": 0.5}
    kept, lean = play(raw_supply(replicas=200)), play(raw_supply(replicas=200, orders=orders))
    assert of_alpha(kept)["replicas"].iloc[-1] == 200.0
    assert of_alpha(lean)["replicas"].iloc[-1] < 50.0
    assert (of_alpha(lean)["refused_mtok"] == 0).all()


def test_an_outage_takes_capacity_while_it_lasts_and_the_rent_goes_on() -> None:
    calm = raw_supply(replicas=10)
    raw = raw_supply(replicas=10, outages=[{"day": 35, "days": 20, "share_lost": 0.9}])
    hit, whole = play(raw), play(calm)
    for name in ("demand", "fleet", "prices", "ledger"):
        pd.testing.assert_frame_equal(before(hit, 35, name), before(whole, 35, name), check_exact=True)
    table = of_alpha(hit).set_index("day")
    assert (table.loc[[40, 50, 60], "refused_mtok"] > 0).all()
    assert (table.loc[[30, 70, 100], "refused_mtok"] == 0).all()
    assert table.loc[40, "replicas_out"] == pytest.approx(9.0)
    assert table.loc[40, "delay_s"] > table.loc[30, "delay_s"]
    assert table.loc[70, "replicas_out"] == 0.0
    assert account(hit, "rent")["usd"].sum() == pytest.approx(account(whole, "rent")["usd"].sum())
    assert events(hit, "restored")["day"].tolist() == [55.0]


def test_random_outages_follow_a_stream_of_their_own() -> None:
    often = {"per_year": 30, "mean_days": 3, "share_lost": 0.5}
    first, again = (events(play(raw_supply(random_outages=often)), "outage") for _ in range(2))
    pd.testing.assert_frame_equal(first, again)
    assert 2 <= len(first) <= 20
    both = raw_supply(random_outages=often)
    both["providers"][1]["fleet"]["random_outages"] = often
    found = events(play(both), "outage")
    assert found[found["provider"] == "alpha"]["day"].tolist() == first["day"].tolist()
    assert events(play(raw_supply(random_outages=often), seed=1), "outage")["day"].tolist() != first["day"].tolist()


def test_a_cut_by_intervention_acts_from_its_day_on() -> None:
    raw = raw_supply(replicas=20)
    raw["interventions"] = [{"day": 45, "changes": [{"key": "providers.alpha.fleet.replicas", "value": 3}]}]
    cut, whole = play(raw), play(raw_supply(replicas=20))
    for name in ("demand", "fleet", "prices", "ledger", "treasury"):
        pd.testing.assert_frame_equal(before(cut, 45, name), before(whole, 45, name), check_exact=True)
    table = of_alpha(cut).set_index("day")
    assert table.loc[100, "replicas"] == 3.0
    assert table.loc[100, "refused_mtok"] > 0.0
    dearer = raw_supply(replicas=20)
    dearer["interventions"] = [{"day": 50, "changes": [{"key": "providers.alpha.fleet.rent_usd_per_hour", "value": 2}]}]
    paid = account(play(dearer), "rent").query("payer == 'alpha'")["usd"].sum()
    assert paid == pytest.approx(20 * USD_PER_REPLICA_DAY * (50 + 2 * 50))


def test_tokens_that_a_copier_buys_are_served_for_the_rent_too() -> None:
    raw = raw_supply()
    raw["providers"][1]["lab"] = {
        "releases": [
            {"offer": "beta-offer", "release_day": 30, "teacher_offer": "alpha-offer", "teacher_output_mtok": 100}
        ]
    }
    outcome = play(raw)
    bought = account(outcome, "teacher_tokens").iloc[0]
    assert (bought["payer"], bought["payee"], bought["usd"]) == ("beta", "alpha", 200.0)
    assert (account(outcome, "serving")["usd"] == 0.0).all()


def test_waits_stand_on_the_board_where_customers_see_them() -> None:
    market = Market(parse_scenario(raw_supply(replicas=3), "test"), shipped_catalog())
    seen = market.board.delay_s.copy()
    table = market.run().tables["fleet"].groupby("offer")["delay_s"].last()
    assert (seen == 0.0).all()
    assert market.board.delay_s.tolist() == [table["alpha-offer"], table["beta-offer"]]
    assert market.board.delay_s[0] > 1.0


def test_a_host_rents_while_it_is_in_the_market() -> None:
    raw = raw_supply()
    raw["hosts"] = [
        {
            "name": "host", "model": "alpha-model", "count_max": 2, "fixed_cost_usd_per_year": 1e3,
            "fleet": fleet(replicas=10), "price": {"kind": "posted"}, "review_days": 20,
            "list_price": {"kind": "stated", "input_usd_per_mtok": 0.4, "output_usd_per_mtok": 1.6},
            "cost": {"kind": "fleet"},
        }
    ]  # fmt: skip
    raw["providers"][0]["lab"] = {"open_weights": [{"offer": "alpha-offer", "day": 15}]}
    change = {"key": "hosts.host.fixed_cost_usd_per_year", "value": 1e12}
    raw["interventions"] = [{"day": 50, "changes": [change]}]
    outcome = play(raw)
    assert events(outcome, "entry")["day"].tolist() == [15.0, 15.0]
    assert events(outcome, "leave")["day"].tolist() == [55.0, 55.0]
    rent = account(outcome, "rent").query("payer == 'host-1'")["usd"].sum()
    assert rent == pytest.approx(10 * USD_PER_REPLICA_DAY * 40)


def test_who_left_pays_no_rent_and_when_all_have_left_the_tables_are_whole() -> None:
    raw = raw_supply(replicas=400)
    for provider in raw["providers"]:
        provider["treasury"] = {"cash_usd": 1000, "credit_limit_usd": 0}
        provider["fleet"]["replicas"] = 400
    outcome = play(raw)
    assert set(events(outcome, "exit")["provider"]) == {"alpha", "beta"}
    last = events(outcome, "everybody_left")
    assert len(last) == 1
    gone = float(last["day"].iloc[0])
    rent = account(outcome, "rent")
    assert rent["day"].max() == gone
    assert outcome.tables["treasury"]["day"].max() == 100.0
    assert outcome.tables["welfare"]["day"].max() == 100.0
    late = outcome.tables["welfare"].query("day > @gone")
    assert (late["consumer_surplus_usd_per_day"].abs() < 1e-9).all()
    assert outcome.tables["demand"].query("day > @gone")["requests"].sum() == 0.0
    market = metrics.market(outcome.tables, metrics.shares(outcome.tables)).set_index("day")
    assert market.index.tolist() == [10.0 * number for number in range(1, 11)]
    assert (market.loc[100.0, ["mtok", "revenue_usd", "hhi_tokens", "margin"]] == 0.0).all()


def test_a_funding_round_keeps_a_provider_that_would_leave() -> None:
    raw = raw_supply(replicas=400)
    raw["providers"][0]["treasury"] = {"cash_usd": 100_000, "credit_limit_usd": 0}
    assert len(events(play(raw), "exit")) == 1
    raw["providers"][0]["treasury"]["rounds"] = [{"day": 5, "usd": 5e6}]
    funded = play(raw)
    assert events(funded, "exit").empty
    row = account(funded, "funding").iloc[0]
    assert (row["payer"], row["payee"], row["usd"], row["day"]) == ("investors", "alpha", 5e6, 5.0)
    assert funded.imbalance < 1e-9
