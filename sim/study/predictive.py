"""A posterior as a table of draws, and markets run at them: what forecasts and backtests stand on. Needs no sbi."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

from sim.shared.catalog import Catalog
from sim.shared.console import note
from sim.shared.errors import CheckFailed, InputError
from sim.shared.paths import data_dir
from sim.shared.tables import read_table
from sim.study.engines.engine import Engine
from sim.study.plan import Plan
from sim.study.probe import Probe, Prober

if TYPE_CHECKING:
    import pandas as pd

SHIPPED = Path("simulated") / "calibration" / "posterior.parquet"


def read_posterior(path: Path | None) -> pd.DataFrame:
    """Draws of a posterior, one a row, one column a parameter; by default those that ship.

    Raises:
        InputError: if there is none, or the table has no numbers.
    """
    table = read_table(path or data_dir() / SHIPPED)
    source = str(path or SHIPPED)
    columns = [name for name in table.columns if name != "draw"]
    if table.empty or not columns:
        raise InputError(source, "", f"{len(table)} rows", "a row a draw, a column a parameter", "calibrate first")
    for name in columns:
        values = table[name]
        if values.dtype.kind not in "fi" or not all(math.isfinite(value) for value in values):
            raise InputError(source, name, str(values.dtype), "finite numbers", "take the table of a calibration")
    return table[columns]


def predict(
    plan: Plan, catalog: Catalog, engine: Engine, folder: Path, posterior: pd.DataFrame, draws: int, what: str
) -> list[Probe]:
    """The plan's market at the first `draws` draws of a posterior; those that failed are left out and told.

    Parameters of the posterior that the plan does not vary stay at the scenario's own value.

    Raises:
        InputError: for a parameter that the posterior lacks, or more draws than it has.
        CheckFailed: if every draw failed.
    """
    wanted = [part.name for part in plan.sweep.parameters]
    missing = [name for name in wanted if name not in posterior.columns]
    if missing:
        held = ", ".join(posterior.columns)
        raise InputError(
            plan.source, "parameters", ", ".join(missing), f"those of the posterior: {held}", "rename them"
        )
    if not 1 <= draws <= len(posterior):
        raise InputError("--draws", "", draws, f"1 to {len(posterior)}, the posterior's draws", "correct the option")
    values = posterior[wanted].head(draws).to_dict("records")
    asked = Prober(plan, catalog, engine, folder).ask(values, what)
    failed = [probe for probe in asked if probe.reason]
    if len(failed) == len(asked):
        raise CheckFailed(f"no draw could be run; the first: {failed[0].reason}")
    if failed:
        note(f"left out: {len(failed)} of {len(asked)} draws failed; the first: {failed[0].reason}")
    return [probe for probe in asked if not probe.reason]
