"""Tokens that one lab buys of another's offer: what they cost it, and who is paid and pays for serving them.

    price of a token = posted price of output * bulk ratio of the seller's access policy * tariff of the buyer's account

The tariff is that of the offer's tiers at the account's own monthly volume (`Board.account_tariff`); the accounts of a
class of customers have another, that of their mean volume. Of a resold offer the seller pays its supplier the wholesale
price, as it does for what customers ask, and the supplier pays for the compute.
"""

from __future__ import annotations

from collections.abc import Callable, Generator

import simpy

from sim.shared.units import DAYS_PER_MONTH
from sim.world import ledger as books
from sim.world.board import Board
from sim.world.floor import Floor

STEP_DAYS = 7.0  # in which tokens are billed and terms are looked at
SERVED_ALMOST = 1e-9  # of the wanted tokens: what rounding may leave
MTOK_PER_REQUEST = 1e-3  # of tokens whose requests nobody states; the default of those who copy through accounts


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
        floor.pay(books.WHOLESALE, seller, board.owners[supplier], cost_usd, "", board.offers[supplier], requests, mtok)
        seller, cost_usd = board.owners[supplier], float(mtok * board.cost[2, supplier])
    floor.pay(books.SERVING, seller, books.COMPUTE, cost_usd, "", name)


def buy_tokens(
    floor: Floor, buyer: str, offer: int, mtok: float, days: float, price: Callable[[], float]
) -> simpy.Event | None:
    """Buy output tokens, in millions, for work that takes some days; `price` tells USD per Mtok on the day it is asked.

    Where a fleet serves them they are taken evenly over the days, as demand on it, and paid for as they come; what it
    refuses is asked for again, and the event that is returned happens when all are there. Else they come at once.
    """
    if not floor.is_on_fleet(offer):
        sell_tokens(floor, buyer, offer, mtok, mtok * price())
        return None
    return floor.env.process(_taking(floor, buyer, offer, mtok, days, price))


def _taking(
    floor: Floor, buyer: str, offer: int, mtok: float, days: float, price: Callable[[], float]
) -> Generator[simpy.Event, None, None]:
    """Take tokens week by week until all are there; who leaves takes no more, and nothing is had of what is gone."""
    board, until, missing = floor.board, floor.day + days, mtok
    while missing > SERVED_ALMOST * mtok:
        left = max(until - floor.day, 0.0)
        step = min(STEP_DAYS, left) if left > 1e-9 else STEP_DAYS
        asked, usd_per_mtok = missing * step / max(left, step), price()
        flow = floor.begin_bulk(offer, asked / step, asked / step / MTOK_PER_REQUEST)
        yield floor.env.timeout(step)
        served = asked if flow is None else floor.end_bulk(flow)
        sold = board.on_sale[offer] or board.wholesale[offer]
        if not sold or not floor.exited.isdisjoint((buyer, board.owners[offer])):
            return
        sell_tokens(floor, buyer, offer, served, served * usd_per_mtok, served / MTOK_PER_REQUEST)
        missing -= served
