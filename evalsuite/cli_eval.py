"""`undercut eval`: run a suite over models, list its tasks, compare two models, publish a catalog."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, cast

import typer

if TYPE_CHECKING:
    from evalsuite.harness import Scorer
    from sim.shared.roofline import Serving

eval_app = typer.Typer(no_args_is_help=True, help="Measure models: quality through lm-eval, speed and cost here.")

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")]
Suite = Annotated[str, typer.Option(help="The suite of tasks.")]
DataDir = Annotated[Path | None, typer.Option(help="Where the suite `local` finds its data sets.")]
RunFolder = Annotated[Path, typer.Argument(help="The folder of an eval run.")]
QUALITY_KEYS = ["model", "task", "task_class", "n", "score", "stderr", "chance", "errors"]


@eval_app.command("run")
def run_command(
    models: Annotated[str, typer.Option(help="Names parted by commas, the teacher first.")],
    suite: Suite = "mini",
    tasks: Annotated[str | None, typer.Option(help="Tasks parted by commas; by default all.")] = None,
    limit: Annotated[int | None, typer.Option(help="Items a task; by default all.")] = None,
    data_dir: DataDir = None,
    scorer: Annotated[str, typer.Option(help="shared (common prefixes once) or stock (lm-eval's own).")] = "shared",
    out: Annotated[Path, typer.Option(help="Folder for the tables.")] = Path("runs/eval"),
    json: Json = False,
) -> None:
    """Score models on a suite and time them. Resumes: what was scored is kept."""
    import shlex

    from evalsuite.lines import reasons, run_lines
    from evalsuite.measure import run_eval
    from sim.shared.console import emit_json, next_command, note
    from sim.shared.errors import UnfinishedItems

    names = [name.strip() for name in models.split(",") if name.strip()]
    chosen = _names(tasks)
    parts = ["undercut", "eval", "run", "--models", ",".join(names), "--suite", suite]
    parts += [] if tasks is None else ["--tasks", tasks]
    parts += [] if limit is None else ["--limit", str(limit)]
    parts += [] if data_dir is None else ["--data-dir", str(data_dir)]
    parts += [] if scorer == "shared" else ["--scorer", scorer]
    command = shlex.join(parts)
    run = run_eval(names, suite, out, limit, chosen, command, cast("Scorer", scorer), data_dir)
    if json:
        emit_json(
            {
                "rows": run.quality[QUALITY_KEYS].to_dict("records"),
                "cost": run.cost.to_dict("records"),
                "usage": run.usage.to_dict("records"),
                "seconds": {"eval": run.eval_s, "metering": run.metering_s},
                "out": str(out),
            }
        )
    else:
        for line in run_lines(run):
            typer.echo(line)
    note(f"tables: {out}")
    next_command(f"undercut eval publish {shlex.quote(str(out))} --out catalog.parquet")
    if run.errors:
        raise UnfinishedItems(f"{reasons(run)}; see the column error of {out}/samples.parquet")


@eval_app.command("tasks")
def tasks_command(suite: Suite = "mini", data_dir: DataDir = None, json: Json = False) -> None:
    """List the tasks of a suite, and what of users' files cannot be asked."""
    import shlex

    from evalsuite.lines import rejected_lines
    from evalsuite.suites.find import find_suite
    from sim.shared.console import emit_json, next_command

    tasks = find_suite(suite, data_dir).tasks
    if json:
        rows = [
            {
                "task": task.name,
                "task_class": task.task_class,
                "kind": task.kind,
                "n": task.items,
                "clusters": task.clusters,
                "chance": task.chance,
                "floor": task.floor,
                "measures": task.measures,
                "cluster_is": task.cluster_is,
                "rejected": len(task.rejected),
                "rejected_items": [{"item": item.item, "reason": item.reason} for item in task.rejected],
            }
            for task in tasks
        ]
        emit_json({"rows": rows})
    else:
        typer.echo(
            f"{'task':<18} {'class':<8} {'kind':<10} {'items':>6} {'facts':>6} {'chance':>6} {'bad':>4}  measures"
        )
        for task in tasks:
            floor = " (a floor for small models)" if task.floor else ""
            typer.echo(
                f"{task.name:<18} {task.task_class:<8} {task.kind:<10} {_count(task.items):>6} "
                f"{_count(task.clusters):>6} {task.chance:>6.2f} {len(task.rejected):>4}  {task.measures}{floor}"
            )
        for line in rejected_lines(tasks):
            typer.echo(line)
    where = "" if data_dir is None else f" --data-dir {shlex.quote(str(data_dir))}"
    next_command(f"undercut eval run --models smollm2-135m-instruct --suite {suite}{where}")


@eval_app.command("parity")
def parity_command(
    model: Annotated[str, typer.Option(help="The model.")] = "smollm2-135m-instruct",
    suite: Suite = "mini",
    tasks: Annotated[str | None, typer.Option(help="Tasks parted by commas; by default all.")] = None,
    limit: Annotated[int | None, typer.Option(help="Items a task; by default all.")] = None,
    dtype: Annotated[str, typer.Option(help="float32 (held to the bounds), bfloat16 or auto.")] = "float32",
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Compare the shared scorer with lm-eval's own on the same requests; exit 1 where a bound does not hold.

    bfloat16 is held to no bound: there the paired difference of the accuracies tells.
    """
    from dataclasses import asdict

    from evalsuite.models import DTYPES, load, resolve
    from evalsuite.parity import certify
    from evalsuite.suites.find import find_suite
    from sim.shared.console import emit_json, next_command
    from sim.shared.errors import InputError

    if dtype not in DTYPES:
        raise InputError("--dtype", "", dtype, ", ".join(DTYPES), "name one of them")
    if limit is not None and limit < 1:
        raise InputError("--limit", "", limit, "a whole number of at least 1", "leave it out to run all items")
    chosen = find_suite(suite, data_dir, _names(tasks)).tasks
    found = certify(load(resolve(model), cast("Literal['auto', 'bfloat16', 'float32']", dtype)), chosen, limit)
    if json:
        emit_json({"rows": [asdict(row) for row in found]})
    else:
        typer.echo(
            f"{'task':<18} {'requests':>8} {'max |d| nats':>12} {'per token':>10} {'differ':>6} {'excused':>7} "
            f"{'asked':>8} {'computed':>8} {'shared s':>8} {'stock s':>8}  holds"
        )
        for row in found:
            typer.echo(
                f"{row.task:<18} {row.requests:>8} {row.largest_nats:>12.2e} {row.largest_nats_a_token:>10.2e} "
                f"{len(row.differing):>6} {len(row.excused):>7} {row.asked_tokens:>8} {row.computed_tokens:>8} "
                f"{row.shared_s:>8.1f} {row.stock_s:>8.1f}  {'yes' if row.holds else 'NO'}"
            )
        typer.echo(
            f"{'task':<18} {'n':>5} {'shared':>7} {'stock':>7} {'difference':>10}  95% interval (the same items)"
        )
        for row in found:
            typer.echo(
                f"{row.task:<18} {row.items:>5} {row.shared_accuracy:>7.3f} {row.stock_accuracy:>7.3f} "
                f"{row.accuracy_difference:>+10.4f}  [{row.accuracy_difference_low:+.4f}, "
                f"{row.accuracy_difference_high:+.4f}]"
            )
            for name, nats in list(zip(row.differing, row.differing_margin_nats, strict=True))[:20]:
                margin = "what was written differs" if nats is None else f"lm-eval's own margin {nats:.2e} nats"
                typer.echo(f"{'':<18} differs: {name} ({margin})")
            if len(row.differing) > 20:
                typer.echo(f"{'':<18} and {len(row.differing) - 20} more; all with --json")
    next_command("undercut bench scorer")
    if not all(row.holds for row in found):
        raise typer.Exit(1)


@eval_app.command("compare")
def compare_command(
    run: RunFolder,
    teacher: Annotated[str, typer.Option(help="A model of the run.")],
    student: Annotated[str, typer.Option(help="Another model of the run.")],
    margin: Annotated[float, typer.Option(help="Share by which the student may be worse and still as good.")] = 0.05,
    json: Json = False,
) -> None:
    """Paired differences, student minus teacher, on the same items; and whether it is worse by more than a margin."""
    from evalsuite.pairs import compare, judged
    from evalsuite.tables import SAMPLES
    from sim.shared.console import emit_json, next_command
    from sim.shared.tables import read_table

    path = run / "samples.parquet"
    rows = judged(compare(SAMPLES.conform(read_table(path), str(path)), teacher, student), margin)
    if json:
        emit_json({"rows": rows.drop(columns="stderr").to_dict("records")})
    else:
        typer.echo(
            f"{'task':<14} {'n':>4} {'difference':>10}  {'95% interval':<16} {'p':>8} {'p (Holm)':>8} "
            f"{'detectable':>10} {'agreement':>9}  not worse by {margin:g}"
        )
        for row in rows.to_dict("records"):
            typer.echo(
                f"{row['task']:<14} {row['n']:>4} {row['difference']:>+10.3f}  [{row['low']:+.3f}, {row['high']:+.3f}] "
                f"{row['p_value']:>8.2g} {row['p_holm']:>8.2g} {_detectable(row['detectable']):>10} "
                f"{row['agreement']:>9.2f}  "
                f"{'yes' if row['non_inferior'] else 'not shown'}"
            )
        typer.echo(
            "p: McNemar, items independent; Holm: over these tasks; detectable: least difference found with power 0.8; "
            "not worse: the whole interval lies above minus the margin"
        )
    next_command(f"undercut eval publish {run} --out catalog.parquet")


@eval_app.command("cost")
def cost_command(
    run: RunFolder,
    hardware: Annotated[str, typer.Option(help="Accelerator of the modelled ledger.")] = "A100 SXM 80GB",
    batch: Annotated[int, typer.Option(min=1, help="Sequences served at once.")] = 32,
    context: Annotated[int, typer.Option(min=1, help="Tokens that a sequence holds.")] = 2048,
    utilisation: Annotated[float, typer.Option(min=0.01, max=1.0, help="Share of the day that is used.")] = 0.5,
    accelerators: Annotated[int, typer.Option(min=1, help="Devices that serve one model together.")] = 1,
    json: Json = False,
) -> None:
    """The ledgers side by side, per token, request, right answer and megabyte of text; they are never added.

    A model that does not fit into the accelerators is left out of the modelled ledger, and named.
    """
    import pandas as pd

    from evalsuite.analysis import read_run, read_told
    from evalsuite.ledgers import accelerator, ledger_table, listed, measured, modelled, served
    from evalsuite.lines import energy_text
    from sim.shared.console import emit_json, next_command
    from sim.shared.errors import InputError
    from sim.shared.roofline import Serving, published_speeds

    found = read_run(run)
    told = read_told(run)
    device = accelerator(hardware)
    serving = Serving(batch=batch, context_tokens=context, utilisation=utilisation, accelerators=accelerators)
    fitting, left_out = served(found.shapes, device, serving)
    ledgers = [measured(found.cost), modelled(fitting, device, serving), listed(found.usage)]
    if not any(ledgers):
        what = "; ".join(left_out.values()) or "no model with a cost or a price"
        raise InputError(str(run), "", what, "one that costs something", "give the endpoint's list price, or hardware")
    table = pd.concat(
        [ledger_table(prices, found.shapes, found.samples, found.quality) for prices in ledgers if prices],
        ignore_index=True,
    )
    if json:
        errors = [
            {"what": row.what, "published": row.published, "modelled": row.modelled, "error": row.error}
            | {"fitted": row.fitted, "assumed": row.assumed, "source": row.source}
            for row in published_speeds()
        ]
        energy = found.cost[["model", "phase", "batch", "wh_per_mtok", "energy_source"]].to_dict("records")
        emit_json(
            {
                "rows": table.to_dict("records"),
                "not_modelled": left_out,
                "roofline": errors,
                "energy": energy,
                "energy_basis": told.energy,
                "peak_memory_bytes": told.peak_memory_bytes,
            }
        )
    else:
        for ledger, rows in table.groupby("ledger", sort=False):
            typer.echo(
                f"{ledger} ledger: {rows['hardware'].iloc[0]}" + (_served(serving) if ledger == "modelled" else "")
            )
            typer.echo(
                f"  {'model':<26} {'class':<8} {'in/Mtok':>9} {'out/Mtok':>9} {'request':>10} {'right answer':>13} "
                f"{'95% interval':>24} {'in/MB':>8} {'out/MB':>8}   (USD)"
            )
            for row in rows.to_dict("records"):
                interval = f"{row['usd_per_correct_low']:.3g} to {row['usd_per_correct_high']:.3g}"
                typer.echo(
                    f"  {row['model']:<26} {row['task_class']:<8} {row['usd_per_mtok_in']:>9.4f} "
                    f"{row['usd_per_mtok_out']:>9.4f} {row['usd_per_request']:>10.3g} {row['usd_per_correct']:>13.3g} "
                    f"{interval:>24} {row['usd_per_mb_in']:>8.4f} {row['usd_per_mb_out']:>8.4f}"
                )
        for model, reason in left_out.items():
            typer.echo(f"not modelled: {model} {reason}")
        typer.echo(f"energy on this machine, of {told.energy or 'a run that did not count it'}:")
        for row in found.cost.to_dict("records"):
            typer.echo(f"  {row['model']:<26} {row['phase']:<8} {energy_text(row)}")
        peak = told.peak_memory_bytes
        typer.echo(f"peak memory of the run: {'not told' if peak is None else f'{peak / 1e9:.1f} GB'}")
        typer.echo("roofline against published speeds:")
        for speed in published_speeds():
            typer.echo(
                f"  {speed.what}: {speed.modelled:,.1f} {speed.unit} modelled, {speed.published:,.1f} published "
                f"({speed.error:+.1%}); {speed.basis}; {speed.source}"
            )
    next_command(f"undercut eval frontier {run}")


@eval_app.command("frontier")
def frontier_command(
    run: RunFolder,
    teacher: Annotated[str | None, typer.Option(help="For the cascade; by default the last student's.")] = None,
    student: Annotated[str | None, typer.Option(help="For the cascade; by default the last one.")] = None,
    ledger: Annotated[str, typer.Option(help="measured, modelled or 'list price'; they do not compare.")] = "measured",
    json: Json = False,
) -> None:
    """Who lies on the frontier of quality and cost, how surely, and what a cascade from student to teacher buys."""
    from evalsuite.analysis import cascade_table, frontier_table, read_run
    from evalsuite.ledgers import prices_of
    from evalsuite.pairs import chosen_pair
    from sim.shared.console import emit_json, next_command

    found = read_run(run)
    prices = prices_of(ledger, found.cost, found.shapes, found.usage)
    table = frontier_table(found, prices)
    priced = {price.model for price in prices}
    models = found.models if teacher or student else [model for model in found.models if model in priced]
    related = [(one, other) for other, one in found.teachers.items() if {one, other} <= set(models)]
    pair = chosen_pair(models, related, teacher, student)
    curve = None if pair is None else cascade_table(found, prices, pair.teacher, pair.student)
    if json:
        rows = [] if curve is None else curve.to_dict("records")
        emit_json({"rows": table.to_dict("records"), "cascade": rows})
    else:
        typer.echo(f"{'model':<28} {'accuracy':>8}  {'95% interval':<16} {'USD/request':>11}  on the frontier")
        for row in table.to_dict("records"):
            interval = f"[{row['accuracy_low']:.3f}, {row['accuracy_high']:.3f}]"
            typer.echo(
                f"{row['model']:<28} {row['accuracy']:>8.3f}  {interval:<16} {row['usd_per_request']:>11.4g}  "
                f"{'yes' if row['on_frontier'] else 'no'} (probability {row['frontier_probability']:.2f})"
            )
        if curve is not None:
            first = curve.iloc[0]
            typer.echo(f"cascade, {first['student']} first, then {first['teacher']}:")
            typer.echo(f"{'sent up':>8} {'accuracy':>9} {'USD/request':>12} {'at random, same cost':>21}")
            for row in curve.to_dict("records")[::2]:
                typer.echo(
                    f"{row['escalated']:>8.0%} {row['accuracy']:>9.3f} {row['cost_usd']:>12.4g} "
                    f"{row['mixture_accuracy']:>21.3f}"
                )
    next_command(f"undercut eval cost {run}")


@eval_app.command("publish")
def publish_command(
    run: RunFolder,
    out: Annotated[Path, typer.Option(help="The Parquet file to write.")] = Path("catalog.parquet"),
    ledger: Annotated[str, typer.Option(help="Whose costs: measured or modelled; they are never mixed.")] = "measured",
) -> None:
    """Write a run's catalog, validated, as a file that the market reads."""
    from evalsuite.analysis import read_run
    from evalsuite.ledgers import prices_of, with_modelled_costs
    from sim.shared.catalog import read_catalog
    from sim.shared.console import next_command
    from sim.shared.errors import InputError
    from sim.shared.paths import writable_dir
    from sim.shared.tables import write_parquet

    if ledger not in ("measured", "modelled"):
        raise InputError("--ledger", "", ledger, "measured, modelled", "name one of them")
    catalog = read_catalog(run / "catalog.parquet")
    if catalog.frame.empty:
        raise InputError(str(run), "", "no model with a scored item", "one", "see the column error of samples.parquet")
    if ledger == "modelled":
        found = read_run(run)
        catalog = with_modelled_costs(catalog, prices_of(ledger, found.cost, found.shapes, found.usage))
    if out.is_dir() or out.suffix != ".parquet":
        raise InputError("--out", "", str(out), "a file that ends in .parquet", "name the file")
    writable_dir(out.parent, "--out")
    write_parquet(catalog.frame, out)
    typer.echo(str(out))
    next_command(f"undercut sim run default --catalog {out}")


def _count(number: int | None) -> str:
    return "?" if number is None else str(number)


def _served(serving: Serving) -> str:
    """How the modelled ledger serves."""
    devices = f" x {serving.accelerators}" if serving.accelerators > 1 else ""
    return (
        f"{devices}, batch {serving.batch}, {serving.context_tokens} tokens of context, "
        f"{serving.utilisation:.0%} of the day, cheapest dated rent"
    )


def _detectable(difference: float) -> str:
    """Not told where no item was answered differently, or too few items are there."""
    return "-" if math.isnan(difference) else f"{difference:.3f}"


def _names(text: str | None) -> list[str] | None:
    return None if text is None else [name.strip() for name in text.split(",") if name.strip()]
