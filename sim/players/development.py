"""Everything that moves abilities as a matter of decisions, wired together: research, students, judges, access."""

from __future__ import annotations

from collections.abc import Callable

from sim.players.abilities import Abilities
from sim.players.access import Gates
from sim.players.judge import Judged
from sim.players.pricing.beliefs import Beliefs
from sim.players.research import Researchers
from sim.players.schedule import Schedule
from sim.players.students import Students
from sim.scenario.scenario import Scenario
from sim.world.distillation import Published
from sim.world.floor import Floor
from sim.world.streams import Streams


class Development:
    """The labs that decide, and the gates of those whom they ask."""

    def __init__(
        self,
        floor: Floor,
        beliefs: Beliefs,
        streams: Streams,
        after_release: Callable[[str], None],
        published: Published | None,
    ) -> None:
        self._schedule = Schedule(floor, after_release)
        self._abilities = Abilities(floor)
        self._students = Students(self._schedule, self._abilities, beliefs, published)
        self._gates = Gates(self._schedule, beliefs, self._students.copiers_of)
        self._students.gates = self._gates
        self._researchers = Researchers(self._schedule, self._abilities, beliefs, streams)
        self._judged = Judged(self._schedule, self._abilities, self._gates)
        self._waiting: frozenset[str] = frozenset()

    def plan(self, scenario: Scenario) -> None:
        """Labs and gates are those of this scenario from now on; the board holds what it states."""
        self._waiting = frozenset(
            name
            for provider in scenario.providers
            for name in provider.lab.waiting_offers
            if name not in {release.offer for release in provider.lab.releases}
        )
        self._abilities.restated()
        self._gates.plan(scenario)
        self._researchers.plan(scenario)
        self._students.plan(scenario)
        self._judged.plan(scenario)

    def waiting(self) -> set[str]:
        """Offers that a decision is yet to put on sale."""
        return set(self._waiting - self._schedule.released)
