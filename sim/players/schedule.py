"""What labs decide by the calendar: which part of the scenario stands, whose turn it is, and what can be paid."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator
from typing import Any

import simpy

from sim.scenario.base import Part
from sim.scenario.providers import Provider
from sim.world.floor import Floor

Key = tuple[str, ...]  # ("research", provider), ("student", provider, offer), ...
Process = Callable[[Key, Any], Generator[simpy.Event, None, None]]


class Schedule:
    """The standing parts of all labs, each with a process that ends when another part takes its place.

    Attributes:
        after_release: what an owner does when it has released something.
        released: names of waiting offers that were put on sale so far.
    """

    def __init__(self, floor: Floor, after_release: Callable[[str], None]) -> None:
        self.floor, self.after_release = floor, after_release
        self.released: set[str] = set()
        self._standing: dict[Key, Part] = {}
        self._acted_on: dict[Key, float] = {}

    def keep(self, key: Key, part: Part | None, process: Process) -> None:
        """Let `part` stand from now on: an equal one goes on, another starts its process, None ends it."""
        if part == self._standing.get(key):
            return
        if part is None:
            del self._standing[key]
            return
        self._standing[key] = part
        self.floor.env.process(process(key, part))

    def stands(self, key: Key, part: Part) -> bool:
        """Whether `part` still stands, and its provider, the key's second name, is in the market."""
        return self._standing.get(key) is part and key[1] not in self.floor.exited

    def acts(self, key: Key) -> None:
        """The part acts today."""
        self._acted_on[key] = self.floor.day

    def turn(self, key: Key, first_day: float, every_days: float | None) -> float | None:
        """The next of the days first, first + every, ... on which it has not acted yet; None where there is none."""
        if every_days is None:
            return None if key in self._acted_on else max(first_day, self.floor.day)
        count = max(math.ceil((self.floor.day - first_day) / every_days - 1e-9), 0)
        day = first_day + count * every_days
        return day if day != self._acted_on.get(key) else day + every_days

    def wait(self, key: Key, part: Any) -> Generator[simpy.Event, None, bool]:
        """Wait for the part's next turn (its `first_day`, `every_days`); returns whether it stands and acts then."""
        if part.first_day is None:
            return False
        day = self.turn(key, part.first_day, part.every_days)
        if day is None:
            return False
        yield self.floor.env.timeout(max(day - self.floor.day, 0.0))
        if not self.stands(key, part):
            return False
        self.floor.settle()
        self.acts(key)
        return True

    def put_on_sale(self, offer: int) -> None:
        """A waiting offer comes to the market, unless the scenario wants it off sale."""
        floor = self.floor
        self.released.add(floor.board.offers[offer])
        floor.board.on_sale[offer] = floor.board.wanted[offer]
        floor.record_price(offer, "release")

    def waits(self, offer: int) -> bool:
        """Whether a waiting offer has not been released yet; the caller knows that it is one that waits."""
        return self.floor.board.offers[offer] not in self.released


def afford_usd(floor: Floor, provider: Provider) -> float:
    """Cash and credit, as the books stood at the last report, less what was paid since."""
    return float(floor.ledger.cash_usd(provider.name) + provider.treasury.credit_limit_usd)
