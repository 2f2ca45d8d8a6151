"""Owners along a chain that weigh a model of their own again and again, and build it once: what they have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator
from typing import Generic

import simpy

from sim.players.decisions import Act, Decisions, Weighed
from sim.players.pricing.beliefs import Beliefs
from sim.players.reseller import Resellers, owner_named
from sim.scenario.providers import Provider
from sim.scenario.scenario import Scenario
from sim.world import ledger as books
from sim.world.floor import Floor


class Builders(ABC, Generic[Weighed]):
    """All owners of one kind: platforms that make or buy, suppliers that enter."""

    def __init__(
        self,
        floor: Floor,
        beliefs: Beliefs,
        resellers: Resellers,
        scenario: Scenario,
        after_release: Callable[[str], None],
    ) -> None:
        self._floor, self._beliefs, self._resellers = floor, beliefs, resellers
        self._after_release = after_release
        self._scenario = scenario
        self._decisions: Decisions[Weighed] = Decisions(floor, self._part_of, self._decide)

    def start(self, scenario: Scenario) -> None:
        """Let every such owner of the scenario decide from now on."""
        self._scenario = scenario
        self._decisions.start(scenario)

    @abstractmethod
    def _part_of(self, provider: Provider) -> Weighed | None:
        """What a provider weighs; None if nothing."""

    @abstractmethod
    def _decide(self, name: str, part: Weighed) -> Act | None:
        """Weigh it on the settled floor; returns what is done from now on, None to think again later."""

    def _ready_usd(self, name: str) -> float:
        """Cash and credit."""
        treasury = owner_named(self._scenario, name).treasury
        return float(self._floor.ledger.cash_usd(name) + treasury.credit_limit_usd)

    def _pay_for_build(self, name: str, offer: str, usd: float) -> None:
        """The compute of a build."""
        if usd:
            self._floor.pay(books.TRAINING, name, books.COMPUTE, usd, "", offer)

    def _wait_for_build(
        self, name: str, offer: str, spent_usd: float, days: float, words: str, tokens: simpy.Event | None = None
    ) -> Generator[simpy.Event, None, bool]:
        """Begin a build and wait for it, and for tokens that come by and by.

        Returns whether its owner is still there, the floor then settled.
        """
        floor = self._floor
        floor.event("build", name, offer, spent_usd, words)
        yield floor.env.timeout(days)
        if tokens is not None:
            yield tokens
        if name in floor.exited:
            return False
        floor.settle()
        return True

    def _release(self, name: str, offer: str, words: str) -> None:
        """What was built comes on sale; its owner has yet to price it."""
        self._floor.put_on_sale(self._floor.board.index(offer), "release")
        self._floor.event("release", name, offer, 0.0, words)
