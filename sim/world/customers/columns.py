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
    class_rows: np.ndarray
    blocks: tuple[tuple[int, int, int], ...]

    @property
    def row_count(self) -> int:
        """N."""
        return len(self.value_usd)


def sampled_columns(
    tasks: tuple[TaskClass, ...], tastes: Reviewing | Arrivals, customers: int, streams: Streams
) -> Columns:
    """`customers` rows for each task class; a customer's price sensitivity is the same in all of them.

    Of customers who arrive, each row stands for itself.
    """
    sensitivity = streams.generator("customers/price_sensitivity").standard_normal(customers)
    draws = []
    for task in tasks:
        generator = streams.generator(f"customers/{task.name}/columns")
        draws.append((generator.standard_normal(customers), generator.standard_normal(customers), sensitivity))
    stands_for = 1.0 if isinstance(tastes, Arrivals) else tastes.market_customers / customers
    weight = np.full(customers, stands_for)
    return _columns(tasks, tastes, draws, weight)


def node_columns(tasks: tuple[TaskClass, ...], tastes: Reviewing, nodes: int, streams: Streams) -> Columns:
    """`nodes` scrambled Sobol points for each task class over (ln value, difficulty, ln sensitivity)."""
    from scipy.special import ndtri
    from scipy.stats import qmc

    draws = []
    for task in tasks:
        sobol = qmc.Sobol(d=3, scramble=True, rng=streams.generator(f"customers/{task.name}/nodes"))
        points = sobol.random_base2(math.ceil(math.log2(nodes)))[:nodes] if nodes > 1 else np.full((1, 3), 0.5)
        normal = ndtri(np.clip(points, 1e-12, 1.0 - 1e-12))
        draws.append((normal[:, 0], normal[:, 1], normal[:, 2]))
    weight = np.full(nodes, tastes.market_customers / nodes)
    return _columns(tasks, tastes, draws, weight)


def _columns(
    tasks: tuple[TaskClass, ...],
    tastes: Reviewing | Arrivals,
    draws: list[tuple[np.ndarray, np.ndarray, np.ndarray]],
    weight: np.ndarray,
) -> Columns:
    value, mu, difficulty, harm, requests = [], [], [], [], []
    for task, (z_value, z_difficulty, z_sensitivity) in zip(tasks, draws, strict=True):
        v = _lognormal(task.value_usd, z_value)
        value.append(v)
        if tastes.taste_usd is None:
            mu.append(_lognormal(tastes.price_sensitivity, z_sensitivity) * v)
        else:
            mu.append(np.full_like(v, tastes.taste_usd))
        difficulty.append(task.difficulty_mean + task.difficulty_sd * z_difficulty)
        harm.append(task.harm_share * v)
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
