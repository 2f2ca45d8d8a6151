"""Who is let in on which terms: detection, what it costs the honest, and providers that choose it in turn with copiers.

    h  = 1 - Phi(tau - ln(x/30))     chance that an account of x requests a day is flagged on a day, and banned
    h0 = 1 - Phi(tau)                the same of an honest customer, who is refused for `blocked_days` D
    r  = h0 D / (1 + h0 D)           share of honest requests refused: of days 1/h0 served, D are lost
    x (1 - (1 - h)^T) / h            requests that an account yields in T days, before its ban

What is refused earns nothing, and customers count it as the value of the work lost (the board's `taste_share`), so that
they leave. A resold offer is refused by its seller and then by its supplier, who sees the same accounts.

Where providers choose, every copier is expected to repeat its last campaign, with the same accounts and pace, against
the newest version of its teacher.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import simpy

from sim.players.pricing.beliefs import Beliefs
from sim.players.prospects import Prospects, Supposed, annuity_years
from sim.players.schedule import Key, Schedule
from sim.scenario.access import REGIMES, USUAL_REQUESTS_PER_DAY, Access, Defended, Open, Regime
from sim.scenario.scenario import Scenario
from sim.shared.units import DAYS_PER_YEAR


@dataclass(frozen=True)
class Terms:
    """What holds for bulk use today.

    Attributes:
        tau: detection's threshold; None: nobody is flagged.
        limit: requests of an account and day; None: no limit.
        supplier: the terms of whoever serves what is resold, who looks at the same requests; None for an own service.
    """

    returns: Regime
    bulk_price_ratio: float
    limit: float | None
    tau: float | None
    blocked_days: float
    supplier: Terms | None = None

    def pace(self, wanted: float) -> float:
        """Requests a day of one account, within the limit."""
        return wanted if self.limit is None else min(wanted, self.limit)

    def flagged(self, requests_per_day: float) -> float:
        """Daily chance that an account of that pace is flagged, by the seller or by its supplier."""
        mine = flag_probability(self.tau, requests_per_day)
        theirs = 0.0 if self.supplier is None else self.supplier.flagged(requests_per_day)
        return mine + theirs * (1.0 - mine)


def through_reseller(seller: Terms, supplier: Terms) -> Terms:
    """The terms of what is resold: the seller's price; the tighter limit; no more told than either tells; both look."""
    limits = [limit for limit in (seller.limit, supplier.limit) if limit is not None]
    return replace(
        seller,
        returns=min(seller.returns, supplier.returns, key=REGIMES.index),
        limit=min(limits) if limits else None,
        supplier=supplier,
    )


class Copier(Protocol):
    """A campaign against a provider, as the provider knows it from the last one."""

    @property
    def student(self) -> int:
        """The copier's offer."""

    @property
    def campaign_days(self) -> float:
        """Days from one campaign's start to the next."""

    def mtok(self, terms: Terms) -> float:
        """Output tokens that the campaign would take on these terms, in millions."""

    def theta(self, terms: Terms) -> np.ndarray:
        """The student's ability after it, shape (C,)."""

    def margin_usd(self, terms: Terms) -> float:
        """What the campaign would pay, less what serving it would cost."""


def flag_probability(tau: float | None, requests_per_day: float) -> float:
    """Daily chance that an account of that pace is flagged."""
    if tau is None:
        return 0.0
    return 0.5 * math.erfc((tau - math.log(requests_per_day / USUAL_REQUESTS_PER_DAY)) / math.sqrt(2.0))


def refused_share(tau: float | None, blocked_days: float) -> float:
    """Share of honest requests that false positives refuse."""
    lost = flag_probability(tau, USUAL_REQUESTS_PER_DAY) * blocked_days
    return lost / (1.0 + lost)


def served_days(flagged: float, days: float) -> float:
    """Expected days on which an account is served, of `days`, when each day bans it with that probability."""
    if flagged < 1e-12:
        return days
    return -math.expm1(days * math.log1p(-flagged)) / flagged if flagged < 1.0 else 1.0


class Gates:
    """The terms of all providers, what they do to honest customers, and their choices."""

    def __init__(self, schedule: Schedule, beliefs: Beliefs, copiers_of: Callable[[str], list[Copier]]) -> None:
        self._schedule, self._floor, self._copiers_of = schedule, schedule.floor, copiers_of
        self._prospects = Prospects(schedule.floor.board, beliefs)
        self._stated: dict[str, Access] = {}
        self._terms: dict[str, Terms] = {}
        self._rate_per_year = 0.0

    def terms(self, provider: str) -> Terms:
        """What a provider itself sets today."""
        return self._terms[provider]

    def terms_of(self, offer: int, trying: Mapping[str, Terms] | None = None) -> Terms:
        """What holds for an offer today, were the terms of some providers those that they try.

        A resold offer has its seller's and inherits its supplier's.
        """
        board, terms = self._floor.board, self._terms | dict(trying or {})
        supplier = int(board.supplier_offer[offer])
        mine = terms[board.owners[offer]]
        return mine if supplier < 0 else through_reseller(mine, terms[board.owners[supplier]])

    def plan(self, scenario: Scenario) -> None:
        """The policies are those of this scenario from now on; one that is the same keeps what it chose."""
        self._rate_per_year = scenario.discount_rate_per_year
        for provider in scenario.providers:
            stated = provider.access
            if self._stated.get(provider.name) != stated:
                opens = provider.name not in self._stated and isinstance(stated, Open)
                self._stated[provider.name] = stated
                self._set(provider.name, _first_terms(stated), tell=not opens)
            part = stated if isinstance(stated, Defended) else None
            self._schedule.keep(("access", provider.name), part, self._choices)

    def _choices(self, key: Key, part: Defended) -> Generator[simpy.Event, None, None]:
        while (yield from self._schedule.wait(key, part)):
            chosen = self._best(key[1], part)
            if chosen != self._terms[key[1]]:
                self._set(key[1], chosen)

    def _best(self, name: str, part: Defended) -> Terms:
        """The terms of the largest expected value; of equal ones the first regime and the mildest tau."""
        copiers = self._copiers_of(name)
        years = annuity_years(part.horizon_years, self._rate_per_year)
        tried = [
            Terms(returns, part.bulk_price_ratio, part.requests_per_account_day, float(tau), part.blocked_days)
            for returns in part.regimes
            for tau in np.linspace(part.highest_tau, part.lowest_tau, part.points)
        ]
        value = [DAYS_PER_YEAR * years * self._profit_usd_per_day(name, terms, copiers) for terms in tried]
        # The first of equal ones, up to rounding.
        most = max(value)
        return next(terms for terms, found in zip(tried, value, strict=True) if found >= most - 1e-9 * abs(most))

    def _profit_usd_per_day(self, name: str, terms: Terms, copiers: list[Copier]) -> float:
        """Expected profit of a day on these terms, at posted prices, the copiers' students included."""
        own = self._floor.own(name)
        share = refused_share(terms.tau, terms.blocked_days)
        abilities = {copier.student: copier.theta(terms) for copier in copiers}
        on_sale = dict.fromkeys(abilities, True)
        supposed = Supposed(abilities, on_sale, dict.fromkeys(own, share))
        profit = self._prospects.profit_usd_per_day(name, supposed, reprices=False)
        return profit + sum(copier.margin_usd(terms) / copier.campaign_days for copier in copiers)

    def _set(self, name: str, terms: Terms, tell: bool = True) -> None:
        """Let terms hold from now on; the floor is settled."""
        floor = self._floor
        self._terms[name] = terms
        share = refused_share(terms.tau, terms.blocked_days)
        floor.board.refused_share[floor.own(name)] = share
        if not tell:
            return
        profit = self._prospects.profit_usd_per_day(name, Supposed(), reprices=False)
        lost = profit / (1.0 - share) * share
        floor.recorder.add("access", floor.day, name, terms.returns, terms.tau, share, lost)
        tau = "none" if terms.tau is None else f"{terms.tau:.3g}"
        floor.event(
            "access", name, detail=f"returns {terms.returns}, tau {tau}, {share:.3g} of honest requests refused"
        )


def _first_terms(access: Access) -> Terms:
    if isinstance(access, Open):
        return Terms(access.returns, 1.0, None, None, 0.0)
    returns = access.regimes[0] if isinstance(access, Defended) else access.returns
    return Terms(returns, access.bulk_price_ratio, access.requests_per_account_day, access.tau, access.blocked_days)
