"""`undercut sim metrics` and `undercut sim elasticities`: what a run, or a market on a day, says in figures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    import pandas as pd

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")]


def mount(app: typer.Typer) -> None:
    """Add both commands to `undercut sim`."""
    app.command("metrics")(metrics_command)
    app.command("elasticities")(elasticities_command)


def metrics_command(
    run: Annotated[Path, typer.Argument(help="The folder of a finished run.")],
    table: Annotated[str | None, typer.Option(help="Print this table's rows instead, such as ranks.")] = None,
    json: Json = False,
) -> None:
    """Shares, concentration, leaders, price indices, margins, surplus, frontier, ranks, research: a run in figures."""
    from sim.metrics import METRIC_TABLES
    from sim.results import read_result
    from sim.shared.console import emit_json, next_command
    from sim.shared.errors import InputError
    from sim.study.summary import figures

    names = [spec.name for spec in METRIC_TABLES]
    if table is not None and table not in names:
        raise InputError("--table", "", table, ", ".join(names), "name one of these")
    result = read_result(run)
    rows = result.tables[table] if table else figures(result.tables)
    if json:
        emit_json({"scenario": result.scenario.name, "table": table or "figures", "rows": rows.to_dict("records")})
    elif table:
        typer.echo(rows.to_csv(index=False, lineterminator="\n"), nl=False)
    else:
        for row in rows.itertuples():
            interval = f"[{row.low:.4g}, {row.high:.4g}]" if row.runs > 1 else ""
            value = f"{row.value:.6g}" if row.runs else "none"
            typer.echo(
                f"{row.metric:<32} {row.subject:<28} {row.task_class:<10} {value:>12} {interval} {row.unit}".rstrip()
            )
    next_command(f"undercut sim metrics {run} --table leaders")


def elasticities_command(
    scenario: Annotated[str, typer.Argument(help="A YAML file, or the name of a shipped scenario.")],
    day: Annotated[float, typer.Option(help="The market as it stands on this day; 0: at list prices.")] = 0.0,
    merge: Annotated[
        str | None, typer.Option(help="Two owners, as A,B, of whose merger the pressure on prices is told; else all.")
    ] = None,
    efficiency: Annotated[float, typer.Option(help="Saving of marginal cost credited to a merger, a fraction.")] = 0.1,
    task_class: Annotated[str, typer.Option(help="Whose matrix is printed; 'all' in tokens over all classes.")] = "all",
    catalog: Annotated[
        Path | None, typer.Option("--catalog", help="Catalog whose models are added to the shipped ones.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Entropy of every random stream; 0 is a seed like any other.")] = 0,
    json: Json = False,
) -> None:
    """Own and cross elasticities, diversion, and the pricing pressure of mergers, from what owners expect of demand."""
    from sim.scenario.load import load_scenario
    from sim.shared.catalog import read_catalog, shipped_catalog
    from sim.shared.console import emit_json, next_command
    from sim.shared.errors import InputError
    from sim.study.elasticity import elasticities, mergers, position, responses

    loaded = load_scenario(scenario)
    models = shipped_catalog() if catalog is None else shipped_catalog().with_rows(read_catalog(catalog))
    at = position(loaded, models, day, seed)
    found = responses(at)
    rows = elasticities(at, found)
    known = list(dict.fromkeys(rows["task_class"]))
    if task_class not in known:
        raise InputError("--task-class", "", task_class, ", ".join(known), "name one of these")
    pressed = mergers(at, found, None if merge is None else [_pair(merge)], efficiency)
    if json:
        emit_json(
            {
                "scenario": loaded.name,
                "day": day,
                "rows": rows.to_dict("records"),
                "mergers": pressed.to_dict("records"),
            }
        )
    else:
        _print_matrices(rows[rows["task_class"] == task_class])
        _print_mergers(pressed)
    next_command(f"undercut sim run {loaded.name}")


def _pair(merge: str) -> tuple[str, str]:
    from sim.shared.errors import InputError

    names = [part.strip() for part in merge.split(",")]
    if len(names) != 2 or not all(names):
        raise InputError("--merge", "", merge, "two owners, as A,B", "correct the option")
    return names[0], names[1]


def _print_matrices(rows: pd.DataFrame) -> None:
    demanded = list(dict.fromkeys(rows["demanded"]))
    for column, title in (("elasticity", "elasticity of demand, by column"), ("diversion", "diversion to, by column")):
        wide = rows.pivot(index="moved", columns="demanded", values=column)
        typer.echo(f"{title + '; price of':<36}" + "".join(f" {name[:14]:>14}" for name in demanded))
        for moved in dict.fromkeys(rows["moved"]):
            cells = [wide.loc[moved, name] for name in demanded]
            shown = "".join(f" {'' if cell != cell else format(cell, '.4f'):>14}" for cell in cells)
            typer.echo(f"{moved:<36}{shown}".rstrip())


def _print_mergers(pressed: pd.DataFrame) -> None:
    typer.echo(f"{'owner':<16} {'with':<16} {'offer':<22} {'diversion':>10} {'GUPPI':>8} {'UPP USD/Mtok':>13}")
    for row in pressed.itertuples():
        typer.echo(
            f"{row.owner:<16} {row.partner:<16} {row.offer:<22} {row.diversion:>10.4f} {row.guppi:>8.4f} "
            f"{row.upp_usd_per_mtok:>13.4f}"
        )
