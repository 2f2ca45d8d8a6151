"""The wholesale price of a supplier and a platform: Nash's bargaining solution, and Nash-in-Nash between several pairs.

    w = argmax (Pi_S(w) - D_S)^beta * (Pi_P(w) - D_P)^(1-beta)

Pi are the expected incomes of a day with the platform's retail prices re-optimised at w, and D those without a deal:
the supplier sells directly and to others, the platform the best of its fallbacks (a second source, a model of its own)
or nothing. Where no w leaves both a gain there is no deal. With a two-part contract w is the supplier's cost, and the
fee F = D_S - Pi_S(c) + beta * (Pi_S(c) + Pi_P(c) - D_S - D_P) splits the gain.

Several pairs are solved in turn, each at the others' present terms, until none moves (Nash-in-Nash: Horn and Wolinsky
1988; Collard-Wexler, Gowrisankaran and Lee, NBER w20641). In a disagreement the other contracts stand.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from sim.players.channel import answer, income
from sim.players.pricing.beliefs import Beliefs
from sim.players.pricing.best_response import COARSE_RANGE, posted_level, search_level
from sim.scenario.reselling import LinearBargain, TwoPartBargain
from sim.world.board import Board

ROUNDS = 20  # of Nash-in-Nash
CONVERGED = 1e-6  # of the log wholesale price
_WIDENINGS = 3  # of the searched range
_LEAST_GAIN = 1e-12  # of the Nash product: a flat one moves no price


@dataclass(frozen=True)
class Pair:
    """A supplier's offer at wholesale and what one buyer makes of it; offers by index.

    Attributes:
        wholesale: the offer at wholesale.
        resold: the buyer's offers that it serves.
        fallbacks: the buyer's offers that may stand in for them.
        supplier, buyer: all offers of the two owners.
        supplier_name, buyer_name: the two owners.
    """

    wholesale: int
    resold: tuple[int, ...]
    fallbacks: tuple[int, ...]
    supplier: tuple[int, ...]
    buyer: tuple[int, ...]
    supplier_name: str
    buyer_name: str


@dataclass(frozen=True)
class Terms:
    """What a pair agreed on, or that it did not; incomes are expected, USD a day, fees not counted.

    Attributes:
        price: the wholesale price vector, USD per Mtok, shape (3,); as posted where there is no deal.
        fee_usd_per_day: paid by the buyer to the supplier; below zero the other way round.
        supplier_usd, buyer_usd: with the deal.
        supplier_alone_usd, buyer_alone_usd: without it.
        fallback: what the buyer sells without the deal; -1 for nothing.
    """

    agreed: bool
    price: np.ndarray
    fee_usd_per_day: float
    supplier_usd: float
    buyer_usd: float
    supplier_alone_usd: float
    buyer_alone_usd: float
    fallback: int

    @property
    def words(self) -> str:
        """For the table of events."""
        return (
            f"supplier {self.supplier_usd:.6g} USD a day, {self.supplier_alone_usd:.6g} without a deal; "
            f"platform {self.buyer_usd:.6g}, {self.buyer_alone_usd:.6g} without; fee {self.fee_usd_per_day:.6g}"
        )


def nash_in_nash(
    board: Board, beliefs: Beliefs, pairs: Sequence[tuple[Pair, LinearBargain | TwoPartBargain]]
) -> list[Terms]:
    """The terms of each pair, given those of all others; the board is left as it was."""
    found: list[Terms] = []
    with board.hypothetical():
        for _ in range(ROUNDS):
            last, found = found, []
            for pair, bargain in pairs:
                terms = negotiate(board, beliefs, pair, bargain)
                found.append(terms)
                _put(board, beliefs, pair, terms)
            if len(pairs) == 1 or (last and all(_same(a, b) for a, b in zip(last, found, strict=True))):
                break
    return found


def negotiate(board: Board, beliefs: Beliefs, pair: Pair, bargain: LinearBargain | TwoPartBargain) -> Terms:
    """The terms of one pair at what else is posted; the board is left as it was."""
    supplier_alone, buyer_alone, fallback = without_deal(board, beliefs, pair)
    cost = board.cost[:, pair.wholesale].copy()
    with board.hypothetical():
        _supply(board, pair)
        retail = board.price[:, pair.buyer].copy()

        def incomes(price: np.ndarray) -> tuple[float, float]:
            board.set_price(pair.wholesale, price)
            for place, offer in enumerate(pair.buyer):
                board.set_price(offer, retail[:, place])
            answer(board, beliefs, [pair.buyer])
            return income(board, beliefs, pair.supplier), income(board, beliefs, pair.buyer)

        if isinstance(bargain, TwoPartBargain):
            price = cost
            supplier, buyer = incomes(price)
            gain = supplier + buyer - supplier_alone - buyer_alone
            fee = supplier_alone - supplier + bargain.beta * gain
            agreed = gain >= 0.0
        else:
            listed = board.list_price[:, pair.wholesale].copy()

            def products(levels: np.ndarray) -> np.ndarray:
                out = np.empty(len(levels))
                for index, level in enumerate(levels):
                    with_deal = incomes(level * listed)
                    out[index] = _product(with_deal[0] - supplier_alone, with_deal[1] - buyer_alone, bargain.beta)
                return out

            price = _search(products, posted_level(board, pair.wholesale)) * listed
            supplier, buyer = incomes(price)
            fee = 0.0
            # A party that keeps all of the gain leaves the other none but the search's last digits.
            slack = 1e-5 * max(abs(supplier), abs(buyer))
            agreed = supplier >= supplier_alone - slack and buyer >= buyer_alone - slack
    return Terms(agreed, price if agreed else board.price[:, pair.wholesale].copy(), fee if agreed else 0.0,
                 supplier, buyer, supplier_alone, buyer_alone, fallback)  # fmt: skip


def without_deal(board: Board, beliefs: Beliefs, pair: Pair) -> tuple[float, float, int]:
    """Expected income of a day of the supplier and of the buyer with its best fallback, and which that is."""
    best = (-math.inf, -math.inf, -1)
    for fallback in (-1, *pair.fallbacks):
        with board.hypothetical():
            cut(board, pair, fallback)
            answer(board, beliefs, [pair.buyer])
            buyer = income(board, beliefs, pair.buyer)
            if buyer > best[1]:
                best = (income(board, beliefs, pair.supplier), buyer, fallback)
    return best


def cut(board: Board, pair: Pair, fallback: int) -> None:
    """Take what is resold off the board and put one fallback on it (-1: none)."""
    board.on_sale[list(pair.resold)] = False
    board.on_sale[list(pair.fallbacks)] = board.wanted[list(pair.fallbacks)]
    if fallback >= 0:
        board.on_sale[fallback] = True


def _supply(board: Board, pair: Pair) -> None:
    """Put on the board what is resold and take the fallbacks off that the scenario has not on sale anyway."""
    board.on_sale[list(pair.resold)] = board.wanted[list(pair.resold)]
    board.on_sale[list(pair.fallbacks)] = board.wanted[list(pair.fallbacks)]


def _put(board: Board, beliefs: Beliefs, pair: Pair, terms: Terms) -> None:
    if terms.agreed:
        _supply(board, pair)
        board.set_price(pair.wholesale, terms.price)
    else:
        cut(board, pair, terms.fallback)
    answer(board, beliefs, [pair.buyer])


def _search(products: Callable[[np.ndarray], np.ndarray], posted: float) -> float:
    """The level of the largest product; one at the end of the searched range is searched around again."""
    level = posted
    for _ in range(_WIDENINGS):
        found = search_level(products, level, _LEAST_GAIN)
        interior = abs(math.log(found / level)) < 0.9 * math.log(COARSE_RANGE)
        level = found
        if interior:
            break
    return level


def _product(supplier_gain: float, buyer_gain: float, beta: float) -> float:
    """The Nash product; below zero, the larger loss, so that the search finds the way to where both gain."""
    worst = min(supplier_gain, buyer_gain)
    return worst if worst < 0.0 else supplier_gain**beta * buyer_gain ** (1.0 - beta)


def _same(one: Terms, other: Terms) -> bool:
    return one.agreed == other.agreed and bool(np.allclose(one.price, other.price, rtol=CONVERGED, atol=0.0))
