"""Labs that distil, again and again: take tokens, pay for them, train, and release a student that is better.

A student is made from the version of its teacher that stood when the campaign began. Tokens of one version add up, and
what the student could do before the first of them is what the curve starts from. Tokens of a rival's are taken in steps
of a week, on the terms and at the price of the week's start: as demand on the fleet that serves them, which refuses
what it has no room for, and paid by the tariff of the copier's own accounts.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field

import numpy as np
import simpy

from sim.players.abilities import Abilities, Version
from sim.players.access import Copier, Gates, Terms
from sim.players.pricing.beliefs import Beliefs
from sim.players.prospects import Prospects, Supposed, annuity_years
from sim.players.schedule import Key, Schedule, afford_usd
from sim.players.scraper import Plan, Standing, largest_value
from sim.players.tokens import SERVED_ALMOST, STEP_DAYS, price_usd_per_mtok, sell_tokens
from sim.scenario.access import Accounts, OpenWeights, Own, Scraped
from sim.scenario.providers import Provider
from sim.scenario.scenario import Scenario
from sim.scenario.students import Student
from sim.shared.units import DAYS_PER_MONTH, DAYS_PER_YEAR, TOKENS_PER_MTOK
from sim.world import ledger as books
from sim.world.distillation import Published


@dataclass
class _Held:
    """What a student has had of the newest version of its teacher that it knows."""

    version: Version
    own: np.ndarray
    effective_mtok: float = 0.0
    spent_usd: float = 0.0
    plan: Plan | None = field(default=None)


class Students:
    """The students of all providers."""

    def __init__(self, schedule: Schedule, abilities: Abilities, beliefs: Beliefs, published: Published | None) -> None:
        self._schedule, self._floor, self._abilities = schedule, schedule.floor, abilities
        self._published = published
        self._prospects = Prospects(schedule.floor.board, beliefs)
        self._held: dict[int, _Held] = {}
        self._scenario: Scenario | None = None
        self.gates: Gates | None = None

    def plan(self, scenario: Scenario) -> None:
        """The labs are those of this scenario from now on; tokens taken and trainings under way stay."""
        self._scenario = scenario
        for provider in scenario.providers:
            for part in provider.lab.students:
                self._schedule.keep(("student", provider.name, part.offer), part, self._cycles)

    def copiers_of(self, provider: str) -> list[Copier]:
        """The last campaigns against offers on sale that a provider sells, or serves for who resells them."""
        assert self._scenario is not None
        board = self._floor.board
        out: list[Copier] = []
        for rival in self._scenario.providers:
            for part in rival.lab.students:
                teacher, student = board.index(part.teacher_offer), board.index(part.offer)
                held = self._held.get(student)
                served_by = {board.owners[j] for j in (teacher, int(board.supplier_offer[teacher])) if j >= 0}
                theirs = provider in served_by and rival.name not in self._floor.exited
                if theirs and board.on_sale[teacher] and held is not None and held.plan is not None:
                    out.append(_Campaign(self, part, held.plan, student, teacher, provider))
        return out

    # -- one cycle ----------------------------------------------------------------------------------------------

    def _cycles(self, key: Key, part: Student) -> Generator[simpy.Event, None, None]:
        while (yield from self._schedule.wait(key, part)):
            taken = yield from self._campaign(key, part)
            if taken and self._schedule.stands(key, part):
                yield self._floor.env.process(self._training(key[1], part))

    def _campaign(self, key: Key, part: Student) -> Generator[simpy.Event, None, bool]:
        """Take tokens; returns whether there is something to train on."""
        floor, board, name = self._floor, self._floor.board, key[1]
        teacher, student = board.index(part.teacher_offer), board.index(part.offer)
        held = self.held(part)
        self._held[student] = held
        if isinstance(part.source, Own | OpenWeights):
            return self._write(name, part, held, part.source)
        if not board.on_sale[teacher]:
            return False
        assert self.gates is not None
        terms = self.gates.terms_of(teacher)
        plan = self._planned(name, part, held, terms)
        if plan.accounts <= 0.0:
            return False
        held.plan = plan
        fee = plan.opening_usd
        if fee:
            floor.pay(books.ACCOUNTS, name, books.BROKERS, fee, "", part.offer)
            held.spent_usd += fee
        before = held.effective_mtok
        yield from self._collect(key, part, held, plan, teacher)
        return held.effective_mtok > before

    def _write(self, name: str, part: Student, held: _Held, source: Own | OpenWeights) -> bool:
        """The own teacher, or public weights, write at their cost of serving."""
        floor = self._floor
        teacher = floor.board.index(part.teacher_offer)
        effective = source.output_mtok * part.worth.full * self._efficiency(part)
        usd = float(source.output_mtok * floor.board.cost[2, teacher])
        if not self._worthwhile(name, part, held, effective, usd):
            return False
        if usd:
            usd = floor.pay(books.SERVING, name, books.COMPUTE, usd, "", part.teacher_offer)
        held.effective_mtok += effective
        held.spent_usd += usd
        return True

    def _collect(
        self, key: Key, part: Student, held: _Held, plan: Plan, teacher: int
    ) -> Generator[simpy.Event, None, None]:
        """Take tokens week by week; what the teacher's fleet has no room for is refused, and asked for again."""
        floor, board, name = self._floor, self._floor.board, key[1]
        seller = board.owners[teacher]
        assert self.gates is not None
        alive, taken, left, refused = 1.0, 0.0, plan.days, False
        while left > 1e-9 and alive > 1e-6:
            terms = self.gates.terms_of(teacher)
            price = self._price_usd_per_mtok(plan, terms, teacher)
            days = min(STEP_DAYS, left)
            if plan.wanted_mtok is not None:
                missing = plan.wanted_mtok - taken
                if missing <= SERVED_ALMOST * plan.wanted_mtok:
                    return
                if not refused:
                    days = min(days, plan.days_until(terms, missing, alive))
            asked = plan.mtok(terms, days, alive)
            if refused and plan.wanted_mtok is not None:
                asked = min(asked, missing)  # over a whole step again: short ones would ask without end
            flow = floor.begin_bulk(teacher, asked / days, asked / days / plan.mtok_per_request)
            yield floor.env.timeout(days)
            mtok = asked if flow is None else floor.end_bulk(flow)
            refused = mtok < asked
            if not self._schedule.stands(key, part) or seller in floor.exited or not board.on_sale[teacher]:
                return
            left -= days
            alive *= (1.0 - plan.flagged(terms)) ** days
            effective = mtok * part.worth.of(terms.returns) * self._efficiency(part)
            requests = mtok / plan.mtok_per_request
            taken += mtok
            held.effective_mtok += effective
            held.spent_usd += mtok * price + plan.lending_usd(mtok)
            sell_tokens(floor, name, teacher, mtok, mtok * price, requests)
            if plan.lent is not None:
                floor.pay(books.ACCOUNTS, name, plan.lent.reseller, plan.lending_usd(mtok), "", part.offer, requests)
            floor.recorder.add(
                "takings", floor.day, name, part.offer, part.teacher_offer, plan.accounts, alive,
                terms.pace(plan.pace), requests, mtok, effective, terms.returns, mtok * price,
            )  # fmt: skip

    def _training(self, name: str, part: Student) -> Generator[simpy.Event, None, None]:
        """Train on what was taken and release the student, if it is better; goes on whatever is planned anew."""
        floor, abilities = self._floor, self._abilities
        student, teacher = floor.board.index(part.offer), floor.board.index(part.teacher_offer)
        held = self._held[student]
        usd = self._training_usd(part)
        if usd:
            floor.pay(books.TRAINING, name, books.COMPUTE, usd, "", part.offer)
        yield floor.env.timeout(part.training_days * part.time_factor_per_year**self._years)
        if name in floor.exited:
            return
        floor.settle()
        spent, held.spent_usd = held.spent_usd + usd, 0.0
        theta = self._standing(held).theta(part, 0.0)
        words = f"{held.effective_mtok:.4g} effective Mtok of {part.teacher_offer}, version {held.version.number}"
        if theta.mean() <= abilities.rest(student).mean():
            floor.event("shelved", name, part.offer, spent, words)
            return
        abilities.put(student, theta, "distillation")
        if part.waits and self._schedule.waits(student):
            self._schedule.put_on_sale(student)
        if floor.board.owners[teacher] != name and floor.board.on_sale[student]:
            abilities.followed(teacher, student, held.version)
        floor.event("release", name, part.offer, spent, words)
        self._schedule.after_release(name)

    # -- what is planned ----------------------------------------------------------------------------------------

    def held(self, part: Student) -> _Held:
        """What the student has had of its teacher's newest version; nothing of one that is new."""
        board = self._floor.board
        student = board.index(part.offer)
        version = self._abilities.version(board.index(part.teacher_offer))
        known = self._held.get(student)
        if known is not None and known.version.number == version.number:
            return known
        plan, spent = (known.plan, known.spent_usd) if known is not None else (None, 0.0)
        return _Held(version, self._abilities.rest(student), 0.0, spent, plan)

    def _planned(self, name: str, part: Student, held: _Held, terms: Terms) -> Plan:
        """The campaign on today's terms; without accounts where it is not worth beginning."""
        source, board = part.source, self._floor.board
        assert isinstance(source, Accounts | Scraped)
        teacher = board.index(part.teacher_offer)
        worth = part.worth.of(terms.returns) * self._efficiency(part)
        if isinstance(source, Scraped):
            rate = self._scenario.discount_rate_per_year if self._scenario is not None else 0.0
            return largest_value(
                part, source, terms, worth, self._gain(name, part, held),
                lambda plan: self._price_usd_per_mtok(plan, terms, teacher), self._training_usd(part),
                self._budget_usd(name), DAYS_PER_YEAR * annuity_years(source.horizon_years, rate),
            )  # fmt: skip
        per_request = source.output_tokens_per_request / TOKENS_PER_MTOK
        fixed = Plan(
            source.accounts, source.requests_per_account_day, per_request, source.output_mtok, source.most_days,
            source.account_usd, source.lent,
        )  # fmt: skip
        mtok = fixed.whole_mtok(terms)
        usd = mtok * self._price_usd_per_mtok(fixed, terms, teacher) + fixed.opening_usd + fixed.lending_usd(mtok)
        if self._worthwhile(name, part, held, mtok * worth, usd):
            return fixed
        return Plan(0.0, fixed.pace, per_request, 0.0, fixed.days, 0.0)

    def _gain(self, name: str, part: Student, held: _Held):  # type: ignore[no-untyped-def]
        """The function from more effective tokens, in millions, to the gain of a day's profit, USD."""
        student = self._floor.board.index(part.offer)
        now = self._abilities.rest(student)
        without = self._prospects.profit_usd_per_day(name, Supposed())
        added = self._abilities.added(student)

        def gain(more_mtok: float) -> float:
            theta = self._standing(held).theta(part, more_mtok)
            if more_mtok <= 0.0 or theta.mean() - now.mean() < part.least_gain_logits:
                return 0.0
            return (
                self._prospects.profit_usd_per_day(name, Supposed({student: theta + added}, {student: True})) - without
            )

        return gain

    def _worthwhile(self, name: str, part: Student, held: _Held, effective_mtok: float, usd: float) -> bool:
        """Whether a dose would raise the student's ability enough, and can be paid."""
        student = self._floor.board.index(part.offer)
        rise = self._standing(held).theta(part, effective_mtok).mean() - self._abilities.rest(student).mean()
        if rise < part.least_gain_logits:
            return False
        if usd + self._training_usd(part) > self._budget_usd(name):
            self._floor.event("unaffordable", name, part.offer, 0.0, f"a student for {usd:.4g} USD and its training")
            return False
        return True

    def _training_usd(self, part: Student) -> float:
        return float(part.training_cost_usd * part.cost_factor_per_year**self._years)

    def _efficiency(self, part: Student) -> float:
        return float(part.efficiency * part.dose_factor_per_year**self._years)

    @property
    def _years(self) -> float:
        return self._floor.day / DAYS_PER_YEAR

    def _budget_usd(self, name: str) -> float:
        assert self._scenario is not None
        provider: Provider = next(one for one in self._scenario.providers if one.name == name)
        return afford_usd(self._floor, provider)

    def worth(self, part: Student, terms: Terms) -> float:
        """Effective tokens a token on these terms, today."""
        return part.worth.of(terms.returns) * self._efficiency(part)

    def afresh(self, part: Student, effective_mtok: float) -> np.ndarray:
        """The student's ability had it taken so much, and no more, of its teacher's newest version; shape (C,)."""
        held = self.held(part)
        added = self._abilities.added(self._floor.board.index(part.offer))
        standing = Standing(held.version.theta, held.own, 0.0, self._published)
        return standing.theta(part, effective_mtok) + added

    def _standing(self, held: _Held) -> Standing:
        return Standing(held.version.theta, held.own, held.effective_mtok, self._published)

    def _price_usd_per_mtok(self, plan: Plan, terms: Terms, teacher: int) -> float:
        """What one of a campaign's accounts pays for output tokens on these terms, today."""
        volume = terms.pace(plan.pace) * plan.mtok_per_request * DAYS_PER_MONTH
        return price_usd_per_mtok(self._floor.board, teacher, volume, terms.bulk_price_ratio)

    def margin_usd_per_mtok(self, victim: str, plan: Plan, terms: Terms, teacher: int) -> float:
        """What `victim`, who sells the teacher's tokens or serves who resells them, earns on a million of them."""
        board = self._floor.board
        if board.owners[teacher] == victim:
            return self._price_usd_per_mtok(plan, terms, teacher) - float(board.cost[2, teacher])
        supplier = int(board.supplier_offer[teacher])
        return float(board.price[2, supplier] - board.cost[2, supplier])


@dataclass(frozen=True)
class _Campaign:
    """A copier as its victim knows it: the seller of its teacher, or who serves what that one resells."""

    students: Students
    part: Student
    plan: Plan
    student: int
    teacher: int
    victim: str

    @property
    def campaign_days(self) -> float:
        return self.part.every_days or self.plan.days

    def _met(self, terms: Terms) -> Terms:
        """What the copier meets where the victim tries these terms."""
        assert self.students.gates is not None
        return self.students.gates.terms_of(self.teacher, {self.victim: terms})

    def mtok(self, terms: Terms) -> float:
        return self.plan.whole_mtok(self._met(terms))

    def theta(self, terms: Terms) -> np.ndarray:
        return self.students.afresh(self.part, self.mtok(terms) * self.students.worth(self.part, self._met(terms)))

    def margin_usd(self, terms: Terms) -> float:
        margin = self.students.margin_usd_per_mtok(self.victim, self.plan, self._met(terms), self.teacher)
        return self.mtok(terms) * margin
