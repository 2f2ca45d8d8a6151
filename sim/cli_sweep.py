"""`undercut sim sweep`, `sensitivity` and `regimes`: experiments of many runs. Mounted by `sim.cli`."""

from __future__ import annotations

import shlex
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeVar

import typer

if TYPE_CHECKING:
    from collections.abc import Callable

    from sim.shared.catalog import Catalog
    from sim.study.engines.engine import Engine
    from sim.study.plan import Plan
    from sim.study.sweep import SweepResult

T = TypeVar("T")
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")]
SweepArgument = Annotated[str, typer.Argument(metavar="SWEEP", help="A YAML file, or the name of a shipped sweep.")]
CatalogOption = Annotated[
    Path | None, typer.Option("--catalog", help="Catalog whose models are added to the shipped ones.")
]
Backend = Annotated[Literal["local", "ray"], typer.Option("--backend", help="Processes of this machine, or Ray.")]
Workers = Annotated[int | None, typer.Option(help="Points beside each other; by default one a processor.")]
Address = Annotated[str | None, typer.Option(help="HOST:PORT of a Ray cluster; by default one of its own, here.")]
Yes = Annotated[bool, typer.Option("--yes", help="Start even where there are thousands of runs.")]


def sweep_command(
    sweeps: Annotated[list[str], typer.Argument(metavar="SWEEP...", help="YAML files, or names of shipped sweeps.")],
    backend: Backend = "local",
    out: Annotated[
        Path | None, typer.Option(help="Folder for the tables, of several sweeps for their folders.")
    ] = None,
    workers: Workers = None,
    address: Address = None,
    catalog: CatalogOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say how many runs and about how long; run none.")] = False,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="Run points anew that failed before.")] = False,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Run scenarios at many points, in parallel. A killed sweep goes on where it was when it is started again."""
    from sim.shared.console import emit_json, next_command, note
    from sim.shared.errors import UnfinishedItems
    from sim.study.plan import load_plan
    from sim.study.sweep import run_count

    plans = [load_plan(argument) for argument in sweeps]
    models = catalog_of(catalog)
    if dry_run:
        with closing(make_engine(backend, workers, address)) as engine:
            rows = [_expected(plan, models, engine) for plan in plans]
        if json:
            emit_json({"rows": rows})
        else:
            for row in rows:
                typer.echo(
                    f"{row['sweep']}: {row['points']:,} points, {row['runs']:,} runs; {row['seconds_per_point']:.2f} s "
                    f"a point, about {row['seconds_expected']:,.0f} s with {row['workers']} workers"
                )
        next_command(f"undercut sim sweep {shlex.join(sweeps)}")
        return
    check_runs(sum(run_count(plan) for plan in plans), yes)
    results = []
    with closing(make_engine(backend, workers, address)) as engine:
        for plan, argument in zip(plans, sweeps, strict=True):
            folder = _folder(out, plan.sweep.name, len(plans) > 1)
            command = command_of("sweep", argument, folder, backend, address, catalog, yes)
            results.append(_one(plan, models, engine, folder, command, retry_failed))
    if json:
        emit_json(
            {
                "rows": [
                    {
                        "sweep": plan.sweep.name, "out": str(result.folder), "points": result.points,
                        "failed": result.failed, "content": result.content,
                    }
                    for plan, result in zip(plans, results, strict=True)
                ]
            }
        )  # fmt: skip
    else:
        for plan, result in zip(plans, results, strict=True):
            typer.echo(
                f"{plan.sweep.name}: {result.points:,} points, {result.failed:,} failed; tables: {result.folder}"
            )
    failed = sum(result.failed for result in results)
    if failed:
        first = next(result for result in results if result.failed)
        note(f"the reasons stand in {first.folder / 'points.parquet'}; to run these points anew: --retry-failed")
        raise UnfinishedItems(
            f"{failed} of {sum(result.points for result in results)} points failed; the first: {first.first_reason}"
        )
    next_command(f"undercut sim sensitivity {shlex.quote(sweeps[0])}")


def sensitivity_command(
    sweep: SweepArgument,
    backend: Backend = "local",
    out: Annotated[Path | None, typer.Option(help="Folder for the tables; by default runs/sensitivity/NAME.")] = None,
    workers: Workers = None,
    address: Address = None,
    catalog: CatalogOption = None,
    flips_only: Annotated[bool, typer.Option("--flips-only", help="Leave screening and Sobol indices out.")] = False,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Say which assumptions matter, and what it takes to reverse the sweep's conclusions."""
    from sim.shared.console import emit_json, next_command, note
    from sim.study.assumptions import TABLES, largest_run_count, study
    from sim.study.plan import load_plan

    plan, models = load_plan(sweep), catalog_of(catalog)
    check_runs(largest_run_count(plan, flips_only), yes)
    folder = out or Path("runs") / "sensitivity" / plan.sweep.name
    command = command_of("sensitivity", sweep, folder, backend, address, catalog, yes)
    with closing(make_engine(backend, workers, address)) as engine:
        tables = interruptible(lambda: study(plan, models, engine, folder, command, flips_only), folder, command)
    if json:
        emit_json(
            {"sweep": plan.sweep.name, "out": str(folder)}
            | {name: table.to_dict("records") for name, table in tables.items()}
        )
    else:
        for spec in TABLES:
            if spec.name in tables:
                typer.echo(f"{spec.name}: {spec.row}")
                typer.echo(tables[spec.name].to_string(index=False, float_format=lambda value: f"{value:.4g}"))
    note(f"tables: {folder}")
    next_command(f"undercut sim sweep {shlex.quote(sweep)} --dry-run")


def regimes_command(
    sweep: SweepArgument = "regime_map",
    backend: Backend = "local",
    out: Annotated[Path | None, typer.Option(help="Folder of the sweep; by default runs/sweeps/NAME.")] = None,
    table: Annotated[Path | None, typer.Option(help="The map's file; by default regime_map.parquet in it.")] = None,
    workers: Workers = None,
    address: Address = None,
    catalog: CatalogOption = None,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Map what kind of market an entry leads to, over the student's quality and cost; how sure is each cell."""
    from sim.shared.console import emit_json, next_command, note
    from sim.shared.errors import UnfinishedItems
    from sim.study.plan import load_plan
    from sim.study.regimes import check_axes, write_regime_map
    from sim.study.sweep import run_count

    plan, models = load_plan(sweep), catalog_of(catalog)
    check_axes(plan)
    check_runs(run_count(plan), yes)
    folder = _folder(out, plan.sweep.name, several=False)
    command = command_of("regimes", sweep, folder, backend, address, catalog, yes)
    with closing(make_engine(backend, workers, address)) as engine:
        result = _one(plan, models, engine, folder, command, False)
    path = table or folder / "regime_map.parquet"
    found = write_regime_map(folder, path)
    counts = found["regime"].value_counts()
    if json:
        emit_json({"sweep": plan.sweep.name, "table": str(path), "rows": found.to_dict("records")})
    else:
        for name, count in counts.items():
            sure = found[found["regime"] == name]["certainty"].mean()
            typer.echo(f"{name:<18} {count:>5} of {len(found)} cells, in {sure:.0%} of their runs")
    note(f"table: {path}")
    if result.failed:
        raise UnfinishedItems(f"{result.failed} of {result.points} points failed; the first: {result.first_reason}")
    next_command(f"undercut sim sensitivity entry_prior --flips-only --out {folder.parent / 'flips'}")


def mount(app: typer.Typer) -> None:
    """Put the commands of this module into a group."""
    app.command("sweep")(sweep_command)
    app.command("sensitivity")(sensitivity_command)
    app.command("regimes")(regimes_command)


def make_engine(backend: str, workers: int | None, address: str | None) -> Engine:
    """The engine that the options name.

    Raises:
        InputError: for options that contradict each other, or Ray where it is missing or does not answer.
    """
    from sim.shared.errors import InputError
    from sim.study.engines.local import LocalEngine

    if workers is not None and not 1 <= workers <= 100_000:
        raise InputError("--workers", "", workers, "a whole number from 1 to 100000", "correct the option")
    if address is not None and backend != "ray":
        raise InputError("--address", "", address, "nothing, for --backend local", "add --backend ray")
    if backend == "ray":
        from sim.study.engines.cluster import RayEngine

        return RayEngine(address, workers)
    return LocalEngine(workers)


def command_of(
    verb: str, argument: str, folder: Path, backend: str, address: str | None, catalog: Path | None, yes: bool
) -> str:
    """The command that does it again, or goes on with it."""
    parts = ["undercut", "sim", verb, argument, "--out", str(folder)]
    parts += ["--backend", backend] if backend != "local" else []
    parts += ["--address", address] if address is not None else []
    parts += ["--catalog", str(catalog)] if catalog is not None else []
    return shlex.join([*parts, "--yes"] if yes else parts)


def _one(plan: Plan, catalog: Catalog, engine: Engine, folder: Path, command: str, retry_failed: bool) -> SweepResult:
    from sim.study.sweep import run_sweep

    return interruptible(lambda: run_sweep(plan, catalog, engine, folder, command, retry_failed), folder, command)


def interruptible(work: Callable[[], T], folder: Path, command: str) -> T:
    """Do it; Ctrl-C says what is kept and how to go on."""
    from sim.shared.errors import RunInterrupted

    try:
        return work()
    except KeyboardInterrupt as error:
        raise RunInterrupted(str(folder), command) from error


def _expected(plan: Plan, catalog: Catalog, engine: Engine) -> dict[str, object]:
    from sim.study.design import point_count
    from sim.study.sweep import run_count, time_points

    seconds = time_points(plan, catalog, engine)
    points = point_count(plan.sweep)
    return {
        "sweep": plan.sweep.name,
        "points": points,
        "runs": run_count(plan),
        "seconds_per_point": seconds,
        "workers": engine.workers,
        "seconds_expected": seconds * points / engine.workers,
    }


def check_runs(runs: int, yes: bool) -> None:
    """Raise for thousands of runs that nobody has said yes to.

    Raises:
        InputError: says how many.
    """
    from sim.shared.errors import InputError
    from sim.study.sweep import MANY_RUNS

    if runs > MANY_RUNS and not yes:
        raise InputError(
            "the sweep", "", f"{runs:,} runs", f"at most {MANY_RUNS:,} without --yes",
            "ask how long they take with --dry-run, then add --yes",
        )  # fmt: skip


def _folder(out: Path | None, name: str, several: bool) -> Path:
    if out is None:
        return Path("runs") / "sweeps" / name
    return out / name if several else out


def catalog_of(path: Path | None) -> Catalog:
    """The shipped models, with those of a catalog file."""
    from sim.shared.catalog import read_catalog, shipped_catalog

    shipped = shipped_catalog()
    return shipped if path is None else shipped.with_rows(read_catalog(path))
