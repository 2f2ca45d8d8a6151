"""Cells of the shipped measurements: what students of real teachers did, read off `data/measured/`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim.claims.claim import Cell
from sim.shared.paths import data_dir

if TYPE_CHECKING:
    import pandas as pd


def measured(name: str) -> pd.DataFrame:
    """A table of `data/measured/` by its file name; empty where it was not measured yet."""
    import pandas as pd

    path = data_dir() / "measured" / name
    if not path.is_file():
        return pd.DataFrame()
    return (
        pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path, keep_default_na=False, na_values=[""])
    )


def differences(rows: pd.DataFrame, unit_of_seed: str = "seed") -> list[Cell]:
    """Student less teacher of each row of a table of small worlds, with its own interval."""
    return [
        Cell(
            f"{row.method if 'method' in rows else row.condition}, {row.world}, {unit_of_seed} {row.seed}",
            float(row.difference), float(row.difference_low), float(row.difference_high),
            f"{int(row.items)} problems, {int(row.draws)} answers each",
        )
        for row in rows.itertuples()
    ]  # fmt: skip
