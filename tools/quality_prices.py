"""Make data/quality_prices.csv from a table of benchmark scores joined with list prices.

    .venv/bin/python tools/quality_prices.py SOURCE.csv data/quality_prices.csv

SOURCE has one row a model, benchmark and run, with the columns that `SOURCE_COLUMNS` names. Of a model with several
runs of one benchmark, the run nearest in time to its price is kept. `price_model` names the rows of data/prices.csv
that are the model's further prices, by this rule: the model's own name, or its name without the setting of its effort
(after an underscore or in brackets) and without its day, at the same provider; `ALIASES` adds snapshots that were sold
under another name.
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path

import pandas as pd

from sim.shared.prices import shipped_prices
from sim.shared.quality_prices import QUALITY_PRICES
from sim.shared.tables import read_table, write_csv

SOURCE_COLUMNS = (
    "model", "price_provider", "benchmark", "score", "unit", "date", "price_date", "input_usd_per_mtok",
    "output_usd_per_mtok", "price_dataset", "quality_source", "quality_licence", "price_minus_score_days",
)  # fmt: skip
ALIASES = {
    "gpt-4-0314": "gpt-4",
    "gpt-4-1106-preview": "gpt-4-1106-preview (GPT-4 Turbo)",
    "gemini-1.5-flash-001": "gemini-1.5-flash",
    "gemini-1.5-pro-001": "gemini-1.5-pro",
}
PER_UNIT = {"%": 100.0, "fraction": 1.0}
DAY_IN_NAME = r"-(20\d\d)-?(\d\d)-?(\d\d)"


def quality_prices(source: pd.DataFrame) -> pd.DataFrame:
    """The table, one row a benchmark and model, sorted by them."""
    rows = source.assign(distance_days=source["price_minus_score_days"].abs())
    rows = rows.sort_values(["benchmark", "model", "distance_days", "date"], kind="stable")
    rows = rows.drop_duplicates(["benchmark", "model"])
    known = set(zip(shipped_prices()["model"], shipped_prices()["provider"], strict=True))
    table = pd.DataFrame(
        {
            "benchmark": rows["benchmark"],
            "model": rows["model"],
            "family": rows["model"].map(without_effort),
            "provider": rows["price_provider"],
            "score": rows["score"] / rows["unit"].map(PER_UNIT),
            "score_date": rows["date"],
            "date": rows["price_date"],
            "price_in_usd_per_mtok": rows["input_usd_per_mtok"],
            "price_out_usd_per_mtok": rows["output_usd_per_mtok"],
            "price_model": [
                price_model(model, provider, known)
                for model, provider in zip(rows["model"], rows["price_provider"], strict=True)
            ],
            "source": rows["quality_source"] + "; price: " + rows["price_dataset"],
            "licence": rows["quality_licence"] + "; prices are facts",
        }
    )
    return QUALITY_PRICES.conform(table.round({"score": 6}), "the source")


def without_effort(model: str) -> str:
    """The name without what follows an underscore or stands in brackets: equal for all settings of one model."""
    return re.sub(r"(_[A-Za-z0-9]+| \([^)]*\))$", "", model)


def price_model(model: str, provider: str, known: set[tuple[str, str]]) -> str:
    """The model's name in data/prices.csv, "" where it has none."""
    plain = without_effort(model)
    for name in (plain, ALIASES.get(plain, ""), re.sub(DAY_IN_NAME, "", plain)):
        if (name, provider) in known:
            return name
    return ""


def main() -> None:
    """Read the source table, write the shipped one."""
    parser = argparse.ArgumentParser(description="Make data/quality_prices.csv.")
    parser.add_argument("source", type=Path)
    parser.add_argument("out", type=Path)
    options = parser.parse_args()
    source = read_table(options.source)
    absent = [name for name in SOURCE_COLUMNS if name not in source.columns]
    if absent:
        parser.error(f"{options.source} lacks the columns {', '.join(absent)}")
    write_csv(quality_prices(source), options.out)


if __name__ == "__main__":
    main()
