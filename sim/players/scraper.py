"""How many accounts a copier opens and how fast each asks: a campaign against a provider's terms.

Of N in {0, N0 2^k} and the stated paces x, what maximises

    365 A(H) (profit of a day with the better student - without) - price * tokens - fee * N - training

on the copier's expected demand, its price re-optimised, with tokens = N m x (1 - (1 - h)^T) / h on the terms of today.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sim.players.access import Terms, served_days
from sim.players.prospects import drawn
from sim.scenario.access import USUAL_REQUESTS_PER_DAY, Lent, Scraped
from sim.scenario.students import Student
from sim.shared.units import TOKENS_PER_MTOK
from sim.world.distillation import Published, student_theta

DOSE_POINTS = 9  # at which the student's profit is computed; straight between them in ln(1 + dose/scale)


@dataclass(frozen=True)
class Plan:
    """One campaign: how it collects.

    Attributes:
        accounts: opened at its start; 0: nothing is taken.
        pace: requests of an account and day that are wanted; a rate limit may hold it lower.
        mtok_per_request: output tokens of a request, in millions.
        wanted_mtok: tokens after which it ends; None: it lasts `days`.
        days: longest duration.
        account_usd: to open one account; nothing for one that is lent.
        lent: whose accounts they are, if not the copier's own.
    """

    accounts: float
    pace: float
    mtok_per_request: float
    wanted_mtok: float | None
    days: float
    account_usd: float
    lent: Lent | None = None

    def flagged(self, terms: Terms) -> float:
        """Daily chance that one of the accounts is flagged."""
        pace = terms.pace(self.pace)
        if self.lent is not None:
            pace = USUAL_REQUESTS_PER_DAY * (1.0 + pace / self.lent.usual_requests_per_day)
        return terms.flagged(pace)

    @property
    def opening_usd(self) -> float:
        """What opening all accounts costs."""
        return 0.0 if self.lent is not None else self.accounts * self.account_usd

    def lending_usd(self, mtok: float) -> float:
        """What a reseller takes for so many tokens, in millions."""
        return 0.0 if self.lent is None else mtok / self.mtok_per_request * self.lent.usd_per_request

    def mtok(self, terms: Terms, days: float, alive_share: float = 1.0) -> float:
        """Expected tokens taken in so many days on these terms, in millions."""
        served = served_days(self.flagged(terms), days)
        return self.accounts * alive_share * terms.pace(self.pace) * served * self.mtok_per_request

    def whole_mtok(self, terms: Terms) -> float:
        """Expected tokens of the whole campaign."""
        whole = self.mtok(terms, self.days)
        return whole if self.wanted_mtok is None else min(whole, self.wanted_mtok)

    def days_until(self, terms: Terms, mtok: float, alive_share: float) -> float:
        """Days in which so many tokens are taken; infinite where bans come first."""
        rate = self.accounts * alive_share * terms.pace(self.pace) * self.mtok_per_request
        flagged = self.flagged(terms)
        if rate <= 0.0:
            return math.inf
        if flagged < 1e-12:
            return mtok / rate
        left = 1.0 - mtok * flagged / rate
        return math.log(left) / math.log1p(-flagged) if 0.0 < left < 1.0 and flagged < 1.0 else math.inf


@dataclass(frozen=True)
class Standing:
    """What a student stands on: its teacher's version, its own ability before that, and the dose it has had of it.

    Attributes:
        teacher, own: ability by class, shape (C,), logits.
        published: the measured curves, where a student follows them.
    """

    teacher: np.ndarray
    own: np.ndarray
    effective_mtok: float
    published: Published | None = None

    def theta(self, part: Student, more_mtok: float) -> np.ndarray:
        """Ability after so much more of effective tokens, shape (C,)."""
        dose = self.effective_mtok + more_mtok
        return student_theta(part.curve, self.teacher, self.own, dose, self.published)


def largest_value(
    part: Student,
    source: Scraped,
    terms: Terms,
    worth: float,
    profit_usd_per_day: Callable[[float], float],
    price_usd_per_mtok: Callable[[Plan], float],
    training_usd: float,
    budget_usd: float,
    annuity_days: float,
) -> Plan:
    """The campaign of the largest net present value; with 0 accounts where none is worth it.

    Args:
        worth: effective tokens a token.
        profit_usd_per_day: expected gain of profit after so much of effective tokens, in millions.
        price_usd_per_mtok: what the accounts of a plan pay.
        budget_usd: what can be paid in all.
        annuity_days: days of profit that the horizon is worth today.
    """
    plans = [
        Plan(source.least_accounts * 2.0**k, pace, source.output_tokens_per_request / TOKENS_PER_MTOK, None,
             source.campaign_days, source.account_usd, source.lent)
        for k in range(source.doublings + 1)
        for pace in source.paces
        if pace == min(source.paces) or terms.limit is None or pace <= terms.limit
    ]  # fmt: skip
    mtok = np.array([plan.whole_mtok(terms) for plan in plans])
    fees = np.array([plan.opening_usd + plan.lending_usd(taken) for plan, taken in zip(plans, mtok, strict=True)])
    price = np.array([price_usd_per_mtok(plan) for plan in plans])
    cost = mtok * price + fees + training_usd
    nothing = Plan(0.0, source.paces[0], 0.0, None, source.campaign_days, 0.0)
    can = cost <= budget_usd
    if not can.any():
        return nothing
    scale = max(float(mtok[can].min()) * worth, 1e-9)
    top = math.log1p(float(mtok[can].max()) * worth / scale)
    gain = drawn(lambda log_dose: profit_usd_per_day(math.expm1(log_dose) * scale), 0.0, top, DOSE_POINTS)
    value = np.where(can, gain(np.log1p(mtok * worth / scale)) * annuity_days - cost, -np.inf)
    best = int(np.argmax(value))
    return plans[best] if value[best] > 0.0 else nothing
