"""All tables of metrics, and how they are made from those that a market fills."""

from __future__ import annotations

from collections.abc import Mapping
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


def metric_tables(tables: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Every table of `METRIC_TABLES` by name, from the tables of one or many runs."""
    by_offer = shares(tables)
    return {
        "market": market(tables, by_offer),
        "shares": by_offer,
        "providers": providers(tables, by_offer),
        "price_indices": price_indices(tables),
        "leaders": leaders(by_offer),
        "frontier": frontier(tables),
        "ranks": ranks(tables),
        "recouped": recouped(tables, by_offer),
    }
