"""Which ability a student gets from what it took: a tagged union of curves, data alone.

parametric    from the student's own ability towards the teacher's plus a gap that may have either sign
scaling_law   the scaling law of distillation (`sim.shared.curves`), its losses turned into logits
measured      a curve of dose and response that the lab fitted: outcome = e + a (N + N0)^-b

None is capped at the teacher by construction. `sim.world.distillation` evaluates them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from sim.scenario.base import NotNegative, Part, Positive
from sim.shared.curves import curve_of

if TYPE_CHECKING:
    import pandas as pd


class ParametricCurve(Part):
    """theta = own + (teacher + asymptote + size_logits ln(size_ratio) - own) (1 - (1 + D/scale)^-exponent).

    D is the effective tokens taken from one version of the teacher, `own` the student's ability before the first of
    them. All figures are assumed.
    """

    kind: Literal["parametric"] = "parametric"
    asymptote_logits: float = Field(default=-0.2, description="student less teacher after endless tokens")
    size_ratio: Positive = Field(default=1.0, description="student's parameters over the teacher's")
    size_logits: NotNegative = Field(default=0.15, description="of the asymptote, by an e-fold of size_ratio")
    scale_mtok: Positive = Field(default=1000.0, description="effective tokens, in millions, where the rise slackens")
    exponent: Positive = 0.5


class ScalingLawCurve(Part):
    """theta = teacher - logits_per_nat (L_S - L_T), with L_S by the scaling law at D effective tokens.

    The teacher's loss is a figure of the curve and does not move with its ability; so a student of this kind keeps
    its distance from a teacher that moves.
    """

    kind: Literal["scaling_law"]
    student_params: Positive = Field(description="parameters outside the embedding")
    teacher_loss_nats: Positive = Field(description="nats a token")
    logits_per_nat: Positive = Field(3.0, description="ability lost by a nat of loss; assumed")


class MeasuredCurve(Part):
    """theta = teacher - logits_per_unit (outcome - teacher_outcome), outcome = e + a (D + n0_tokens)^-b.

    A negative `logits_per_unit` says that the outcome is one of which more is better.
    """

    kind: Literal["measured"]
    e: float = Field(description="asymptote, in the outcome's unit")
    a: float = Field(description="in the outcome's unit times tokens^b")
    b: Positive
    n0_tokens: NotNegative = Field(description="what the start is worth, in tokens")
    teacher_outcome: float = Field(0.0, description="the same outcome of the teacher itself")
    logits_per_unit: float = Field(1.0, description="ability lost by a unit of the outcome; assumed")


Curve = Annotated[ParametricCurve | ScalingLawCurve | MeasuredCurve, Field(discriminator="kind")]


def measured_curve(curves: pd.DataFrame, name: str, outcome: str, logits_per_unit: float) -> MeasuredCurve:
    """A curve of the table `sim.shared.curves.CURVES` as a part of a scenario.

    Raises:
        InputError: if the table has none of that name and outcome.
    """
    found = curve_of(curves, name, outcome)
    rows = curves[(curves["curve"] == name) & (curves["outcome"] == outcome)]
    return MeasuredCurve(
        kind="measured",
        e=found.e,
        a=found.a,
        b=found.b,
        n0_tokens=found.n0_tokens,
        teacher_outcome=float(rows["teacher_outcome"].iloc[0]),
        logits_per_unit=logits_per_unit,
    )
