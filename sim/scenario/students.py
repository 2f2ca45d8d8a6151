"""Students that follow their teacher, and training against a judge: how a lab raises an offer's ability otherwise."""

from __future__ import annotations

from pydantic import Field

from sim.scenario.access import Source, Worth
from sim.scenario.base import Fraction, Name, NotNegative, Part, Positive
from sim.scenario.curves import Curve, ParametricCurve


class Student(Part):
    """An own offer that is distilled, again and again, from a teacher that moves.

    Each time: tokens are taken, paid as they come; then the student is trained for `training_days` and released, if it
    is better than before. Tokens taken from one version of the teacher add up.
    """

    offer: Name = Field(description="the own offer whose ability the student is")
    teacher_offer: Name = Field(description="an own offer, on sale or private, or a rival's")
    source: Source
    curve: Curve = ParametricCurve()
    worth: Worth = Worth()
    efficiency: Positive = Field(1.0, description="of method and architecture's fit: factor of the tokens' worth")
    waits: bool = Field(True, description="the first release puts it on sale; false: on sale from day 0, as it stands")
    first_day: NotNegative | None = Field(0.0, description="when the first tokens are taken; null: never")
    every_days: Positive | None = Field(91.25, description="from one start to the next; null: once")
    training_cost_usd: NotNegative = Field(1e6, description="compute of one training")
    training_days: NotNegative = 30.0
    cost_factor_per_year: Positive = Field(1.0, description="change of the training's cost; below 1: cheaper")
    time_factor_per_year: Positive = Field(1.0, description="change of the training's days")
    dose_factor_per_year: Positive = Field(1.0, description="change of what one token is worth; above 1: better")
    least_gain_logits: NotNegative = Field(0.01, description="nothing is begun that would raise the ability by less")


class Reinforcement(Part):
    """Reinforcement learning against a judge: theta = theta_0 + K(e) (1 - exp(-C/C0)), K(e) = K0 (1 - 2e).

    C is what was spent on it so far and e the judge's error: at one half it tells nothing, beyond it misleads. theta_0
    is the ability without it, which distillation may raise meanwhile. No cap at the teacher's, or the judge's, ability.
    """

    offer: Name = Field(description="the own offer that is trained")
    judge_offer: Name | None = Field(None, description="the offer that judges, paid by the token; null: an own judge")
    judge_output_mtok: NotNegative = Field(0.0, description="tokens of the judge in each round, in millions")
    judge_error: Fraction = Field(0.1, description="e, share of wrong verdicts of two; assumed until measured")
    gain_logits: NotNegative = Field(1.0, description="K0; assumed until measured")
    scale_usd: Positive = Field(1e7, description="C0; assumed until measured")
    round_usd: NotNegative = Field(5e6, description="compute spent in each round")
    first_day: NotNegative | None = Field(0.0, description="start of the first round; null: never")
    every_days: Positive = Field(91.25, description="from one round's start to the next")
    round_days: NotNegative = Field(60.0, description="from a round's start to its release")
    least_gain_logits: NotNegative = Field(0.01, description="no round is begun that would bring less")
