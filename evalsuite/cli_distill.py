"""`undercut distill`: make students by recipes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from evalsuite.distill.card import Student

distill_app = typer.Typer(no_args_is_help=True, help="Students: make them from a teacher by a recipe.")


@distill_app.callback()
def options() -> None:
    """Students: make them from a teacher by a recipe."""


@distill_app.command("run")
def run_command(
    recipes: Annotated[list[str], typer.Argument(help="YAML files, or names of shipped recipes.")],
    name: Annotated[str | None, typer.Option(help="Name of the student; by default RECIPE-student.")] = None,
    tokens: Annotated[int | None, typer.Option(help="Training tokens, instead of the recipe's.")] = None,
    minutes: Annotated[float | None, typer.Option(help="Training time, turned once into tokens.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed, instead of the recipe's.")] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Train even if the student is in the cache.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")] = False,
) -> None:
    """Make a student by each recipe; `undercut eval run --models NAME` then knows it by name."""
    import shlex
    from dataclasses import asdict

    from evalsuite.distill.recipe import read_recipe
    from evalsuite.distill.student import make_student
    from sim.shared.console import emit_json, next_command
    from sim.shared.errors import InputError

    read = [read_recipe(recipe) for recipe in recipes]
    if name is not None and len(read) > 1:
        raise InputError("--name", "", name, "one recipe", "run the recipes one by one, or leave the name out")
    options = (("--name", name), ("--tokens", tokens), ("--minutes", minutes), ("--seed", seed))
    given = [part for option, value in options if value is not None for part in (option, str(value))]
    command = shlex.join(["undercut", "distill", "run", *recipes, *given, *(["--fresh"] if fresh else [])])
    students = [
        make_student(recipe, name or f"{recipe.name}-student", tokens, minutes, seed, fresh, command) for recipe in read
    ]
    if json:
        emit_json({"rows": [asdict(student) for student in students]})
    else:
        for student in students:
            typer.echo(_line(student))
    next_command(f"undercut eval run --models {students[0].parent},{students[0].name} --suite mini")


@distill_app.command("dose")
def dose_command(
    recipe: Annotated[str, typer.Argument(help="YAML file, or name of a shipped recipe.")],
    doses: Annotated[str, typer.Option(help="Distinct teacher tokens, separated by commas.")] = "",
    seeds: Annotated[str, typer.Option(help="Seeds of the text, separated by commas.")] = "0",
    epochs: Annotated[int, typer.Option(help="Times that each token is trained on.")] = 1,
    tasks: Annotated[str, typer.Option(help="Tasks of the mini suite to score students on, separated by commas.")] = "",
    items: Annotated[int, typer.Option(help="Items of each task, the first ones.")] = 100,
    publish: Annotated[Path | None, typer.Option(help="Folder whose curves.parquet takes the fitted curves.")] = None,
    out: Annotated[Path | None, typer.Option(help="Output folder; by default runs/dose-RECIPE.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")] = False,
) -> None:
    """Measure what a recipe's student is worth for the tokens that it bought: table, fitted curve, chart. Resumes."""
    import shlex

    from evalsuite.distill.accuracy import Accuracy
    from evalsuite.distill.dose import DEFAULT_DOSES, Study
    from evalsuite.distill.dose_run import run_doses
    from evalsuite.distill.recipe import read_recipe
    from sim.shared.console import emit_json, next_command
    from sim.shared.curves import read_curves
    from sim.shared.errors import InputError

    read = read_recipe(recipe)
    folder = out or Path("runs") / f"dose-{read.name}"
    named = tuple(part.strip() for part in tasks.split(",") if part.strip())
    if items < 1:
        raise InputError("--items", "", items, "a whole number of at least 1", "correct the option")
    accuracy = Accuracy(tasks=named, items=items) if named else None
    numbers = tuple(_numbers("--doses", doses)) or DEFAULT_DOSES
    study = Study(numbers, tuple(_numbers("--seeds", seeds)), epochs, accuracy)
    given = ["--doses", ",".join(map(str, study.doses)), "--seeds", seeds, "--epochs", str(epochs)]
    given += ["--tasks", tasks, "--items", str(items)] if named else []
    given += ["--publish", str(publish)] if publish is not None else []
    command = shlex.join(["undercut", "distill", "dose", recipe, *given, "--out", str(folder)])
    folder.parent.mkdir(parents=True, exist_ok=True)
    table = run_doses(read, study, folder, command)
    curves = read_curves(folder / "curves.parquet")
    if publish is not None:
        from evalsuite.distill.publish_curves import publish_table

        publish_table(table, publish)
    if json:
        emit_json({"rows": table.to_dict("records"), "curves": curves.to_dict("records")})
    else:
        for row in table.to_dict("records"):
            typer.echo(_point(row))
        for row in curves.to_dict("records"):
            typer.echo(
                f"{row['outcome']}: asymptote {row['e']:.4g} [{row['e_low']:.4g}, {row['e_high']:.4g}], exponent "
                f"{row['b']:.3g} [{row['b_low']:.3g}, {row['b_high']:.3g}]; against the teacher's "
                f"{row['teacher_outcome']:.4g}: {row['verdict']}"
            )
        if curves.empty:
            typer.echo("four doses are the least that a curve can be fitted to")
        typer.echo(f"tables and chart: {folder}")
    next_command(f"undercut distill run {recipe}")


@distill_app.command("reproduce")
def reproduce_command(
    plan: Annotated[str, typer.Argument(help="YAML file, or name of a shipped study.")] = "doses_language",
    out: Annotated[
        Path | None, typer.Option(help="Folder of the table and its curves; by default the shipped data's measured/.")
    ] = None,
    minutes: Annotated[float | None, typer.Option(help="Begin no further row after so many minutes.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")] = False,
) -> None:
    """Go on with a shipped table of doses: measure the rows that it lacks, in the study's order, and fit its curves."""
    import shlex

    from evalsuite.distill.plan import grow_table, read_plan
    from evalsuite.distill.publish_curves import publish_plan
    from sim.shared.console import emit_json, next_command
    from sim.shared.errors import InputError
    from sim.shared.paths import data_dir, writable_dir

    if minutes is not None and minutes <= 0:
        raise InputError("--minutes", "", minutes, "a positive number", "correct the option")
    read = read_plan(plan)
    folder = writable_dir(out if out is not None else data_dir() / "measured", source="--out")
    command = shlex.join(["undercut", "distill", "reproduce", plan, *(["--out", str(out)] if out is not None else [])])
    path = folder / f"{read.name}.csv"
    done = grow_table(read, path, minutes, command, lambda row: typer.echo(_point(row), err=True))
    curves = publish_plan(path, folder)
    if json:
        emit_json({"wanted": done.wanted, "before": done.before, "now": done.now, "curves": curves})
    else:
        typer.echo(
            f"{path}: {done.before} rows were there, {done.now} measured now, {done.missing} of {done.wanted} missing; "
            f"{curves} curves fitted"
        )
    next_command(command if done.missing else "undercut dashboard")


@distill_app.command("worlds")
def worlds_command(
    world: Annotated[str, typer.Option(help="knowledge, addition or countdown; by default all.")] = "",
    study: Annotated[str, typer.Option(help="doses, or judge.")] = "doses",
    seeds: Annotated[int, typer.Option(help="How many, from 0 on.")] = 3,
    quick: Annotated[bool, typer.Option("--quick", help="Sizes that end in seconds and say nothing.")] = False,
    out: Annotated[Path | None, typer.Option(help="Output folder; by default runs/worlds.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")] = False,
) -> None:
    """Small worlds of known truth: every method at the same queries, or reinforcement by judges. Resumes."""
    import shlex

    from evalsuite.distill.worlds.kinds import WORLDS
    from evalsuite.distill.worlds.study import STUDIES, run_study
    from sim.shared.console import emit_json
    from sim.shared.errors import InputError

    if study not in STUDIES:
        raise InputError("--study", "", study, ", ".join(STUDIES), "name one of these")
    folder = out or Path("runs") / "worlds"
    wanted = [world] if world else ["countdown"] if study == "judge" else list(WORLDS)
    given = [*(["--world", world] if world else []), "--study", study, "--seeds", str(seeds)]
    told = [*given, *(["--quick"] if quick else [])]
    command = shlex.join(["undercut", "distill", "worlds", *told, "--out", str(folder)])
    rows = run_study("judge" if study == "judge" else "doses", wanted, seeds, folder, command, quick)
    if json:
        emit_json({"rows": rows.frame.to_dict("records")})
        return
    for row in rows.frame.to_dict("records"):
        typer.echo(
            f"{row['world']:<10} {row[rows.keys[0]]:<32} {row['queries']:>6} queries, seed {row['seed']}: "
            f"{row['sampled_share']:.3f} [{row['sampled_low']:.3f}, {row['sampled_high']:.3f}] of sampled answers "
            f"right (the teacher {row['teacher_sampled_share']:.3f})"
        )
    typer.echo(f"table: {rows.path}")


@distill_app.command("scaling")
def scaling_command(
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")] = False,
) -> None:
    """Fit the scaling law of distillation again to published runs, with some held out, and print its error."""
    from dataclasses import asdict

    from evalsuite.distill.scaling import scaling_fits, shipped_points
    from sim.shared.console import emit_json, next_command

    fits = scaling_fits(shipped_points())
    if json:
        emit_json({"rows": [asdict(fit) for fit in fits]})
    else:
        typer.echo(f"{'held out':<28} {'runs':>5} {'error':>7} {'held out':>9} {'error':>7}")
        for fit in fits:
            held = f"{fit.held_out_error:.2%}" if fit.held_out_runs else ""
            typer.echo(f"{fit.held_out:<28} {fit.runs:>5} {fit.error:>7.2%} {fit.held_out_runs:>9} {held:>7}")
        typer.echo(
            f"{fits[0].below_teacher:.0%} of the runs have the student below its teacher's loss, which the formula "
            "cannot express"
        )
    next_command("undercut distill dose demo")


@distill_app.command("outputs")
def outputs_command(
    remove: Annotated[bool, typer.Option("--remove", help="Remove them all; they can be bought again.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")] = False,
) -> None:
    """What teachers told and is kept in the cache, by teacher and regime; with --remove, free the room."""
    from evalsuite.distill import outputs
    from sim.shared.console import emit_json

    rows = []
    for folder in outputs.kept_folders():
        meta = outputs.read_meta(folder)
        size = sum(path.stat().st_size for path in folder.iterdir())
        regime = str(meta.regime["kind"]) if meta is not None else "of another version"
        tokens = (folder / outputs.RECORDS_NAME).stat().st_size // meta.record_bytes if meta is not None else 0
        rows.append({"folder": folder.name, "regime": regime, "tokens": tokens, "bytes": size, "removed": remove})
        if remove:
            outputs.remove(folder)
    if json:
        emit_json({"rows": rows})
        return
    for row in rows:
        done = "removed" if remove else "kept"
        typer.echo(f"{row['folder']}: {row['regime']}, {row['tokens']:,} tokens, {row['bytes']:,} bytes, {done}")
    typer.echo(f"{len(rows)} kept by teacher and regime" if not remove else f"{len(rows)} removed")


def _point(row: dict[str, Any]) -> str:
    """A row of a table of doses, in one line."""
    told = f"{row['recipe']}, {row['distinct_teacher_tokens']:>7,} tokens, seed {row['seed']}: "
    if not _missing(row["held_out_kl_nats"]):
        told += f"KL {row['held_out_kl_nats']:.3f} nats a token, "
    told += f"people's text {row['human_nats_per_byte']:.4f} nats a byte"
    if not _missing(row["own_human_nats_per_byte"]):
        told += f" (the teacher {row['own_human_nats_per_byte']:.4f})"
    if not _missing(row["accuracy"]):
        told += f", accuracy {row['accuracy']:.3f}"
    return told


def _missing(value: float | None) -> bool:
    """Whether a cell is empty: None, or NaN, which alone is not itself."""
    return value is None or value != value


def _line(student: Student) -> str:
    """What a student is, in one line."""
    told = (
        f"{student.name}: {student.layers} layers, {student.training_tokens} training tokens over "
        f"{student.distinct_teacher_tokens} distinct teacher tokens, "
    )
    before, after = student.held_out_kl_pruned_nats, student.held_out_kl_nats
    if before is not None and after is not None:
        told += f"KL to {student.parent} {before:.3f} -> {after:.3f} nats a token, "
    told += f"its text {student.held_out_nats_per_byte_start:.3f} -> {student.held_out_nats_per_byte:.3f} nats a byte"
    if student.bill is not None and student.bill.paid_usd > 0:
        told += f", {student.bill.paid_usd:.4f} USD paid"
    return told


def _numbers(option: str, text: str) -> list[int]:
    """Whole numbers from a list separated by commas.

    Raises:
        InputError: for anything else.
    """
    from sim.shared.errors import InputError

    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not all(part.isdigit() for part in parts) or (text and not parts):
        raise InputError(option, "", text, "whole numbers from 0 upwards, separated by commas", "correct the option")
    return [int(part) for part in parts]
