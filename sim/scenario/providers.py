"""Providers: a lab that releases, offers on sale, a price policy and a treasury."""

from __future__ import annotations

from pydantic import Field, model_validator

from sim.scenario.access import Access, Open
from sim.scenario.base import Name, NotNegative, Part, Positive
from sim.scenario.fleet import Fleet
from sim.scenario.open_weights import OpenRelease
from sim.scenario.prices import CatalogPrice, ImpliedCost, ListPrice, PricePolicy, ServingCost
from sim.scenario.research import Research
from sim.scenario.reselling import Bargain, ForwardEntry, MakeOrBuy
from sim.scenario.students import Reinforcement, Student


class Offer(Part):
    """A model on sale at one provider."""

    name: Name
    model: Name = Field(description="name of a model of the scenario")
    list_price: ListPrice = CatalogPrice()
    cost: ServingCost = ImpliedCost()
    fit_share: float = Field(0.0, description="taste for this offer in all customers, as a share of value")
    on_sale: bool = Field(True, description="false: withdrawn, from day 0 or, by an intervention, from its day on")
    wholesale: bool = Field(False, description="sold to other providers alone, whose cost is of kind wholesale")
    bargain: Bargain | None = Field(None, description="of an offer at wholesale: its price is bargained with the buyer")
    fallbacks: tuple[Name, ...] = Field(
        (), description="of a resold offer: own offers of which the best is sold while the supplier does not serve it"
    )


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
    """Dated releases of distilled students and of open weights, and what moves abilities as a matter of decisions.

    Offers that no part names as waiting are on sale from day 0.
    """

    releases: tuple[Distillation, ...] = ()
    open_weights: tuple[OpenRelease, ...] = ()
    research: Research | None = None
    students: tuple[Student, ...] = ()
    reinforcement: tuple[Reinforcement, ...] = ()

    @property
    def waiting_offers(self) -> tuple[str, ...]:
        """Offers that are not on sale before this lab releases them."""
        return (
            *(release.offer for release in self.releases),
            *(student.offer for student in self.students if student.waits),
            *(self.research.successors if self.research is not None else ()),
        )

    @property
    def moved_offers(self) -> frozenset[str]:
        """Offers whose ability this lab's decisions move, away from that of their model."""
        research = (self.research.offer, *self.research.successors) if self.research is not None else ()
        taught = [student.offer for student in self.students] + [part.offer for part in self.reinforcement]
        return frozenset([*research, *taught])


class FundingRound(Part):
    """Money from investors on a day, if the provider is still there."""

    day: NotNegative
    usd: Positive


class Treasury(Part):
    """Cash on day 0, how far it may go below zero before the provider leaves the market, and dated funding rounds."""

    cash_usd: NotNegative = 1e9
    credit_limit_usd: NotNegative = 1e9
    rounds: tuple[FundingRound, ...] = ()

    @model_validator(mode="after")
    def _no_two_alike(self) -> Treasury:
        if len(set(self.rounds)) < len(self.rounds):
            raise ValueError("two rounds of one day and amount are one round of both amounts")
        return self


class Provider(Part):
    """One owner: everything it sells is priced together."""

    name: Name
    offers: tuple[Offer, ...] = Field(min_length=1)
    price: PricePolicy
    lab: Lab = Lab()
    treasury: Treasury = Treasury()
    access: Access = Open()
    fleet: Fleet | None = Field(None, description="where offers with a cost of kind fleet are served")
    group: str = Field("", description="the group of potential entrants that it was made from; not for files")
    bundle_share: NotNegative = Field(
        0.0,
        description="benefit of using it in all of one's other task classes too, as a share of value; in some, in part",
    )
    make_or_buy: MakeOrBuy | None = Field(None, description="of a platform: whether to build its own model")
    forward_entry: ForwardEntry | None = Field(None, description="of a supplier: whether to enter its buyer's business")

    @property
    def waiting(self) -> frozenset[str]:
        """Own offers that are not on sale from day 0: a release, a build, an entry or a loss of supply brings them."""
        builds = self.make_or_buy.builds if self.make_or_buy else ()
        entry = [self.forward_entry.offer] if self.forward_entry else []
        fallbacks = [name for offer in self.offers for name in offer.fallbacks]
        entering = [offer.name for offer in self.offers] if self.group else []
        return frozenset([*self.lab.waiting_offers, *(build.offer for build in builds), *entry, *fallbacks, *entering])
