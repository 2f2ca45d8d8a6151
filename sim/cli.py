"""`undercut sim`: run a scenario, list those that ship, fork and compare runs, check the market against textbooks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sim import cli_calibrate, cli_metrics, cli_sweep

if TYPE_CHECKING:
    from sim.results import RunResult
    from sim.shared.catalog import Catalog

app = typer.Typer(no_args_is_help=True, help="The market: run scenarios and compare them.")

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")]
Seed = Annotated[int, typer.Option(help="Entropy of every random stream; 0 is a seed like any other.")]
Replications = Annotated[int, typer.Option(help="Draws of customers and tastes.")]
Draws = Annotated[int, typer.Option("--catalog-draws", help="Draws of the catalog's errors; 0: point estimates.")]
CatalogOption = Annotated[
    Path | None, typer.Option("--catalog", help="Catalog whose models are added to the shipped ones.")
]


@app.command("run")
def run_command(
    scenario: Annotated[str, typer.Argument(help="A YAML file, or the name of a shipped scenario.")],
    catalog: CatalogOption = None,
    replications: Replications = 1,
    seed: Seed = 0,
    catalog_draws: Draws = 0,
    out: Annotated[Path | None, typer.Option(help="Folder for the tables; by default runs/NAME.")] = None,
    json: Json = False,
) -> None:
    """Run a scenario and write its tables."""
    from sim.results import write_result
    from sim.scenario.load import load_scenario
    from sim.shared.console import emit_json, next_command, note
    from sim.shared.manifest import MANIFEST_NAME, sha256_of_json
    from sim.shared.paths import check_output_dir

    loaded = load_scenario(scenario)
    folder = out or Path("runs") / loaded.name
    check_output_dir(folder, MANIFEST_NAME, "--out")
    result = _run(loaded, _catalog(catalog), seed, replications, catalog_draws, scenario, catalog)
    manifest = write_result(result, folder)
    summary = _summary(result)
    if json:
        emit_json(
            {
                "scenario": loaded.name,
                "out": str(folder),
                "tables_sha256": sha256_of_json(manifest.content),
                "rows": summary,
            }
        )
    else:
        _print_rows(summary)
    note(f"tables: {folder}")
    next_command(f"undercut export {folder} --format xlsx --out {folder.name}.xlsx")


@app.command("scenarios")
def scenarios_command(json: Json = False) -> None:
    """List the scenarios that ship with Undercut."""
    from sim.scenario.load import load_scenario, shipped_scenarios
    from sim.shared.console import emit_json, next_command

    rows = []
    for path in shipped_scenarios():
        loaded = load_scenario(path)
        rows.append({"name": loaded.name, "title": loaded.title, "description": loaded.description})
    if json:
        emit_json({"rows": rows})
    else:
        for row in rows:
            print_line(f"{row['name']:<20} {row['title']}")
    next_command("undercut sim run default")


@app.command("compare")
def compare_command(
    base: Annotated[str, typer.Argument(help="A scenario (file or shipped name), or the folder of a finished run.")],
    variant: Annotated[str, typer.Argument(help="Another one, or 'without-entry' for the base without its entrant.")],
    catalog: CatalogOption = None,
    replications: Replications = 4,
    seed: Seed = 0,
    catalog_draws: Draws = 0,
    day: Annotated[float | None, typer.Option(help="Report day to compare at; by default the last.")] = None,
    json: Json = False,
) -> None:
    """Paired differences, variant minus base, on common random numbers."""
    from sim.shared.console import emit_json, next_command, note
    from sim.study.paired import differences, scenario_change

    models = _catalog(catalog)
    left = _result(base, models, seed, replications, catalog_draws, catalog)
    if variant == "without-entry":
        other = left.scenario.without_entry(left.scenario.entrant or "")
        settings = left.settings
        right = _run(
            other, models, settings["seed"], settings["replications"], settings["catalog_draws"], variant, catalog
        )
    else:
        right = _result(variant, models, seed, replications, catalog_draws, catalog)
    last = max(set(left.tables["market"]["day"]) & set(right.tables["market"]["day"]), default=0.0)
    table = differences(left, right, [last if day is None else day])
    rows = table.to_dict("records")
    changes = scenario_change(left.scenario, right.scenario)
    if json:
        emit_json({"base": left.scenario.name, "variant": right.scenario.name, "changes": changes, "rows": rows})
    else:
        for line in changes:
            note(f"changed: {line}")
        for row in rows:
            print_line(
                f"{row['subject']:<20} {row['metric']:<30} {row['base']:>14.6g} {row['variant']:>14.6g} "
                f"{row['difference']:>+14.6g} [{row['low']:+.4g}, {row['high']:+.4g}] {row['unit']}"
            )
    next_command(f"undercut sim run {left.scenario.name}")


@app.command("fork")
def fork_command(
    run: Annotated[Path, typer.Argument(help="The folder of a finished run.")],
    day: Annotated[float, typer.Option(help="The day from which on the change holds.")],
    changes: Annotated[
        list[str], typer.Option("--set", help="KEY=VALUE, such as population.switching_share=0; may be repeated.")
    ],
    catalog: CatalogOption = None,
    out: Annotated[Path | None, typer.Option(help="Folder for the tables; by default RUN-fork beside the run.")] = None,
    json: Json = False,
) -> None:
    """Play a finished run again, with a change from a day on; before that day its tables are the same bit by bit."""
    from sim.results import read_result, write_result
    from sim.shared.console import Progress, emit_json, next_command, note
    from sim.shared.manifest import MANIFEST_NAME, sha256_of_json
    from sim.shared.paths import check_output_dir
    from sim.study.fork import fork

    base = read_result(run)
    folder = out or run.with_name(f"{run.name}-fork")
    check_output_dir(folder, MANIFEST_NAME, "--out")
    total = base.settings["replications"] * max(base.settings["catalog_draws"], 1)
    with Progress(f"fork of {base.scenario.name}", total, "runs") as progress:
        named = None if catalog is None else str(catalog)
        result = fork(base, _catalog(catalog), day, changes, lambda: progress.advance(1), named)
    manifest = write_result(result, folder)
    if json:
        emit_json(
            {
                "scenario": result.scenario.name,
                "out": str(folder),
                "tables_sha256": sha256_of_json(manifest.content),
                "rows": _summary(result),
            }
        )
    else:
        _print_rows(_summary(result))
    note(f"tables: {folder}")
    next_command(f"undercut sim compare {run} {folder}")


@app.command("validate")
def validate_command(
    full: Annotated[bool, typer.Option("--full", help="As many draws as the sources took; minutes longer.")] = False,
    json: Json = False,
) -> None:
    """Run textbook markets through the market, beside their closed forms; exit 1 where a row does not hold."""
    from sim.shared.catalog import shipped_catalog
    from sim.shared.console import Progress, emit_json, next_command
    from sim.shared.errors import CheckFailed
    from sim.validate.ladder import check_count, climb
    from sim.validate.row import Row

    with Progress("textbook markets", check_count(), "markets") as progress:

        def found(rows: list[Row]) -> None:
            progress.advance(1, rows[-1].name)
            if not json:
                for row in rows:
                    print_line(row.line())

        if not json:
            print_line(f"{'market and quantity':<58} {'expected':>11} {'simulated':>11} {'tolerance':>9}")
        rows = climb(shipped_catalog(), full, found)
    if json:
        emit_json({"rows": [row.as_json() for row in rows]})
    failed = [row.name for row in rows if not row.holds]
    if failed:
        raise CheckFailed(f"{len(failed)} of {len(rows)} rows do not hold: {'; '.join(failed)}")
    next_command("undercut sim run default")


cli_calibrate.mount(app)
cli_metrics.mount(app)
cli_sweep.mount(app)


def print_line(text: str) -> None:
    """One line of data on stdout."""
    typer.echo(text)


def _catalog(path: Path | None) -> Catalog:
    from sim.shared.catalog import read_catalog, shipped_catalog

    shipped = shipped_catalog()
    return shipped if path is None else shipped.with_rows(read_catalog(path))


def _result(
    argument: str, models: Catalog, seed: int, replications: int, catalog_draws: int, catalog_path: Path | None
) -> RunResult:
    """A finished run from its folder, with its own seed and counts; else a scenario, run now."""
    from sim.results import read_result
    from sim.scenario.load import load_scenario
    from sim.shared.manifest import MANIFEST_NAME

    if (Path(argument) / MANIFEST_NAME).is_file():
        return read_result(Path(argument))
    return _run(load_scenario(argument), models, seed, replications, catalog_draws, argument, catalog_path)


def _run(
    scenario: object,
    catalog: Catalog,
    seed: int,
    replications: int,
    catalog_draws: int,
    argument: str,
    catalog_path: Path | None,
) -> RunResult:
    from sim.runner import command_of, draws, run
    from sim.scenario.scenario import Scenario
    from sim.shared.console import Progress

    assert isinstance(scenario, Scenario)
    total = max(replications, 1) * len(draws(max(catalog_draws, 0)))
    with Progress(f"market {scenario.name}", total, "runs") as progress:
        command = command_of(argument, seed, replications, catalog_draws, catalog_path)
        return run(scenario, catalog, seed, replications, catalog_draws, lambda: progress.advance(1), command)


def _summary(result: RunResult) -> list[dict[str, object]]:
    """Mean over runs of the last four reports, by offer."""
    table = result.tables["shares"]
    days = sorted(table["day"].unique())[-4:]
    last = table[table["day"].isin(days)]
    columns = ["share_of_tokens", "share_of_dollars", "margin", "price_usd_per_mtok"]
    means = last.groupby(["provider", "offer"], as_index=False)[columns].mean()
    return [{str(key): value for key, value in row.items()} for row in means.to_dict("records")]


def _print_rows(rows: list[dict[str, object]]) -> None:
    print_line(f"{'provider':<16} {'offer':<22} {'tokens':>8} {'dollars':>8} {'margin':>8} {'USD/Mtok':>10}")
    for row in rows:
        print_line(
            f"{row['provider']:<16} {row['offer']:<22} {row['share_of_tokens']:>8.1%} {row['share_of_dollars']:>8.1%} "
            f"{row['margin']:>8.1%} {row['price_usd_per_mtok']:>10.3f}"
        )
