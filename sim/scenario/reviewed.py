"""What price policies build on: a review period of their own, and the best response, to which others fall back."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from sim.scenario.base import NotNegative, Part, Positive


class Reviewed(Part):
    """A policy with its own review period."""

    review_days: Positive = Field(90.0, description="days between two reviews of the price")
    first_review_day: NotNegative = Field(30.0, description="day of the first review after the offer is on sale")


class BestResponse(Reviewed):
    """The level of each own offer that maximises the owner's profit over all its offers, on its beliefs about demand.

    `static`: everybody reviews now. `discounted`: the discounted profit along the occupancy path while the price
    stands, which ends at a random time of mean `horizon_days`.
    """

    kind: Literal["best_response"]
    mode: Literal["static", "discounted"] = "discounted"
    horizon_days: Positive = 365.0
    damping: Annotated[float, Field(ge=0.0, lt=1.0)] = Field(0.0, description="share of the old log price that is kept")
    least_gain: NotNegative = Field(1e-6, description="a price moves for a gain of at least this share of the profit")
