"""Profits on a grid of joint prices, as the owners expect them: the matrix of a repeated pricing game."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from sim.players.pricing.beliefs import Beliefs, Outlook
from sim.world.board import Board


def grid_profits(board: Board, beliefs: Beliefs, offers: Sequence[int], grids: Sequence[np.ndarray]) -> np.ndarray:
    """Expected profit of a day, USD, of each offer alone at each joint choice of levels; shape (n, m_1, ..., m_n).

    `grids` holds each offer's levels, multiples of its list price, shape (m_i,). Other offers stay as posted; the board
    is left as it was.
    """
    shape = [len(levels) for levels in grids]
    out = np.empty((len(offers), *shape))
    posted = board.price[:, list(offers)].copy()
    last = offers[-1]
    try:
        for choice in itertools.product(*[range(count) for count in shape[:-1]]):
            for offer, levels, action in zip(offers[:-1], grids[:-1], choice, strict=True):
                board.set_price(offer, levels[action] * board.list_price[:, offer])
            for place, offer in enumerate(offers):
                own = np.zeros(board.offer_count, dtype=bool)
                own[offer] = True
                out[(place, *choice)] = beliefs.profit_usd(board, own, last, grids[-1], Outlook(None))
    finally:
        for index, offer in enumerate(offers):
            board.set_price(offer, posted[:, index])
    return out
