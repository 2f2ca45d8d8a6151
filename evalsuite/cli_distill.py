"""`undercut distill`: make students by recipes."""

from __future__ import annotations

from typing import Annotated

import typer

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
            typer.echo(
                f"{student.name}: {student.layers} layers, {student.training_tokens} training tokens over "
                f"{student.distinct_teacher_tokens} distinct teacher tokens, KL to {student.parent} "
                f"{student.held_out_kl_pruned_nats:.3f} -> {student.held_out_kl_nats:.3f} nats a token"
            )
    next_command(f"undercut eval run --models {students[0].parent},{students[0].name} --suite mini")
