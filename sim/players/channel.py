"""A chain of supplier and platform, as its owners see it: what each earns on a board that does not exist yet.

A supplier earns its wholesale margin on whatever others resell of it, besides its own retail; inside one owner, service
moves at cost. Hypothetical boards are set up within `Board.hypothetical`, asked about and put back.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np

from sim.players.pricing.beliefs import Beliefs, Outlook, income_usd
from sim.players.pricing.best_response import best_levels, posted_level
from sim.world.board import Board

ROUNDS = 50  # of answers to one another
LEAST_GAIN = 1e-12  # answers are exact, so that profits are smooth in the wholesale price


def margins_usd(board: Board, group: Sequence[int]) -> np.ndarray:
    """What a request brings to the owner of the offers in `group`, retail and wholesale, USD; shape (C, J)."""
    out = np.zeros((board.class_count, board.offer_count))
    for offer in range(board.offer_count):
        supplier = int(board.supplier_offer[offer])
        if supplier in group:
            out[:, offer] += board.price_usd[:, supplier] - board.cost_usd[:, supplier]
        if offer in group and not board.wholesale[offer]:
            out[:, offer] += board.price_usd[:, offer] - board.cost_usd[:, offer]
    return out


def income(board: Board, beliefs: Beliefs, group: Sequence[int]) -> float:
    """Expected income of a day, USD, of the owner of `group` at posted prices."""
    if not board.on_sale.any():
        return 0.0
    return income_usd(board, beliefs, margins_usd(board, group))


@contextmanager
def as_one_line(board: Board, group: Sequence[int]) -> Iterator[np.ndarray]:
    """The mask, shape (J,), of all offers on which the owner of `group` earns, with costs that leave it its margin.

    While the retail prices of what others resell stand still, the owner's profit is that of this product line.
    """
    margins = margins_usd(board, group)
    earns = board.on_sale & (np.isin(np.arange(board.offer_count), group) | np.isin(board.supplier_offer, group))
    saved = board.cost_usd.copy()
    resold = earns & np.isin(board.supplier_offer, group)
    try:
        board.cost_usd[:, resold] = board.price_usd[:, resold] - margins[:, resold]
        yield earns
    finally:
        board.cost_usd[:] = saved


def answer(board: Board, beliefs: Beliefs, groups: Sequence[Sequence[int]]) -> None:
    """Let each owner post static best responses for its retail offers, until none moves; the board keeps them."""
    for _ in range(ROUNDS):
        moved = False
        for group in groups:
            retail = [offer for offer in group if board.on_sale[offer]]
            if not retail:
                continue
            with as_one_line(board, group) as earns:
                found = best_levels(board, beliefs, earns, retail, Outlook(None), LEAST_GAIN)
            for offer, level in found.items():
                moved |= level != posted_level(board, offer)
                board.set_price(offer, level * board.list_price[:, offer])
        if not moved or len(groups) == 1:
            return
