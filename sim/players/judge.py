"""Labs that train an offer against a judge, round by round; it may pass whoever taught it.

A round of cost I after C was spent adds K(e) (exp(-C/C0) - exp(-(C+I)/C0)): with one judge throughout these sum to
K(e) (1 - exp(-C/C0)), and a better judge counts from its first round on.
"""

from __future__ import annotations

from collections.abc import Generator

import simpy

from sim.players.abilities import Abilities
from sim.players.access import Gates
from sim.players.schedule import Key, Schedule, afford_usd
from sim.players.tokens import buy_tokens, monthly_mtok, price_usd_per_mtok
from sim.scenario.scenario import Scenario
from sim.scenario.students import Reinforcement
from sim.world import ledger as books
from sim.world.distillation import judged_gain


class Judged:
    """The reinforcement of all providers' offers."""

    def __init__(self, schedule: Schedule, abilities: Abilities, gates: Gates) -> None:
        self._schedule, self._floor, self._abilities, self._gates = schedule, schedule.floor, abilities, gates
        self._spent_usd: dict[int, float] = {}
        self._scenario: Scenario | None = None

    def plan(self, scenario: Scenario) -> None:
        """The labs are those of this scenario from now on; what was spent stays, a round under way is finished."""
        self._scenario = scenario
        for provider in scenario.providers:
            for part in provider.lab.reinforcement:
                self._schedule.keep(("reinforcement", provider.name, part.offer), part, self._rounds)

    def _rounds(self, key: Key, part: Reinforcement) -> Generator[simpy.Event, None, None]:
        while (yield from self._schedule.wait(key, part)):
            before = self._spent_usd.get(self._floor.board.index(part.offer), 0.0)
            gain = judged_gain(part, before + part.round_usd) - judged_gain(part, before)
            if gain < part.least_gain_logits:
                continue
            cost_usd = part.round_usd + part.judge_output_mtok * self._rate_usd_per_mtok(key[1], part)
            if self._can(key[1], part, cost_usd):
                judged = self._pay(key[1], part)
                yield self._floor.env.process(self._round(key[1], part, gain, cost_usd, judged))

    def _can(self, name: str, part: Reinforcement, cost_usd: float) -> bool:
        """Whether the judge is to be had and the round can be paid."""
        floor, board = self._floor, self._floor.board
        assert self._scenario is not None
        provider = next(one for one in self._scenario.providers if one.name == name)
        if part.judge_offer is not None:
            judge = board.index(part.judge_offer)
            if board.owners[judge] != name and not board.on_sale[judge]:
                return False
        if cost_usd > afford_usd(floor, provider):
            floor.event("unaffordable", name, part.offer, 0.0, f"a round for {cost_usd:.4g} USD")
            return False
        return True

    def _rate_usd_per_mtok(self, name: str, part: Reinforcement) -> float:
        """What the judge's tokens cost: the own one's its serving, another's what one account pays; 0 without one."""
        if part.judge_offer is None:
            return 0.0
        board, judge = self._floor.board, self._floor.board.index(part.judge_offer)
        if board.owners[judge] == name:
            return float(board.cost[2, judge])
        volume = monthly_mtok(part.judge_output_mtok, part.round_days)
        return price_usd_per_mtok(board, judge, volume, self._gates.terms_of(judge).bulk_price_ratio)

    def _pay(self, name: str, part: Reinforcement) -> simpy.Event | None:
        """Pay for compute and for the judge; returns what to wait for where its verdicts come by and by."""
        floor, board = self._floor, self._floor.board
        if part.round_usd:
            floor.pay(books.TRAINING, name, books.COMPUTE, part.round_usd, "", part.offer)
        if part.judge_offer is None or not part.judge_output_mtok:
            return None
        judge, mtok = board.index(part.judge_offer), part.judge_output_mtok
        if board.owners[judge] == name:
            usd = mtok * self._rate_usd_per_mtok(name, part)
            floor.pay(books.SERVING, name, books.COMPUTE, usd, "", part.judge_offer)
            return None
        return buy_tokens(floor, name, judge, mtok, part.round_days, lambda: self._rate_usd_per_mtok(name, part))

    def _round(
        self, name: str, part: Reinforcement, gain: float, spent: float, judged: simpy.Event | None
    ) -> Generator[simpy.Event, None, None]:
        floor, offer = self._floor, self._floor.board.index(part.offer)
        self._spent_usd[offer] = self._spent_usd.get(offer, 0.0) + part.round_usd
        yield floor.env.timeout(part.round_days)
        if judged is not None:
            yield judged
        if name in floor.exited:
            return
        floor.settle()
        self._abilities.add(offer, self._abilities.added(offer) + gain, "reinforcement")
        floor.event("release", name, part.offer, spent, f"{gain:.3g} logits by a judge with error {part.judge_error:g}")
        self._schedule.after_release(name)
