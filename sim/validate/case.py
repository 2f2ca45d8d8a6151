"""A check of the ladder: a scenario, and rows that come of running it. Another scenario gives other rows.

That a row can fail is tested by exchanging the scenario and keeping what theory expects.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from sim.runner import run
from sim.scenario.scenario import Scenario
from sim.shared.catalog import Catalog
from sim.validate.row import Kind, Row

if TYPE_CHECKING:
    import pandas as pd

Tables = Mapping[str, "pd.DataFrame"]


class Check(Protocol):
    """One market and its rows."""

    @property
    def scenario(self) -> Scenario:
        """What is run."""

    def with_scenario(self, scenario: Scenario) -> Check:
        """The same expectations of another market."""

    def rows(self, catalog: Catalog, full: bool) -> list[Row]:
        """Run it; `full` takes the number of draws of the source instead of fewer."""


@dataclass(frozen=True)
class Reading:
    """One figure of a run: where it is read, and what theory says."""

    name: str
    expected: float
    read: Callable[[Tables], float]
    tolerance: float = 1e-5
    kind: Kind = "exact"


@dataclass(frozen=True)
class Case:
    """A market without chance, run once by `sim.runner`."""

    scenario: Scenario
    source: str
    readings: tuple[Reading, ...]

    def with_scenario(self, scenario: Scenario) -> Case:
        """The same expectations of another market."""
        return Case(scenario, self.source, self.readings)

    def rows(self, catalog: Catalog, full: bool) -> list[Row]:
        """Run it once."""
        tables = run(self.scenario, catalog).tables
        return [
            Row(
                f"{self.scenario.title}: {part.name}", self.source, part.kind, part.expected, part.read(tables),
                part.tolerance,
            )
            for part in self.readings
        ]  # fmt: skip


def last_price(offer: str) -> Callable[[Tables], float]:
    """The price that an offer posted last, USD per request."""

    def read(tables: Tables) -> float:
        prices = tables["prices"]
        return float(prices[prices["offer"] == offer]["price_input_usd_per_mtok"].iloc[-1])

    return read


def last_share(offer: str) -> Callable[[Tables], float]:
    """An offer's share of all customers at the end."""

    def read(tables: Tables) -> float:
        demand = tables["demand"]
        last = demand[(demand["day"] == demand["day"].max()) & (demand["offer"] == offer)]
        return float(last["share_of_customers"].sum())

    return read


def last_profit(provider: str) -> Callable[[Tables], float]:
    """What a provider took less what it paid in the last interval, USD a day; from the books."""

    def read(tables: Tables) -> float:
        ledger, days = tables["ledger"], sorted(tables["demand"]["day"].unique())
        last = ledger[ledger["day"] == days[-1]]
        taken = last[last["payee"] == provider]["usd"].sum() - last[last["payer"] == provider]["usd"].sum()
        return float(taken) / (days[-1] - days[-2])

    return read
