"""List prices, costs of serving and price policies, each a tagged union."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from sim.scenario.base import Fraction, Name, NotNegative, Part, Positive
from sim.scenario.promotion import Penetration, Tiers, ValueBased
from sim.scenario.reviewed import BestResponse, Reviewed


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


class WholesaleCost(Part):
    """Another provider serves the requests, at the posted price of its offer `offer`, which is sold at wholesale."""

    kind: Literal["wholesale"]
    offer: Name = Field(description="name of another provider's offer with wholesale: true")


class FleetCost(Part):
    """What a token costs on the provider's fleet, by the shape of the offer's model; see `sim.scenario.fleet`."""

    kind: Literal["fleet"]


ServingCost = Annotated[
    StatedCost | ShareCost | ImpliedCost | CatalogCost | TeacherCost | WholesaleCost | FleetCost,
    Field(discriminator="kind"),
]


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


class Joint(Reviewed):
    """The own part of the prices that maximise the summed profit of all partners: what one owner of all would post."""

    kind: Literal["joint"]
    partners: tuple[Name, ...] = Field((), description="providers whose profit counts; none named: every provider")


class Leader(Reviewed):
    """The price that maximises the own profit when every follower answers it with its best response.

    Followers answer one after the other until none moves. With an offer at wholesale this is a supplier that sets the
    wholesale price; with a retail offer it is Stackelberg's leader.
    """

    kind: Literal["leader"]
    followers: tuple[Name, ...] = Field(min_length=1, description="providers whose answers are foreseen")


class Response(Part):
    """A lottery over the own grid; a sure answer has one entry and no probabilities."""

    points: tuple[Annotated[int, Field(ge=0)], ...] = Field(min_length=1, description="indices into the grid, from 0")
    probabilities: tuple[Fraction, ...] = ()

    @model_validator(mode="after")
    def _sums_to_one(self) -> Response:
        chances = self.probabilities or ((1.0,) if len(self.points) == 1 else ())
        if len(chances) != len(self.points) or abs(sum(chances) - 1.0) > 1e-9:
            raise ValueError("give one probability for each point, and let them sum to 1")
        return self


class ReactionTable(Reviewed):
    """A Markov strategy, played as given: the answer to the grid point nearest to the rival's posted price.

    Two providers that review on alternate days move in turn (Maskin and Tirole 1988).
    """

    kind: Literal["reaction_table"]
    rival: Name = Field(description="name of the rival offer")
    levels: tuple[NotNegative, ...] = Field(min_length=1, description="the grid, as multiples of the own list price")
    responses: tuple[Response, ...] = Field(min_length=1, description="one for each point of the grid")

    @model_validator(mode="after")
    def _one_response_each(self) -> ReactionTable:
        if len(self.responses) != len(self.levels):
            raise ValueError(f"{len(self.levels)} levels need {len(self.levels)} responses")
        if max(point for response in self.responses for point in response.points) >= len(self.levels):
            raise ValueError(f"points of the grid run from 0 to {len(self.levels) - 1}")
        return self


class QLearning(Reviewed):
    """Tabular Q-learning with one period of memory (Calvano, Calzolari, Denicolo and Pastorello 2020).

    A period lasts from one review to the next. The state is the price of every learner of the market in the last
    period; all learners choose at once, each explores with probability exp(-exploration_decay * period), else takes the
    price of the largest Q. The reward is the expected profit of a day.

    With `turns` two learners who review on alternate days move in turn (Klein 2021): the state is the rival's standing
    price, and the reward of a price is its profit against that one and, a period later, against the rival's answer.
    """

    kind: Literal["q_learning"]
    lowest_level: NotNegative = Field(description="lowest price of the grid, as a multiple of the own list price")
    highest_level: Positive = Field(description="highest price of the grid")
    points: Annotated[int, Field(ge=2, le=100)] = Field(15, description="prices of the grid, equally spaced")
    learning_rate: Annotated[float, Field(gt=0.0, le=1.0)] = 0.15
    exploration_decay: Positive = 4e-6
    discount: Annotated[float, Field(ge=0.0, lt=1.0)] = Field(0.95, description="per period")
    turns: bool = Field(False, description="two learners move in turn; a period is then half of the time to the next")

    @model_validator(mode="after")
    def _in_order(self) -> QLearning:
        if self.lowest_level >= self.highest_level:
            raise ValueError("lowest_level must lie below highest_level")
        return self


PricePolicy = Annotated[
    Posted
    | CostPlus
    | Match
    | Undercut
    | BestResponse
    | Joint
    | Leader
    | ReactionTable
    | QLearning
    | Penetration
    | ValueBased
    | Tiers,
    Field(discriminator="kind"),
]
