"""Treasuries: funding rounds on their days, and the exit of those whose cash is below their credit limit."""

from __future__ import annotations

from collections.abc import Generator, Iterable

import simpy

from sim.scenario.providers import FundingRound, Provider
from sim.world import ledger as books
from sim.world.floor import Floor


class Treasuries:
    """The cash of all providers, as far as it comes from outside the market or ends a provider's part in it."""

    def __init__(self, floor: Floor) -> None:
        self._floor = floor
        self._providers: dict[str, Provider] = {}
        self._dated: set[tuple[str, FundingRound]] = set()

    def plan(self, providers: Iterable[Provider]) -> None:
        """Which rounds are to come from now on; those that stand in no plan on their day do not happen."""
        for provider in providers:
            self._providers[provider.name] = provider
            for part in provider.treasury.rounds:
                if part.day >= self._floor.day and (provider.name, part) not in self._dated:
                    self._dated.add((provider.name, part))
                    self._floor.env.process(self._round(provider.name, part))

    def _round(self, name: str, part: FundingRound) -> Generator[simpy.Event, None, None]:
        yield self._floor.env.timeout(part.day - self._floor.env.now)
        if name not in self._floor.exited and part in self._providers[name].treasury.rounds:
            self._floor.pay(books.FUNDING, books.INVESTORS, name, part.usd)
            self._floor.event("funding", name, usd=part.usd)

    def exits(self) -> list[str]:
        """Providers whose cash is below their credit limit leave; their customers choose again at once."""
        left = []
        for name, provider in self._providers.items():
            cash = self._floor.ledger.cash_usd(name)
            if name not in self._floor.exited and cash < -provider.treasury.credit_limit_usd:
                self._floor.leave(name, f"cash {cash:.0f} USD")
                left.append(name)
        return left
