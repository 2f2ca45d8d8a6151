"""What a price policy posts at a review, for the whole product line of one owner."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from sim.players.pricing.beliefs import Beliefs, Outlook
from sim.players.pricing.best_response import HIGHEST_LEVEL, LOWEST_LEVEL, best_levels
from sim.scenario.prices import BestResponse, CostPlus, Match, Posted, PricePolicy, Undercut
from sim.shared.units import DAYS_PER_YEAR
from sim.world.board import Board


@dataclass(frozen=True)
class Posting:
    """A new price vector (3,), USD per Mtok, for one offer."""

    offer: int
    price: np.ndarray


def outlook_of(policy: PricePolicy, discount_rate_per_year: float) -> Outlook:
    """How far the owner looks; policies that do not optimise are taken as static."""
    if isinstance(policy, BestResponse) and policy.mode == "discounted":
        return Outlook(discount_rate_per_year / DAYS_PER_YEAR + 1.0 / policy.horizon_days)
    return Outlook(None)


def review(
    policy: PricePolicy, board: Board, beliefs: Beliefs, own: list[int], discount_rate_per_year: float
) -> list[Posting]:
    """The prices that an owner posts for those of its offers `own` that are on sale."""
    movable = [offer for offer in own if board.on_sale[offer]]
    if not movable or isinstance(policy, Posted):
        return []
    if isinstance(policy, CostPlus):
        return [Posting(offer, board.cost[:, offer] * (1.0 + policy.markup)) for offer in movable]
    if isinstance(policy, Match):
        return _against(policy.rival, 0.0, policy.floor_markup, board, beliefs, movable)
    if isinstance(policy, Undercut):
        return _against(policy.rival, policy.by, policy.floor_markup, board, beliefs, movable)
    mine = np.zeros(board.offer_count, dtype=bool)
    mine[own] = True
    mine &= board.on_sale
    levels = best_levels(board, beliefs, mine, movable, outlook_of(policy, discount_rate_per_year))
    out = []
    for offer, level in levels.items():
        posted = board.price[:, offer]
        target = level * board.list_price[:, offer]
        damped = np.where(target > 0, posted**policy.damping * target ** (1.0 - policy.damping), 0.0)
        out.append(Posting(offer, damped if policy.damping else target))
    return out


def _against(
    rival: str, by: float, floor_markup: float, board: Board, beliefs: Beliefs, movable: list[int]
) -> list[Posting]:
    """The rival's vector less `by`, raised as a whole where it would fall below own cost times (1 + floor).

    Of several own offers the one nearest to the rival in ability meets it; the others keep their prices.
    """
    index = board.index(rival)
    if not board.on_sale[index]:
        return []
    ability = board.theta.mean(axis=0)
    offer = min(movable, key=lambda own: (abs(ability[own] - ability[index]), own))
    requests = beliefs.requests_per_day(board)
    target = board.price[:, index] * (1.0 - by)
    floor = board.basket_usd(board.cost[:, offer], requests) * (1.0 + floor_markup)
    reached = board.basket_usd(target, requests)
    if reached < floor:
        target = target * (floor / reached) if reached > 0 else board.cost[:, offer] * (1.0 + floor_markup)
    return [Posting(offer, target)]


def within_bounds(price: np.ndarray, list_price: np.ndarray) -> np.ndarray:
    """The price vector, its level held inside the bounds that every price keeps."""
    listed, asked = float(list_price.sum()), float(price.sum())
    if listed <= 0.0 or asked <= 0.0:
        return price
    level = asked / listed
    held = min(max(level, LOWEST_LEVEL), HIGHEST_LEVEL)
    return price if math.isclose(held, level) else price * (held / level)
