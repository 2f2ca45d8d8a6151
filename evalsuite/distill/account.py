"""What was taken from a teacher: counted, priced, within the budget, and until the accounts are banned.

The account is replayed from what was taken before, so that a resumed run meets the same budget and the same bans.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from evalsuite.distill.access import Access
from sim.shared.units import TOKENS_PER_MTOK

STREAM_BANS = 7


@dataclass(frozen=True)
class Taken:
    """What was taken, and what the teacher asked for it.

    Attributes:
        queries: requests answered.
        written_tokens: that the teacher wrote; documents that were left out afterwards count.
        read_tokens: whose probabilities it gave, of texts that it wrote before.
        usd: at the prices of the terms.
        days: that the rate limit makes it take; 0 without one.
        banned_accounts: banned on the way.
    """

    queries: int
    written_tokens: int
    read_tokens: int
    usd: float
    days: int
    banned_accounts: int


class Account:
    """A customer's account with a teacher (several, where the terms say so), on a clock of whole days."""

    def __init__(self, access: Access, seed: int) -> None:
        self.access = access
        self._seed = seed
        self._queries = self._written = self._read = 0
        self._day = 0
        self._left_today = math.inf
        self._live = np.arange(access.accounts)
        if access.queries_per_account_day is not None:
            self._open_day()

    def grant(self, queries: int, tokens_each: int) -> int:
        """How many of the queries, of at most `tokens_each` tokens, the budget and the bans allow; days pass meanwhile.

        Nothing is counted yet; `take` counts what was answered.
        """
        allowed = queries
        if self.access.queries is not None:
            allowed = min(allowed, self.access.queries - self._queries)
        if self.access.tokens is not None:
            allowed = min(allowed, self.left_tokens // tokens_each)
        return self._pass_days(max(allowed, 0))

    def take(self, queries: int = 0, written_tokens: int = 0, read_tokens: int = 0) -> None:
        """Count what was answered."""
        self._queries += queries
        self._written += written_tokens
        self._read += read_tokens

    @property
    def left_tokens(self) -> int:
        """Tokens of the budget that are left; a very large number without one."""
        budget = self.access.tokens
        return 2**62 if budget is None else max(budget - self._written - self._read, 0)

    @property
    def refused(self) -> bool:
        """Whether all accounts are banned."""
        return self._live.size == 0

    @property
    def taken(self) -> Taken:
        """All that was taken so far."""
        usd = self._written * self.access.price_out_usd_per_mtok + self._read * self.access.price_in_usd_per_mtok
        paced = self.access.queries_per_account_day is not None
        return Taken(
            queries=self._queries,
            written_tokens=self._written,
            read_tokens=self._read,
            usd=usd / TOKENS_PER_MTOK,
            days=self._day if paced else 0,
            banned_accounts=self.access.accounts - int(self._live.size),
        )

    def _pass_days(self, queries: int) -> int:
        """Queries that are answered before the last account is banned."""
        answered = 0
        while answered < queries and not self.refused:
            now = min(queries - answered, self._left_today)
            answered += int(now)
            self._left_today -= now
            if self._left_today < 1 and answered < queries:
                self._close_day()
        return answered

    def _open_day(self) -> None:
        self._day += 1
        pace = self.access.queries_per_account_day
        # What an account may not ask today because of whole queries it may ask tomorrow.
        left = self._left_today if math.isfinite(self._left_today) else 0.0
        self._left_today = left + self._live.size * (pace if pace is not None else math.inf)

    def _close_day(self) -> None:
        hazard = ban_probability(self.access)
        if hazard > 0:
            key = np.random.SeedSequence(self._seed, spawn_key=(STREAM_BANS, self._day))
            draws = np.random.Generator(np.random.PCG64(key)).random(self.access.accounts)
            self._live = self._live[draws[self._live] >= hazard]
        if not self.refused:
            self._open_day()


def ban_probability(access: Access) -> float:
    """Probability that an account which asks at the copier's pace is banned on a day; 0 without a refusal."""
    refusal = access.refusal
    if refusal is None or access.queries_per_account_day is None:
        return 0.0
    from scipy.stats import norm

    tau = float(norm.isf(refusal.false_positive_rate))
    return float(norm.sf(tau - math.log(access.queries_per_account_day / refusal.honest_queries_per_day)))
