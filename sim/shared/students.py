"""What a market makes of measured curves: teacher, size, tokens, method and regime in, the student's distance out.

The curves are those that `undercut distill` fitted to real students (`data/measured/curves.parquet`); a scenario asks
for them by a curve of kind `published` (`sim.scenario.curves`, which has the other kinds too). Nothing is capped at the
teacher: asymptotes are free.

**What is assumed wherever a measured curve enters a market** (market rows are labelled *assumed (transferred)*):

- A student lacks ability in proportion to its held-out KL: theta = teacher's theta - theta_per_nat * KL. The factor is
  fitted to students whose accuracy was measured beside their KL; that it is the same for other teachers is assumed.
- Tokens count in proportion to the student's parameters: a student of P parameters is with N tokens where the measured
  one of P' was with N * P'/P. This is the proportion of compute-optimal training, assumed for distillation too.
- Sizes count by their ratio to the teacher's. Between two measured ratios the KL is interpolated on the logarithm, and
  beyond the smallest and the largest it is that of the nearest.
- Beyond the doses that were measured a curve is a guess. `Distance.outside` says so of doses and sizes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sim.shared.curves import Curves, DoseCurve
from sim.shared.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

OUTCOME = "held_out_kl_nats"
BISECTIONS = 60
_RUN = "measure them: make reproduce"


@dataclass(frozen=True)
class Making:
    """How a student is made, and so which curves are its.

    Attributes:
        student_params, teacher_params: parameters; of a mixture of experts those that its quality goes with.
        method: logit_kd, topk_kd or outputs.
        regime: what the teacher gave, after its defences: text, topk or full.
        epochs: times that each token was trained on.
        defences: kinds of defences, joined by '+'.
        theta_per_nat: logits a nat; None takes what was measured with the curves.
    """

    student_params: float
    teacher_params: float
    method: str = "logit_kd"
    regime: str = "full"
    epochs: int = 1
    defences: str = ""
    theta_per_nat: float | None = None


@dataclass(frozen=True)
class Distance:
    """Between a student and its teacher.

    Attributes:
        gap_theta: ability of the student minus the teacher's, logits.
        kl_nats: held-out KL from the teacher, nats a token.
        outside: whether dose or size lies outside what the curve was measured on.
    """

    gap_theta: float
    kl_nats: float
    outside: bool


def distance(curves: Curves, making: Making, tokens: float, draw: int = 0) -> Distance:
    """The distance of a student that took so many distinct tokens of its teacher.

    Args:
        curves: the fitted ones (`sim.shared.curves.shipped_curves`).
        making: how the student is made.
        tokens: distinct ones, on the terms of the making.
        draw: of the curves' errors; 0 is the point estimate, others repeat when there are fewer.

    Raises:
        InputError: if no measured curve fits the making, or no worth of a nat is known.
    """
    table = curves.table
    rows = table[
        (table["outcome"] == OUTCOME)
        & (table["method"] == making.method)
        & (table["regime"] == making.regime)
        & (table["epochs"] == making.epochs)
        & (table["defences"] == making.defences)
    ]
    wanted = f"{making.method}, {making.regime}, {making.epochs} epochs, defences {making.defences or 'none'}"
    if rows.empty:
        there = "; ".join(sorted({f"{row.method}, {row.regime}, {row.epochs} epochs" for row in table.itertuples()}))
        raise InputError("curves", "kind: published", wanted, there or "none is fitted yet", _RUN)
    found: list[tuple[float, float, float, bool]] = []
    for row in rows.to_dict("records"):
        fitted, slope = _drawn(row, curves.draws, draw)
        scaled = tokens * float(row["student_params"]) / making.student_params
        told = making.theta_per_nat if making.theta_per_nat is not None else slope
        beyond = not row["least_tokens"] <= scaled <= row["most_tokens"]
        ratio = math.log(float(row["student_params"]) / float(row["teacher_params"]))
        found.append((ratio, float(fitted.at(scaled)), told, beyond))
    if any(math.isnan(told) for _, _, told, _ in found):
        raise InputError(
            "curve.theta_per_nat", "", "not measured with these curves", "a positive number of logits a nat",
            "give it in the scenario, or measure accuracy beside the doses",
        )  # fmt: skip
    found.sort()
    ratios = [ratio for ratio, *_ in found]
    place = math.log(making.student_params / making.teacher_params)
    kl = float(np.interp(place, ratios, [value for _, value, *_ in found]))
    per_nat = float(np.interp(place, ratios, [told for _, _, told, _ in found]))
    outside = any(beyond for *_, beyond in found) or not ratios[0] - 1e-9 <= place <= ratios[-1] + 1e-9
    return Distance(-per_nat * kl, kl, outside)


def kappa(curves: Curves, regime: str, epochs: int = 1, defences: str = "") -> float:
    """Tokens with all probabilities that are worth one token of a regime, for the student that both were measured on.

    The geometric mean over the doses 2^-3 to 1 of the largest that both curves rest on; 1 for `full`.

    Raises:
        InputError: if either was not measured.
    """
    if regime == "full":
        return 1.0
    mine = curves.table[
        (curves.table["outcome"] == OUTCOME)
        & (curves.table["epochs"] == epochs)
        & (curves.table["defences"] == defences)
    ]
    theirs, full = mine[mine["regime"] == regime], mine[mine["regime"] == "full"]
    pairs = theirs.merge(full, on=["teacher", "student", "student_params"], suffixes=("", "_full"))
    if pairs.empty:
        there = ", ".join(sorted(set(mine["regime"]))) or "none"
        raise InputError("curves", "regime", regime, f"regimes measured on one student with full: {there}", _RUN)
    row = pairs.iloc[0]
    own = DoseCurve(row["e"], row["a"], row["b"], row["n0_tokens"])
    other = DoseCurve(row["e_full"], row["a_full"], row["b_full"], row["n0_tokens_full"])
    most = float(min(row["most_tokens"], row["most_tokens_full"]))
    doses = [most / 2**halvings for halvings in range(4)]
    return float(np.exp(np.mean([math.log(_dose_of(other, own.at(dose), 4.0 * most) / dose) for dose in doses])))


def _drawn(row: dict[Any, Any], draws: pd.DataFrame, draw: int) -> tuple[DoseCurve, float]:
    """A curve and its theta_per_nat, of a draw."""
    chosen = row
    if draw > 0:
        mine = draws[(draws["curve"] == row["curve"]) & (draws["outcome"] == row["outcome"])]
        if not mine.empty:
            chosen = mine.iloc[(draw - 1) % len(mine)].to_dict()
    fitted = DoseCurve(float(chosen["e"]), float(chosen["a"]), float(chosen["b"]), float(chosen["n0_tokens"]))
    return fitted, float(chosen["theta_per_nat"])


def _dose_of(curve: DoseCurve, outcome: float, most: float) -> float:
    """The dose at which a falling curve comes to an outcome, between one token and `most`."""
    low, high = 1.0, most
    for _ in range(BISECTIONS):
        middle = math.sqrt(low * high)
        low, high = (middle, high) if curve.at(middle) > outcome else (low, middle)
    return math.sqrt(low * high)
