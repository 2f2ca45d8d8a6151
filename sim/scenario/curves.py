"""Which ability a student gets from what it took: a tagged union of curves, data alone.

parametric    from the student's own ability towards the teacher's plus a gap that may have either sign
scaling_law   the scaling law of distillation (`sim.shared.curves`), its losses turned into logits
measured      a curve of dose and response in numbers of the scenario's own: outcome = e + a (N + N0)^-b
published     the curves that were fitted to real students, as the measured table has them (`sim.shared.students`)

None is capped at the teacher by construction. `sim.world.distillation` evaluates them.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from sim.scenario.access import Regime
from sim.scenario.base import NotNegative, Part, Positive


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


class PublishedCurve(Part):
    """theta = teacher - theta_per_nat KL, with KL at D tokens by the curves of `data/measured/curves.parquet`.

    They are those of a method, regime, number of epochs and defences; D counts on the terms of the regime, so that a
    worth of other than 1 is for tokens that were had on other terms. The other kinds need no file; this one is refused
    where nothing of its kind is measured yet.
    """

    kind: Literal["published"]
    student_params: Positive = Field(description="parameters that the student's quality goes with")
    teacher_params: Positive = Field(description="the same of the teacher")
    method: Literal["logit_kd", "topk_kd", "outputs"] = "logit_kd"
    regime: Regime = "full"
    epochs: Annotated[int, Field(ge=1)] = 1
    defences: str = Field("", description="kinds of defences that the teacher had, joined by '+'")
    theta_per_nat: Positive | None = Field(None, description="logits a nat; null: as measured with the curves")


Curve = Annotated[ParametricCurve | ScalingLawCurve | MeasuredCurve | PublishedCurve, Field(discriminator="kind")]
