"""Make data/published_models.csv from a table of benchmark scores joined with list prices.

    .venv/bin/python tools/published_models.py SOURCE.csv data/published_models.csv

SOURCE has one row a model and benchmark, with the columns that `SOURCE_COLUMNS` names. Only Epoch AI's own runs of GPQA
diamond are kept, because they rest on one set of 198 items with one chance level for all models; of a model with
several rows, the run nearest in time to its price is kept. Prices are those in force at about the time of the score,
never today's.
"""

from __future__ import annotations

import argparse
import datetime
import re
from pathlib import Path

import pandas as pd

from sim.shared.catalog import CATALOG, make_catalog
from sim.shared.quality import binomial_stderr, corrected_quality, theta_of_quality, theta_stderr
from sim.shared.tables import read_table, write_csv

BENCHMARK = "Epoch GPQA diamond"
ITEMS, CHANCE = 198, 0.25
SOURCE_COLUMNS = (
    "model", "price_provider", "benchmark", "score", "date", "price_date", "input_usd_per_mtok", "output_usd_per_mtok",
    "price_dataset", "quality_source", "price_minus_score_days",
)  # fmt: skip
# Hosts sell what others made: the owner of open weights, by the beginning of the model's name.
OWNER_OF_OPEN_WEIGHTS = {"gpt-oss": "openai", "DeepSeek": "deepseek", "gemma": "google"}
OWNER_OF_PROVIDER = {"moonshotai": "moonshot"}
LICENCE = "CC BY 4.0 (Epoch AI); prices are facts"


def published_models(source: pd.DataFrame) -> pd.DataFrame:
    """The catalog of published models, one row a model, sorted by name."""
    rows = source[source["benchmark"] == BENCHMARK].copy()
    rows["distance_days"] = rows["price_minus_score_days"].abs()
    rows = rows.sort_values(["model", "distance_days", "date"], kind="stable").drop_duplicates("model")
    table = pd.DataFrame([_row(row) for row in rows.to_dict("records")])
    return make_catalog(table[CATALOG.column_names], "published models").frame


def _row(row: dict[str, object]) -> dict[str, object]:
    score = float(str(row["score"]))
    correct = score * ITEMS  # not whole where Epoch averages several runs over the items
    quality = corrected_quality(correct, ITEMS, CHANCE)
    theta = theta_of_quality(quality)
    stderr = binomial_stderr(correct, ITEMS)
    model, price_date = str(row["model"]), str(row["price_date"])
    empty: dict[str, object] = {column.name: "" if column.kind == "text" else None for column in CATALOG.columns}
    return empty | {
        "model": model,
        "role": "published",
        "owner": _owner(model, str(row["price_provider"])),
        "released_on": _released_on(model, price_date),
        "task_class": "all",
        "items": ITEMS,
        "accuracy": score,
        "chance": CHANCE,
        "quality": round(quality, 6),
        "quality_stderr": round(stderr / (1 - CHANCE), 6),
        "theta": round(theta, 6),
        "theta_stderr": round(theta_stderr(stderr, theta, CHANCE), 6),
        "theta_error_key": "GPQA diamond",
        "informative": True,
        "price_in_usd_per_mtok": row["input_usd_per_mtok"],
        "price_out_usd_per_mtok": row["output_usd_per_mtok"],
        "quality_evidence": "cited",
        "price_evidence": "cited",
        "source": (
            f"GPQA diamond, Epoch AI, run of {row['date']} ({row['quality_source']}); list price of "
            f"{row['price_provider']} at {price_date} ({row['price_dataset']})"
        ),
        "licence": LICENCE,
    }


def _owner(model: str, provider: str) -> str:
    for beginning, owner in OWNER_OF_OPEN_WEIGHTS.items():
        if model.startswith(beginning):
            return owner
    return OWNER_OF_PROVIDER.get(provider, provider)


def _released_on(model: str, price_date: str) -> str:
    """The day in the model's name; else the day its price was first seen, which is no earlier than the release."""
    found = re.search(r"(20\d\d)-?(\d\d)-?(\d\d)", model)
    if found:
        return datetime.date(*(int(part) for part in found.groups())).isoformat()
    return price_date


def main() -> None:
    """Read the source table, write the catalog."""
    parser = argparse.ArgumentParser(description="Make data/published_models.csv.")
    parser.add_argument("source", type=Path)
    parser.add_argument("out", type=Path)
    options = parser.parse_args()
    source = read_table(options.source)
    absent = [name for name in SOURCE_COLUMNS if name not in source.columns]
    if absent:
        parser.error(f"{options.source} lacks the columns {', '.join(absent)}")
    write_csv(published_models(source), options.out)


if __name__ == "__main__":
    main()
