"""`undercut sim calibrate`, `forecast` and `backtest`: the market against the real one. Mounted by `sim.cli`."""

from __future__ import annotations

import shlex
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sim.cli_sweep import (
    Address,
    Backend,
    CatalogOption,
    Json,
    Workers,
    Yes,
    catalog_of,
    check_runs,
    command_of,
    interruptible,
    make_engine,
)

if TYPE_CHECKING:
    import pandas as pd

PosteriorOption = Annotated[
    Path | None, typer.Option("--posterior", help="Table of draws that a calibration made; by default the shipped one.")
]


def calibrate_command(
    calibration: Annotated[
        str, typer.Argument(help="A YAML file, or the name of a shipped calibration.")
    ] = "real_market",
    synthetic: Annotated[
        bool, typer.Option("--synthetic", "--check", help="Stop before the real data: recovery and coverage alone.")
    ] = False,
    draws: Annotated[int | None, typer.Option(help="Draws of the posterior to keep; by default the file's.")] = None,
    backend: Backend = "local",
    out: Annotated[Path | None, typer.Option(help="Folder for the tables; by default runs/calibrate/NAME.")] = None,
    workers: Workers = None,
    address: Address = None,
    catalog: CatalogOption = None,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="Run points anew that failed before.")] = False,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Learn the market's unknowns: on synthetic markets of known truth first, then from what the real one shows."""
    from sim.shared.console import next_command, note
    from sim.shared.errors import CheckFailed
    from sim.study.calibrate import calibrate
    from sim.study.calibration import load_study, with_draws
    from sim.study.coverage import miscovered
    from sim.study.posterior import check_installed
    from sim.study.sweep import run_count

    study, models = with_draws(load_study(calibration), draws), catalog_of(catalog)
    check_installed()
    check_runs(run_count(study.plan), yes)
    folder = out or Path("runs") / "calibrate" / study.calibration.name
    command = command_of("calibrate", calibration, folder, backend, address, catalog, yes)
    command += " --synthetic" if synthetic else ""
    command += f" --draws {draws}" if draws is not None else ""
    with closing(make_engine(backend, workers, address)) as engine:
        tables = interruptible(
            lambda: calibrate(study, models, engine, folder, command, synthetic, retry_failed), folder, command
        )
    shown = {name: table for name, table in tables.items() if name != "posterior"}
    _say(shown, {"calibration": study.calibration.name, "out": str(folder)}, json)
    note(f"tables: {folder}")
    wrong = miscovered(tables["coverage"])
    if len(wrong):
        said = ", ".join(f"{row.parameter} {row.covered:.3f}" for row in wrong.itertuples())
        raise CheckFailed(f"90% intervals that hold the truth in less than 86% or more than 94% of data sets: {said}")
    again = f"calibrate {shlex.quote(calibration)} --out {shlex.quote(str(folder))}"
    next_command(f"undercut sim {again if synthetic else 'forecast'}")


def forecast_command(
    forecast: Annotated[str, typer.Argument(help="A YAML file, or the name of a shipped forecast.")] = "real_market",
    posterior: PosteriorOption = None,
    draws: Annotated[int, typer.Option(help="Draws of the posterior to run.")] = 64,
    backend: Backend = "local",
    out: Annotated[Path | None, typer.Option(help="Folder for the tables; by default runs/forecast/NAME.")] = None,
    workers: Workers = None,
    address: Address = None,
    catalog: CatalogOption = None,
    json: Json = False,
) -> None:
    """Run the posterior forward: fans of prices, shares and margins, and what the market cannot know."""
    from sim.shared.console import next_command, note
    from sim.study.forecast import load_outlook, run_forecast
    from sim.study.predictive import read_posterior

    outlook, models, table = load_outlook(forecast), catalog_of(catalog), read_posterior(posterior)
    folder = out or Path("runs") / "forecast" / outlook.forecast.name
    command = _command_at("forecast", forecast, folder, posterior, draws, backend, address, catalog)
    with closing(make_engine(backend, workers, address)) as engine:
        found = interruptible(
            lambda: run_forecast(outlook, models, engine, folder, table, draws, command), folder, command
        )
    unknown = list(outlook.forecast.cannot_know)
    _say({"forecast": found}, {"forecast_of": outlook.forecast.name, "out": str(folder), "cannot_know": unknown}, json)
    if not json:
        typer.echo("What this cannot know:")
        for line in unknown:
            typer.echo(f"- {line}")
    note(f"tables: {folder}")
    next_command("undercut sim backtest")


def backtest_command(
    events: Annotated[
        list[str] | None,
        typer.Argument(metavar="[EVENT]...", help="YAML files or shipped names; by default all of these."),
    ] = None,
    posterior: PosteriorOption = None,
    draws: Annotated[int, typer.Option(help="Draws of the posterior to run.")] = 24,
    backend: Backend = "local",
    out: Annotated[Path | None, typer.Option(help="Folder for the tables; by default runs/backtest.")] = None,
    workers: Workers = None,
    address: Address = None,
    catalog: CatalogOption = None,
    json: Json = False,
) -> None:
    """Set what the calibrated market says of events that it was not fitted to beside what happened."""
    from sim.shared.console import next_command, note
    from sim.shared.errors import UnfinishedItems
    from sim.study.backtest import load_event, run_backtests, shipped_backtests
    from sim.study.predictive import read_posterior

    names = events or shipped_backtests()
    loaded, models, table = [load_event(name) for name in names], catalog_of(catalog), read_posterior(posterior)
    folder = out or Path("runs") / "backtest"
    command = _command_at("backtest", shlex.join(events or []), folder, posterior, draws, backend, address, catalog)
    with closing(make_engine(backend, workers, address)) as engine:
        found, failed = interruptible(
            lambda: run_backtests(loaded, models, engine, folder, table, draws, command), folder, command
        )
    _say({"backtests": found}, {"out": str(folder), "failed": failed}, json)
    note(f"tables: {folder}")
    if failed:
        said = "; ".join(f"{name}: {reason}" for name, reason in failed.items())
        raise UnfinishedItems(f"{len(failed)} of {len(loaded)} events failed; {said}")
    next_command("undercut sim forecast")


def mount(app: typer.Typer) -> None:
    """Put the commands of this module into a group."""
    app.command("calibrate")(calibrate_command)
    app.command("forecast")(forecast_command)
    app.command("backtest")(backtest_command)


def _say(tables: dict[str, pd.DataFrame], beside: dict[str, object], json: bool) -> None:
    """Tables on stdout, as one JSON object or in columns; sources and notes are in the files alone."""
    from sim.shared.console import emit_json

    if json:
        emit_json(beside | {name: table.to_dict("records") for name, table in tables.items()})
        return
    for name, table in tables.items():
        short = table.drop(columns=[column for column in ("source", "note") if column in table.columns])
        typer.echo(f"{name}:")
        typer.echo(short.to_string(index=False, float_format=lambda value: f"{value:.4g}"))


def _command_at(
    verb: str, argument: str, folder: Path, posterior: Path | None, draws: int, backend: str, address: str | None,
    catalog: Path | None,
) -> str:  # fmt: skip
    parts = ["undercut", "sim", verb, *shlex.split(argument), "--out", str(folder), "--draws", str(draws)]
    parts += ["--posterior", str(posterior)] if posterior is not None else []
    parts += ["--backend", backend] if backend != "local" else []
    parts += ["--address", address] if address is not None else []
    return shlex.join([*parts, *(["--catalog", str(catalog)] if catalog is not None else [])])
