"""Curves of distillation: their limits, their direction, and that none ends at the teacher by construction."""

from __future__ import annotations

import math

import numpy as np
import pytest

from sim.scenario.curves import Curve, MeasuredCurve, ParametricCurve, ScalingLawCurve
from sim.scenario.students import Reinforcement
from sim.shared.curves import DISTILLED, DoseCurve
from sim.world.distillation import judged_gain, student_theta

TEACHER, OWN = np.array([2.0, 1.0]), np.array([0.5, 0.2])
CURVES: list[Curve] = [
    ParametricCurve(asymptote_logits=-0.3, scale_mtok=100),
    ScalingLawCurve(kind="scaling_law", student_params=5e8, teacher_loss_nats=2.3),
    MeasuredCurve(kind="measured", e=0.1, a=50.0, b=0.4, n0_tokens=1e6),
]


@pytest.mark.parametrize("curve", CURVES, ids=lambda curve: curve.kind)
def test_no_tokens_leave_the_student_as_it_is_and_more_tokens_never_hurt(curve: Curve) -> None:
    assert (student_theta(curve, TEACHER, OWN, 0.0) == OWN).all()
    path = np.array([student_theta(curve, TEACHER, OWN, dose) for dose in np.geomspace(100, 1e7, 30)])
    assert (np.diff(path, axis=0) > 0).all()


@pytest.mark.parametrize("curve", CURVES, ids=lambda curve: curve.kind)
def test_a_better_teacher_makes_a_better_student(curve: Curve) -> None:
    better = student_theta(curve, TEACHER + 1.0, OWN, 1000.0) - student_theta(curve, TEACHER, OWN, 1000.0)
    assert (better > 0).all()


def test_the_parametric_curve_ends_at_its_asymptote_on_either_side_of_the_teacher() -> None:
    for gap in (-0.3, 0.25):
        curve = ParametricCurve(asymptote_logits=gap, size_ratio=math.e, size_logits=0.1, scale_mtok=1.0)
        assert student_theta(curve, TEACHER, OWN, 1e14) == pytest.approx(TEACHER + gap + 0.1, abs=1e-6)
    half = ParametricCurve(asymptote_logits=0.0, scale_mtok=7.0, exponent=1.0)
    assert student_theta(half, TEACHER, OWN, 7.0) == pytest.approx((TEACHER + OWN) / 2)


def test_the_other_curves_are_those_of_the_published_law_and_of_the_fit() -> None:
    law = ScalingLawCurve(kind="scaling_law", student_params=5e8, teacher_loss_nats=2.3, logits_per_nat=2.0)
    loss = DISTILLED.loss_nats(5e8, 1e9, 2.3)
    assert student_theta(law, TEACHER, OWN, 1000.0) == pytest.approx(TEACHER - 2.0 * (loss - 2.3))
    fit = MeasuredCurve(kind="measured", e=0.6, a=-9.0, b=0.3, n0_tokens=10.0, teacher_outcome=0.55,
                        logits_per_unit=-5.0)  # fmt: skip
    outcome = DoseCurve(0.6, -9.0, 0.3, 10.0).at(1e9)
    assert student_theta(fit, TEACHER, OWN, 1000.0) == pytest.approx(TEACHER + 5.0 * (outcome - 0.55))
    assert (student_theta(fit, TEACHER, OWN, 1e9) > TEACHER).all()  # its asymptote lies above the teacher's outcome


def test_a_judge_adds_what_its_error_lets_through_and_one_that_guesses_adds_nothing() -> None:
    part = Reinforcement(offer="x", judge_error=0.1, gain_logits=1.5, scale_usd=2e6)
    assert judged_gain(part, 2e6) == pytest.approx(1.5 * 0.8 * (1 - math.exp(-1)))
    assert judged_gain(part, 1e12) == pytest.approx(1.5 * 0.8)
    guess, misleading = (part.model_copy(update={"judge_error": error}) for error in (0.5, 0.7))
    assert judged_gain(guess, 1e12) == 0.0
    assert judged_gain(misleading, 1e6) < 0.0
