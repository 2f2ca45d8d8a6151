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
from sim.players.tokens import monthly_mtok, price_usd_per_mtok, sell_tokens
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
            spent = self._pay(key[1], part)
            if spent is not None:
                yield self._floor.env.process(self._round(key[1], part, gain, spent))

    def _pay(self, name: str, part: Reinforcement) -> float | None:
        """Pay for compute and for the judge; returns USD spent, None where it cannot be done."""
        floor, board = self._floor, self._floor.board
        assert self._scenario is not None
        provider = next(one for one in self._scenario.providers if one.name == name)
        tokens = 0.0
        judge, seller = -1, ""
        if part.judge_offer is not None:
            judge = board.index(part.judge_offer)
            seller = board.owners[judge]
            if seller != name and not board.on_sale[judge]:
                return None
            volume = monthly_mtok(part.judge_output_mtok, part.round_days)
            rate = price_usd_per_mtok(board, judge, volume, self._gates.terms_of(judge).bulk_price_ratio)
            tokens = part.judge_output_mtok * (float(board.cost[2, judge]) if seller == name else rate)
        if part.round_usd + tokens > afford_usd(floor, provider):
            floor.event("unaffordable", name, part.offer, 0.0, f"a round for {part.round_usd + tokens:.4g} USD")
            return None
        if part.round_usd:
            floor.pay(books.TRAINING, name, books.COMPUTE, part.round_usd, "", part.offer)
        if judge >= 0 and part.judge_output_mtok:
            if seller == name:
                floor.pay(books.SERVING, name, books.COMPUTE, tokens, "", board.offers[judge])
            else:
                sell_tokens(floor, name, judge, part.judge_output_mtok, tokens)
        return part.round_usd + tokens

    def _round(self, name: str, part: Reinforcement, gain: float, spent: float) -> Generator[simpy.Event, None, None]:
        floor, offer = self._floor, self._floor.board.index(part.offer)
        self._spent_usd[offer] = self._spent_usd.get(offer, 0.0) + part.round_usd
        yield floor.env.timeout(part.round_days)
        if name in floor.exited:
            return
        floor.settle()
        self._abilities.add(offer, self._abilities.added(offer) + gain, "reinforcement")
        floor.event("release", name, part.offer, spent, f"{gain:.3g} logits by a judge with error {part.judge_error:g}")
        self._schedule.after_release(name)
