"""A student's ability from its teacher's, by the curve of the scenario; and what a training against a judge adds."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from sim.scenario.curves import Curve, MeasuredCurve, ParametricCurve, PublishedCurve
from sim.scenario.scenario import Scenario
from sim.scenario.students import Reinforcement
from sim.shared.curves import DISTILLED, Curves, DoseCurve, shipped_curves
from sim.shared.students import Making, distance
from sim.shared.units import TOKENS_PER_MTOK


@dataclass(frozen=True)
class Published:
    """The curves that were measured, and which draw of their errors holds; 0 is the point estimate."""

    curves: Curves
    draw: int = 0


def published_curves(scenario: Scenario) -> list[PublishedCurve]:
    """The curves of the scenario's students that come from the measured table."""
    curves = [part.curve for provider in scenario.providers for part in provider.lab.students]
    return [curve for curve in curves if isinstance(curve, PublishedCurve)]


def read_published(scenarios: list[Scenario], draw: int) -> Published | None:
    """The measured curves where one of the scenarios asks for them, each checked to be there; None where none does.

    Raises:
        InputError, InputErrors: if a curve that is asked for was not measured, or the table cannot be read.
    """
    asked = [curve for scenario in scenarios for curve in published_curves(scenario)]
    if not asked:
        return None
    published = Published(shipped_curves(), draw)
    for curve in asked:
        distance(published.curves, _making(curve), TOKENS_PER_MTOK, draw)
    return published


def _making(curve: PublishedCurve) -> Making:
    return Making(
        curve.student_params, curve.teacher_params, curve.method, curve.regime, curve.epochs, curve.defences,
        curve.theta_per_nat,
    )  # fmt: skip


def student_theta(
    curve: Curve, teacher: np.ndarray, own: np.ndarray, effective_mtok: float, published: Published | None = None
) -> np.ndarray:
    """The student's ability by task class, shape (C,), logits.

    Args:
        curve: what the tokens do.
        teacher: the teacher's ability by class, shape (C,).
        own: the student's ability before the first of these tokens, shape (C,); it is what no tokens give.
        effective_mtok: tokens taken times their worth, in millions.
        published: the measured curves, which a curve of kind `published` is read from.
    """
    if effective_mtok <= 0.0:
        return own.copy()
    if isinstance(curve, ParametricCurve):
        goal = teacher + curve.asymptote_logits + curve.size_logits * math.log(curve.size_ratio)
        way = 1.0 - (1.0 + effective_mtok / curve.scale_mtok) ** -curve.exponent
        return np.asarray(own + (goal - own) * way)
    tokens = effective_mtok * TOKENS_PER_MTOK
    if isinstance(curve, PublishedCurve):
        assert published is not None  # read before the run
        return np.asarray(teacher + distance(published.curves, _making(curve), tokens, published.draw).gap_theta)
    if isinstance(curve, MeasuredCurve):
        outcome = DoseCurve(curve.e, curve.a, curve.b, curve.n0_tokens).at(tokens)
        return np.asarray(teacher - curve.logits_per_unit * (outcome - curve.teacher_outcome))
    loss = DISTILLED.loss_nats(curve.student_params, tokens, curve.teacher_loss_nats)
    return np.asarray(teacher - curve.logits_per_nat * (loss - curve.teacher_loss_nats))


def judged_gain(part: Reinforcement, spent_usd: float) -> float:
    """K(e) (1 - exp(-C/C0)), logits; negative where the judge misleads."""
    reach = part.gain_logits * (1.0 - 2.0 * part.judge_error)
    return -reach * math.expm1(-spent_usd / part.scale_usd)
