"""`undercut data`: the list prices that ship, one at a date, and all as indices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from sim.shared.prices import DatedPrice

data_app = typer.Typer(no_args_is_help=True, help="The data that ships: dated list prices, and their indices.")

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")]


@data_app.command("prices")
def prices_command(
    model: Annotated[str, typer.Option(help="The name under which a provider sells the model.")],
    at: Annotated[str, typer.Option(help="The day, as YYYY-MM-DD.")],
    provider: Annotated[str | None, typer.Option(help="Who sells it, where several do.")] = None,
    json: Json = False,
) -> None:
    """The list price of a model in force on a day, its source, and the prices before and after it."""
    from dataclasses import asdict

    from sim.shared.console import emit_json, next_command
    from sim.shared.prices import price_at

    price = price_at(model, at, provider)
    if json:
        emit_json(asdict(price))
    else:
        until = f"until {price.until}" if price.until else "no later price known"
        typer.echo(
            f"{price.model} ({price.provider}): {price.price_in_usd_per_mtok:g} USD per Mtok in, "
            f"{price.price_out_usd_per_mtok:g} out; from {price.since} ({price.date_basis}), {until}"
        )
        typer.echo(f"source: {price.source}; licence: {price.licence}")
        if price.note:
            typer.echo(f"note: {price.note}")
        for word, row in (("before", price.before), ("after", price.after)):
            if row is not None:
                typer.echo(f"{word}: {_row(row)}")
    next_command("undercut data index")


@data_app.command("index")
def index_command(
    resamples: Annotated[int, typer.Option(help="Resamples of the models, for the intervals.")] = 300,
    until: Annotated[str | None, typer.Option(help="The last day that counts, as YYYY-MM-DD.")] = None,
    series: Annotated[bool, typer.Option("--series", help="Print the dated indices as CSV instead.")] = False,
    json: Json = False,
) -> None:
    """How fast list prices fall: at fixed quality, by tier, and of the same models, by the market's own functions."""
    from sim.shared.console import Progress, emit_json, next_command
    from sim.shared.errors import InputError
    from sim.study.price_history import index_count, world_indices

    if not 1 <= resamples <= 100_000:
        raise InputError("--resamples", "", resamples, "a whole number from 1 to 100000", "correct the option")
    with Progress("indices of list prices", index_count(), "parts") as progress:
        found = world_indices(resamples, until, lambda: progress.advance(1))
    if json:
        emit_json({"rows": found.indices.to_dict("records"), "series": found.series.to_dict("records")})
    elif series:
        typer.echo(found.series.to_csv(index=False, lineterminator="\n"), nl=False)
    else:
        typer.echo(
            f"{'index, level':<76} {'from':<10} {'to':<10} {'USD/Mtok':>15} {'divided by a year: overall':>27} "
            f"{'fitted':>22} {'half-life, years':>16}"
        )
        for kind, row in zip(found.indices["index"], found.indices.itertuples(index=False), strict=True):
            prices = f"{row.first_usd_per_mtok:.3g} to {row.last_usd_per_mtok:.3g}"
            overall = _fall(row.overall_fall_per_year, row.overall_low, row.overall_high)
            fitted = _fall(row.fitted_fall_per_year, row.fitted_low, row.fitted_high)
            name = row.level if kind == "fixed_quality" else f"{kind}, {row.level}"
            typer.echo(
                f"{name:<76} {row.from_date:<10} {row.to_date:<10} {prices:>15} {overall:>27} {fitted:>22} "
                f"{row.half_life_years:>16.2f}"
            )
    next_command("undercut data prices --model gpt-4o --at 2024-08-01")


def _row(row: DatedPrice) -> str:
    return (
        f"{row.price_in_usd_per_mtok:g} in, {row.price_out_usd_per_mtok:g} out from {row.date} ({row.event}; "
        f"source: {row.source})"
    )


def _fall(value: float, low: float, high: float) -> str:
    if value != value:
        return ""
    return f"{value:.3g} [{low:.3g}, {high:.3g}]" if low == low else f"{value:.3g}"
