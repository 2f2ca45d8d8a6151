"""Task classes: what a request consists of, how hard it is, and what a right or wrong answer is worth."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from sim.scenario.base import Name, NotNegative, Part, Positive

CATALOG_CLASSES = ("chat", "extract", "code", "reason", "agent")


class Lognormal(Part):
    """A positive quantity that differs between customers: exp(N(ln median, log_sd))."""

    median: Positive
    log_sd: NotNegative = 0.0


class TaskClass(Part):
    """One kind of work, per request.

    Token counts are disjoint: `input_tokens` excludes cached ones. Money is USD per request.
    """

    name: Name
    input_tokens: NotNegative = Field(description="fresh input tokens per request")
    cached_input_tokens: NotNegative = Field(
        0.0, description="input tokens read from the provider's cache, per request"
    )
    output_tokens: NotNegative = Field(description="output tokens per request")
    requests_per_day: Positive = Field(description="mean requests per customer and day at the reference price")
    difficulty_mean: float = Field(0.0, description="mean difficulty d of the tasks that a customer has, in logits")
    difficulty_sd: NotNegative = Field(1.0, description="spread of difficulty between customers, in logits")
    value_usd: Lognormal = Field(description="value of a right answer, USD per request")
    harm_share: NotNegative = Field(0.0, description="cost of a wrong answer, as a share of the value of a right one")
    harm_log_sd: NotNegative = Field(0.0, description="spread of that share between customers, of its logarithm")
    value_of_time_usd_per_s: NotNegative = Field(
        0.0, description="cost of a second's wait for an answer, USD per request; offers wait for their `delay_s`"
    )
    success: Literal["irt", "identity"] = Field("irt", description="irt: 1/(1+exp(d-theta)); identity: quality itself")
