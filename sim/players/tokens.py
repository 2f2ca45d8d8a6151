"""Tokens that one lab buys of another's offer: what they cost it, and who is paid and pays for serving them.

    price of a token = posted price of output * bulk ratio of the seller's access policy * tariff of the buyer's account

The tariff is that of the offer's tiers at the account's own monthly volume (`Board.account_tariff`); the accounts of a
class of customers have another, that of their mean volume. Of a resold offer the seller pays its supplier the wholesale
price, as it does for what customers ask, and the supplier pays for the compute.
"""

from __future__ import annotations

from sim.shared.units import DAYS_PER_MONTH
from sim.world import ledger as books
from sim.world.board import Board
from sim.world.floor import Floor


def monthly_mtok(mtok: float, days: float) -> float:
    """The volume of an account that takes so many tokens, in millions, in so many days, at least a month's."""
    return mtok * DAYS_PER_MONTH / max(days, DAYS_PER_MONTH)


def price_usd_per_mtok(board: Board, offer: int, mtok_per_month: float, bulk_price_ratio: float = 1.0) -> float:
    """What an account of that monthly volume, in millions of tokens, pays for output tokens today."""
    return float(board.price[2, offer]) * bulk_price_ratio * board.account_tariff(offer, mtok_per_month)


def sell_tokens(floor: Floor, buyer: str, offer: int, mtok: float, usd: float, requests: float = 0.0) -> None:
    """Post what a buyer pays for output tokens, in millions, and what serving them costs."""
    board = floor.board
    seller, name, supplier = board.owners[offer], board.offers[offer], int(board.supplier_offer[offer])
    floor.pay(books.TEACHER_TOKENS, buyer, seller, usd, "", name, requests, mtok)
    cost_usd = float(mtok * board.cost[2, offer])
    if supplier >= 0:
        floor.pay(
            books.WHOLESALE, seller, board.owners[supplier], cost_usd, "", board.offers[supplier], requests, mtok
        )
        seller, cost_usd = board.owners[supplier], float(mtok * board.cost[2, supplier])
    floor.pay(books.SERVING, seller, books.COMPUTE, cost_usd, "", name)
