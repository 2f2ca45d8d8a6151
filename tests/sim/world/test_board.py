"""The board: what is supposed is undone, and what is refused is decided in one place."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest
from lab_markets import raw_labs, stated

from sim.market import Market
from sim.scenario.load import parse_scenario
from sim.shared.catalog import Catalog
from sim.world.board import Board


def resold_board(catalog: Catalog) -> Board:
    """The leader's model at wholesale, and a host that resells it beside its own."""
    raw = raw_labs()
    raw["providers"][0]["offers"].append(
        {"name": "supply", "model": "frontier", "wholesale": True, "list_price": stated(1, 5), "cost": stated(0.5, 2.5)}
    )
    raw["providers"][2]["offers"].append(
        {"name": "resold", "model": "frontier", "list_price": stated(3, 14),
         "cost": {"kind": "wholesale", "offer": "supply"}}
    )  # fmt: skip
    return Market(parse_scenario(raw, "test"), catalog).board


def arrays(board: Board) -> dict[str, np.ndarray]:
    found = {field.name: getattr(board, field.name) for field in fields(board)}
    return {name: value.copy() for name, value in found.items() if isinstance(value, np.ndarray)}


def suppose_everything(board: Board) -> None:
    board.theta[:] += 1.0
    board.on_sale[:] = ~board.on_sale
    board.fit_share[:] = 0.3
    board.refused_share[:] = 0.4
    board.full_share[:] = 0.5
    board.set_cost(0, np.full(3, 9.0))
    for offer in range(board.offer_count):
        board.set_tariff(offer, np.full(board.class_count, 0.5), None)
        board.set_price(offer, np.full(3, 7.0))  # of the one at wholesale, with the cost of who resells it


def test_what_is_supposed_is_undone(empty_catalog: Catalog) -> None:
    board = resold_board(empty_catalog)
    before = arrays(board)
    with board.hypothetical() as supposed:
        suppose_everything(supposed)
        changed = {name for name, value in arrays(board).items() if not np.array_equal(value, before[name])}
    assert changed == {
        "theta", "on_sale", "fit_share", "refused_share", "full_share", "cost", "cost_usd", "tariff", "price",
        "price_usd",
    }  # fmt: skip
    for name, value in arrays(board).items():
        assert np.array_equal(value, before[name]), name


def test_what_is_supposed_is_undone_where_asking_fails(empty_catalog: Catalog) -> None:
    board = resold_board(empty_catalog)
    before = arrays(board)

    def ask() -> None:
        with board.hypothetical():
            suppose_everything(board)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        ask()
    for name, value in arrays(board).items():
        assert np.array_equal(value, before[name]), name


def test_suppositions_within_suppositions_are_undone_one_by_one(empty_catalog: Catalog) -> None:
    board = resold_board(empty_catalog)
    listed = board.price[:, 0].copy()
    with board.hypothetical():
        board.set_price(0, 2.0 * listed)
        with board.hypothetical():
            board.set_price(0, 3.0 * listed)
        assert board.price[:, 0] == pytest.approx(2.0 * listed)
    assert np.array_equal(board.price[:, 0], listed)


def test_a_resold_offer_is_refused_by_its_seller_and_by_its_supplier(empty_catalog: Catalog) -> None:
    board = resold_board(empty_catalog)
    supply, resold = board.index("supply"), board.index("resold")
    board.fit_share[resold] = 0.05
    assert (board.served_share == 1.0).all()
    board.refused_share[supply] = 0.2
    assert board.turned_away_share[resold] == pytest.approx(0.2)
    board.refused_share[resold] = 0.1
    assert board.turned_away_share[resold] == pytest.approx(1.0 - 0.8 * 0.9)
    assert board.turned_away_share[board.index("best")] == 0.0
    assert board.taste_share[resold] == pytest.approx(0.05 - (1.0 - 0.8 * 0.9))
    board.full_share[resold] = 0.5
    assert board.served_share[resold] == pytest.approx(0.8 * 0.9 * 0.5)
    # What a full fleet turns away customers meet as waiting, not as taste.
    assert board.taste_share[resold] == pytest.approx(0.05 - (1.0 - 0.8 * 0.9))
    own = np.zeros(board.offer_count, dtype=bool)
    own[resold] = True
    assert board.paid_share(own).tolist() == [pytest.approx(0.36) if j == resold else 0.0 for j in range(len(own))]
