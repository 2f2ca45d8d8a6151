"""A supplier's entry into its buyer's business, and whether it goes on supplying, by net present value (USD).

    stay out   Pi/r           enter and supply   -F + Pi A(T) + exp(-r T) Pi_enter/r
                              enter and cut      the same with Pi_cut

Pi are expected yearly incomes of the supplier, retail and wholesale, with the retail prices of both answering one
another; the wholesale price stands.
"""

from __future__ import annotations

import math

from sim.players.bargaining import Pair, cut, without_deal
from sim.players.builders import Builders
from sim.players.channel import answer, income
from sim.players.decisions import Act
from sim.scenario.providers import Provider
from sim.scenario.reselling import ForwardEntry
from sim.shared.units import DAYS_PER_YEAR


class ForwardEntrants(Builders[ForwardEntry]):
    """The suppliers that think about their buyers' business."""

    def _part_of(self, provider: Provider) -> ForwardEntry | None:
        return provider.forward_entry

    def _decide(self, name: str, part: ForwardEntry) -> Act | None:
        floor, rate = self._floor, self._scenario.discount_rate_per_year
        out, enter, enter_and_cut = self._yearly(name, part)
        years = part.build_days / DAYS_PER_YEAR
        later = math.exp(-rate * years) / rate
        until = out * (1.0 - math.exp(-rate * years)) / rate
        best = max(enter, enter_and_cut) if part.may_cut else enter
        stay, go = out / rate, -part.cost_usd + until + later * best
        words = f"net present value, USD: stay out {stay:.6g}, enter {go:.6g}"
        if part.may_cut:
            words += ", and cut supply" if enter_and_cut > enter else ", and go on supplying"
        go_ahead = go > stay and part.cost_usd <= self._ready_usd(name)
        floor.event("forward_entry", name, part.offer, 0.0, words)
        return self._entry(name, part) if go_ahead else None

    def _entry(self, name: str, part: ForwardEntry) -> Act:
        self._pay_for_build(name, part.offer, part.cost_usd)
        if not (yield from self._wait_for_build(name, part.offer, part.cost_usd, part.build_days, "forward entry")):
            return
        _, enter, enter_and_cut = self._yearly(name, part)
        self._release(name, part.offer, "forward entry")
        self._after_release(name)
        if part.may_cut and enter_and_cut > enter:
            for pair in self._pairs(name):
                if self._resellers.supplied(pair):
                    self._resellers.cut_off(pair.wholesale)

    def _yearly(self, name: str, part: ForwardEntry) -> tuple[float, float, float]:
        """Expected yearly incomes: as it is, after the entry, and after an entry that cuts supply."""
        board, pairs = self._floor.board, self._pairs(name)
        own = self._floor.own(name)
        groups = [own, *(pair.buyer for pair in pairs)]
        fallbacks = [without_deal(board, self._beliefs, pair)[2] for pair in pairs]

        def earned(enter: bool, cut_off: bool) -> float:
            with board.hypothetical():
                if enter:
                    board.on_sale[board.index(part.offer)] = True
                for pair, fallback in zip(pairs, fallbacks, strict=True):
                    if cut_off and self._resellers.supplied(pair):
                        cut(board, pair, fallback)
                answer(board, self._beliefs, groups)
                return income(board, self._beliefs, own) * DAYS_PER_YEAR

        return earned(False, False), earned(True, False), earned(True, True)

    def _pairs(self, name: str) -> list[Pair]:
        return [pair for pair in self._resellers.pairs() if pair.supplier_name == name]
