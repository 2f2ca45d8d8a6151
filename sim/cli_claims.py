"""`undercut claims`: the eleven statements, run and judged. Mounted by the command."""

from __future__ import annotations

import shlex
from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from sim.cli_sweep import Address, Backend, CatalogOption, Json, Workers, catalog_of, interruptible, make_engine

claims_app = typer.Typer(
    no_args_is_help=True, help="Eleven statements about distillation and markets, each put to a test."
)


@claims_app.command("list")
def list_command(json: Json = False) -> None:
    """Say what each claim is, and what would show it false."""
    from sim.claims.registry import claims
    from sim.shared.console import emit_json, next_command

    every = claims()
    if json:
        emit_json(
            {
                "rows": [
                    {
                        "claim": claim.name, "sentence": claim.sentence, "hypothesis": claim.hypothesis,
                        "criterion": claim.criterion, "by_construction": claim.by_construction,
                        "simulated": [part.name for part in claim.experiments],
                        "measured": [part.name for part in claim.measurements],
                    }
                    for claim in every
                ]
            }
        )  # fmt: skip
    else:
        for claim in every:
            typer.echo(f"{claim.name}: {claim.sentence}\n  supported if: {claim.criterion}")
    next_command(f"undercut claims run {every[-1].name}")


@claims_app.command("run")
def run_command(
    names: Annotated[list[str] | None, typer.Argument(metavar="[NAME]...", help="Claims; without names all.")] = None,
    full: Annotated[bool, typer.Option("--full", help="200 draws of the assumptions instead of 16.")] = False,
    out: Annotated[Path | None, typer.Option(help="Folder for the tables; by default runs/claims.")] = None,
    flips: Annotated[bool, typer.Option(help="Look for the values at which each criterion turns.")] = True,
    backend: Backend = "local",
    workers: Workers = None,
    address: Address = None,
    catalog: CatalogOption = None,
    json: Json = False,
) -> None:
    """Put claims to their tests and print the verdicts. What was killed goes on where it was."""
    from sim.claims.registry import claims
    from sim.claims.run import Judged, run_claims
    from sim.shared.console import emit_json, next_command, note

    chosen = claims(names or [])
    folder = out or Path("runs") / ("claims-full" if full else "claims")
    parts = ["undercut", "claims", "run", *(names or []), *(["--full"] if full else []), "--out", str(folder)]
    command = shlex.join(parts)

    def tell(judged: Judged) -> None:
        if not json:
            typer.echo(f"{judged.claim.name:<14} {judged.verdict:<14} {judged.why}")

    models = catalog_of(catalog)
    with closing(make_engine(backend, workers, address)) as engine:
        judged = interruptible(
            lambda: run_claims(chosen, models, engine, folder, full, flips, command, tell), folder, command
        )
    if json:
        emit_json(
            {
                "out": str(folder),
                "rows": [{"claim": one.claim.name, "verdict": one.verdict, "why": one.why} for one in judged],
            }
        )
    note(f"tables: {folder}")
    next_command(f"undercut claims report {shlex.quote(str(folder))}")
