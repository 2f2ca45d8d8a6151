"""Price policies that sell more than a price: a subsidised start, a price by value, a tariff in tiers."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from sim.scenario.base import Fraction, Name, NotNegative, Part, Positive
from sim.scenario.reviewed import BestResponse, Reviewed


class Penetration(Reviewed):
    """Prices below cost until a share is won or a budget is spent; best responses from then on, for good.

    While the campaign lasts each own offer costs (1 - below_cost) of its marginal cost. The share is that of the
    tokens of all who use any model. Every `review_days` the campaign ends if the share is reached, or if what is left
    of the budget would not last until the next look, the spending growing as it last grew.
    """

    kind: Literal["penetration"]
    target_share: Fraction = Field(description="share of tokens at which the campaign ends")
    subsidy_budget_usd: NotNegative = Field(description="most that sales below cost may cost")
    below_cost: Fraction = Field(0.5, description="share of the marginal cost that is not charged; assumed")
    review_days: Positive = Field(7.0, description="days between two looks at share and spending")
    first_review_day: NotNegative = Field(0.0, description="day on which the campaign starts")
    then: BestResponse = Field(
        default_factory=lambda: BestResponse.model_validate({"kind": "best_response"}),
        description="what follows the campaign",
    )


class ValueBased(Reviewed):
    """A share of what the own service is worth to the median customer, over the next best alternative.

    In a task class, worth is the price at which the customer of median value and difficulty is indifferent between the
    own offer and the better of the best rival at its posted price and no model. The class that counts is the one in
    which requests times (worth - cost) is largest. Own offers are priced one by one, never below cost times
    (1 + floor_markup).
    """

    kind: Literal["value_based"]
    share: Annotated[float, Field(gt=0.0, le=1.0)] = Field(description="share of that worth which the price takes")
    floor_markup: NotNegative = 0.0


class CanWait(Part):
    """How much of a task class can be done off peak."""

    task: Name
    share: Fraction = Field(description="share of the class's requests that can wait; assumed")


class OffPeak(Part):
    """Requests that can wait are sent when they are cheaper."""

    discount: Fraction
    can_wait: tuple[CanWait, ...] = Field(min_length=1)


class Block(Part):
    """From this monthly volume of an account on, each further token is cheaper; a discount of 1 is a free tier."""

    from_mtok_per_month: NotNegative
    discount: Fraction


class Subscription(Part):
    """A monthly fee for an included volume, used or not; what goes beyond it is paid at the posted price.

    The fee is (1 - discount) of what the included volume costs at posted prices. An account subscribes where that is
    cheaper for it.
    """

    included_mtok_per_month: Positive
    discount: Fraction


class Commitment(Part):
    """A discount on everything for an account that commits to a monthly volume, which it pays for, used or not.

    An account commits where that is cheaper for it. What a commitment does to switching is the customers' side of it.
    """

    mtok_per_month: Positive
    discount: Fraction


class Tiers(Reviewed):
    """A tariff: what an account pays depends on its volume, and on how much of its work can wait.

    An account is one customer in one task class, with the class's mean volume at reference prices. Its monthly bill
    over its volume is the price that it compares and pays.
    """

    kind: Literal["tiers"]
    first_review_day: NotNegative = Field(0.0, description="day on which the tariff starts")
    level: BestResponse | None = Field(None, description="what sets the posted price; null: the list price stands")
    off_peak: OffPeak | None = None
    blocks: tuple[Block, ...] = Field((), description="by rising volume; below the first nothing is taken off")
    subscription: Subscription | None = None
    commitment: Commitment | None = None

    @model_validator(mode="after")
    def _rising(self) -> Tiers:
        starts = [block.from_mtok_per_month for block in self.blocks]
        if starts != sorted(set(starts)):
            raise ValueError("blocks must start at rising volumes")
        if not self.blocks and self.off_peak is None and self.subscription is None and self.commitment is None:
            raise ValueError("give at least one of off_peak, blocks, subscription and commitment")
        return self
