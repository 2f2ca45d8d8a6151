"""List prices, costs of serving and price policies, each a tagged union."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from sim.scenario.base import Fraction, Name, NotNegative, Part, Positive


class StatedPrice(Part):
    """A price vector in USD per million tokens. `cached` defaults to a tenth of `input`."""

    kind: Literal["stated"]
    input_usd_per_mtok: NotNegative
    cached_usd_per_mtok: NotNegative | None = None
    output_usd_per_mtok: NotNegative


class CatalogPrice(Part):
    """The list price that the catalog cites for the offer's model."""

    kind: Literal["catalog"] = "catalog"


class TeacherPrice(Part):
    """The teacher's price vector times `ratio`; for students, until their policy moves."""

    kind: Literal["teacher"]
    ratio: Positive = 1.0


class MarkupPrice(Part):
    """The offer's own cost (stated, or the catalog's) times (1 + markup); for models that nobody sells yet."""

    kind: Literal["cost_plus"]
    markup: NotNegative


ListPrice = Annotated[StatedPrice | CatalogPrice | TeacherPrice | MarkupPrice, Field(discriminator="kind")]


class StatedCost(Part):
    """Marginal cost of serving, stated, in USD per million tokens."""

    kind: Literal["stated"]
    input_usd_per_mtok: NotNegative
    cached_usd_per_mtok: NotNegative | None = None
    output_usd_per_mtok: NotNegative


class ShareCost(Part):
    """Marginal cost as a share of the list price; an assumption."""

    kind: Literal["share_of_list_price"]
    share: Fraction


class ImpliedCost(Part):
    """Marginal cost backed out from the list price: the cost at which that price is the owner's best response on day
    0, given everybody else's list price. An inference under the model's demand, so an assumption.
    """

    kind: Literal["implied"] = "implied"


class CatalogCost(Part):
    """The cost that the catalog holds for the offer's model (measured or modelled), with its error."""

    kind: Literal["catalog"]


class TeacherCost(Part):
    """The teacher's cost times the student's cost ratio (from the student's model)."""

    kind: Literal["teacher"]


ServingCost = Annotated[StatedCost | ShareCost | ImpliedCost | CatalogCost | TeacherCost, Field(discriminator="kind")]


class Reviewed(Part):
    """A policy with its own review period."""

    review_days: Positive = Field(90.0, description="days between two reviews of the price")
    first_review_day: NotNegative = Field(30.0, description="day of the first review after the offer is on sale")


class Posted(Part):
    """The list price, never changed."""

    kind: Literal["posted"]


class CostPlus(Reviewed):
    """Cost times (1 + markup)."""

    kind: Literal["cost_plus"]
    markup: NotNegative


class Match(Reviewed):
    """The rival's price vector, never below own cost times (1 + floor_markup), on the own offer nearest in ability."""

    kind: Literal["match"]
    rival: Name = Field(description="name of the rival offer")
    floor_markup: NotNegative = 0.0


class Undercut(Reviewed):
    """The rival's price vector less the share `by`, never below own cost times (1 + floor_markup).

    It is posted on the own offer nearest to the rival in ability; other own offers keep their prices.
    """

    kind: Literal["undercut"]
    rival: Name = Field(description="name of the rival offer")
    by: Fraction = Field(description="share by which the rival's price is undercut")
    floor_markup: NotNegative = 0.0


class BestResponse(Reviewed):
    """The level of each own offer that maximises the owner's profit over all its offers, on its beliefs about demand.

    `static`: everybody reviews now. `discounted`: the discounted profit along the occupancy path while the price
    stands, which ends at a random time of mean `horizon_days`.
    """

    kind: Literal["best_response"]
    mode: Literal["static", "discounted"] = "discounted"
    horizon_days: Positive = 365.0
    damping: Annotated[float, Field(ge=0.0, lt=1.0)] = Field(0.0, description="share of the old log price that is kept")


PricePolicy = Annotated[Posted | CostPlus | Match | Undercut | BestResponse, Field(discriminator="kind")]
