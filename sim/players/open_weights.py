"""Labs that publish weights on their day: from then on the model is open, and nothing closes it again."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable

import simpy

from sim.scenario.open_weights import OpenRelease
from sim.scenario.providers import Lab, Provider
from sim.world.floor import Floor


class OpenWeights:
    """The weights that labs publish.

    Attributes:
        opened: models that labs of the scenario have published so far.
    """

    def __init__(self, floor: Floor, after_opening: Callable[[str], None]) -> None:
        self._floor, self._after_opening = floor, after_opening
        self._plans: dict[str, Lab] = {}
        self.opened: set[str] = set()

    def plan(self, providers: Iterable[Provider]) -> None:
        """What each lab is to publish from now on; a plan that is the same goes on, another one replaces it."""
        for provider in providers:
            before = self._plans.get(provider.name, Lab()).open_weights
            self._plans[provider.name] = provider.lab
            for part in provider.lab.open_weights:
                if part.day is not None and part.day >= self._floor.day and part not in before:
                    self._floor.env.process(self._publish(provider.name, part, part.day))

    def is_open(self, model: str) -> bool:
        """Whether anybody may serve the model: a lab has published it, or none of the scenario is to do so."""
        board = self._floor.board
        closed = {board.models[board.index(part.offer)] for lab in self._plans.values() for part in lab.open_weights}
        return model in self.opened or model not in closed

    def _publish(self, name: str, part: OpenRelease, day: float) -> Generator[simpy.Event, None, None]:
        yield self._floor.env.timeout(day - self._floor.env.now)
        lab = self._plans[name]
        never_made = any(plan.offer == part.offer and plan.release_day is None for plan in lab.releases)
        if part not in lab.open_weights or never_made or name in self._floor.exited:
            return
        self._floor.settle()
        model = self._floor.board.models[self._floor.board.index(part.offer)]
        if model in self.opened:
            return
        self.opened.add(model)
        self._floor.event("open_weights", name, part.offer, detail=model)
        self._after_opening(model)
