"""The posterior run forward: fans of what a market would show, and a plain list of what it cannot know.

A forecast is a file: a sweep whose parameters are the posterior's and whose metrics have several days, figures made of
these, and in words what lies outside of every fan. A fan's spread is that of the parameters alone.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import Field

from sim.runner import catalog_sha256
from sim.scenario.base import Name, Part
from sim.shared.catalog import Catalog
from sim.shared.errors import raise_all
from sim.shared.manifest import Input, Manifest
from sim.shared.paths import check_output_dir, shipped_or_path, writable_dir
from sim.shared.tables import Column, TableSpec, write_csv, write_parquet
from sim.shared.yaml import read_yaml
from sim.study.engines.engine import Engine
from sim.study.on_sweep import parse_on_sweep, unknown_metrics
from sim.study.plan import Plan
from sim.study.point import code_key
from sim.study.predictive import predict
from sim.study.probe import STORE_NAME, Probe

if TYPE_CHECKING:
    import pandas as pd

KIND = "sim forecast"
DRAWS = 64
QUANTILES = {"q05": 0.05, "q25": 0.25, "q50": 0.5, "q75": 0.75, "q95": 0.95}

FORECAST = TableSpec(
    "forecast",
    "one figure on one day, over draws of the posterior",
    (
        Column("figure", "text", "", "what is told"),
        Column("unit", "text", "", "of the quantiles"),
        Column("date", "text", "ISO date", "the day"),
        Column("day", "number", "days", "since the start of the scenario"),
        *(
            Column(name, "number", "see unit", f"{level:.0%} quantile of the draws")
            for name, level in QUANTILES.items()
        ),
        Column("draws", "integer", "", "of the posterior that have the figure"),
    ),
)


class Figure(Part):
    """Metrics of the sweep, summed, at each day that all of them have."""

    name: Name
    metrics: tuple[Name, ...] = Field(min_length=1)
    unit: str = Field(max_length=60)
    says: str = Field(max_length=200)


class Forecast(Part):
    """A forecast."""

    version: Literal[1] = 1
    name: Name
    title: str = Field(max_length=120)
    sweep: str = Field(description="a YAML file (from the forecast's folder) or the name of a shipped sweep")
    figures: tuple[Figure, ...] = Field(min_length=1)
    cannot_know: tuple[str, ...] = Field(min_length=1, description="in words; printed with the fans")


@dataclass(frozen=True)
class Outlook:
    """A forecast and the plan of its sweep, checked against each other."""

    forecast: Forecast
    plan: Plan


def load_outlook(argument: str | Path) -> Outlook:
    """The forecast of a YAML file, or of a shipped name, with its sweep.

    Raises:
        InputError, InputErrors: all problems of the file at once, then those between it and the sweep.
    """
    path = shipped_or_path(str(argument), "forecasts", ".yaml")
    forecast, plan = parse_on_sweep(Forecast, read_yaml(path), str(path), path.parent)
    read = [(figure.name, figure.metrics) for figure in forecast.figures]
    raise_all(unknown_metrics(str(path), "figures", read, plan))
    return Outlook(forecast, plan)


def run_forecast(
    outlook: Outlook,
    catalog: Catalog,
    engine: Engine,
    folder: Path,
    posterior: pd.DataFrame,
    draws: int = DRAWS,
    command: str = "",
) -> pd.DataFrame:
    """The table `forecast`, written to `folder`; draws that were run before are kept.

    Raises:
        InputError: for a folder that holds something else, or a posterior that lacks a parameter.
    """
    check_output_dir(folder, STORE_NAME, "--out")
    writable_dir(folder, "--out")
    plan, name = outlook.plan, outlook.forecast.name
    probes = predict(plan, catalog, engine, folder, posterior, draws, f"forecast {name}")
    table = fans(outlook.forecast.figures, probes, plan.scenario.starts_on)
    content = {
        "forecast.parquet": write_parquet(table, folder / "forecast.parquet"),
        "forecast.csv": write_csv(table, folder / "forecast.csv"),
    }
    settings = {
        "forecast": outlook.forecast.model_dump(mode="json"),
        "sweep_sha256": plan.sha256,
        "catalog_sha256": catalog_sha256(catalog),
        "code": code_key(),
        "draws": draws,
        "failed": draws - len(probes),
    }
    inputs = (Input("scenario", "assumed", f"{plan.sweep.scenario}, at draws of a posterior", plan.scenario.sha256),)
    Manifest(KIND, command, settings, inputs, content, {"backend": engine.name, "workers": engine.workers}).write(
        folder
    )
    return table


def fans(figures: Sequence[Figure], probes: Sequence[Probe], starts_on: datetime.date) -> pd.DataFrame:
    """The table `forecast` from runs at draws; a draw that lacks a figure on a day is left out there."""
    import pandas as pd

    rows = []
    for figure in figures:
        first = {day for probe in probes for name, day in probe.readings if name == figure.metrics[0]}
        for day in sorted(first):
            sums = [
                sum(float(value) for value in found if value is not None)
                for probe in probes
                if None not in (found := [probe.readings.get((name, day)) for name in figure.metrics])
            ]
            if sums:
                date = (starts_on + datetime.timedelta(days=day)).isoformat()
                ends = np.quantile(sums, list(QUANTILES.values()))
                rows.append((figure.name, figure.unit, date, day, *map(float, ends), len(sums)))
    return FORECAST.conform(pd.DataFrame(rows, columns=FORECAST.column_names), "forecast")
