"""The customers' columns, drawn for sampled rows or placed as quadrature nodes.

Rows are ordered by task class, so that a block of rows never straddles two classes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from sim.scenario.population import Arrivals, Reviewing
from sim.scenario.tasks import Lognormal, TaskClass
from sim.world.streams import Streams

GROUPS = ("low", "middle", "high")  # terciles of the value of a right answer; without a spread all are in the middle
_TERCILE = 0.4307272992954576  # of the standard normal distribution, above and below 0
BLOCK_ROWS = 16_384  # rows of one unit of work; fixed, so that sums have one order whatever the number of threads


@dataclass(frozen=True)
class Columns:
    """One row per (customer, task class) or per node; all arrays have shape (N,).

    Attributes:
        value_usd: value v of a right answer, per request.
        mu_usd: spread of the unobserved taste, per request.
        exp_difficulty: exp(d).
        harm_usd: cost of a wrong answer, per request.
        switching_usd: one-off cost S of switching, spread over a year's requests, per request.
        outside_usd: utility a0 of using no model, per request.
        requests_per_day: x0, at the reference price, already scaled to the whole market.
        group: index into `GROUPS`, by the value of a right answer among the class's customers.
        class_rows: first row of each class and the end, shape (C+1,).
        blocks: (class, first row, end row) of each unit of work.
    """

    value_usd: np.ndarray
    mu_usd: np.ndarray
    exp_difficulty: np.ndarray
    harm_usd: np.ndarray
    switching_usd: np.ndarray
    outside_usd: np.ndarray
    requests_per_day: np.ndarray
    group: np.ndarray
    class_rows: np.ndarray
    blocks: tuple[tuple[int, int, int], ...]

    @property
    def row_count(self) -> int:
        """N."""
        return len(self.value_usd)


@dataclass(frozen=True)
class _Normals:
    """Standard normal draws of one class's customers; shape (N,) each."""

    value: np.ndarray
    difficulty: np.ndarray
    sensitivity: np.ndarray
    harm: np.ndarray


def sampled_columns(
    tasks: tuple[TaskClass, ...], tastes: Reviewing | Arrivals, customers: int, streams: Streams, later: int = 0
) -> Columns:
    """`customers` rows for each task class; a customer's price sensitivity is the same in all of them.

    Of customers who arrive, each row stands for itself. Rows of `later` customers follow in every class, drawn from
    streams of their own, so that those who are there on day 0 are the same however many come.
    """
    sensitivity = streams.generator("customers/price_sensitivity").standard_normal(customers)
    sensitivity = _extended(sensitivity, later, streams, "customers/price_sensitivity")
    draws = []
    for task in tasks:
        name = f"customers/{task.name}"
        generator = streams.generator(f"{name}/columns")
        value, difficulty = generator.standard_normal(customers), generator.standard_normal(customers)
        harm = streams.generator(f"{name}/harm").standard_normal(customers) if task.harm_log_sd else value
        parts = ((value, "value"), (difficulty, "difficulty"), (harm, "harm"))
        value, difficulty, harm = (_extended(part, later, streams, f"{name}/{what}") for part, what in parts)
        draws.append(_Normals(value, difficulty, sensitivity, harm))
    stands_for = 1.0 if isinstance(tastes, Arrivals) else tastes.market_customers / customers
    weight = np.full(customers + later, stands_for)
    return _columns(tasks, tastes, draws, weight)


def _extended(first: np.ndarray, later: int, streams: Streams, name: str) -> np.ndarray:
    if not later:
        return first
    return np.concatenate([first, streams.generator(f"{name}/later").standard_normal(later)])


def node_columns(
    tasks: tuple[TaskClass, ...], tastes: Reviewing, nodes: int, streams: Streams, joint: bool = False
) -> Columns:
    """`nodes` scrambled Sobol points for each task class over (ln value, difficulty, ln sensitivity, ln harm).

    Harm has a dimension where it differs. With `joint` the points lie in the space of all classes together, the
    sensitivity once: a node is then the same customer in every class.
    """
    draws = []
    if joint:
        points = _sobol(node_dimensions(tasks, joint), nodes, streams, "customers/nodes")
        at = 1
        for task in tasks:
            harm = points[:, at + 2] if task.harm_log_sd else points[:, at]
            draws.append(_Normals(points[:, at], points[:, at + 1], points[:, 0], harm))
            at += 2 + (task.harm_log_sd > 0)
    else:
        for task in tasks:
            points = _sobol(3 + (task.harm_log_sd > 0), nodes, streams, f"customers/{task.name}/nodes")
            draws.append(_Normals(points[:, 0], points[:, 1], points[:, 2], points[:, -1]))
    weight = np.full(nodes, tastes.market_customers / nodes)
    return _columns(tasks, tastes, draws, weight)


def node_dimensions(tasks: tuple[TaskClass, ...], joint: bool) -> int:
    """The most dimensions that one Sobol sequence of `node_columns` has."""
    each = [2 + (task.harm_log_sd > 0) for task in tasks]
    return 1 + (sum(each) if joint else max(each))


def sobol_points(dimensions: int, nodes: int, streams: Streams, stream: str) -> np.ndarray:
    """Scrambled Sobol points in the unit cube, shape (nodes, dimensions); a single one in the middle."""
    from scipy.stats import qmc

    if nodes == 1:
        return np.full((1, dimensions), 0.5)
    sobol = qmc.Sobol(d=dimensions, scramble=True, rng=streams.generator(stream))
    return np.asarray(sobol.random_base2(math.ceil(math.log2(nodes)))[:nodes])


def _sobol(dimensions: int, nodes: int, streams: Streams, stream: str) -> np.ndarray:
    """The same as standard normals."""
    from scipy.special import ndtri

    return np.asarray(ndtri(np.clip(sobol_points(dimensions, nodes, streams, stream), 1e-12, 1.0 - 1e-12)))


def _columns(
    tasks: tuple[TaskClass, ...], tastes: Reviewing | Arrivals, draws: list[_Normals], weight: np.ndarray
) -> Columns:
    value, mu, difficulty, harm, requests, group = [], [], [], [], [], []
    for task, z in zip(tasks, draws, strict=True):
        v = _lognormal(task.value_usd, z.value)
        value.append(v)
        if tastes.taste_usd is None:
            mu.append(_lognormal(tastes.price_sensitivity, z.sensitivity) * v)
        else:
            mu.append(np.full_like(v, tastes.taste_usd))
        difficulty.append(task.difficulty_mean + task.difficulty_sd * z.difficulty)
        harm.append(task.harm_share * v * (np.exp(task.harm_log_sd * z.harm) if task.harm_log_sd else 1.0))
        spread = z.value if task.value_usd.log_sd else np.zeros_like(z.value)
        group.append((1 + (spread > _TERCILE) - (spread < -_TERCILE)).astype(np.int64))
        requests.append(task.requests_per_day * weight)
    values = np.concatenate(value)
    rows = len(weight)
    starts = np.arange(len(tasks) + 1) * rows
    blocks = tuple(
        (c, first, min(first + BLOCK_ROWS, int(starts[c + 1])))
        for c in range(len(tasks))
        for first in range(int(starts[c]), int(starts[c + 1]), BLOCK_ROWS)
    )
    return Columns(
        value_usd=values,
        mu_usd=np.concatenate(mu),
        exp_difficulty=np.exp(np.concatenate(difficulty)),
        harm_usd=np.concatenate(harm),
        switching_usd=(tastes.switching_share if isinstance(tastes, Reviewing) else 0.0) * values,
        outside_usd=np.full_like(values, -np.inf) if tastes.outside_share is None else tastes.outside_share * values,
        requests_per_day=np.concatenate(requests),
        group=np.concatenate(group),
        class_rows=starts,
        blocks=blocks,
    )


def single_precision(columns: Columns) -> Columns:
    """The same columns, what a choice reads in float32; requests stay in float64, for they are summed."""
    narrow = {
        name: getattr(columns, name).astype(np.float32)
        for name in ("value_usd", "mu_usd", "exp_difficulty", "harm_usd", "switching_usd", "outside_usd")
    }
    return replace(columns, **narrow)


def _lognormal(part: Lognormal, normal: np.ndarray) -> np.ndarray:
    return part.median * np.exp(part.log_sd * normal)
