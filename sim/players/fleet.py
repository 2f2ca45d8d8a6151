"""Fleets as SimPy processes: looks at load and waits, orders that take their time, outages that come and go."""

from __future__ import annotations

import math
from collections.abc import Generator

import simpy

from sim.scenario.fleet import Fleet, Outage
from sim.scenario.scenario import Scenario
from sim.shared.units import DAYS_PER_YEAR
from sim.world.floor import Floor
from sim.world.serving import FleetState, Serving
from sim.world.streams import Streams

_LEAST_NEED = 1e-9  # replicas: what rounding adds to a whole number of them


class Fleets:
    """The fleets of all providers; a market without any has none of its processes."""

    def __init__(self, floor: Floor, scenario: Scenario, streams: Streams) -> None:
        self._floor, self._streams = floor, streams
        self._groups: dict[str, str] = {}
        self._plans: dict[str, Fleet] = {}
        self._outages = 0
        self._dated_outages: set[tuple[str, Outage]] = set()
        self.revise(scenario)

    def revise(self, scenario: Scenario) -> None:
        """The fleets are those of another scenario from now on."""
        self._groups = {provider.name: provider.group for provider in scenario.providers}
        if self._floor.serving is None:
            if all(provider.fleet is None for provider in scenario.providers):
                return
            self._floor.serving = Serving(scenario, self._floor.board, self._stands)
        else:
            self._floor.serving.revise(scenario)
        for name in list(self._plans):
            if name not in self._floor.serving.states:
                del self._plans[name]
        for name, state in self._floor.serving.states.items():
            before = self._plans.get(name)
            if before == state.fleet:
                continue
            self._plans[name] = state.fleet
            # Processes run as long as the plan that they were started with stands.
            self._floor.env.process(self._looks(name, state.fleet))
            for outage in state.fleet.outages:
                if outage.day >= self._floor.day and (name, outage) not in self._dated_outages:
                    self._dated_outages.add((name, outage))
                    self._floor.env.process(self._dated(name, outage))
            if before is None or before.random_outages != state.fleet.random_outages:
                self._floor.env.process(self._random(name, state.fleet))

    def _stands(self, provider: str) -> bool:
        """Whether the provider is there: it has not left, and as a potential entrant it is in."""
        if provider in self._floor.exited:
            return False
        return not self._groups[provider] or self._floor.sells(provider)

    def _state(self, name: str) -> FleetState | None:
        serving = self._floor.serving
        return serving.states.get(name) if serving is not None else None

    # -- load and orders ----------------------------------------------------------------------------------------

    def _looks(self, name: str, plan: Fleet) -> Generator[simpy.Event, None, None]:
        """Every review: waits follow the load of the time since the last one, and capacity is ordered."""
        while True:
            yield self._floor.env.timeout(plan.review_days)
            state = self._state(name)
            if state is None or self._plans.get(name) != plan:
                return
            self._refresh()
            if self._stands(name):
                self._order(state)

    def _refresh(self) -> None:
        self._floor.settle()
        assert self._floor.serving is not None
        self._floor.serving.refresh()

    def _order(self, state: FleetState) -> None:
        """Order what brings the utilisation of all that is installed or ordered back to its target, or give back."""
        orders = state.fleet.orders
        if orders is None or state.replicas is None:
            return
        coming = state.replicas + state.on_order
        wanted = math.ceil(state.load / orders.target - _LEAST_NEED)
        more = min(wanted, orders.most_replicas) - coming
        if state.load > orders.threshold * coming and more > 0:
            state.on_order += more
            self._floor.event("order", state.provider, detail=f"{more} replicas, {coming} there or on order")
            self._floor.env.process(self._arrival(state.provider, more, orders.lead_days))
        elif state.load < orders.give_back_below * state.replicas and state.on_order == 0:
            fewer = state.replicas - max(wanted, 1)
            if fewer > 0:
                state.replicas -= fewer
                self._floor.event("give_back", state.provider, detail=f"{fewer} replicas, {state.replicas} left")
                self._refresh()

    def _arrival(self, name: str, replicas: int, lead_days: float) -> Generator[simpy.Event, None, None]:
        yield self._floor.env.timeout(lead_days)
        state = self._state(name)
        if state is None or state.replicas is None or name in self._floor.exited:
            return
        self._floor.settle()
        state.on_order -= replicas
        state.replicas += replicas
        self._floor.event("arrival", name, detail=f"{replicas} replicas, {state.replicas} in all")
        self._refresh()

    # -- outages ------------------------------------------------------------------------------------------------

    def _dated(self, name: str, outage: Outage) -> Generator[simpy.Event, None, None]:
        """An outage of the scenario, if it is still in its plan on its day."""
        yield self._floor.env.timeout(outage.day - self._floor.env.now)
        plan = self._plans.get(name)
        if plan is not None and outage in plan.outages:
            yield from self._lose(name, outage.share_lost, outage.days)

    def _random(self, name: str, fleet: Fleet) -> Generator[simpy.Event, None, None]:
        """Outages at Poisson times, as long as the plan has them."""
        part = fleet.random_outages
        if part is None:
            return
        draws = self._streams.generator(f"fleet/{name}/outages")
        while True:
            gap, length = draws.exponential(DAYS_PER_YEAR / part.per_year), draws.exponential(part.mean_days)
            yield self._floor.env.timeout(gap)
            plan = self._plans.get(name)
            if plan is None or plan.random_outages != part:
                return
            self._floor.env.process(self._lose(name, part.share_lost, length))

    def _lose(self, name: str, share: float, days: float) -> Generator[simpy.Event, None, None]:
        """A share of the replicas is out for some days."""
        state = self._state(name)
        if state is None or state.replicas is None or name in self._floor.exited:
            return
        self._floor.settle()
        self._outages += 1
        number = self._outages
        state.lost[number] = share
        self._floor.event("outage", name, detail=f"{share:.0%} of {state.replicas} replicas for {days:.3g} days")
        self._refresh()
        yield self._floor.env.timeout(days)
        self._floor.settle()
        state.lost.pop(number, None)
        if self._state(name) is state and name not in self._floor.exited:
            self._floor.event("restored", name)
            self._refresh()
