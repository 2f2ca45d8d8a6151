"""A student's ability from its teacher's, by the curve of the scenario; and what a training against a judge adds."""

from __future__ import annotations

import math

import numpy as np

from sim.scenario.curves import Curve, MeasuredCurve, ParametricCurve
from sim.scenario.students import Reinforcement
from sim.shared.curves import DISTILLED, DoseCurve
from sim.shared.units import TOKENS_PER_MTOK


def student_theta(curve: Curve, teacher: np.ndarray, own: np.ndarray, effective_mtok: float) -> np.ndarray:
    """The student's ability by task class, shape (C,), logits.

    Args:
        curve: what the tokens do.
        teacher: the teacher's ability by class, shape (C,).
        own: the student's ability before the first of these tokens, shape (C,); it is what no tokens give.
        effective_mtok: tokens taken times their worth, in millions.
    """
    if effective_mtok <= 0.0:
        return own.copy()
    if isinstance(curve, ParametricCurve):
        goal = teacher + curve.asymptote_logits + curve.size_logits * math.log(curve.size_ratio)
        way = 1.0 - (1.0 + effective_mtok / curve.scale_mtok) ** -curve.exponent
        return np.asarray(own + (goal - own) * way)
    tokens = effective_mtok * TOKENS_PER_MTOK
    if isinstance(curve, MeasuredCurve):
        outcome = DoseCurve(curve.e, curve.a, curve.b, curve.n0_tokens).at(tokens)
        return np.asarray(teacher - curve.logits_per_unit * (outcome - curve.teacher_outcome))
    loss = DISTILLED.loss_nats(curve.student_params, tokens, curve.teacher_loss_nats)
    return np.asarray(teacher - curve.logits_per_nat * (loss - curve.teacher_loss_nats))


def judged_gain(part: Reinforcement, spent_usd: float) -> float:
    """K(e) (1 - exp(-C/C0)), logits; negative where the judge misleads."""
    reach = part.gain_logits * (1.0 - 2.0 * part.judge_error)
    return -reach * math.expm1(-spent_usd / part.scale_usd)
