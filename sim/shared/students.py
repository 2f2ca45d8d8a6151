"""The curve of a student, as a market needs it: teacher, size, tokens, method and regime in, the student's ability out.

Three kinds, one tagged union:

measured      curves that `undercut distill` fitted to real students (`data/measured/curves.parquet`)
scaling_law   the published law of distillation (arXiv 2502.08606), on losses
parametric    a formula in the open, all of it assumed

No kind is capped at the teacher: asymptotes are free, and the scaling law alone cannot express a student above it.

**What is assumed wherever a measured curve enters a market** (market rows are labelled *assumed (transferred)*):

- A student lacks ability in proportion to its held-out KL: theta = teacher's theta - theta_per_nat * KL. The factor is
  fitted to students whose accuracy was measured beside their KL; that it is the same for other teachers is assumed.
- Tokens count in proportion to the student's parameters: a student of P parameters is with N tokens where the measured
  one of P' was with N * P'/P. This is the proportion of compute-optimal training, assumed for distillation too.
- Sizes count by their ratio to the teacher's. Between two measured ratios the KL is interpolated on the logarithm, and
  beyond the smallest and the largest it is that of the nearest.
- Beyond the doses that were measured a curve is a guess. `StudentQuality.outside` says so of doses and sizes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from sim.shared.curves import DISTILLED, Curves, DoseCurve
from sim.shared.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

Regime = Literal["text", "topk", "full"]
OUTCOME = "held_out_kl_nats"
BISECTIONS = 60


class Part(BaseModel):
    """A part of a scenario: frozen, and every field known."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Kappas(Part):
    """Effective tokens for one token taken, by what the teacher gave; *assumed* unless `kappa` measured them."""

    text: Annotated[float, Field(gt=0)] = 0.5
    topk: Annotated[float, Field(gt=0)] = 1.0
    full: Annotated[float, Field(gt=0)] = 1.0

    def of(self, regime: Regime) -> float:
        """The factor of a regime."""
        return {"text": self.text, "topk": self.topk, "full": self.full}[regime]


class MeasuredCurve(Part):
    """Curves of this epoch count and these defences; the method and the regime are those of the making.

    Attributes:
        theta_per_nat: logits a nat; None takes what was measured with the curves.
    """

    kind: Literal["measured"]
    epochs: Annotated[int, Field(ge=1)] = 1
    defences: str = ""
    theta_per_nat: Annotated[float, Field(gt=0)] | None = None


class ScalingLawCurve(Part):
    """The published law; the teacher's loss (nats a token) and the worth of a nat are *assumed*."""

    kind: Literal["scaling_law"]
    teacher_loss_nats: Annotated[float, Field(gt=1.22, lt=10)] = 2.0
    theta_per_nat: Annotated[float, Field(gt=0)] = 3.0
    kappas: Kappas = Kappas()


class ParametricCurve(Part):
    """gap = asymptote + (start - asymptote) * (1 + x/scale)^(-exponent), x effective tokens a parameter of the student.

    Gaps are logits against the teacher; a positive asymptote passes it. Each halving
    of the student's size against the teacher's moves the gap by `per_halving`. All of it is *assumed*.
    """

    kind: Literal["parametric"]
    asymptote_theta: float = -0.3
    start_theta: float = -3.0
    scale_tokens_per_param: Annotated[float, Field(gt=0)] = 1.0
    exponent: Annotated[float, Field(gt=0)] = 0.5
    per_halving_theta: float = -0.2
    kappas: Kappas = Kappas()


StudentCurve = Annotated[MeasuredCurve | ScalingLawCurve | ParametricCurve, Field(discriminator="kind")]


@dataclass(frozen=True)
class Making:
    """How a student is made.

    Attributes:
        teacher_theta: ability of the teacher, logits.
        teacher_params, student_params: parameters; of a mixture of experts those that its quality goes with.
        tokens: distinct tokens taken of the teacher.
        method: logit_kd, topk_kd or outputs.
        regime: what the teacher gave, after its defences.
    """

    teacher_theta: float
    teacher_params: float
    student_params: float
    tokens: float
    method: str
    regime: Regime


@dataclass(frozen=True)
class StudentQuality:
    """What comes out.

    Attributes:
        theta: ability of the student, logits.
        gap_theta: theta minus the teacher's.
        loss_nats: held-out KL from the teacher (measured) or loss of text (scaling law), nats a token; NaN otherwise.
        outside: whether dose or size lies outside what the curve was measured on.
        evidence: "assumed (transferred)" for a measured curve in a market, else "assumed".
    """

    theta: float
    gap_theta: float
    loss_nats: float
    outside: bool
    evidence: Literal["assumed (transferred)", "assumed"]


def quality_of_student(
    curve: MeasuredCurve | ScalingLawCurve | ParametricCurve,
    making: Making,
    curves: Curves | None = None,
    draw: int = 0,
) -> StudentQuality:
    """The ability of a student by one of the three kinds of curves.

    Args:
        curve: which.
        making: how the student is made.
        curves: the fitted ones, for `measured` (`sim.shared.curves.shipped_curves`).
        draw: of the errors of a measured curve; 0 is the point estimate, others repeat when there are fewer.

    Raises:
        InputError: if no measured curve fits the making, or no worth of a nat is known.
    """
    match curve:
        case MeasuredCurve():
            return _measured(curve, making, curves, draw)
        case ScalingLawCurve():
            tokens = max(making.tokens * curve.kappas.of(making.regime), 1.0)
            loss = DISTILLED.loss_nats(making.student_params, tokens, curve.teacher_loss_nats)
            gap = -curve.theta_per_nat * (loss - curve.teacher_loss_nats)
            outside = not 1.4e8 <= making.student_params <= 1.9e9
            return StudentQuality(making.teacher_theta + gap, gap, loss, outside, "assumed")
        case ParametricCurve():
            dose = making.tokens * curve.kappas.of(making.regime) / making.student_params
            left = (1.0 + dose / curve.scale_tokens_per_param) ** -curve.exponent
            size = curve.per_halving_theta * math.log2(making.teacher_params / making.student_params)
            gap = curve.asymptote_theta + (curve.start_theta - curve.asymptote_theta) * left + size
            return StudentQuality(making.teacher_theta + gap, gap, math.nan, False, "assumed")


def kappa(curves: Curves, regime: Regime, epochs: int = 1, defences: str = "") -> float:
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


_RUN = "measure them: make reproduce"


def _measured(curve: MeasuredCurve, making: Making, curves: Curves | None, draw: int) -> StudentQuality:
    if curves is None:
        raise InputError("curves", "", "none", "the table of fitted curves", "pass sim.shared.curves.shipped_curves()")
    table = curves.table
    rows = table[
        (table["outcome"] == OUTCOME)
        & (table["method"] == making.method)
        & (table["regime"] == making.regime)
        & (table["epochs"] == curve.epochs)
        & (table["defences"] == curve.defences)
    ]
    wanted = f"{making.method}, {making.regime}, {curve.epochs} epochs, defences {curve.defences or 'none'}"
    if rows.empty:
        there = "; ".join(sorted(f"{row.method}, {row.regime}, {row.epochs} epochs" for row in table.itertuples()))
        raise InputError("curves", "kind: measured", wanted, there or "none is fitted yet", _RUN)
    found: list[tuple[float, float, float, bool]] = []
    for row in rows.to_dict("records"):
        fitted, slope = _drawn(row, curves.draws, draw)
        tokens = making.tokens * float(row["student_params"]) / making.student_params
        told = curve.theta_per_nat if curve.theta_per_nat is not None else slope
        beyond = not row["least_tokens"] <= tokens <= row["most_tokens"]
        ratio = math.log(float(row["student_params"]) / float(row["teacher_params"]))
        found.append((ratio, float(fitted.at(tokens)), told, beyond))
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
    gap = -per_nat * kl
    return StudentQuality(making.teacher_theta + gap, gap, kl, outside, "assumed (transferred)")


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
