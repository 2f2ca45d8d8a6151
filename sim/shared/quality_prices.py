"""Benchmark scores beside list prices: how good a model is, and what it cost from which day on."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from sim.shared.paths import data_dir
from sim.shared.tables import Column, TableSpec, read_table

if TYPE_CHECKING:
    import pandas as pd

QUALITY_PRICES = TableSpec(
    name="quality_prices",
    row="one model on one benchmark, with the list price nearest in time to its score",
    columns=(
        Column("benchmark", "text", "", "name of the benchmark and of its measure"),
        Column("model", "text", "", "model, with the setting of its effort after an underscore"),
        Column("family", "text", "", "the model without that setting"),
        Column("provider", "text", "", "who sells it at this price"),
        Column("score", "number", "fraction", "share of items solved"),
        Column("score_date", "text", "ISO date", "day of the benchmark's run"),
        Column("date", "text", "ISO date", "day on which the price was first seen: an upper bound"),
        Column("price_in_usd_per_mtok", "number", "USD per Mtok", "list price of input tokens"),
        Column("price_out_usd_per_mtok", "number", "USD per Mtok", "list price of output tokens"),
        Column("price_model", "text", "", "its name in prices.csv, where further prices stand", missing=True),
        Column("source", "text", "", "where score and price come from"),
        Column("licence", "text", "", "licence of the source"),
    ),
)


@functools.cache
def shipped_quality_prices() -> pd.DataFrame:
    """The shipped table, conforming to `QUALITY_PRICES`, in the order of the file."""
    path = data_dir() / "quality_prices.csv"
    return QUALITY_PRICES.conform(read_table(path), str(path))
