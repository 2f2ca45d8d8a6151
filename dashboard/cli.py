"""The `undercut` command: it mounts the halves' commands and adds those that need both.

Decides the exit codes, which are a contract: 0 done; 1 a check failed; 2 the input is wrong; 3 finished with some
items in error; 70 an unexpected error (a defect: its traceback is printed); 130 interrupted. Imports only typer at the
top, so that `--help` answers at once; everything else is imported by the command that needs it.
"""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer
from typer.exceptions import TyperException

from dashboard.cli_data import data_app
from evalsuite.cli_distill import distill_app
from evalsuite.cli_eval import eval_app
from evalsuite.cli_models import models_app
from sim.cli import app as sim_app
from sim.cli_claims import claims_app
from sim.shared.errors import UndercutError

DONE, WRONG_INPUT, DEFECT, INTERRUPTED = 0, 2, 70, 130

app = typer.Typer(
    name="undercut",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="What happens to prices, shares and profits when a distilled student undercuts its teacher.",
)
app.add_typer(models_app, name="models")
app.add_typer(eval_app, name="eval")
app.add_typer(distill_app, name="distill")
app.add_typer(sim_app, name="sim")
app.add_typer(data_app, name="data")
app.add_typer(claims_app, name="claims")

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")]


def _print_version(wanted: bool) -> None:
    if wanted:
        from sim.shared.manifest import undercut_version

        typer.echo(f"undercut {undercut_version()}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and leave.")
    ] = False,
) -> None:
    """What happens to prices, shares and profits when a distilled student undercuts its teacher."""


@app.command("demo")
def demo_command(
    out: Annotated[Path, typer.Option(help="Folder for the tables.")] = Path("runs/demo"),
    tokens: Annotated[int | None, typer.Option(help="Training tokens of the student.")] = None,
    minutes: Annotated[float | None, typer.Option(help="Training time, turned once into tokens.")] = None,
    seed: Annotated[int, typer.Option(help="Entropy of every random stream; 0 is a seed like any other.")] = 0,
    json: Json = False,
) -> None:
    """Measure, distil, compete, export: the whole story, offline."""
    from dashboard.demo import run_demo

    run_demo(out=out, tokens=tokens, minutes=minutes, seed=seed, json=json)


@app.command("doctor")
def doctor_command(json: Json = False) -> None:
    """Say what this machine can run, and what is missing."""
    from dataclasses import asdict

    from dashboard.doctor import examine
    from sim.shared.console import emit_json, next_command
    from sim.shared.errors import CheckFailed

    report = examine()
    if json:
        emit_json({"rows": [asdict(row) for row in report.rows], "base_runs": report.base_runs})
    else:
        for line in report.lines():
            typer.echo(line)
    if not report.base_runs:
        raise CheckFailed("the base cannot run here: see the rows that say 'missing'")
    next_command("undercut demo" if report.can("measure") else "undercut sim run default")


@app.command("bench")
def bench_command(
    names: Annotated[list[str] | None, typer.Argument(help="Benchmarks; by default all that exist.")] = None,
    json: Json = False,
) -> None:
    """Time this machine's parts against their targets. Exits 1 when a row does not hold."""
    from dashboard.bench import measure
    from sim.shared.console import emit_json
    from sim.shared.errors import CheckFailed
    from sim.shared.manifest import host_facts

    rows = measure(names or [])
    if json:
        emit_json({"rows": [row.as_json() for row in rows], "host": host_facts()})
    else:
        for row in rows:
            typer.echo(row.line())
    failed = [row.name for row in rows if not row.holds]
    if failed:
        raise CheckFailed(f"does not hold: {', '.join(failed)}")


@app.command("dashboard")
def dashboard_command(
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 8501,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    catalog: Annotated[Path | None, typer.Option(help="Models to show; by default the shipped ones.")] = None,
) -> None:
    """Open the dashboard in a browser."""
    from dashboard.serve import serve

    raise typer.Exit(serve(host, port, catalog))


@app.command("export")
def export_command(
    run: Annotated[Path, typer.Argument(help="A folder that a run wrote.")],
    out: Annotated[Path, typer.Option(help="Folder (bundle, csv, csv-safe, parquet) or file (xlsx, md, tex).")],
    format: Annotated[
        str,
        typer.Option("--format", help="bundle, csv, csv-safe, parquet, xlsx, md or tex."),
    ] = "csv",
    json: Json = False,
) -> None:
    """Write a run's tables for other programs."""
    from dashboard.export import export_run
    from sim.shared.console import emit_json

    written = export_run(run, format, out)
    if json:
        emit_json({"files": [str(path) for path in written]})
    else:
        for path in written:
            typer.echo(str(path))


@eval_app.command("report")
def report_command(
    run: Annotated[Path, typer.Argument(help="The folder of an eval run.")],
    out: Annotated[Path | None, typer.Option(help="Folder for the report; by default RUN/report.")] = None,
    teacher: Annotated[str | None, typer.Option(help="A model of the run; by default the last student's.")] = None,
    student: Annotated[str | None, typer.Option(help="Another model of the run; by default the last student.")] = None,
    json: Json = False,
) -> None:
    """Write a run's report: one HTML file that needs nothing else, and Markdown with its charts beside it."""
    from dashboard.report import write_report
    from sim.shared.console import emit_json, next_command

    report = write_report(run, out or run / "report", teacher, student)
    if json:
        emit_json(
            {
                "teacher": report.teacher,
                "student": report.student,
                "headline": list(report.headline),
                "files": [str(path) for path in report.files],
            }
        )
    else:
        for sentence in report.headline:
            typer.echo(sentence)
        for path in report.files:
            typer.echo(str(path))
    next_command(f"undercut eval publish {shlex.quote(str(run))} --out catalog.parquet")


@claims_app.command("report")
def claims_report_command(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="What `undercut claims run` wrote.")],
    out: Annotated[Path | None, typer.Option(help="Folder for the report; by default FOLDER/report.")] = None,
    json: Json = False,
) -> None:
    """Write the verdicts as one HTML page, and as Markdown with its charts beside it."""
    from dashboard.claim_report import write_claim_report
    from sim.shared.console import emit_json, next_command

    files = write_claim_report(folder, out or folder / "report")
    if json:
        emit_json({"files": [str(path) for path in files]})
    else:
        for path in files:
            typer.echo(str(path))
    next_command(f"undercut export {shlex.quote(str(folder))} --out claims.xlsx")


def run(arguments: list[str]) -> int:
    """Run the command with these arguments and return its exit code; messages go to stderr, one line a problem."""
    command = typer.main.get_command(app)
    try:
        # Typer's own main turns Ctrl-C and a closed pipe into exits of its own; so the command is invoked directly.
        with command.make_context("undercut", arguments or ["--help"]) as context:
            command.invoke(context)
        sys.stdout.flush()
    except typer.Exit as leaving:
        return leaving.exit_code
    except UndercutError as error:
        for line in str(error).splitlines():
            _complain(line)
        return error.exit_code
    except (KeyboardInterrupt, typer.Abort):
        _complain("interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        # The reader has left (`undercut ... | head`); the flush at exit must not complain either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except TyperException as error:
        return _wrong_usage(error)
    except Exception as error:  # noqa: BLE001  nothing is swallowed: the outermost frame shows the whole traceback
        import traceback

        traceback.print_exception(error)
        _complain("this is a defect of Undercut, not of your input")
        return DEFECT
    return DONE


def main() -> None:
    """The console command."""
    sys.exit(run(sys.argv[1:]))


def _wrong_usage(error: TyperException) -> int:
    """An unknown option or command, a missing argument, a value of the wrong kind: one message, with what to do."""
    context = getattr(error, "ctx", None)
    message = error.format_message().strip().rstrip(".")
    if message:  # a group of commands called without one has printed its help, and has no message
        _complain(f"{message}; see '{context.command_path if context is not None else 'undercut'} --help'")
    return WRONG_INPUT


def _complain(text: str) -> None:
    typer.echo(f"undercut: {text}", err=True)


if __name__ == "__main__":
    main()
