"""Owners as SimPy processes: each reviews its prices at its own pace, and at once where something calls for it."""

from __future__ import annotations

from collections.abc import Generator

import simpy

from sim.players.pricing.campaigns import Campaigns
from sim.players.pricing.policies import Owners, within_bounds
from sim.scenario.prices import Joint, Posted, PricePolicy
from sim.scenario.promotion import Penetration, Tiers
from sim.scenario.providers import Provider
from sim.scenario.reviewed import BestResponse, Reviewed
from sim.scenario.scenario import Scenario
from sim.world.floor import Floor

ROUNDS_UNTIL_CYCLING = 200  # best responses in a row that moved a price


class PriceReviews:
    """The price reviews of all owners."""

    def __init__(self, floor: Floor, owners: Owners, scenario: Scenario) -> None:
        self._floor, self._owners = floor, owners
        self._campaigns = Campaigns(floor)
        self._providers: dict[str, Provider] = {}
        self._reviewing: dict[str, PricePolicy] = {}
        self.revise(scenario)

    def revise(self, scenario: Scenario) -> None:
        """The owners are those of another scenario from now on."""
        self._providers = {provider.name: provider for provider in scenario.providers}

    def start(self, name: str, at_once: bool = False) -> None:
        """Let an owner review its prices from now on, unless it does so by this policy already."""
        policy = self._providers[name].price
        if not isinstance(policy, Posted) and self._reviewing.get(name) is not policy:
            self._reviewing[name] = policy
            self._floor.env.process(self._reviews(name, policy, 0.0 if at_once else policy.first_review_day))

    def post(self, name: str, cause: str) -> bool:
        """Post what the owner's policy says now; returns whether a price moved. The floor is settled."""
        board, provider = self._floor.board, self._providers[name]
        moved = False
        tiers = provider.price if isinstance(provider.price, Tiers) else None
        for offer, tariff in self._owners.tariffs(provider):
            if self._floor.change_tariff(offer, tariff, tiers):
                paid = ", ".join(f"{task} {share:.3f}" for task, share in zip(board.classes, tariff, strict=True))
                self._floor.event("tariff", name, board.offers[offer], detail=f"paid over posted: {paid}")
        subsidised = isinstance(provider.price, Penetration) and self._campaigns.runs(provider, provider.price)
        for posting in self._owners.review(provider, self._floor.day, subsidised):
            price = within_bounds(posting.price, board.list_price[:, posting.offer])
            moved |= self._floor.change_price(posting.offer, price, cause)
        return moved

    def reprice(self, name: str, cause: str) -> None:
        """An owner whose costs or line have changed prices anew, where it prices at all."""
        if name not in self._floor.exited and not isinstance(self._providers[name].price, Posted):
            self._floor.settle()
            self.post(name, cause)
            self.start(name)

    def after_release(self, name: str) -> None:
        """An owner that has released something prices its whole line anew, and reviews it from now on."""
        if not isinstance(self._providers[name].price, Posted):
            self.post(name, "release")
            self.start(name)

    def _reviews(self, name: str, policy: Reviewed, wait_days: float) -> Generator[simpy.Event, None, None]:
        """The reviews of one owner until it leaves or another policy takes over; the first after `wait_days`."""
        yield self._floor.env.timeout(wait_days)
        moves = 0
        while name not in self._floor.exited and self._providers[name].price is policy:
            self._floor.settle()
            moves = moves + 1 if self.post(name, "review") else 0
            if moves == ROUNDS_UNTIL_CYCLING and isinstance(policy, BestResponse | Joint):
                self._floor.event("cycling", name, detail=f"{moves} moves")
            yield self._floor.env.timeout(self._pause_days(name, policy))

    def _pause_days(self, name: str, policy: Reviewed) -> float:
        """Days to the next review; after a campaign those of the policy that follows it."""
        if isinstance(policy, Penetration) and self._campaigns.ended(name):
            return policy.then.review_days
        return policy.review_days
