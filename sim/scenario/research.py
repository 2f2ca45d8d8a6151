"""Frontier research as a decision: what a lab may spend, what that buys, and by which rule it decides."""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import Field

from sim.scenario.base import Fraction, Name, NotNegative, Part, Positive


class ExpectedReturn(Part):
    """Of 0 and `least_usd` times 2^k, what maximises the expected gain of profit less the amount itself.

    The gain counts for `horizon_years`: until imitators are expected to follow as an exclusive one, from then on as one
    that they share.
    """

    kind: Literal["expected_return"] = "expected_return"
    least_usd: Positive = Field(default=1e6, description="I0, the smallest project")
    doublings: Annotated[int, Field(ge=0, le=30)] = Field(default=12, description="largest k")
    horizon_years: Positive = Field(default=2.0, description="H, after which a model earns nothing more; assumed")


class ShareOfProfit(Part):
    """A fixed share of the profit of the last `trailing_days`, as the books stood at the last report."""

    kind: Literal["share_of_profit"]
    share: Fraction = 0.2
    trailing_days: Positive = 365.0


Rule = Annotated[ExpectedReturn | ShareOfProfit, Field(discriminator="kind")]


class Research(Part):
    """Frontier training, decided every quarter. An amount I on day t gives, `release_days` later, the ability

        theta' = theta_ref + ability_per_log_usd * ln(I exp(progress_per_year (t - t_ref)) / I_ref) + N(0, noise_sd^2)

    theta being the mean over task classes; the differences between classes stay. A model that is no better than the one
    it would replace is shelved.
    """

    offer: Name = Field(description="the own offer whose ability the next model replaces; it may be off sale (private)")
    successors: tuple[Name, ...] = Field(
        (), description="own offers that wait: each better model puts the next on sale"
    )
    retires: bool = Field(True, description="with a successor on sale, its forerunner leaves the market")
    rule: Rule = ExpectedReturn()
    every_days: Positive = Field(91.25, description="days between two decisions")
    first_day: NotNegative = 0.0
    release_days: NotNegative = Field(120.0, description="from the decision to the release")
    ability_per_log_usd: NotNegative = Field(0.6, description="b, logits; assumed from GPQA .36 to .88 in 2.4 years")
    progress_per_year: float = Field(
        math.log(3.0 * 1.4), description="g: 3 a year by algorithms (Epoch AI), 1.4 by hardware (assumed)"
    )
    reference_usd: Positive = Field(1e8, description="I_ref")
    reference_theta: float | None = Field(None, description="theta_ref, logits; null: the offer's ability on day 0")
    reference_day: float = Field(0.0, description="t_ref, day of the scenario")
    noise_sd: NotNegative = Field(0.15, description="logits; assumed")
