"""Platforms that resell a supplier's model: bargains, fees in instalments, and what is sold when supply is lost."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass

import numpy as np
import simpy

from sim.players.bargaining import Pair, Terms, nash_in_nash, without_deal
from sim.players.pricing.beliefs import Beliefs
from sim.scenario.prices import WholesaleCost
from sim.scenario.providers import Provider
from sim.scenario.reselling import LinearBargain, TwoPartBargain
from sim.scenario.scenario import Scenario
from sim.world import ledger as books
from sim.world.floor import Floor

Reprice = Callable[[str, str], None]  # (provider, cause): its whole line anew


@dataclass
class Contract:
    """What a pair agreed on, and until when its fee is paid."""

    pair: Pair
    terms: Terms
    paid_until_day: float


class Resellers:
    """All pairs of an offer at wholesale and a buyer that resells it.

    Attributes:
        cut: offers at wholesale that their owner no longer supplies.
        dropped: offers at wholesale that their buyer no longer wants, for it has built a model of its own.
    """

    def __init__(self, floor: Floor, beliefs: Beliefs, scenario: Scenario, reprice: Reprice) -> None:
        self._floor, self._beliefs, self._reprice = floor, beliefs, reprice
        self._scenario = scenario
        self._bargains: dict[int, LinearBargain | TwoPartBargain] = {}
        self._due_day: dict[int, float] = {}
        self._contracts: dict[int, Contract] = {}
        self._plan = 0
        self._unwanted: set[int] = set()
        self.cut: set[int] = set()
        self.dropped: set[int] = set()

    def start(self) -> None:
        """Negotiate on the days that the scenario says."""
        self._unwanted = set(np.flatnonzero(~self._floor.board.wanted).tolist())
        for offer, bargain in self._bargained(self._scenario).items():
            self._bargains[offer] = bargain
            self._due_day[offer] = bargain.first_day
        self._begin()

    def revise(self, scenario: Scenario) -> None:
        """Another scenario from now on: what is cut off falls back, and whose bargain is another negotiates at once."""
        before, self._scenario = self._bargains, scenario
        self._bargains = self._bargained(scenario)
        now = self._floor.day
        self._due_day = {
            offer: self._due_day[offer] if before.get(offer) == bargain else max(now, bargain.first_day)
            for offer, bargain in self._bargains.items()
        }
        for offer in list(self._contracts):
            if offer not in self._bargains:
                self._end(offer)
        if self._bargains != before:
            self._begin()
        for pair in self.pairs():
            wanted = bool(self._floor.board.wanted[pair.wholesale])
            if not wanted and self.supplied(pair):
                self._end(pair.wholesale)
                self._fall_back(pair)
            elif wanted and pair.wholesale in self._unwanted and pair.wholesale not in self.cut | self.dropped:
                self._stand_down(pair)
        self._unwanted = set(np.flatnonzero(~self._floor.board.wanted).tolist())

    def pairs(self) -> list[Pair]:
        """Every offer at wholesale with each of its buyers."""
        board = self._floor.board
        out = []
        for provider in self._scenario.providers:
            by_supply: dict[int, list[int]] = {}
            fallbacks: dict[int, list[int]] = {}
            for offer in provider.offers:
                if isinstance(offer.cost, WholesaleCost):
                    supply = board.index(offer.cost.offer)
                    by_supply.setdefault(supply, []).append(board.index(offer.name))
                    fallbacks.setdefault(supply, []).extend(board.index(name) for name in offer.fallbacks)
            for supply, resold in by_supply.items():
                seller = board.owners[supply]
                out.append(
                    Pair(
                        supply, tuple(resold), tuple(dict.fromkeys(fallbacks[supply])), tuple(self._floor.own(seller)),
                        tuple(self._floor.own(provider.name)), seller, provider.name,
                    )
                )  # fmt: skip
        return out

    def close(self) -> None:
        """The run is over: fees that have run up are paid."""
        for contract in self._contracts.values():
            self._pay_fee(contract)

    def supplied(self, pair: Pair) -> bool:
        """Whether the buyer sells anything that the supplier serves."""
        return bool(self._floor.board.on_sale[list(pair.resold)].any())

    # -- losing supply ------------------------------------------------------------------------------------------

    def cut_off(self, wholesale: int) -> None:
        """The supplier stops serving whoever resells this offer; holders choose again at once."""
        floor, board = self._floor, self._floor.board
        self.cut.add(wholesale)
        self._end(wholesale)
        pairs = [pair for pair in self.pairs() if pair.wholesale == wholesale]
        for pair in pairs:
            self._fall_back(pair)
        floor.withdraw([wholesale])
        floor.event("cut_off", board.owners[wholesale], board.offers[wholesale])

    def drop(self, pair: Pair, built: int) -> None:
        """The buyer no longer resells this, nor sells what stood in for it, but the offer that it has built."""
        board = self._floor.board
        self.dropped.add(pair.wholesale)
        self._end(pair.wholesale)
        stale = [offer for offer in pair.fallbacks if offer != built and not board.wanted[offer]]
        self._floor.withdraw([offer for offer in (*pair.resold, *stale) if board.on_sale[offer]])

    def left(self, provider: str) -> None:
        """A party's exit ends its contracts; what a supplier's exit took off sale is replaced."""
        for pair in self.pairs():
            if provider in (pair.supplier_name, pair.buyer_name):
                self._end(pair.wholesale)
            if provider == pair.supplier_name:
                self._fall_back(pair)

    def _fall_back(self, pair: Pair) -> None:
        """The best fallback comes on sale, and its owner prices anew; the caller withdraws what it replaces."""
        floor, board = self._floor, self._floor.board
        if pair.buyer_name in floor.exited or not pair.fallbacks:
            return
        _, _, fallback = without_deal(board, self._beliefs, pair)
        if fallback >= 0 and not board.on_sale[fallback]:
            floor.put_on_sale(fallback, "supply")
            floor.event("fallback", pair.buyer_name, board.offers[fallback])
        floor.env.process(self._later(pair.buyer_name))

    def _stand_down(self, pair: Pair) -> None:
        """Fallbacks that the scenario has not on sale go, for supply is back."""
        board = self._floor.board
        replaced = [offer for offer in pair.fallbacks if board.on_sale[offer] and not board.wanted[offer]]
        if replaced:
            self._floor.withdraw(replaced)

    def _later(self, provider: str) -> Generator[simpy.Event, None, None]:
        """Price anew when what happens now has happened."""
        yield self._floor.env.timeout(0.0)
        self._reprice(provider, "supply")

    # -- bargains -----------------------------------------------------------------------------------------------

    def _bargained(self, scenario: Scenario) -> dict[int, LinearBargain | TwoPartBargain]:
        return {index: offer.bargain for index, offer in enumerate(scenario.offers) if offer.bargain is not None}

    def _begin(self) -> None:
        self._plan += 1
        if self._bargains:
            self._floor.env.process(self._negotiations(self._plan))

    def _negotiations(self, plan: int) -> Generator[simpy.Event, None, None]:
        """Negotiate whatever is due on a day together; a later plan replaces this one."""
        while True:
            day = min(self._due_day.values())
            yield self._floor.env.timeout(max(day - self._floor.day, 0.0))
            if plan != self._plan:
                return
            due = [offer for offer in sorted(self._bargains) if self._due_day[offer] <= day]
            for offer in due:
                self._due_day[offer] = day + self._bargains[offer].every_days
            self._negotiate(due)

    def _negotiate(self, due: list[int]) -> None:
        floor = self._floor
        floor.settle()
        pairs = [pair for pair in self.pairs() if pair.wholesale in due and self._may_trade(pair)]
        found = nash_in_nash(floor.board, self._beliefs, [(pair, self._bargains[pair.wholesale]) for pair in pairs])
        for pair, terms in zip(pairs, found, strict=True):
            self._end(pair.wholesale)
            if terms.agreed:
                self._agree(pair, terms)
            else:
                self._fail(pair, terms)

    def _may_trade(self, pair: Pair) -> bool:
        board, exited = self._floor.board, self._floor.exited
        gone = pair.supplier_name in exited or pair.buyer_name in exited
        return not gone and pair.wholesale not in self.cut | self.dropped and bool(board.wanted[pair.wholesale])

    def _agree(self, pair: Pair, terms: Terms) -> None:
        floor, board = self._floor, self._floor.board
        floor.change_price(pair.wholesale, terms.price, "deal")
        for offer in pair.resold:
            if board.wanted[offer] and not board.on_sale[offer]:
                floor.put_on_sale(offer, "deal")
        self._stand_down(pair)
        contract = self._contracts[pair.wholesale] = Contract(pair, terms, floor.day)
        bargain = self._bargains[pair.wholesale]
        if isinstance(bargain, TwoPartBargain) and terms.fee_usd_per_day:
            floor.env.process(self._instalments(contract, bargain.instalment_days))
        price = f"{terms.price[0]:.6g} in, {terms.price[2]:.6g} out USD per Mtok; "
        floor.event("deal", pair.supplier_name, board.offers[pair.wholesale], detail=price + terms.words)
        self._reprice(pair.buyer_name, "deal")

    def _fail(self, pair: Pair, terms: Terms) -> None:
        floor, board = self._floor, self._floor.board
        floor.event("no_deal", pair.supplier_name, board.offers[pair.wholesale], detail=terms.words)
        if self.supplied(pair):
            self._fall_back(pair)
            floor.withdraw(pair.resold)

    def _instalments(self, contract: Contract, every_days: float) -> Generator[simpy.Event, None, None]:
        while True:
            yield self._floor.env.timeout(every_days)
            if self._contracts.get(contract.pair.wholesale) is not contract:
                return
            self._pay_fee(contract)

    def _end(self, wholesale: int) -> None:
        """The contract ends now; its fee is paid to this day."""
        contract = self._contracts.pop(wholesale, None)
        if contract is not None:
            self._pay_fee(contract)

    def _pay_fee(self, contract: Contract) -> None:
        floor, pair = self._floor, contract.pair
        usd = contract.terms.fee_usd_per_day * (floor.day - contract.paid_until_day)
        contract.paid_until_day = floor.day
        if usd:
            payer, payee = pair.buyer_name, pair.supplier_name
            if usd < 0.0:
                payer, payee = payee, payer
            floor.pay(books.FEE, payer, payee, abs(usd), "", floor.board.offers[pair.wholesale])


def owner_named(scenario: Scenario, name: str) -> Provider:
    """The provider of that name."""
    return next(provider for provider in scenario.providers if provider.name == name)
