"""What an owner expects on a board that is not there; the board that is there stays as it is."""

from __future__ import annotations

import math

import numpy as np
import pytest
from conftest import raw_bertrand
from lab_markets import played, raw_labs, research, stated, student, with_labs

from sim.market import Market
from sim.players.prospects import Prospects, Supposed, annuity_years, drawn
from sim.scenario.load import parse_scenario
from sim.shared.catalog import Catalog
from sim.theory.logit import Firms, nash_prices, profits


def test_the_expected_profit_of_a_monopolist_is_that_of_the_closed_form(empty_catalog: Catalog) -> None:
    raw = raw_bertrand([1.0])
    raw["tasks"][0]["success"] = "irt"
    raw["belief_nodes_per_class"] = 1
    market = Market(parse_scenario(raw, "test"), empty_catalog)
    prospects = Prospects(market.board, market.beliefs)
    # Success 1/2 of value 4: the textbook's a = 2.
    market.board.theta[:] = 0.0
    found = prospects.profit_usd_per_day("firm0", Supposed())
    assert found == pytest.approx(0.55199, abs=1e-4)
    assert found == pytest.approx(prospects.profit_usd_per_day("firm0", Supposed({0: np.zeros(1)})))
    # A better model earns what the closed form says of a = 4/(1 + exp(-1)).
    firms = Firms((4.0 / (1.0 + math.exp(-1.0)),), (1.0,), 0.25)
    better = prospects.profit_usd_per_day("firm0", Supposed({0: np.ones(1)}))
    assert better == pytest.approx(float(profits(firms, nash_prices(firms))[0]), abs=1e-4)


def test_the_board_is_left_as_it_was(empty_catalog: Catalog) -> None:
    market = Market(parse_scenario(raw_labs(), "test"), empty_catalog)
    board = market.board
    before = [array.copy() for array in (board.theta, board.price, board.price_usd, board.on_sale, board.fit_share)]
    supposed = Supposed({0: np.full(2, 3.0)}, {1: False}, {0: 0.2})
    Prospects(board, market.beliefs).profit_usd_per_day("leader", supposed)
    after = (board.theta, board.price, board.price_usd, board.on_sale, board.fit_share)
    assert all((one == other).all() for one, other in zip(before, after, strict=True))
    assert (board.refused_share == 0).all()


def test_what_would_be_refused_earns_nothing_and_customers_miss_it(empty_catalog: Catalog) -> None:
    market = Market(parse_scenario(raw_labs(), "test"), empty_catalog)
    prospects = Prospects(market.board, market.beliefs)
    less = prospects.profit_usd_per_day("leader", Supposed(refused_share={0: 0.25}), reprices=False)
    market.board.fit_share[0] -= 0.25  # the value of a quarter of the work
    missed = prospects.profit_usd_per_day("leader", Supposed(), reprices=False)
    assert less == pytest.approx(0.75 * missed)


def test_a_supplier_expects_the_margin_on_what_others_resell(empty_catalog: Catalog) -> None:
    raw = raw_labs()
    raw["providers"][0]["offers"][0] |= {"wholesale": True}
    raw["providers"][1]["offers"][0] = {
        "name": "copy", "model": "frontier", "list_price": stated(3, 15),
        "cost": {"kind": "wholesale", "offer": "best"},
    }  # fmt: skip
    market = Market(parse_scenario(raw, "test"), empty_catalog)
    expected = Prospects(market.board, market.beliefs).profit_usd_per_day("leader", Supposed())
    # One review of everybody at posted prices, at the margin of the wholesale price.
    resold = market.board.index("copy")
    own = np.zeros(market.board.offer_count, dtype=bool)
    own[resold] = True
    market.board.cost_usd[:, resold] = market.board.cost_usd[:, 0]
    retail = Prospects(market.board, market.beliefs).profit_usd_per_day("copier", Supposed(), reprices=False)
    margin = market.board.price_usd[:, 0] - market.board.cost_usd[:, 0]
    full = market.board.price_usd[:, resold] - market.board.cost_usd[:, resold]
    assert 0.0 < expected < retail
    assert expected / retail == pytest.approx((margin / full).mean(), rel=0.05)


def test_an_annuity_is_the_sum_of_its_discounted_years() -> None:
    years = np.linspace(0.0, 2.0, 200_001)
    assert annuity_years(2.0, 0.15) == pytest.approx(np.trapezoid(np.exp(-0.15 * years), years), rel=1e-9)
    assert annuity_years(2.0, 0.0) == 2.0
    assert annuity_years(0.0, 0.15) == 0.0


def test_a_drawn_line_is_straight_between_its_points_and_level_beyond() -> None:
    line = drawn(lambda x: x * x, 0.0, 2.0, 3)
    assert line(np.array([-1.0, 0.5, 1.5, 5.0])) == pytest.approx([0.0, 0.5, 2.5, 4.0])


@pytest.mark.parametrize("kind", ["sampled", "line", "arrivals"])
def test_labs_work_whatever_the_customers_are(empty_catalog: Catalog, kind: str) -> None:
    raw = with_labs({"research": research()}, {"students": [student()]}, {"kind": "defended"})
    raw["population"] = {
        "sampled": {"kind": "sampled", "customers": 200, "market_customers": 1e6},
        "line": {"kind": "line", "market_customers": 1e6},
        "arrivals": {"kind": "arrivals", "arrivals_per_day": 20.0, "price_sensitivity": {"median": 0.05}},
    }[kind]
    if kind == "line":
        for task in raw["tasks"]:
            task |= {"difficulty_sd": 0.0, "value_usd": {"median": task["value_usd"]["median"]}}
    outcome = played(raw, empty_catalog)
    assert outcome.imbalance < 1e-9
    assert (outcome.tables["abilities"]["offer"] == "copy").any()
    assert np.isfinite(outcome.tables["demand"]["requests"]).all()
