"""Labs that release distilled students on their day, and pay for the training and for the teacher's tokens."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable

import simpy

from sim.players.tokens import price_usd_per_mtok, sell_tokens
from sim.scenario.providers import Distillation, Lab, Provider
from sim.world import ledger as books
from sim.world.floor import Floor

AfterRelease = Callable[[str], None]


class Labs:
    """The labs of all providers.

    Attributes:
        released: names of the offers that labs have put on sale so far.
    """

    def __init__(self, floor: Floor, after_release: AfterRelease) -> None:
        self._floor, self._after_release = floor, after_release
        self._plans: dict[str, Lab] = {}
        self.released: set[str] = set()

    def plan(self, providers: Iterable[Provider]) -> None:
        """What each lab is to release from now on; a plan that is the same goes on, another one replaces it."""
        for provider in providers:
            if self._plans.get(provider.name) is not provider.lab:
                self._plans[provider.name] = provider.lab
                self._floor.env.process(self._releases(provider.name, provider.lab))

    def waiting(self) -> set[str]:
        """Offers that a release is yet to put on sale."""
        return {plan.offer for lab in self._plans.values() for plan in lab.releases} - self.released

    def _releases(self, name: str, lab: Lab) -> Generator[simpy.Event, None, None]:
        """Wait for each release day in turn, as long as the plan stands and the provider is there."""
        dated = [
            (plan.release_day, plan)
            for plan in lab.releases
            if plan.release_day is not None and plan.offer not in self.released
        ]
        for day, plan in sorted(dated, key=lambda pair: pair[0]):
            yield self._floor.env.timeout(day - self._floor.env.now)
            if name in self._floor.exited or self._plans[name] is not lab:
                return
            self._release(name, plan)

    def _release(self, name: str, plan: Distillation) -> None:
        floor = self._floor
        floor.settle()
        offer = floor.board.index(plan.offer)
        floor.board.on_sale[offer] = floor.board.wanted[offer]
        self.released.add(plan.offer)
        spent, detail = self._pay_for(name, plan)
        floor.event("release", name, plan.offer, spent, detail)
        floor.record_price(offer, "release")
        self._after_release(name)

    def _pay_for(self, name: str, plan: Distillation) -> tuple[float, str]:
        """Pay for training and tokens; returns USD spent, and from whom, in words."""
        floor, board = self._floor, self._floor.board
        spent = plan.training_cost_usd
        if plan.training_cost_usd:
            floor.pay(books.TRAINING, name, books.COMPUTE, plan.training_cost_usd, "", plan.offer)
        if plan.teacher_offer is None or not plan.teacher_output_mtok:
            return spent, "own teacher"
        teacher, mtok = board.index(plan.teacher_offer), plan.teacher_output_mtok
        usd = mtok * price_usd_per_mtok(board, teacher, mtok)  # one account, within a month
        sell_tokens(floor, name, teacher, mtok, usd)
        return spent + usd, f"{mtok:g} Mtok bought from {plan.teacher_offer}"
