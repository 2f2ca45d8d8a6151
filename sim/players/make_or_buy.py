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
from sim.players.channel import answer, hypothetical, income
from sim.players.decisions import Act, Decisions
from sim.players.pricing.beliefs import Beliefs
from sim.players.reseller import Resellers, owner_named
from sim.scenario.reselling import Build, MakeOrBuy
from sim.scenario.scenario import Scenario
from sim.shared.units import DAYS_PER_YEAR
from sim.world import ledger as books
from sim.world.board import Board
from sim.world.floor import Floor


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


class MakersOrBuyers:
    """The platforms that think about a model of their own."""

    def __init__(
        self,
        floor: Floor,
        beliefs: Beliefs,
        resellers: Resellers,
        scenario: Scenario,
        after_release: Callable[[str], None],
    ) -> None:
        self._floor, self._beliefs, self._resellers = floor, beliefs, resellers
        self._after_release = after_release
        self._scenario = scenario
        self._decisions = Decisions(floor, lambda provider: provider.make_or_buy, self._decide)

    def start(self, scenario: Scenario) -> None:
        """Let every platform of the scenario decide from now on."""
        self._scenario = scenario
        self._decisions.start(scenario)

    def _decide(self, name: str, part: MakeOrBuy) -> Act | None:
        floor, board = self._floor, self._floor.board
        pair = self._pair(name)
        lost, plans = self._profits(pair, part)
        now = None
        if self._resellers.supplied(pair):
            now = self._yearly(pair, lambda: None)
        found = choose(now, lost, plans, self._scenario.discount_rate_per_year, part.hazard_per_year)
        treasury = owner_named(self._scenario, name).treasury
        ready = floor.ledger.cash_usd(name) + treasury.credit_limit_usd
        build = part.builds[found.best] if found.best >= 0 else None
        values = ", ".join(
            f"{plan.route} {plan.offer} {value:.6g}" for plan, value in zip(part.builds, found.build_usd, strict=True)
        )
        words = f"net present value, USD: stay {found.stay_usd:.6g}, {values}"
        if build is not None and plans[found.best].cost_usd > ready:
            words, build = f"{words}; not enough cash", None
        floor.event("make_or_buy", name, build.offer if build else board.offers[pair.resold[0]], detail=words)
        return None if build is None else self._building(name, build)

    def _building(self, name: str, build: Build) -> Act:
        """Pay, wait, put the model on sale, and keep the supplier's beside it only if that earns more."""
        floor, board = self._floor, self._floor.board
        if build.cost_usd:
            floor.pay(books.TRAINING, name, books.COMPUTE, build.cost_usd, "", build.offer)
        spent = build.cost_usd
        if build.teacher_offer is not None and build.teacher_output_mtok:
            spent += self._buy_tokens(name, board.index(build.teacher_offer), build.teacher_output_mtok)
        floor.event("build", name, build.offer, spent, build.route)
        yield floor.env.timeout(build.build_days)
        if name in floor.exited:
            return
        floor.settle()
        pair, offer = self._pair(name), board.index(build.offer)
        alone = self._yearly(pair, lambda: _built_alone(board, pair, offer))
        both = self._yearly(pair, lambda: _built_besides(board, offer))
        floor.put_on_sale(offer, "release")
        floor.event("release", name, build.offer, 0.0, build.route)
        if alone >= both * (1.0 - 1e-9):  # supply that adds nothing is not renewed
            self._resellers.drop(pair, offer)
        self._after_release(name)

    def _buy_tokens(self, name: str, teacher: int, output_mtok: float) -> float:
        """Pay for the teacher's output tokens at its posted price; returns USD."""
        floor, board = self._floor, self._floor.board
        seller, offer = board.owners[teacher], board.offers[teacher]
        usd = float(output_mtok * board.price[2, teacher])
        floor.pay(books.TEACHER_TOKENS, name, seller, usd, "", offer, 0.0, output_mtok)
        floor.pay(books.SERVING, seller, books.COMPUTE, float(output_mtok * board.cost[2, teacher]), "", offer)
        return usd

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
        board = self._floor.board
        if build.teacher_offer is None:
            return build.cost_usd
        return build.cost_usd + float(build.teacher_output_mtok * board.price[2, board.index(build.teacher_offer)])

    def _yearly(self, pair: Pair, change: Callable[[], None]) -> float:
        """The platform's expected profit of a year on a changed board, retail re-optimised; the board is put back."""
        with hypothetical(self._floor.board) as board:
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
