"""A platform on its supplier: how the wholesale price is found, make or buy, and the supplier's own entry."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from sim.scenario.base import Fraction, Name, NotNegative, Part, Positive


class _Yearly(Part):
    """A negotiation between the owner of an offer at wholesale and the one provider that resells it.

    `beta` is the supplier's weight in the product of both gains: 1 lets it name the price, 0 its buyer. Defaults are
    *assumed*; beta is not identified from public data.
    """

    beta: Fraction = Field(0.5, description="the supplier's bargaining weight; assumed")
    first_day: NotNegative = Field(0.0, description="day of the first negotiation")
    every_days: Positive = Field(365.0, description="days between two negotiations")


class LinearBargain(_Yearly):
    """The parties agree on a price per token."""

    kind: Literal["linear"]


class TwoPartBargain(_Yearly):
    """The price per token is the supplier's cost, and a fee, paid in instalments, splits what both gain."""

    kind: Literal["two_part"]
    instalment_days: Positive = Field(30.0, description="days between two payments of the fee")


Bargain = Annotated[LinearBargain | TwoPartBargain, Field(discriminator="kind")]


class Build(Part):
    """A model of its own that a platform may make: how, at what cost, in what time, and the offer that it serves."""

    route: Literal["distil", "from_scratch"]
    offer: Name = Field(description="own offer, not on sale, that the build puts on sale")
    cost_usd: NotNegative = Field(description="training and everything else that is paid when the build starts")
    build_days: NotNegative
    teacher_offer: Name | None = Field(None, description="offer whose output tokens are bought when the build starts")
    teacher_output_mtok: NotNegative = Field(0.0, description="output tokens bought from the teacher, in millions")


class MakeOrBuy(Part):
    """The platform's choice between buying and building, by net present value.

    `hazard_per_year` is what the platform believes of the supplier's entry or cut: its rate.
    """

    builds: tuple[Build, ...] = Field(min_length=1)
    hazard_per_year: NotNegative = Field(0.2, description="h, assumed; not identified from public data")
    review_days: Positive = Field(91.25, description="days between two decisions")
    first_review_day: NotNegative = 91.25


class ForwardEntry(Part):
    """A supplier's choice to sell in its buyer's business, and to go on supplying it or not, by net present value."""

    offer: Name = Field(description="own retail offer, not on sale, that the entry puts on sale")
    cost_usd: NotNegative = Field(description="paid when the entry is decided")
    build_days: NotNegative = Field(180.0, description="days from the decision to the entry; assumed")
    may_cut: bool = Field(False, description="whether it may stop supplying on the day of its entry")
    review_days: Positive = Field(91.25, description="days between two decisions")
    first_review_day: NotNegative = 91.25
