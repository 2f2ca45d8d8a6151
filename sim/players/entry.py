"""Groups of potential entrants: the next one enters while a year's expected profit pays for it, the last one leaves."""

from __future__ import annotations

from collections.abc import Callable, Generator

import simpy

from sim.players.open_weights import OpenWeights
from sim.players.pricing.foresight import Foresight
from sim.scenario.entry import EntrantGroup, EntryGroup, HostGroup
from sim.scenario.scenario import Scenario
from sim.shared.units import DAYS_PER_YEAR
from sim.world import ledger as books
from sim.world.floor import Floor

AfterEntry = Callable[[str], None]


class Entry:
    """The hosts and newcomers of a market.

    Attributes:
        present: providers of groups that are in the market, by the day from which their fixed cost is owed.
    """

    def __init__(self, floor: Floor, foresight: Foresight, scenario: Scenario, after_entry: AfterEntry) -> None:
        self._floor, self._foresight, self._after_entry = floor, foresight, after_entry
        self._groups: dict[str, EntryGroup] = {}
        self._discount_rate_per_year = 0.0
        self.present: dict[str, float] = {}
        self._owed_usd: dict[str, float] = {}
        self._entered_before: set[str] = set()
        self._opened = OpenWeights(floor, self._start_hosts)
        self._reviewing: set[str] = set()
        self.revise(scenario)
        if self._groups:
            floor.dues.append(self._pay_fixed)

    def revise(self, scenario: Scenario) -> None:
        """The groups, and what labs are to publish, are those of another scenario from now on."""
        groups: dict[str, EntryGroup] = {group.name: group for group in (*scenario.hosts, *scenario.free_entry)}
        if groups != self._groups:
            self._accrue()  # at the fixed costs of until now
        self._groups = groups
        self._discount_rate_per_year = scenario.discount_rate_per_year
        self._foresight.revise(scenario)
        self._opened.plan(scenario.providers)

    def start(self) -> None:
        """Groups that may enter from a known day on begin to decide; hosts of closed weights wait for their release."""
        for name, group in self._groups.items():
            if isinstance(group, EntrantGroup):
                self._start(name, group.from_day)
            elif isinstance(group, HostGroup) and self._opened.is_open(group.model):
                self._start(name, 0.0)

    def waiting(self) -> set[str]:
        """Offers of groups whose provider is not in the market."""
        return {name for group in self._groups.values() for name in group.members if name not in self.present}

    def _start_hosts(self, model: str) -> None:
        for name, group in self._groups.items():
            if isinstance(group, HostGroup) and group.model == model:
                self._start(name, 0.0)

    def _start(self, name: str, wait_days: float) -> None:
        if name not in self._reviewing:
            self._reviewing.add(name)
            self._floor.env.process(self._reviews(name, wait_days))

    def _reviews(self, name: str, wait_days: float) -> Generator[simpy.Event, None, None]:
        yield self._floor.env.timeout(wait_days)
        while True:
            self._floor.settle()
            self._review(self._groups[name])
            yield self._floor.env.timeout(self._groups[name].review_days)

    # -- decisions ----------------------------------------------------------------------------------------------

    def _review(self, group: EntryGroup) -> None:
        """The last ones leave while they expect less than the fixed cost; if none does, the next ones enter."""
        self._accrue()
        inside = [name for name in group.members if name in self.present]
        left = 0
        while inside and self._yearly_usd(inside[-1]) < group.fixed_cost_usd_per_year:
            self._leave(inside.pop())
            left += 1
        if left:
            return
        for name in group.members:
            if name in self.present or name in self._floor.exited:
                continue
            wanted = group.fixed_cost_usd_per_year
            if name not in self._entered_before:
                wanted += self._discount_rate_per_year * group.entry_cost_usd
            if self._yearly_usd(name) <= wanted:
                return
            self._enter(name, group)

    def _yearly_usd(self, name: str) -> float:
        return DAYS_PER_YEAR * self._foresight.profit_usd_per_day(name, self._floor.day)

    def _enter(self, name: str, group: EntryGroup) -> None:
        floor = self._floor
        spent = 0.0
        if name not in self._entered_before and group.entry_cost_usd:
            spent = group.entry_cost_usd
            floor.pay(books.TRAINING, name, books.COMPUTE, spent, "", name)
        self._entered_before.add(name)
        self.present[name] = floor.day
        floor.event("entry", name, name, spent, group.name)
        floor.put_on_sale(floor.board.index(name), "entry")
        self._after_entry(name)

    def _leave(self, name: str) -> None:
        self._accrue()
        del self.present[name]
        self._floor.event("leave", name, name)
        self._floor.withdraw(self._floor.own(name))

    # -- fixed costs --------------------------------------------------------------------------------------------

    def _accrue(self) -> None:
        """Fixed costs are owed up to today; an exit follows a report, at which those who leave have paid."""
        for name in self._floor.exited & self.present.keys():
            del self.present[name]
        yearly = {name: group.fixed_cost_usd_per_year for group in self._groups.values() for name in group.members}
        for name, since in self.present.items():
            days = self._floor.day - since
            self._owed_usd[name] = self._owed_usd.get(name, 0.0) + days / DAYS_PER_YEAR * yearly[name]
            self.present[name] = self._floor.day

    def _pay_fixed(self) -> None:
        self._accrue()
        for name, usd in self._owed_usd.items():
            if usd:
                self._floor.pay(books.FIXED, name, books.OTHERS, usd, "", name)
        self._owed_usd = {}
