"""The customers, as a tagged union. Nothing else in the market knows which kind it has."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from sim.scenario.base import Fraction, Part, Positive
from sim.scenario.tasks import Lognormal


class Tastes(Part):
    """How customers choose; shared by every kind of population."""

    market_customers: Positive = Field(1e6, description="number of real customers that the population stands for")
    price_sensitivity: Lognormal = Field(
        Lognormal(median=0.1, log_sd=0.4),
        description="m in mu = m * value: the spread of unobserved taste; smaller means more sensitive to price",
    )
    taste_usd: Positive | None = Field(
        None, description="mu in USD per request, the same for everybody; replaces price_sensitivity (theory scenarios)"
    )
    review_days: Positive = Field(45.0, description="mean days between two reviews of a customer's choice")
    switching_share: Fraction = Field(
        0.05, description="one-off cost of switching, as a share of a year's value of the customer's requests"
    )
    volume_elasticity: Annotated[float, Field(gt=-1.0, le=0.0)] = Field(
        -0.3, description="eta: change of a customer's own volume with price, in logs"
    )
    notices_increases: bool = Field(
        True, description="customers of an offer whose price rises review at once; cuts wait for the next review"
    )
    outside_share: float = Field(0.0, description="a0: utility of using no model, as a share of value")


class Sampled(Tastes):
    """One row per (customer, task class); each reviews at Poisson times with keyed draws."""

    kind: Literal["sampled"] = "sampled"
    customers: Annotated[int, Field(ge=1, le=5_000_000)] = 5000


class Expected(Tastes):
    """Quadrature nodes with weights and an occupancy matrix; no sampling noise."""

    kind: Literal["expected"] = "expected"
    nodes_per_class: Annotated[int, Field(ge=1, le=65_536)] = Field(512, description="a power of two is best (Sobol)")


Population = Annotated[Sampled | Expected, Field(discriminator="kind")]
