"""The curve of dose and response, fitted: outcome = e + a (N + N0)^-b, with intervals.

Least squares from several starts; a, b and N0 are positive, the asymptote e is free. Intervals are percentiles of fits
to resampled residuals, so they hold the noise of seeds and of the curve's shape, not what other texts or recipes would
do. Four doses are the least that determine the curve; with fewer there is no row.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sim.shared.curves import CURVE_DRAWS, CURVES, Curves, DoseCurve, verdict
from sim.shared.quality import binomial_stderr, corrected_quality, theta_of_quality, theta_stderr

if TYPE_CHECKING:
    import pandas as pd

LEAST_DOSES = 4
LEAST_SCORED = 3  # students, for the loss of ability per nat
REPLICATES = 200
EXPONENTS = (0.05, 3.0)
OFFSETS_TOKENS = (10.0, 1e8)
OUTCOMES = {
    "held_out_kl_nats": "",  # the teacher's distance from itself is 0
    "teacher_nats_per_byte": "own_teacher_nats_per_byte",
    "human_nats_per_byte": "own_human_nats_per_byte",
}


@dataclass(frozen=True)
class CurveFit:
    """A curve with 95% intervals of its asymptote and exponent, and the standard deviation of the residuals.

    Attributes:
        drawn: fits to resampled residuals, from which the intervals are.
    """

    curve: DoseCurve
    e_low: float
    e_high: float
    b_low: float
    b_high: float
    residual_sd: float
    drawn: tuple[DoseCurve, ...]


def fit_curves(table: pd.DataFrame) -> pd.DataFrame:
    """The curves of a table of doses, one row a recipe, outcome and number of epochs, conforming to `CURVES`."""
    return fit_with_draws(table).table


def fit_with_draws(table: pd.DataFrame) -> Curves:
    """As `fit_curves`, with the curves of resampled residuals."""
    import pandas as pd

    rows: list[dict[str, Any]] = []
    draws: list[dict[str, Any]] = []
    for (recipe, epochs), points in table.groupby(["recipe", "epochs"], sort=False):
        slope = theta_slope(table[table["teacher"] == points["teacher"].iloc[0]])
        for outcome, own in OUTCOMES.items():
            mine = points.dropna(subset=[outcome])
            if mine["distinct_teacher_tokens"].nunique() < LEAST_DOSES:
                continue
            name = f"{recipe}, {epochs} epoch" + ("s" if epochs != 1 else "")
            tokens = mine["distinct_teacher_tokens"].to_numpy(dtype=float)
            fit = fit_curve(tokens, mine[outcome].to_numpy(dtype=float))
            teacher = float(mine[own].mean()) if own else 0.0
            first = mine.iloc[0]
            told = slope if outcome == "held_out_kl_nats" else None
            rows.append(
                {
                    "curve": name,
                    "outcome": outcome,
                    **{column: first[column] for column in ("teacher", "student", "student_params", "teacher_params")},
                    **{column: first[column] for column in ("method", "regime", "defences", "epochs")},
                    "e": fit.curve.e,
                    "e_low": fit.e_low,
                    "e_high": fit.e_high,
                    "a": fit.curve.a,
                    "b": fit.curve.b,
                    "b_low": fit.b_low,
                    "b_high": fit.b_high,
                    "n0_tokens": fit.curve.n0_tokens,
                    "least_tokens": int(tokens.min()),
                    "most_tokens": int(tokens.max()),
                    "points": len(mine),
                    "seeds": mine["seed"].nunique(),
                    "residual_sd": fit.residual_sd,
                    "teacher_outcome": teacher,
                    "theta_per_nat": told.theta_per_nat if told is not None else None,
                    "theta_per_nat_stderr": told.stderr if told is not None else None,
                    "verdict": verdict(fit.e_low, fit.e_high, teacher),
                    "evidence": "measured",
                    "source": f"{first['source']}, {mine['date'].max()}",
                }
            )
            rng = np.random.default_rng(len(draws))
            for place, curve in enumerate(fit.drawn, start=1):
                drawn = told.theta_per_nat + told.stderr * rng.standard_normal() if told is not None else None
                draws.append(
                    {"curve": name, "outcome": outcome, "draw": place, **asdict(curve), "theta_per_nat": drawn}
                )
    return Curves(
        CURVES.conform(pd.DataFrame(rows, columns=CURVES.column_names), "curves"),
        CURVE_DRAWS.conform(pd.DataFrame(draws, columns=CURVE_DRAWS.column_names), "curve draws"),
    )


@dataclass(frozen=True)
class ThetaSlope:
    """Ability (logits) that a student lacks against its teacher per nat of held-out KL, with its standard error."""

    theta_per_nat: float
    stderr: float


def theta_slope(table: pd.DataFrame) -> ThetaSlope | None:
    """Fitted through the origin to students whose accuracy was measured on one set of items; None below three.

    At no distance from the teacher nothing is lacking; that the loss grows in proportion is assumed. The error is that
    of the items or, where students scatter more, of their scatter.
    """
    scored = table.dropna(subset=["accuracy", "own_accuracy", "held_out_kl_nats"])
    scored = scored[scored["held_out_kl_nats"] > 0]
    if len(scored) < LEAST_SCORED or scored["accuracy_on"].nunique() != 1:
        return None
    lacking, errors = [], []
    for row in scored.to_dict("records"):
        theta = {
            name: theta_of_quality(corrected_quality(row[name] * row["items"], int(row["items"]), row["chance"]))
            for name in ("accuracy", "own_accuracy")
        }
        lacking.append(theta["own_accuracy"] - theta["accuracy"])
        parts = [
            theta_stderr(binomial_stderr(row[name] * row["items"], int(row["items"])), theta[name], row["chance"])
            for name in theta
        ]
        errors.append(math.hypot(*parts))
    kl, gap = scored["held_out_kl_nats"].to_numpy(dtype=float), np.array(lacking)
    weights = 1.0 / np.array(errors) ** 2
    scale = float((weights * kl**2).sum())
    slope = float((weights * kl * gap).sum()) / scale
    scatter = float((weights * (gap - slope * kl) ** 2).sum()) / (len(kl) - 1)
    return ThetaSlope(slope, math.sqrt(max(scatter, 1.0) / scale))


def fit_curve(tokens: np.ndarray, outcome: np.ndarray, seed: int = 0) -> CurveFit:
    """Fit to points, shapes (n,); at least four different doses.

    Raises:
        ValueError: for fewer.
    """
    if len(set(tokens.tolist())) < LEAST_DOSES:
        raise ValueError(f"at least {LEAST_DOSES} different doses are needed, received {sorted(set(tokens.tolist()))}")
    positive = np.median(tokens[tokens > 0])
    starts = [(b, n0) for b in (0.2, 0.5, 1.0) for n0 in (0.03 * positive, 0.3 * positive, 3.0 * positive)]
    found = min((_least_squares(tokens, outcome, *start) for start in starts), key=lambda pair: pair[1])[0]
    residuals = outcome - found.at(tokens)
    freedom = max(len(tokens) - 4, 1)
    inflated = residuals * np.sqrt(len(tokens) / freedom)
    rng = np.random.default_rng(seed)
    drawn = []
    for _ in range(REPLICATES):
        again = found.at(tokens) + rng.choice(inflated, size=len(tokens))
        drawn.append(_least_squares(tokens, again, found.b, found.n0_tokens)[0])
    e_low, e_high = np.percentile([curve.e for curve in drawn], [2.5, 97.5]).tolist()
    b_low, b_high = np.percentile([curve.b for curve in drawn], [2.5, 97.5]).tolist()
    sd = float(np.sqrt((residuals**2).sum() / freedom))
    return CurveFit(
        found, min(e_low, found.e), max(e_high, found.e), min(b_low, found.b), max(b_high, found.b), sd, tuple(drawn)
    )


def _least_squares(tokens: np.ndarray, outcome: np.ndarray, b: float, n0: float) -> tuple[DoseCurve, float]:
    """The best curve from a start, and its squared error.

    For given b and N0 the curve is linear in e and a, so only the two are searched for (variable projection); a stays
    at least 0.
    """
    from scipy.optimize import least_squares

    def solved(logs: np.ndarray) -> tuple[float, float, np.ndarray]:
        # Scaled by its largest value, so that the linear problem is well conditioned.
        shape = (tokens + np.exp(logs[1])) ** -np.exp(logs[0])
        scale = shape.max()
        centred = shape / scale - (shape / scale).mean()
        slope = max(float(centred @ (outcome - outcome.mean()) / max(centred @ centred, 1e-30)), 0.0)
        e = float(outcome.mean() - slope * (shape / scale).mean())
        return e, slope / scale, outcome - e - slope * shape / scale

    bounds = np.log(np.array([EXPONENTS, OFFSETS_TOKENS])).T
    first = np.clip(np.log([b, n0]), bounds[0] + 1e-6, bounds[1] - 1e-6)
    found = least_squares(lambda logs: solved(logs)[2], first, bounds=(bounds[0], bounds[1]))
    e, a, left = solved(found.x)
    return DoseCurve(e, a, float(np.exp(found.x[0])), float(np.exp(found.x[1]))), float(left @ left)
