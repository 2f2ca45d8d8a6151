"""Events that happened and that no parameter was fitted to: what the calibrated market says, beside what happened.

A backtest is a file: a sweep over the scenario of the event, whose parameters are some of the posterior's, and
summaries as those of a calibration, all held out. Everything else in the scenario stays as it is, assumed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import Field, model_validator

from sim.runner import catalog_sha256
from sim.scenario.base import Name, Part
from sim.shared.catalog import Catalog
from sim.shared.errors import InputError, UndercutError, raise_all
from sim.shared.manifest import Input, Manifest
from sim.shared.paths import check_output_dir, data_dir, shipped_or_path, writable_dir
from sim.shared.tables import Column, TableSpec, write_csv, write_parquet
from sim.shared.yaml import read_yaml
from sim.study.calibration import Summary, scaled
from sim.study.engines.engine import Engine
from sim.study.fit import FIT, fit_table
from sim.study.on_sweep import parse_on_sweep, unknown_metrics
from sim.study.plan import Plan
from sim.study.point import code_key
from sim.study.predictive import predict
from sim.study.probe import STORE_NAME

if TYPE_CHECKING:
    import pandas as pd

KIND = "sim backtest"
DRAWS = 24
BACKTESTS = TableSpec(
    "backtests",
    "one figure of one event, predicted by the posterior and as it happened; intervals of 90%",
    (
        Column("event", "text", "", "the event"),
        *(column for column in FIT.columns if not column.name.startswith("prior_")),
    ),
)


class Backtest(Part):
    """An event, the sweep that runs it and what happened."""

    version: Literal[1] = 1
    name: Name
    title: str = Field(max_length=120)
    description: str = Field("", max_length=4000)
    sweep: str = Field(description="a YAML file (from the backtest's folder) or the name of a shipped sweep")
    summaries: tuple[Summary, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _all_held_out(self) -> Backtest:
        if any(part.role != "held_out" for part in self.summaries):
            raise ValueError("every summary of an event is held_out")
        return self


@dataclass(frozen=True)
class Event:
    """A backtest and the plan of its sweep, checked against each other."""

    backtest: Backtest
    plan: Plan


def load_event(argument: str | Path) -> Event:
    """The backtest of a YAML file, or of a shipped name ("windsurf_2025"), with its sweep.

    Raises:
        InputError, InputErrors: all problems of the file at once, then those between it and the sweep.
    """
    path = shipped_or_path(str(argument), "backtests", ".yaml")
    backtest, plan = parse_on_sweep(Backtest, read_yaml(path), str(path), path.parent)
    read = [(part.name, part.names) for part in backtest.summaries]
    raise_all(unknown_metrics(str(path), "summaries", read, plan))
    return Event(backtest, plan)


def shipped_backtests() -> list[str]:
    """Names of the events that ship with Undercut."""
    return sorted(path.stem for path in (data_dir() / "backtests").glob("*.yaml"))


def run_backtests(
    events: Sequence[Event],
    catalog: Catalog,
    engine: Engine,
    folder: Path,
    posterior: pd.DataFrame,
    draws: int = DRAWS,
    command: str = "",
) -> tuple[pd.DataFrame, dict[str, str]]:
    """The table `backtests`, written to `folder`, and why events failed; the others go on.

    Raises:
        InputError: for a folder that holds something else, or a posterior that lacks a parameter.
    """
    import pandas as pd

    check_output_dir(folder, STORE_NAME, "--out")
    writable_dir(folder, "--out")
    parts, failed = [], dict[str, str]()
    for event in events:
        name = event.backtest.name
        try:
            parts.append(_one(event, catalog, engine, folder, posterior, draws))
        except InputError:
            raise
        except UndercutError as error:
            failed[name] = str(error)
    found = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=BACKTESTS.column_names)
    table = BACKTESTS.conform(found, "backtests")
    content = {
        "backtests.parquet": write_parquet(table, folder / "backtests.parquet"),
        "backtests.csv": write_csv(table, folder / "backtests.csv"),
    }
    settings = {
        "sweeps_sha256": {event.backtest.name: event.plan.sha256 for event in events},
        "catalog_sha256": catalog_sha256(catalog),
        "code": code_key(),
        "draws": draws,
        "failed": failed,
    }
    inputs = tuple(
        Input(f"{event.backtest.name}: {part.name}", "cited", part.observed.source)
        for event in events
        for part in event.backtest.summaries
    )
    Manifest(KIND, command, settings, inputs, content, {"backend": engine.name, "workers": engine.workers}).write(
        folder
    )
    return table, failed


def _one(
    event: Event, catalog: Catalog, engine: Engine, folder: Path, posterior: pd.DataFrame, draws: int
) -> pd.DataFrame:
    summaries = event.backtest.summaries
    probes = predict(event.plan, catalog, engine, folder, posterior, draws, f"event {event.backtest.name}")
    predicted = np.array([[scaled(part, part.natural(probe.metrics)) for part in summaries] for probe in probes])
    nothing = np.full((0, len(summaries)), np.nan)
    return fit_table(summaries, event.plan.sweep.seed, nothing, predicted).assign(event=event.backtest.name)
