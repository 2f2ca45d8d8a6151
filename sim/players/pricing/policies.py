"""What a price policy posts at a review, for the whole product line of one owner."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from sim.players.channel import as_one_line
from sim.players.pricing.beliefs import Beliefs, Outlook
from sim.players.pricing.best_response import HIGHEST_LEVEL, LOWEST_LEVEL, best_levels
from sim.players.pricing.joint import joint_levels
from sim.players.pricing.leader import leading_levels
from sim.players.pricing.q_learning import Classroom
from sim.players.pricing.reaction import Reaction
from sim.players.pricing.value_based import value_level
from sim.scenario.prices import (
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
from sim.scenario.promotion import Penetration, Tiers, ValueBased
from sim.scenario.providers import Provider
from sim.scenario.reviewed import BestResponse
from sim.scenario.scenario import Scenario
from sim.scenario.tariff import tariff_by_class
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
    if isinstance(policy, Penetration):
        policy = policy.then
    if isinstance(policy, Tiers) and policy.level is not None:
        policy = policy.level
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
        self._bargained: set[int] = set()
        self._classroom = Classroom(scenario, board, beliefs, streams)
        self._reactions: dict[str, Reaction] = {}
        self._equip(scenario)

    def revise(self, scenario: Scenario, demand_touched: bool) -> None:
        """The owners of another scenario from now on; policies that are the same keep their memory."""
        old = {provider.name: provider.price for provider in self._scenario.providers}
        changed = [part for part in scenario.providers if part.price is not old[part.name]]
        self._scenario = scenario
        self._equip(scenario)
        if any(isinstance(policy, QLearning) for part in changed for policy in (part.price, old[part.name])):
            # Other learners, or other grids, are another game: everybody starts anew.
            self._classroom = Classroom(scenario, self._board, self._beliefs, self._streams)
        if demand_touched:
            self._classroom.forget_profits()

    def _equip(self, scenario: Scenario) -> None:
        self._bargained = {index for index, offer in enumerate(scenario.offers) if offer.bargain is not None}
        for provider in scenario.providers:
            policy = provider.price
            known = self._reactions.get(provider.name)
            if isinstance(policy, ReactionTable) and (known is None or known.policy is not policy):
                self._reactions[provider.name] = Reaction(policy, provider.name, self._streams)

    def tariffs(self, provider: Provider) -> list[tuple[int, np.ndarray]]:
        """Each own retail offer's tariff by class (C,); of owners without tiers, those that are to end."""
        board = self._board
        retail = [offer for offer in self._own[provider.name] if not board.wholesale[offer]]
        if isinstance(provider.price, Tiers):
            tariff = tariff_by_class(provider.price, self._scenario.tasks)
            return [(offer, tariff) for offer in retail]
        ended = [offer for offer in retail if board.tiers[offer] is not None]
        return [(offer, np.ones(board.class_count)) for offer in ended]

    def review(self, provider: Provider, day: float, subsidised: bool = False) -> list[Posting]:
        """The prices that an owner posts for those of its offers that are sold; `subsidised` in a campaign."""
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
        if isinstance(policy, Penetration):
            if subsidised:
                return [Posting(offer, board.cost[:, offer] * (1.0 - policy.below_cost)) for offer in movable]
            policy = policy.then
        if isinstance(policy, ValueBased):
            return self._by_value(policy, movable)
        if isinstance(policy, Tiers):
            if policy.level is None:
                return [Posting(offer, board.list_price[:, offer].copy()) for offer in movable]
            policy = policy.level
        return self._best_response(policy, provider.name, movable)

    def _by_value(self, policy: ValueBased, movable: list[int]) -> list[Posting]:
        board, requests = self._board, self._beliefs.requests_per_day(self._board)
        levels = {
            offer: value_level(self._scenario, board, offer, requests, policy.share, policy.floor_markup)
            for offer in movable
            if board.on_sale[offer]
        }
        return self._at(levels, movable)

    def _best_response(self, policy: BestResponse, name: str, movable: list[int]) -> list[Posting]:
        board = self._board
        outlook = outlook_of(policy, self._scenario.discount_rate_per_year)
        retail = [offer for offer in movable if board.on_sale[offer]]
        with as_one_line(board, self._own[name]) as earns:
            levels = best_levels(board, self._beliefs, earns, retail, outlook, policy.least_gain)
        out = []
        for offer, level in levels.items():
            posted = board.price[:, offer]
            target = level * board.list_price[:, offer]
            damped = np.where(target > 0, posted**policy.damping * target ** (1.0 - policy.damping), 0.0)
            out.append(Posting(offer, damped if policy.damping else target))
        return out

    def _joint(self, policy: Joint) -> dict[int, float]:
        partners = policy.partners or tuple(self._own)
        offers = [offer for name in self._own if name in partners for offer in self._own[name]]
        with as_one_line(self._board, offers) as earns:
            retail = [offer for offer in offers if self._board.on_sale[offer]]
            return joint_levels(self._board, self._beliefs, retail, earns)

    def _at(self, levels: dict[int, float], movable: list[int]) -> list[Posting]:
        return [
            Posting(offer, levels[offer] * self._board.list_price[:, offer]) for offer in movable if offer in levels
        ]

    def _sold(self, name: str) -> list[int]:
        board = self._board
        return [
            offer
            for offer in self._own[name]
            if board.on_sale[offer] or (board.sells_wholesale(offer) and offer not in self._bargained)
        ]


def _against(
    rival: str, by: float, floor_markup: float, board: Board, beliefs: Beliefs, movable: list[int]
) -> list[Posting]:
    """The rival's vector less `by`, raised as a whole where it would fall below own cost times (1 + floor).

    Of several own offers on sale the one nearest to the rival in ability meets it; the others keep their prices, and
    one at wholesale moves only where it is all that the owner sells.
    """
    movable = [own for own in movable if board.on_sale[own]] or movable
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
