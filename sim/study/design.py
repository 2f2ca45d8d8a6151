"""The points of a design, one after the other: a point is a value for every parameter.

Points are made as they are asked for, so that a design of millions takes no memory; two designs are made as a whole
(Latin hypercube, Morris and Saltelli: 8 bytes a point and parameter), because they are defined as one.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from pydantic import JsonValue

from sim.study.distributions import Levelled
from sim.study.plan import Factorial, LatinHypercube, Morris, Random, Saltelli, Sobol, Sweep
from sim.world.streams import Streams

BLOCK = 256  # a power of two, as Sobol sequences like it


@dataclass(frozen=True)
class Point:
    """A number and the values of the parameters, by name."""

    number: int
    values: dict[str, JsonValue]


def point_count(sweep: Sweep) -> int:
    """How many points the design has."""
    design, width = sweep.design, len(sweep.parameters)
    if isinstance(design, Factorial):
        return math.prod(len(part.levels) for part in _levelled(sweep))
    if isinstance(design, Morris):
        return design.trajectories * (width + 1)
    if isinstance(design, Saltelli):
        return design.samples * (width + 2)
    return design.points


def points(sweep: Sweep) -> Iterator[Point]:
    """The points in their order; the same each time."""
    names = [parameter.name for parameter in sweep.parameters]
    if isinstance(sweep.design, Factorial):
        for number, values in enumerate(itertools.product(*(part.levels for part in _levelled(sweep)))):
            yield Point(number, dict(zip(names, values, strict=True)))
        return
    parts = [parameter.distribution for parameter in sweep.parameters]
    for number, row in enumerate(_unit_rows(sweep)):
        drawn = [part.at(float(probability)) for part, probability in zip(parts, row, strict=True)]
        yield Point(number, dict(zip(names, drawn, strict=True)))


def problem(sweep: Sweep) -> dict[str, Any]:
    """The parameters as SALib names them, on the unit cube."""
    names = [parameter.name for parameter in sweep.parameters]
    return {"num_vars": len(names), "names": names, "bounds": [[0.0, 1.0]] * len(names)}


def whole_matrix(sweep: Sweep) -> np.ndarray:
    """A Morris or Saltelli design on the unit cube, shape (points, parameters).

    Raises:
        MissingExtra: if SALib is not installed.
    """
    from sim.shared.errors import MissingExtra

    try:
        from SALib.sample import morris, sobol
    except ImportError as error:
        raise MissingExtra("SALib", "calibrate") from error
    design, generator = sweep.design, _generator(sweep)
    if isinstance(design, Morris):
        made = morris.sample(problem(sweep), design.trajectories, num_levels=design.levels, seed=generator)
    else:
        assert isinstance(design, Saltelli)
        made = sobol.sample(problem(sweep), design.samples, calc_second_order=False, seed=generator)
    return np.asarray(made, dtype=float)


def _unit_rows(sweep: Sweep) -> Iterator[np.ndarray]:
    """Rows on the unit cube, each of shape (parameters,)."""
    from scipy.stats import qmc

    design, width, generator = sweep.design, len(sweep.parameters), _generator(sweep)
    if isinstance(design, Morris | Saltelli):
        yield from whole_matrix(sweep)
    elif isinstance(design, LatinHypercube):
        yield from qmc.LatinHypercube(width, rng=generator).random(design.points)
    else:
        assert isinstance(design, Random | Sobol)
        sequence = qmc.Sobol(width, rng=generator) if isinstance(design, Sobol) else None
        for start in range(0, design.points, BLOCK):
            # The last block is made whole too, so that the first points do not depend on their number.
            block = generator.random((BLOCK, width)) if sequence is None else sequence.random(BLOCK)
            yield from block[: design.points - start]


def _levelled(sweep: Sweep) -> list[Levelled]:
    parts = [parameter.distribution for parameter in sweep.parameters]
    assert all(isinstance(part, Levelled) for part in parts)
    return parts  # type: ignore[return-value]


def _generator(sweep: Sweep) -> np.random.Generator:
    return Streams(sweep.seed, 0).generator(f"sweep/{sweep.design.kind}")
