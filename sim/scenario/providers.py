"""Providers: a lab that releases, offers on sale, a price policy and a treasury."""

from __future__ import annotations

from pydantic import Field

from sim.scenario.base import Name, NotNegative, Part
from sim.scenario.prices import CatalogPrice, ImpliedCost, ListPrice, PricePolicy, ServingCost


class Offer(Part):
    """A model on sale at one provider."""

    name: Name
    model: Name = Field(description="name of a model of the scenario")
    list_price: ListPrice = CatalogPrice()
    cost: ServingCost = ImpliedCost()
    fit_share: float = Field(0.0, description="taste for this offer in all customers, as a share of value")
    on_sale: bool = Field(True, description="false: withdrawn, from day 0 or, by an intervention, from its day on")
    wholesale: bool = Field(False, description="sold to other providers alone, whose cost is of kind wholesale")


class Distillation(Part):
    """A lab distils a student at a rival's or its own teacher and releases it on a day.

    The lab pays for training and, where a rival's teacher wrote the data, for the tokens taken.
    """

    offer: Name = Field(description="the own offer that the release puts on sale")
    release_day: NotNegative | None = Field(description="day of the release; null: it never happens")
    training_cost_usd: NotNegative = 0.0
    teacher_offer: Name | None = Field(None, description="the offer whose tokens were bought; null: the own teacher")
    teacher_output_mtok: NotNegative = Field(0.0, description="output tokens bought from the teacher, in millions")


class Lab(Part):
    """Releases of distilled students. Offers that no release names are on sale from day 0."""

    releases: tuple[Distillation, ...] = ()


class Treasury(Part):
    """Cash on day 0 and how far it may go below zero before the provider leaves the market."""

    cash_usd: NotNegative = 1e9
    credit_limit_usd: NotNegative = 1e9


class Provider(Part):
    """One owner: everything it sells is priced together."""

    name: Name
    offers: tuple[Offer, ...] = Field(min_length=1)
    price: PricePolicy
    lab: Lab = Lab()
    treasury: Treasury = Treasury()
    bundle_share: NotNegative = Field(
        0.0,
        description="benefit of using it in all of one's other task classes too, as a share of value; in some, in part",
    )
