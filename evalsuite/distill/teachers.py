"""The teacher that a recipe names, by its kind: weights in this process, a small world's own, or an endpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from evalsuite.distill.teacher import LocalTeacher, Teacher
from evalsuite.endpoint import Endpoint
from evalsuite.fetch import ensure
from evalsuite.models import ModelSpec, fingerprints, load, resolve
from sim.shared.errors import InputError

if TYPE_CHECKING:
    from evalsuite.distill.recipe import Recipe


def teacher_spec(recipe: Recipe) -> ModelSpec:
    """What the recipe names: a model known by name, or an endpoint.

    Raises:
        InputError: if there is no such model.
    """
    if isinstance(recipe.teacher, Endpoint):
        endpoint = recipe.teacher
        return ModelSpec(endpoint.name, endpoint.role, endpoint, endpoint.licence, endpoint.parent)
    return resolve(recipe.teacher)


def teacher_of(recipe: Recipe) -> Teacher:
    """The teacher of a recipe, ready to be asked; a small world's own is taught first where the cache has none.

    Raises:
        InputError: if it cannot be had, or cannot give what the recipe asks of it.
    """
    world = recipe.text.world
    if world is not None:
        from evalsuite.distill.worlds.school import teach_named

        teach_named(world, recipe.teacher)
    spec = teacher_spec(recipe)
    if isinstance(spec.source, Endpoint):
        if world is not None:
            raise InputError(
                "teacher", "", spec.name, f"a model whose weights can lie here, for the small world {world.kind}",
                "name the world's own teacher, or leave text.world out",
            )  # fmt: skip
        from evalsuite.distill.endpoint_teacher import EndpointTeacher

        return EndpointTeacher(spec, spec.source, recipe)
    return LocalTeacher(load(spec, "float32" if world is not None else "auto"), recipe.terms)


def fingerprint_of(recipe: Recipe) -> list[Any]:
    """Hashes by which a teacher is known, without asking it: of its weights and tokenizer, or of its description."""
    spec = teacher_spec(recipe)
    if isinstance(spec.source, Endpoint):
        return [spec.source.identity, spec.source.tokenizer]
    return list(fingerprints(ensure(spec)))
