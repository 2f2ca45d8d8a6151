"""Best responses hold where staying is best, and costs inferred from prices are those that make the prices best."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import raw_bertrand, raw_line, raw_market

from sim.market import Market
from sim.players.pricing.best_response import _bounded
from sim.scenario.load import parse_scenario
from sim.shared.catalog import Catalog
from sim.shared.errors import InputError


def test_at_the_nash_price_nobody_moves(empty_catalog: Catalog) -> None:
    """Prices found once are posted once: no creeping by the search's tolerance."""
    raw = raw_bertrand([1.0, 1.0])
    for provider in raw["providers"]:
        provider["price"] = {**provider["price"], "review_days": 5}
    prices = Market(parse_scenario(raw, "test"), empty_catalog).run().tables["prices"]
    found = prices.groupby("offer")["price_input_usd_per_mtok"].apply(list)
    for series in found:
        steps = np.abs(np.diff(np.log(series)))
        assert (steps[1:] > 1e-6).all() or len(steps) < 2


def test_implied_costs_are_those_from_which_the_prices_came(empty_catalog: Catalog) -> None:
    """List prices at the Nash price of cost 1 (1.47293 for two firms) imply a cost of 1."""
    raw = raw_bertrand([1.0, 1.0])
    price = {
        "kind": "stated", "input_usd_per_mtok": 1.47293, "cached_usd_per_mtok": 0.0, "output_usd_per_mtok": 0.0,
    }  # fmt: skip
    for provider in raw["providers"]:
        for offer in provider["offers"]:
            offer["list_price"], offer["cost"] = price, {"kind": "implied"}
    offers = Market(parse_scenario(raw, "test"), empty_catalog).run().tables["offers"]
    assert offers["cost_input_usd_per_mtok"].to_numpy() == pytest.approx([1.0, 1.0], abs=2e-3)
    assert not offers["cost_clipped"].any()


def test_a_share_out_of_bounds_is_held_and_the_others_solved_again() -> None:
    slope, wanted = np.array([[1.0, 0.5], [0.5, 1.0]]), np.array([0.1, 0.6])
    share, held = _bounded(slope, wanted, 0.05, 0.95)
    assert held.tolist() == [True, False]
    assert share[0] == 0.05
    assert share[1] == pytest.approx(0.6 - 0.5 * 0.05)
    assert _bounded(np.full((2, 2), np.nan), wanted, 0.05, 0.95)[1].all()


def test_an_offer_released_later_cannot_have_an_implied_cost(small_catalog: Catalog) -> None:
    raw = raw_market()
    del raw["providers"][2]["offers"][0]["cost"]
    with pytest.raises(InputError, match=r"offers\.student\.cost"):
        Market(parse_scenario(raw, "test"), small_catalog).run()


def test_a_rise_at_a_release_is_noticed(small_catalog: Catalog) -> None:
    """The owner of the incumbent releases its own student and raises the incumbent's price; its customers leave."""
    raw = raw_market(horizon_days=120)
    student = raw["providers"].pop(2)
    owner = raw["providers"][0]
    owner["price"] = {"kind": "best_response", "review_days": 36_500, "first_review_day": 36_500}
    owner["offers"][0]["cost"] = {"kind": "share_of_list_price", "share": 0.9}
    owner["offers"] += student["offers"]
    owner["lab"] = student["lab"]
    del owner["lab"]["releases"][0]["teacher_offer"], owner["lab"]["releases"][0]["teacher_output_mtok"]
    tables = Market(parse_scenario(raw, "test"), small_catalog).run().tables
    prices = tables["prices"][tables["prices"]["offer"] == "best"].set_index("cause")["price_output_usd_per_mtok"]
    assert prices["release"] > prices.iloc[0]  # else the test would show nothing
    held = tables["demand"].groupby(["day", "offer"])["share_of_customers"].mean().unstack()["best"]
    assert held[held.index > 60].iloc[0] < held[held.index <= 60].iloc[-1]


def test_beliefs_that_underflow_move_no_price(small_catalog: Catalog) -> None:
    raw = raw_market()
    raw["population"] |= {"price_sensitivity": {"median": 0.001, "log_sd": 0.2}, "switching_share": 0.9}
    prices = Market(parse_scenario(raw, "test"), small_catalog).run().tables["prices"]
    first = prices.groupby("offer")["price_output_usd_per_mtok"].first()
    last = prices.groupby("offer")["price_output_usd_per_mtok"].last()
    assert (last / first > 0.011).all()


def test_owners_that_never_settle_are_said_to_cycle(empty_catalog: Catalog) -> None:
    """Equal offers and customers who take the cheaper one: each undercuts the other by a little, every day."""
    price = {"kind": "best_response", "mode": "static", "review_days": 1, "first_review_day": 1}
    raw = raw_line([0.0, 0.0], [0.6, 0.5], {"kind": "value"}, price=price)
    events = Market(parse_scenario(raw, "test"), empty_catalog).run().tables["events"]
    cycling = events[events["event"] == "cycling"]
    assert sorted(cycling["provider"]) == ["firm0", "firm1"]
    assert (cycling["day"] >= 200).all()
    settled = Market(parse_scenario(raw_bertrand([1.0, 1.0]), "test"), empty_catalog).run().tables["events"]
    assert "cycling" not in set(settled["event"])
