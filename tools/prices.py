"""Append dated list prices to data/prices.csv.

    .venv/bin/python tools/prices.py SOURCE.csv data/prices.csv

A price that stands in the file is never changed or removed: a row of SOURCE with the model and date of a kept row must
agree with it, and the program stops otherwise. New rows are appended in the order of their dates.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd

from sim.shared.prices import PRICES
from sim.shared.tables import read_table, write_csv

RENAMED = {
    "input_usd_per_mtok": "price_in_usd_per_mtok",
    "output_usd_per_mtok": "price_out_usd_per_mtok",
    "source_licence": "licence",
}
KEY = ["model", "provider", "date"]


def appended(kept: pd.DataFrame | None, source: pd.DataFrame) -> pd.DataFrame:
    """`kept` with the rows of `source` that it lacks.

    Raises:
        ValueError: if `source` gives another price for a model and date that `kept` holds.
    """
    new = PRICES.conform(source.rename(columns=RENAMED), "the source").sort_values("date", kind="stable")
    new["source"] = new["source"].str.replace(r"\(stored copy [^)]*\)", "(stored copy)", regex=True)
    if kept is None:
        return new.reset_index(drop=True)
    kept = PRICES.conform(kept, "the kept prices")
    both = new.merge(kept[[*KEY, *PRICE_COLUMNS]], on=KEY, how="left", suffixes=("", "_kept"), indicator=True)
    known = both["_merge"] == "both"
    for name in PRICE_COLUMNS:
        differs = known & (both[name] != both[f"{name}_kept"])
        if differs.any():
            raise ValueError(f"another price for {both.loc[differs, KEY].to_dict('records')}; prices are only appended")
    return pd.concat([kept, new[~known.to_numpy()]], ignore_index=True)


PRICE_COLUMNS = ["price_in_usd_per_mtok", "price_out_usd_per_mtok"]


def main() -> None:
    """Read the source table, append what is new."""
    parser = argparse.ArgumentParser(description="Append dated list prices.")
    parser.add_argument("source", type=Path)
    parser.add_argument("out", type=Path)
    options = parser.parse_args()
    kept = read_table(options.out) if options.out.is_file() else None
    write_csv(appended(kept, read_table(options.source)), options.out)


if __name__ == "__main__":
    main()
