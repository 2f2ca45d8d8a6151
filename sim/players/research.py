"""Labs that decide on frontier research, pay for it, and release what it gives.

Of the amounts {0, I0 2^k} within cash and credit a lab takes the one that maximises

    E[dpi_exclusive A(min(L, H)) + dpi_imitated (A(H) - A(min(L, H)))] - I        A(x) = (1 - exp(-r x))/r

over the noise of training. dpi is its expected profit (`prospects`) with the better model less that without it: at
first with imitators as they stand, from the lag L on with imitators who have kept their distance. Imitators, and L,
are those that the lab has seen so far. Projects under way count as done: a new one has to beat what they will give.
"""

from __future__ import annotations

import math
from collections.abc import Generator
from dataclasses import dataclass

import numpy as np
import simpy

from sim.players.abilities import Abilities
from sim.players.pricing.beliefs import Beliefs
from sim.players.prospects import Line, Prospects, Supposed, annuity_years, drawn
from sim.players.schedule import Key, Schedule, afford_usd
from sim.scenario.providers import Provider
from sim.scenario.research import ExpectedReturn, Research
from sim.scenario.scenario import Scenario
from sim.shared.units import DAYS_PER_YEAR
from sim.world import ledger as books
from sim.world.streams import Streams

GAIN_POINTS = 9  # of ability at which profits are computed; straight between them
_NOISE, _WEIGHT = np.polynomial.hermite_e.hermegauss(31)
_WEIGHT = _WEIGHT / _WEIGHT.sum()


@dataclass(frozen=True)
class _Project:
    """What is under way: the ability it is expected to give, and what was paid for it."""

    expected_theta: float
    usd: float
    started_day: float


@dataclass(frozen=True)
class _Choice:
    """One amount and what it is expected to bring."""

    usd: float
    expected_theta: float
    exclusive_usd_per_day: float
    imitated_usd_per_day: float
    value_usd: float


class Researchers:
    """The frontier labs of all providers."""

    def __init__(self, schedule: Schedule, abilities: Abilities, beliefs: Beliefs, streams: Streams) -> None:
        self._schedule, self._floor, self._abilities, self._streams = schedule, schedule.floor, abilities, streams
        self._prospects = Prospects(schedule.floor.board, beliefs)
        self._opened_with = schedule.floor.board.theta.mean(axis=0)
        self._under_way: dict[str, list[_Project]] = {}
        self._scenario: Scenario | None = None

    def plan(self, scenario: Scenario) -> None:
        """The labs are those of this scenario from now on; what is under way goes on."""
        self._scenario = scenario
        for provider in scenario.providers:
            self._schedule.keep(("research", provider.name), provider.lab.research, self._decisions)

    # -- decisions ----------------------------------------------------------------------------------------------

    def _decisions(self, key: Key, part: Research) -> Generator[simpy.Event, None, None]:
        while (yield from self._schedule.wait(key, part)):
            self._decide(self._provider(key[1]), part)

    def _decide(self, provider: Provider, part: Research) -> None:
        floor, name = self._floor, provider.name
        target = self._target(part)
        under_way = self._under_way.setdefault(name, [])
        present = max([self._mean(self._current(part)), *(project.expected_theta for project in under_way)])
        lag_years = self._lag_years(part)
        budget = afford_usd(floor, provider)
        if isinstance(part.rule, ExpectedReturn):
            choice = self._best(provider, part, present, lag_years, budget)
        else:
            usd = min(part.rule.share * max(self._trailing_profit_usd(name, part.rule.trailing_days), 0.0), budget)
            choice = _Choice(max(usd, 0.0), self._reach(part, usd), 0.0, 0.0, 0.0)
        floor.recorder.add(
            "research", floor.day, name, floor.board.offers[target], choice.usd, present, choice.expected_theta,
            lag_years * DAYS_PER_YEAR, choice.exclusive_usd_per_day, choice.imitated_usd_per_day, choice.value_usd,
        )  # fmt: skip
        if choice.usd > 0.0:
            floor.pay(books.RESEARCH, name, books.COMPUTE, choice.usd, "", floor.board.offers[target])
            project = _Project(choice.expected_theta, choice.usd, floor.day)
            under_way.append(project)
            floor.env.process(self._project(name, part, project))

    def _best(self, provider: Provider, part: Research, present: float, lag_years: float, budget: float) -> _Choice:
        """The amount of the largest expected value; 0 where none is worth it."""
        rule = part.rule
        assert isinstance(rule, ExpectedReturn)
        assert self._scenario is not None
        amounts = rule.least_usd * 2.0 ** np.arange(rule.doublings + 1)
        amounts = amounts[amounts <= budget]
        nothing = _Choice(0.0, 0.0, 0.0, 0.0, 0.0)
        highest = self._reach(part, float(amounts[-1])) + 3.0 * part.noise_sd if len(amounts) else present
        if highest <= present:
            return nothing
        exclusive, imitated = self._gains(provider.name, part, present, highest)
        rate = self._scenario.discount_rate_per_year
        whole = annuity_years(rule.horizon_years, rate)
        alone = annuity_years(min(lag_years, rule.horizon_years), rate)
        best = nothing
        for usd in map(float, amounts):
            mean = self._reach(part, usd)
            reached = mean + part.noise_sd * _NOISE
            released = reached > present
            first, then = (float(_WEIGHT @ np.where(released, line(reached), 0.0)) for line in (exclusive, imitated))
            value = DAYS_PER_YEAR * (first * alone + then * (whole - alone)) - usd
            if value > best.value_usd:
                best = _Choice(usd, mean, first, then, value)
        return best

    def _gains(self, name: str, part: Research, present: float, highest: float) -> tuple[Line, Line]:
        """Gain of profit in USD per day by mean ability, from `present` to `highest`: alone, and once imitated.

        Who follows keeps its distance: own students follow at once, imitators at first what is there or under way.
        """
        board, own = self._floor.board, self._floor.own(name)
        current, target = self._current(part), self._target(part)
        students = [j for j in self._students_of(self._line(part)) if j in own]
        rivals = self._abilities.followers(self._line(part))
        held = self._mean(current)
        profile = board.theta[:, current] - held
        on_sale = {} if target == current else {target: True} | dict.fromkeys(self._retired(part, target), False)

        def profit(theta: float, followed: float) -> float:
            abilities = {target: theta + profile}
            abilities |= {j: board.theta[:, j] + theta - held for j in students}
            abilities |= {j: board.theta[:, j] + followed - held for j in rivals}
            return self._prospects.profit_usd_per_day(name, Supposed(abilities, on_sale))

        without = profit(present, present) if present > held else self._prospects.profit_usd_per_day(name, Supposed())
        exclusive = drawn(lambda theta: profit(theta, present) - without, present, highest, GAIN_POINTS)
        if not rivals:
            return exclusive, exclusive
        return exclusive, drawn(lambda theta: profit(theta, theta) - without, present, highest, GAIN_POINTS)

    # -- releases -----------------------------------------------------------------------------------------------

    def _project(self, name: str, part: Research, project: _Project) -> Generator[simpy.Event, None, None]:
        floor, abilities = self._floor, self._abilities
        yield floor.env.timeout(part.release_days)
        self._under_way[name].remove(project)
        if name in floor.exited:
            return
        floor.settle()
        noise = self._streams.generator(f"lab/{name}/training_noise/{project.started_day:g}").standard_normal()
        theta = project.expected_theta + part.noise_sd * float(noise)
        current, target = self._current(part), self._target(part)
        words = f"ability {theta:.3f} for {project.usd:.4g} USD of day {project.started_day:g}"
        if theta <= self._mean(current):
            floor.event("shelved", name, floor.board.offers[target], project.usd, words)
            return
        profile = abilities.rest(current) - abilities.rest(current).mean()
        abilities.put(target, theta - abilities.added(target) + profile, "research")
        if target != current:
            self._schedule.put_on_sale(target)
            retired = self._retired(part, target)
            if retired:
                floor.withdraw(retired)
            for offer in retired:
                floor.event("retired", name, floor.board.offers[offer])
        floor.event("release", name, floor.board.offers[target], project.usd, words)
        self._schedule.after_release(name)

    # -- what is known ------------------------------------------------------------------------------------------

    def _line(self, part: Research) -> list[int]:
        return [self._floor.board.index(name) for name in (part.offer, *part.successors)]

    def _current(self, part: Research) -> int:
        """The newest offer of the line: the last successor that was released, or the first."""
        return next((j for j in reversed(self._line(part)[1:]) if not self._schedule.waits(j)), self._line(part)[0])

    def _target(self, part: Research) -> int:
        """The offer that the next model is for: the next that waits, else the newest."""
        return next((j for j in self._line(part)[1:] if self._schedule.waits(j)), self._current(part))

    def _retired(self, part: Research, target: int) -> list[int]:
        """Offers that leave when `target` comes."""
        if not part.retires:
            return []
        before = self._line(part)[: self._line(part).index(target)]
        return [j for j in before if self._floor.board.on_sale[j]]

    def _students_of(self, line: list[int]) -> list[int]:
        """Offers on sale whose labs distil them from one of these."""
        assert self._scenario is not None
        board = self._floor.board
        teachers = {board.offers[j] for j in line}
        return [
            board.index(student.offer)
            for provider in self._scenario.providers
            for student in provider.lab.students
            if student.teacher_offer in teachers and board.on_sale[board.index(student.offer)]
        ]

    def _reach(self, part: Research, usd: float) -> float:
        """Expected mean ability from an amount spent today."""
        if usd <= 0.0:
            return 0.0
        opened = self._opened_with[self._floor.board.index(part.offer)]
        reference = part.reference_theta if part.reference_theta is not None else float(opened)
        years = (self._floor.day - part.reference_day) / DAYS_PER_YEAR
        logs = math.log(usd / part.reference_usd) + part.progress_per_year * years
        return reference + part.ability_per_log_usd * logs

    def _mean(self, offer: int) -> float:
        """Mean ability over task classes."""
        return float(self._floor.board.theta[:, offer].mean())

    def _lag_years(self, part: Research) -> float:
        """The lag of imitators as seen so far; before any was seen none is expected within the horizon."""
        seen = self._abilities.mean_lag_days(self._line(part))
        if seen is not None:
            return seen / DAYS_PER_YEAR
        return part.rule.horizon_years if isinstance(part.rule, ExpectedReturn) else 0.0

    def _trailing_profit_usd(self, name: str, days: float) -> float:
        """What the books gained, research left out, in the last days."""
        ledger, since = self._floor.ledger, self._floor.day - days
        total = 0.0
        for index in range(len(ledger.day) - 1, -1, -1):
            if ledger.day[index] <= since:
                break
            if ledger.account[index] == books.RESEARCH:
                continue
            total += ledger.usd[index] * ((ledger.payee[index] == name) - (ledger.payer[index] == name))
        return total

    def _provider(self, name: str) -> Provider:
        assert self._scenario is not None
        return next(provider for provider in self._scenario.providers if provider.name == name)
