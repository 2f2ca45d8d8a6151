"""Rounding makes no price: what differs by less than a stated part is the same, on the board and in the tables."""

from __future__ import annotations

import numpy as np
import pytest
from lab_markets import raw_labs

from sim.market import Market
from sim.scenario.load import parse_scenario
from sim.shared.catalog import Catalog
from sim.world.floor import SAME_PRICE


@pytest.fixture
def market(empty_catalog: Catalog) -> Market:
    return Market(parse_scenario(raw_labs(), "test"), empty_catalog)


def test_a_change_by_rounding_is_none(market: Market) -> None:
    floor, board = market.floor, market.board
    posted = board.price[:, 0].copy()
    for factor in (1.0, 1.0 + 1e-15, 1.0 - 3e-13):
        assert not floor.change_price(0, posted * factor, "review")
        assert np.array_equal(board.price[:, 0], posted)
    assert floor.recorder.rows["prices"] == []


def test_a_change_of_any_component_is_one(market: Market) -> None:
    floor, board = market.floor, market.board
    for part in range(3):
        price = board.price[:, 0].copy()
        price[part] *= 1.0 + 10.0 * SAME_PRICE
        assert floor.change_price(0, price, "review")
        assert np.array_equal(board.price[:, 0], price)
    assert len(floor.recorder.rows["prices"]) == 3


def test_from_nothing_and_to_nothing_are_changes(market: Market) -> None:
    floor = market.floor
    assert floor.change_price(0, np.zeros(3), "review")
    assert not floor.change_price(0, np.zeros(3), "review")
    assert floor.change_price(0, np.full(3, 1e-9), "review")


def test_a_tariff_by_rounding_is_none(market: Market) -> None:
    floor, board = market.floor, market.board
    assert not floor.change_tariff(0, np.full(2, 1.0 + 1e-15), None)
    assert (board.tariff == 1.0).all()
    assert floor.change_tariff(0, np.full(2, 0.9), None)
