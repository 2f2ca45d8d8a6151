"""A platform's choice between its supplier's model and one of its own, by net present value (USD).

With profits pi a year at re-optimised retail prices, r the discount rate, h the belief in being cut off or met by the
supplier's entry, A(T) = (1 - exp(-r T))/r and A_h(T) the same at r + h:

    cut            V_cut = max(pi_cut/r, over m: -C_m + pi_cut A(T_m) + exp(-r T_m) pi_m/r)
    stay           (pi(w) + h V_cut)/(r + h)
    build m        -C_m + pi(w) A_h(T_m) + pi_cut (A(T_m) - A_h(T_m)) + exp(-r T_m) U_m
    then           U_m = max(pi_m/r, s_m (pi_both + h pi_m/r)/(r + h) + (1 - s_m) pi_m/r),  s_m = exp(-h T_m)

pi_cut is the profit with the best fallback, pi_m with the built model alone, pi_both with both as long as supply lasts.
While a model is being built supply may be lost as well, which the second and third terms of `build` and s_m say.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sim.players.bargaining import Pair, cut, without_deal
from sim.players.builders import Builders
from sim.players.channel import answer, income
from sim.players.decisions import Act
from sim.players.tokens import buy_tokens, monthly_mtok, price_usd_per_mtok
from sim.scenario.providers import Provider
from sim.scenario.reselling import Build, MakeOrBuy
from sim.shared.units import DAYS_PER_YEAR
from sim.world.board import Board


@dataclass(frozen=True)
class Plan:
    """A build in figures: cost, time, and yearly profits with it alone and with supply besides."""

    cost_usd: float
    years: float
    alone_usd_per_year: float
    both_usd_per_year: float


@dataclass(frozen=True)
class Choice:
    """Net present values, USD: of staying, and of each plan in order."""

    stay_usd: float
    build_usd: tuple[float, ...]

    @property
    def best(self) -> int:
        """The plan's index, -1 for staying; a tie stays."""
        return max(range(-1, len(self.build_usd)), key=lambda m: (self.stay_usd, *self.build_usd)[m + 1])


def choose(
    supplied_usd_per_year: float | None, cut_usd_per_year: float, plans: Sequence[Plan], rate: float, hazard: float
) -> Choice:
    """The values of all choices; `supplied_usd_per_year` is None once supply is lost. `rate` is above zero."""

    def annuity(years: float, at: float) -> float:
        return (1.0 - math.exp(-at * years)) / at

    def from_nothing(plan: Plan) -> float:
        later = math.exp(-rate * plan.years) * plan.alone_usd_per_year / rate
        return -plan.cost_usd + cut_usd_per_year * annuity(plan.years, rate) + later

    if supplied_usd_per_year is None:
        return Choice(cut_usd_per_year / rate, tuple(from_nothing(plan) for plan in plans))
    value_cut = max([cut_usd_per_year / rate, *(from_nothing(plan) for plan in plans)])
    stay = (supplied_usd_per_year + hazard * value_cut) / (rate + hazard)
    builds = []
    for plan in plans:
        hazardous, safe = annuity(plan.years, rate + hazard), annuity(plan.years, rate)
        alone = plan.alone_usd_per_year / rate
        lasting = math.exp(-hazard * plan.years)
        both = lasting * (plan.both_usd_per_year + hazard * alone) / (rate + hazard) + (1.0 - lasting) * alone
        until = supplied_usd_per_year * hazardous + cut_usd_per_year * (safe - hazardous)
        builds.append(-plan.cost_usd + until + math.exp(-rate * plan.years) * max(alone, both))
    return Choice(stay, tuple(builds))


class MakersOrBuyers(Builders[MakeOrBuy]):
    """The platforms that think about a model of their own."""

    def _part_of(self, provider: Provider) -> MakeOrBuy | None:
        return provider.make_or_buy

    def _decide(self, name: str, part: MakeOrBuy) -> Act | None:
        floor, board = self._floor, self._floor.board
        pair = self._pair(name)
        lost, plans = self._profits(pair, part)
        now = None
        if self._resellers.supplied(pair):
            now = self._yearly(pair, lambda: None)
        found = choose(now, lost, plans, self._scenario.discount_rate_per_year, part.hazard_per_year)
        build = part.builds[found.best] if found.best >= 0 else None
        values = ", ".join(
            f"{plan.route} {plan.offer} {value:.6g}" for plan, value in zip(part.builds, found.build_usd, strict=True)
        )
        words = f"net present value, USD: stay {found.stay_usd:.6g}, {values}"
        if build is not None and plans[found.best].cost_usd > self._ready_usd(name):
            words, build = f"{words}; not enough cash", None
        floor.event("make_or_buy", name, build.offer if build else board.offers[pair.resold[0]], detail=words)
        return None if build is None else self._building(name, build)

    def _building(self, name: str, build: Build) -> Act:
        """Pay, wait for the model, put it on sale, and keep the supplier's beside it only if that earns more."""
        floor, board = self._floor, self._floor.board
        self._pay_for_build(name, build.offer, build.cost_usd)
        spent, tokens = self._cost_usd(build), None
        if build.teacher_offer is not None and build.teacher_output_mtok:
            teacher = board.index(build.teacher_offer)
            mtok, days = build.teacher_output_mtok, build.build_days
            tokens = buy_tokens(floor, name, teacher, mtok, days, lambda: self._price_usd_per_mtok(build))
        if not (yield from self._wait_for_build(name, build.offer, spent, build.build_days, build.route, tokens)):
            return
        pair, offer = self._pair(name), board.index(build.offer)
        alone = self._yearly(pair, lambda: _built_alone(board, pair, offer))
        both = self._yearly(pair, lambda: _built_besides(board, offer))
        self._release(name, build.offer, build.route)
        if alone >= both * (1.0 - 1e-9):  # supply that adds nothing is not renewed
            self._resellers.drop(pair, offer)
        self._after_release(name)

    def _price_usd_per_mtok(self, build: Build) -> float:
        """What a build's tokens cost, by one account that takes them while the model is being built."""
        if build.teacher_offer is None:
            return 0.0
        board, volume = self._floor.board, monthly_mtok(build.teacher_output_mtok, build.build_days)
        return price_usd_per_mtok(board, board.index(build.teacher_offer), volume)

    def _profits(self, pair: Pair, part: MakeOrBuy) -> tuple[float, list[Plan]]:
        """Yearly profit when cut off, and every build in figures."""
        board = self._floor.board
        _, lost, _ = without_deal(board, self._beliefs, pair)
        plans = []
        for build in part.builds:
            offer = board.index(build.offer)

            def alone(offer: int = offer) -> None:
                _built_alone(board, pair, offer)

            def both(offer: int = offer) -> None:
                _built_besides(board, offer)

            plans.append(
                Plan(self._cost_usd(build), build.build_days / DAYS_PER_YEAR, self._yearly(pair, alone),
                     self._yearly(pair, both))
            )  # fmt: skip
        return lost * DAYS_PER_YEAR, plans

    def _cost_usd(self, build: Build) -> float:
        return build.cost_usd + build.teacher_output_mtok * self._price_usd_per_mtok(build)

    def _yearly(self, pair: Pair, change: Callable[[], None]) -> float:
        """The platform's expected profit of a year on a changed board, retail re-optimised; the board is put back."""
        with self._floor.board.hypothetical() as board:
            change()
            answer(board, self._beliefs, [pair.buyer])
            return income(board, self._beliefs, pair.buyer) * DAYS_PER_YEAR

    def _pair(self, name: str) -> Pair:
        return next(pair for pair in self._resellers.pairs() if pair.buyer_name == name)


def _built_alone(board: Board, pair: Pair, offer: int) -> None:
    cut(board, pair, offer)
    board.on_sale[offer] = True


def _built_besides(board: Board, offer: int) -> None:
    board.on_sale[offer] = True
