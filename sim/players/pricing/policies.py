"""What a price policy posts at a review, for the whole product line of one owner."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from sim.players.pricing.beliefs import Beliefs, Outlook
from sim.players.pricing.best_response import HIGHEST_LEVEL, LOWEST_LEVEL, best_levels
from sim.players.pricing.joint import joint_levels
from sim.players.pricing.leader import leading_levels
from sim.players.pricing.q_learning import Classroom
from sim.players.pricing.reaction import Reaction
from sim.scenario.prices import (
    BestResponse,
    CostPlus,
    Joint,
    Leader,
    Match,
    Posted,
    PricePolicy,
    QLearning,
    ReactionTable,
    Undercut,
)
from sim.scenario.providers import Provider
from sim.scenario.scenario import Scenario
from sim.shared.units import DAYS_PER_YEAR
from sim.world.board import Board
from sim.world.streams import Streams


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


class Owners:
    """The owners of all offers, with what their policies remember from one review to the next."""

    def __init__(self, scenario: Scenario, board: Board, beliefs: Beliefs, streams: Streams) -> None:
        self._scenario, self._board, self._beliefs, self._streams = scenario, board, beliefs, streams
        self._own = {
            provider.name: [j for j, owner in enumerate(board.owners) if owner == provider.name]
            for provider in scenario.providers
        }
        self._classroom = Classroom(scenario, board, beliefs, streams)
        self._reactions: dict[str, Reaction] = {}
        self._equip(scenario)

    def revise(self, scenario: Scenario) -> None:
        """The owners of another scenario from now on; policies that are the same keep their memory."""
        old = {provider.name: provider.price for provider in self._scenario.providers}
        changed = [part for part in scenario.providers if part.price is not old[part.name]]
        self._scenario = scenario
        self._equip(scenario)
        if any(isinstance(policy, QLearning) for part in changed for policy in (part.price, old[part.name])):
            # Other learners, or other grids, are another game: everybody starts anew.
            self._classroom = Classroom(scenario, self._board, self._beliefs, self._streams)
        self._classroom.forget_profits()

    def _equip(self, scenario: Scenario) -> None:
        for provider in scenario.providers:
            policy = provider.price
            known = self._reactions.get(provider.name)
            if isinstance(policy, ReactionTable) and (known is None or known.policy is not policy):
                self._reactions[provider.name] = Reaction(policy, provider.name, self._streams)

    def review(self, provider: Provider, day: float) -> list[Posting]:
        """The prices that an owner posts for those of its offers that are sold."""
        policy, board, beliefs = provider.price, self._board, self._beliefs
        movable = self._sold(provider.name)
        if not movable or isinstance(policy, Posted):
            return []
        if isinstance(policy, CostPlus):
            return [Posting(offer, board.cost[:, offer] * (1.0 + policy.markup)) for offer in movable]
        if isinstance(policy, Match):
            return _against(policy.rival, 0.0, policy.floor_markup, board, beliefs, movable)
        if isinstance(policy, Undercut):
            return _against(policy.rival, policy.by, policy.floor_markup, board, beliefs, movable)
        if isinstance(policy, ReactionTable):
            price = self._reactions[provider.name].price(board, movable[0], beliefs.requests_per_day(board))
            return [Posting(movable[0], price)]
        if isinstance(policy, QLearning):
            return [Posting(movable[0], self._classroom.price(provider.name, day))]
        if isinstance(policy, Joint):
            return self._at(self._joint(policy), movable)
        if isinstance(policy, Leader):
            followers = [self._sold(name) for name in policy.followers]
            return self._at(leading_levels(board, beliefs, movable, [part for part in followers if part]), movable)
        return self._best_response(policy, provider.name, movable)

    def _best_response(self, policy: BestResponse, name: str, movable: list[int]) -> list[Posting]:
        board = self._board
        mine = np.zeros(board.offer_count, dtype=bool)
        mine[self._own[name]] = True
        mine &= board.on_sale
        outlook = outlook_of(policy, self._scenario.discount_rate_per_year)
        retail = [offer for offer in movable if board.on_sale[offer]]
        out = []
        for offer, level in best_levels(board, self._beliefs, mine, retail, outlook, policy.least_gain).items():
            posted = board.price[:, offer]
            target = level * board.list_price[:, offer]
            damped = np.where(target > 0, posted**policy.damping * target ** (1.0 - policy.damping), 0.0)
            out.append(Posting(offer, damped if policy.damping else target))
        return out

    def _joint(self, policy: Joint) -> dict[int, float]:
        partners = policy.partners or tuple(self._own)
        offers = [offer for name in self._own if name in partners for offer in self._own[name]]
        return joint_levels(self._board, self._beliefs, [offer for offer in offers if self._board.on_sale[offer]])

    def _at(self, levels: dict[int, float], movable: list[int]) -> list[Posting]:
        return [
            Posting(offer, levels[offer] * self._board.list_price[:, offer]) for offer in movable if offer in levels
        ]

    def _sold(self, name: str) -> list[int]:
        board = self._board
        return [offer for offer in self._own[name] if board.on_sale[offer] or board.sells_wholesale(offer)]


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
