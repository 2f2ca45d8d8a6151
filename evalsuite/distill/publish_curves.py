"""Fitted curves into the table that the market reads: `curves.parquet`, and their errors in `curve_draws.parquet`.

A curve replaces that of the same name and outcome; others stay.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from evalsuite.distill.dose_fit import fit_with_draws
from evalsuite.distill.dose_table import DOSES
from sim.shared.curves import CURVE_DRAWS, CURVES, CURVES_NAME, DRAWS_NAME, shipped_curves
from sim.shared.paths import writable_dir
from sim.shared.tables import read_table, write_parquet

if TYPE_CHECKING:
    import pandas as pd

KEY = ["curve", "outcome"]


def publish_plan(path: Path, folder: Path) -> int:
    """Fit the curves of a table of doses and put them into `folder`; returns how many are fitted to it.

    Raises:
        InputError, InputErrors: if a table cannot be read.
    """
    return publish_table(DOSES.conform(read_table(path), str(path)), folder) if path.is_file() else 0


def publish_table(table: pd.DataFrame, folder: Path) -> int:
    """As `publish_plan`, of a table in memory.

    Raises:
        InputError, InputErrors: if the tables that are there cannot be read, or the folder cannot be written.
    """
    import pandas as pd

    fitted = fit_with_draws(table)
    if fitted.table.empty:
        return 0
    before = shipped_curves(writable_dir(folder, source="--publish"))
    renewed = set(fitted.table[KEY].itertuples(index=False, name=None))
    for spec, name, old, new in (
        (CURVES, CURVES_NAME, before.table, fitted.table),
        (CURVE_DRAWS, DRAWS_NAME, before.draws, fitted.draws),
    ):
        kept = old[[key not in renewed for key in old[KEY].itertuples(index=False, name=None)]]
        whole = pd.concat([kept, new], ignore_index=True) if len(kept) else new
        write_parquet(spec.conform(whole.sort_values(KEY, kind="stable"), name), folder / name)
    return len(fitted.table)
