"""Decisions that owners weigh again and again until they act, each owner once."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Generic, TypeVar

import simpy

from sim.scenario.providers import Provider
from sim.scenario.reselling import ForwardEntry, MakeOrBuy
from sim.scenario.scenario import Scenario
from sim.world.floor import Floor

Weighed = TypeVar("Weighed", MakeOrBuy, ForwardEntry)
Act = Generator[simpy.Event, None, None]


class Decisions(Generic[Weighed]):
    """One kind of decision of all owners.

    Args:
        floor: where they act.
        part_of: what a provider weighs; None if nothing.
        decide: weighs it on the settled floor and returns what is done from now on, or None to think again later.
    """

    def __init__(
        self,
        floor: Floor,
        part_of: Callable[[Provider], Weighed | None],
        decide: Callable[[str, Weighed], Act | None],
    ) -> None:
        self._floor = floor
        self._part_of: Callable[[Provider], Weighed | None] = part_of
        self._decide: Callable[[str, Weighed], Act | None] = decide
        self._parts: dict[str, Weighed | None] = {}
        self._plans: dict[str, int] = {}
        self._acted: set[str] = set()

    def start(self, scenario: Scenario) -> None:
        """Every owner of the scenario weighs its part from now on; one that is the same goes on."""
        for provider in scenario.providers:
            part = self._part_of(provider)
            if part != self._parts.get(provider.name):
                self._parts[provider.name] = part
                plan = self._plans[provider.name] = self._plans.get(provider.name, 0) + 1
                if part is not None:
                    self._floor.env.process(self._weighing(provider.name, part, plan))

    def _weighing(self, name: str, part: Weighed, plan: int) -> Act:
        floor = self._floor
        yield floor.env.timeout(max(part.first_review_day - floor.day, 0.0))
        while self._plans[name] == plan and name not in floor.exited and name not in self._acted:
            floor.settle()
            act = self._decide(name, part)
            if act is not None:
                self._acted.add(name)
                floor.env.process(act)
                return
            yield floor.env.timeout(part.review_days)
