"""The scaling law of distillation, fitted again to published runs, and its error on runs that were held out.

Two ways of holding out: a fifth of the runs at random (does the formula describe?), and the largest student (does it
extend?). What is minimised is the squared error of the logarithm of the student's loss.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import astuple, dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from sim.shared.curves import DISTILLED, DistillationLaw
from sim.shared.paths import data_dir
from sim.shared.tables import read_table

if TYPE_CHECKING:
    import pandas as pd

POINTS_NAME = "distillation_scaling_points.csv"
HELD_OUT_SHARE = 0.2
STARTS = 8
SPREAD = 0.15  # of the starting points around the shipped coefficients, on the logarithm


@dataclass(frozen=True)
class ScalingFit:
    """A fit and how well it does.

    Attributes:
        held_out: which runs were: "none", "random fifth" or "largest student".
        error, held_out_error: mean absolute relative error of the student's loss, on the runs fitted to and held out.
        runs, held_out_runs: how many.
        below_teacher: share of all runs whose student lies below its teacher, which the formula cannot express.
    """

    held_out: str
    law: DistillationLaw
    runs: int
    error: float
    held_out_runs: int
    held_out_error: float
    below_teacher: float


def shipped_points() -> pd.DataFrame:
    """The published runs."""
    return read_table(data_dir() / POINTS_NAME)


def scaling_fits(points: pd.DataFrame, seed: int = 0, on_fit: Callable[[], None] = lambda: None) -> list[ScalingFit]:
    """The shipped law, the law fitted to all runs, and the two fits with runs held out."""
    count = len(points)
    none = np.zeros(count, dtype=bool)
    fifth = np.random.default_rng(seed).permutation(count) < round(HELD_OUT_SHARE * count)
    largest = (points["student_params"] == points["student_params"].max()).to_numpy()
    out = [_told("none (shipped coefficients)", DISTILLED, points, none)]
    for name, held in (("none", none), ("random fifth", fifth), ("largest student", largest)):
        out.append(_told(name, fit_law(points[~held], seed), points, held))
        on_fit()
    return out


def fit_law(points: pd.DataFrame, seed: int = 0) -> DistillationLaw:
    """The student's coefficients by least squares, from several starts; the supervised ones are held."""
    from scipy.optimize import least_squares

    wanted = np.log(points["student_loss_nats"].to_numpy(dtype=float))
    start = np.log(np.array(astuple(DISTILLED)[:9], dtype=float))
    rng = np.random.default_rng(seed)

    def missed(logs: np.ndarray) -> np.ndarray:
        return np.log(predict(_law(logs), points)) - wanted

    def tried(place: int) -> tuple[float, np.ndarray]:
        first = start + (rng.normal(0.0, SPREAD, len(start)) if place else 0.0)
        found = least_squares(missed, first, method="trf", x_scale="jac", max_nfev=2000)
        return float(found.cost), found.x

    return _law(min((tried(place) for place in range(STARTS)), key=lambda pair: pair[0])[1])


def predict(law: DistillationLaw, points: pd.DataFrame) -> np.ndarray:
    """Student losses of runs, nats a token, shape (n,)."""
    columns = ("student_params", "student_tokens", "teacher_loss_nats")
    params, tokens, teacher = (points[column].to_numpy(dtype=float) for column in columns)
    return law.loss_nats(params, tokens, teacher)


def _law(logs: np.ndarray) -> DistillationLaw:
    a, b, alpha, beta, gamma, c0, c1, f1, d1 = np.exp(np.clip(logs, -20.0, 20.0)).tolist()
    return replace(DISTILLED, a=a, b=b, alpha=alpha, beta=beta, gamma=gamma, c0=c0, c1=c1, f1=f1, d1=d1)


def _told(name: str, law: DistillationLaw, points: pd.DataFrame, held: np.ndarray) -> ScalingFit:
    true = points["student_loss_nats"].to_numpy(dtype=float)
    errors = np.abs(predict(law, points) / true - 1.0)
    return ScalingFit(
        held_out=name,
        law=law,
        runs=int((~held).sum()),
        error=float(errors[~held].mean()),
        held_out_runs=int(held.sum()),
        held_out_error=float(errors[held].mean()) if held.any() else float("nan"),
        below_teacher=float((points["student_loss_nats"] < points["teacher_loss_nats"]).mean()),
    )
