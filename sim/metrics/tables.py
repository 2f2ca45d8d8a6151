"""All tables of metrics, and how they are made from those that a market fills."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING

from sim.metrics.books import PROVIDERS, providers
from sim.metrics.frontier import FRONTIER, frontier
from sim.metrics.leaders import LEADERS, leaders
from sim.metrics.market import MARKET, SHARES, market, shares
from sim.metrics.prices import PRICE_INDICES, price_indices
from sim.metrics.ranks import RANKS, ranks
from sim.metrics.research import RECOUPED, recouped

if TYPE_CHECKING:
    import pandas as pd

METRIC_TABLES = (MARKET, SHARES, PROVIDERS, PRICE_INDICES, LEADERS, FRONTIER, RANKS, RECOUPED)


def metric_tables(tables: Mapping[str, pd.DataFrame], wanted: Collection[str] | None = None) -> dict[str, pd.DataFrame]:
    """The tables of `METRIC_TABLES` by name, from the tables of one or many runs; all of them, or those `wanted`."""
    by_offer = shares(tables)
    made: dict[str, Callable[[], pd.DataFrame]] = {
        "market": lambda: market(tables, by_offer),
        "shares": lambda: by_offer,
        "providers": lambda: providers(tables, by_offer),
        "price_indices": lambda: price_indices(tables),
        "leaders": lambda: leaders(by_offer),
        "frontier": lambda: frontier(tables),
        "ranks": lambda: ranks(tables),
        "recouped": lambda: recouped(tables, by_offer),
    }
    return {name: make() for name, make in made.items() if wanted is None or name in wanted}
