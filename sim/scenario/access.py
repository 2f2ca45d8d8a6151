"""What a provider sells to whom: limits, price and content of bulk use, and the detection of copiers.

A copier's account of x requests a day shows z = ln(x/30); on each day it is flagged, and banned, with probability
1 - Phi(tau - z); an honest customer with 1 - Phi(tau). All of this is assumed.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from sim.scenario.base import Name, NotNegative, Part, Positive

Regime = Literal["text", "topk", "full"]
REGIMES: tuple[Regime, ...] = ("text", "topk", "full")  # from what tells least to what tells most

USUAL_REQUESTS_PER_DAY = 30.0  # of an honest account, for which z = 0


class Open(Part):
    """Everybody is served; nobody is looked at."""

    kind: Literal["open"] = "open"
    returns: Regime = Field(default="text", description="text, text with top probabilities, or all probabilities")


class Guarded(Part):
    """Limits and detection that stay as they are."""

    kind: Literal["guarded"]
    returns: Regime = "text"
    bulk_price_ratio: Positive = Field(1.0, description="price of bulk use over the posted price")
    requests_per_account_day: Positive | None = Field(None, description="rate limit; null: none")
    tau: float | None = Field(None, description="detection's threshold, standard deviations; null: nobody is flagged")
    blocked_days: NotNegative = Field(3.0, description="an honest customer who is flagged is refused for that long")


class Defended(Part):
    """As `guarded`, but the provider chooses tau and regime anew, in turn with those who copy.

    It maximises its expected profit, what bulk use pays included, less the margin on the honest customers whom false
    positives refuse.
    """

    kind: Literal["defended"]
    regimes: tuple[Regime, ...] = Field(
        ("text", "topk", "full"), min_length=1, description="to choose from; first: start"
    )
    bulk_price_ratio: Positive = 1.0
    requests_per_account_day: Positive | None = None
    tau: float = Field(5.0, description="threshold at the start")
    lowest_tau: float = 0.5
    highest_tau: float = 5.0
    points: Annotated[int, Field(ge=2, le=200)] = Field(19, description="thresholds to choose from, equally spaced")
    blocked_days: NotNegative = 3.0
    every_days: Positive = Field(91.25, description="days between two choices")
    first_day: NotNegative = Field(45.0, description="day of the first choice")
    horizon_years: Positive = Field(2.0, description="how far the provider looks; assumed")

    @model_validator(mode="after")
    def _in_order(self) -> Defended:
        if self.lowest_tau >= self.highest_tau:
            raise ValueError("lowest_tau must lie below highest_tau")
        return self


Access = Annotated[Open | Guarded | Defended, Field(discriminator="kind")]


class Own(Part):
    """The own teacher writes, at its cost of serving, and tells all its probabilities."""

    kind: Literal["own"]
    output_mtok: Positive = Field(description="tokens taken each time, in millions")


class OpenWeights(Part):
    """The teacher's weights are public: the copier runs them itself, at their cost of serving."""

    kind: Literal["open_weights"]
    output_mtok: Positive


class Lent(Part):
    """Accounts of a reseller's customers, among whose own requests those of the copier hide: z = ln(1 + x/usual)."""

    reseller: Name = Field(description="the provider that lends them and is paid; neither copier nor victim")
    usual_requests_per_day: Positive = Field(300.0, description="of one account, without the copier's; assumed")
    usd_per_request: NotNegative = Field(0.005, description="paid to the reseller for each request; assumed")


class Accounts(Part):
    """Tokens bought through a rival's interface, from a fixed number of accounts, until the dose is there."""

    kind: Literal["accounts"]
    output_mtok: Positive = Field(description="the dose that is wanted, in millions")
    accounts: Positive = Field(1.0, description="opened at the start of each campaign")
    requests_per_account_day: Positive = USUAL_REQUESTS_PER_DAY
    output_tokens_per_request: Positive = 1000.0
    most_days: Positive = Field(90.0, description="a campaign ends then with what it has")
    account_usd: NotNegative = Field(10.0, description="to open one account; assumed")
    lent: Lent | None = Field(None, description="a reseller's accounts instead of the copier's own, which are opened")


class Scraped(Part):
    """As `accounts`, but their number and their pace are those of the largest net present value, 0 included.

    The student's expected profit over `horizon_years`, less tokens, accounts and training.
    """

    kind: Literal["scraped"]
    least_accounts: Positive = Field(100.0, description="N0; N is 0 or N0 times 2^k")
    doublings: Annotated[int, Field(ge=0, le=30)] = Field(12, description="largest k")
    paces: tuple[Positive, ...] = Field(
        (5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 320.0), min_length=1, description="requests of an account and day"
    )
    output_tokens_per_request: Positive = 1000.0
    campaign_days: Positive = 90.0
    account_usd: NotNegative = Field(10.0, description="to open one account; assumed")
    lent: Lent | None = Field(None, description="a reseller's accounts instead of the copier's own, which are opened")
    horizon_years: Positive = 2.0


Source = Annotated[Own | OpenWeights | Accounts | Scraped, Field(discriminator="kind")]


class Worth(Part):
    """Kappa: effective tokens of one token taken, by what the teacher gave; assumed until measured."""

    text: Positive = 0.5
    topk: Positive = 1.0
    full: Positive = 1.0

    def of(self, regime: Regime) -> float:
        """The figure of one regime."""
        return {"text": self.text, "topk": self.topk, "full": self.full}[regime]
