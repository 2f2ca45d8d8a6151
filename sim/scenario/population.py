"""The customers, as a tagged union. Nothing else in the market knows which kind it has.

sampled    rows that review now and then, with keyed draws; what a run of many customers looks like
expected   the same customers as quadrature nodes: no sampling noise
line       one thing differs between customers, no other taste does (mu = 0): shares are exact lengths
arrivals   customers come one by one, choose once and count for those who come after them
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from sim.scenario.base import Fraction, Name, NotNegative, Part, Positive
from sim.scenario.tasks import Lognormal


class Tastes(Part):
    """Unobserved taste and own volume, of customers who choose by random utility."""

    price_sensitivity: Lognormal = Field(
        Lognormal(median=0.1, log_sd=0.4),
        description="m in mu = m * value: the spread of unobserved taste; smaller means more sensitive to price",
    )
    taste_usd: Positive | None = Field(
        None, description="mu in USD per request, the same for everybody; replaces price_sensitivity (theory scenarios)"
    )
    volume_elasticity: Annotated[float, Field(gt=-1.0, le=0.0)] = Field(
        -0.3, description="eta: change of a customer's own volume with price, in logs"
    )


class Router(Part):
    """Customers who buy request by request, each at the offer that a router takes to be worth most for it.

    A request's difficulty is N(the customer's mean, item_sd); the router sees it with an error N(0, error_sd), corrects
    for that, and takes the best expected value less price: cheap offers for easy requests, the best for hard ones.
    """

    share: Fraction = Field(description="of the customers, in every task class")
    item_sd: Positive = Field(1.0, description="spread of difficulty between one customer's requests, in logits")
    error_sd: NotNegative = Field(0.5, description="error of what the router sees, in logits")


class Reviewing(Tastes):
    """Customers who hold an offer and review it at Poisson times."""

    market_customers: Positive = Field(1e6, description="number of real customers that the population stands for")
    review_days: Positive = Field(45.0, description="mean days between two reviews of a customer's choice")
    switching_share: Fraction = Field(
        0.05, description="one-off cost of switching, as a share of a year's value of the customer's requests"
    )
    notices_increases: bool = Field(
        True, description="customers of an offer whose price rises review at once; cuts wait for the next review"
    )
    outside_share: float = Field(0.0, description="a0: utility of using no model, as a share of value")
    nest_scale: Annotated[float, Field(gt=0.0, le=1.0)] = Field(
        0.05,
        description="lambda: spread of taste between offers of one model, over that between models; 1: plain logit",
    )
    word_days: NotNegative = Field(
        0.0, description="mean days until a customer hears of an offer that is released after day 0; 0: at once"
    )
    growth_per_year: Annotated[float, Field(ge=0.0, le=10.0)] = Field(
        0.0, description="customers who arrive in a year, as a share of those there; they hold nothing and choose"
    )
    churn_per_year: Annotated[float, Field(ge=0.0, le=10.0)] = Field(
        0.0, description="rate a year at which a customer leaves the market for good"
    )
    router: Router | None = Field(None, description="customers whose requests a router sends; null: there are none")


class Sampled(Reviewing):
    """One row per (customer, task class); each reviews at Poisson times with keyed draws."""

    kind: Literal["sampled"] = "sampled"
    customers: Annotated[int, Field(ge=1, le=5_000_000)] = 5000


class Expected(Reviewing):
    """Quadrature nodes with weights and an occupancy matrix; no sampling noise."""

    kind: Literal["expected"] = "expected"
    nodes_per_class: Annotated[int, Field(ge=1, le=65_536)] = Field(512, description="a power of two is best (Sobol)")


class ValueColumn(Part):
    """Customers differ in the value of a right answer: the task's median times x, x uniform on [low, high]."""

    kind: Literal["value"] = "value"
    low: NotNegative = 0.0
    high: Positive = 1.0

    @model_validator(mode="after")
    def _in_order(self) -> ValueColumn:
        if self.low >= self.high:
            raise ValueError("low must lie below high")
        return self


class Place(Part):
    """Where an offer stands."""

    offer: Name
    at: Fraction


class PlaceColumn(Part):
    """Customers differ in where they stand, uniform on a segment or a circle of length 1; fit is -travel * distance."""

    kind: Literal["place"]
    shape: Literal["segment", "circle"] = "segment"
    travel_usd: Positive = Field(description="cost of the distance 1, USD per request")
    places: tuple[Place, ...] = Field(min_length=1, description="one for each offer that customers may buy")


class Line(Part):
    """One column differs and unobserved taste does not exist: everybody holds what is best at the posted prices.

    Shares are the lengths of the cells of the upper envelope of utilities; offers that tie share their cell equally.
    There is no inertia: no review, no switching cost. Every customer's volume is x0.
    """

    kind: Literal["line"]
    market_customers: Positive = Field(1.0, description="number of real customers that the line stands for")
    varies: Annotated[ValueColumn | PlaceColumn, Field(discriminator="kind")] = ValueColumn()
    outside_share: float | None = Field(
        0.0, description="a0: utility of using no model, as a share of value; null: everybody uses one"
    )


class Arrivals(Tastes):
    """Customers arrive one by one, choose once and never review; those who came before are company.

    The utility of an offer gains network * mu * ln(n), n being the customers who chose it before, so that without
    other differences an offer is chosen with a probability proportional to n^network (Arthur 1989). An arrival's
    requests are those of one day; what stays is its count.
    """

    kind: Literal["arrivals"]
    arrivals_per_day: Positive = Field(description="in each task class, one every 1/arrivals_per_day days")
    network: float = Field(0.0, description="gamma: weight of the logarithm of earlier customers")
    first_customers: Positive = Field(1.0, description="n of every offer on day 0")
    outside_share: float | None = Field(
        0.0, description="a0: utility of using no model, as a share of value; null: everybody uses one"
    )


Population = Annotated[Sampled | Expected | Line | Arrivals, Field(discriminator="kind")]
