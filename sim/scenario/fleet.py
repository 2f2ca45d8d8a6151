"""Shapes of models and fleets of accelerators: what serving costs, how much can be served, and how long it waits."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from sim.scenario.base import Fraction, NotNegative, Part, Positive


class ModelShape(Part):
    """What of a model decides its cost of serving; dense where active and total parameters are equal."""

    active_params: Positive = Field(description="parameters read for a token")
    total_params: Positive = Field(description="parameters in memory")
    layers: Annotated[int, Field(ge=1, le=10_000)]
    kv_bytes_per_token: Positive = Field(description="keys and values of all layers, bytes a token")
    bytes_per_param: Positive = Field(2.0, description="2 in bfloat16, 1 in fp8")

    @model_validator(mode="after")
    def _active_within_total(self) -> ModelShape:
        if self.active_params > self.total_params:
            raise ValueError("active_params must not exceed total_params")
        return self


class Outage(Part):
    """A dated loss of a share of the fleet; the rent goes on."""

    day: NotNegative
    days: Positive = Field(description="how long it lasts")
    share_lost: Annotated[float, Field(gt=0.0, le=1.0)]


class RandomOutages(Part):
    """Outages at Poisson times, each of an exponential length; drawn from a stream of the fleet's own."""

    per_year: Positive
    mean_days: Positive
    share_lost: Annotated[float, Field(gt=0.0, le=1.0)] = 1.0


class Orders(Part):
    """Orders of capacity, by what was asked for since the last review, refused requests included."""

    threshold: Fraction = Field(0.8, description="utilisation above which capacity is ordered")
    target: Annotated[float, Field(gt=0.0, le=1.0)] = Field(0.65, description="utilisation that an order restores")
    lead_days: NotNegative = Field(90.0, description="days until it arrives; assumed")
    give_back_below: Fraction = Field(0.0, description="utilisation below which capacity goes back, at once; 0: never")
    most_replicas: Annotated[int, Field(ge=0, le=10_000_000)] = 10_000_000

    @model_validator(mode="after")
    def _in_order(self) -> Orders:
        if not self.give_back_below <= self.target <= self.threshold:
            raise ValueError("give_back_below <= target <= threshold must hold")
        return self


class Fleet(Part):
    """Replicas of accelerators on which a provider serves its offers whose cost is of kind `fleet`.

    A replica holds one copy of a model and serves `batch` requests at once; any replica serves any of the offers. The
    cost of a token follows from rent, shape, batch and the planned utilisation by `sim.shared.roofline`. A rented fleet
    pays its rent every day, used or not, and nothing for the tokens; else tokens are paid by use at that cost, and
    `replicas` only bounds how many are served (null: without bound, and nobody waits).
    """

    accelerator: str = Field(description="name of a device of sim.shared.roofline, as in hardware.csv")
    rent_usd_per_hour: Positive | None = Field(
        None, description="of one device; null: the cheapest that hardware.csv has dated on or before the start"
    )
    accelerators_per_replica: Annotated[int, Field(ge=1, le=100_000)] = 1
    replicas: Annotated[int, Field(ge=0, le=10_000_000)] | None = Field(description="on day 0")
    batch: Annotated[int, Field(ge=1, le=1_000_000)] = Field(32, description="requests that a replica serves at once")
    context_tokens: Annotated[int, Field(ge=1, le=10_000_000)] = Field(2048, description="mean length held in memory")
    utilisation: Annotated[float, Field(gt=0.0, le=1.0)] = Field(
        0.5, description="planned share of the day in use: what the cost of a token is reckoned with; assumed"
    )
    rented: bool = True
    admit_utilisation: Annotated[float, Field(gt=0.0, lt=1.0)] = Field(
        0.95, description="requests beyond this share of the capacity are refused; assumed"
    )
    give_up_s: Positive = Field(30.0, description="seconds that a refused request has waited; assumed")
    review_days: Positive = Field(7.0, description="days between two looks at load, waits and orders")
    outages: tuple[Outage, ...] = ()
    random_outages: RandomOutages | None = None
    orders: Orders | None = None

    @model_validator(mode="after")
    def _rented_by_number(self) -> Fleet:
        if self.replicas is None and (self.rented or self.orders is not None):
            raise ValueError("a fleet that is rented or ordered has a number of replicas")
        return self
