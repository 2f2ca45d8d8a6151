"""The terms on which a teacher is met: what it gives away, at what price, how much of it, and how it defends itself.

What a teacher gives away is its information regime: its text; for each token of a text the probabilities of the k most
likely tokens with a few draws from the rest; or the probabilities of all tokens. A defence lowers what is given
(`no_probabilities`), blurs it (`rounding`, `noise`) or ends the business (`refusal`).

Refusal follows the account, not the person: with z = ln(queries a day / queries of an honest day), an account is banned
on a day with probability 1 - Phi(tau - z), and tau is such that an honest account meets it with the false-positive
rate.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Part(BaseModel):
    """A part of a recipe: frozen, and every field known."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class TextOnly(Part):
    """What the teacher writes, and nothing else."""

    kind: Literal["text"] = "text"


class TopEntries(Part):
    """Of each token the `k` largest log-probabilities, the mass of the rest, and draws from the rest."""

    kind: Literal["topk"] = "topk"
    k: Annotated[int, Field(ge=1, le=1024)] = 48
    tail_draws: Annotated[int, Field(ge=0, le=1024)] = 16


class FullProbabilities(Part):
    """The probabilities of all tokens."""

    kind: Literal["full"] = "full"


Regime = Annotated[TextOnly | TopEntries | FullProbabilities, Field(discriminator="kind")]


class NoProbabilities(Part):
    """Probabilities are not given, whatever the regime says."""

    kind: Literal["no_probabilities"] = "no_probabilities"


class Rounding(Part):
    """Log-probabilities (nats) are rounded to so many decimals."""

    kind: Literal["rounding"] = "rounding"
    decimals: Annotated[int, Field(ge=0, le=6)]


class Noise(Part):
    """Noise on the last hidden state, so large that what is given lies `nats` from the truth (mean forward KL)."""

    kind: Literal["noise"] = "noise"
    nats: Annotated[float, Field(gt=0, le=5)]


class Refusal(Part):
    """Accounts that ask like copiers are banned, and honest ones with them at `false_positive_rate` a day."""

    kind: Literal["refusal"] = "refusal"
    false_positive_rate: Annotated[float, Field(gt=0, lt=0.5)]
    honest_queries_per_day: Annotated[float, Field(gt=0)] = 30.0


Defence = Annotated[NoProbabilities | Rounding | Noise | Refusal, Field(discriminator="kind")]


class Access(Part):
    """The terms.

    Attributes:
        regime: what is given away, before the defences.
        price_in_usd_per_mtok, price_out_usd_per_mtok: of tokens that the teacher reads and writes.
        queries, tokens: budgets; tokens count those written and those read; none for no limit.
        accounts: among which the queries are spread.
        queries_per_account_day: the rate limit of an account, and the pace of a copier; none for no limit.
    """

    regime: Regime
    price_in_usd_per_mtok: Annotated[float, Field(ge=0)] = 0.0
    price_out_usd_per_mtok: Annotated[float, Field(ge=0)] = 0.0
    queries: Annotated[int, Field(ge=1)] | None = None
    tokens: Annotated[int, Field(ge=1)] | None = None
    accounts: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    queries_per_account_day: Annotated[float, Field(gt=0)] | None = None
    defences: tuple[Defence, ...] = ()

    @model_validator(mode="after")
    def _sensible(self) -> Access:
        kinds = [defence.kind for defence in self.defences]
        if len(set(kinds)) != len(kinds):
            raise ValueError("each kind of defence once")
        if "refusal" in kinds and self.queries_per_account_day is None:
            raise ValueError("a refusal needs queries_per_account_day, the pace that it judges")
        return self

    @property
    def granted(self) -> TextOnly | TopEntries | FullProbabilities:
        """What is given away after the defences."""
        return TextOnly() if any(isinstance(defence, NoProbabilities) for defence in self.defences) else self.regime

    @property
    def decimals(self) -> int | None:
        """Decimals of the log-probabilities, or None where they are not rounded."""
        return next((defence.decimals for defence in self.defences if isinstance(defence, Rounding)), None)

    @property
    def noise_nats(self) -> float:
        """How far what is given lies from the truth; 0 without noise."""
        return next((defence.nats for defence in self.defences if isinstance(defence, Noise)), 0.0)

    @property
    def refusal(self) -> Refusal | None:
        """The refusal among the defences, if any."""
        return next((defence for defence in self.defences if isinstance(defence, Refusal)), None)
