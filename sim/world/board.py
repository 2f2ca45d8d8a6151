"""The board: what is on sale, where, at which price and cost. The only state that customers and rivals see.

Index j runs over all offers of the scenario in its order, released or not; index c over its task classes. A request of
class c at offer j costs `price_usd[c, j]`, the class's tokens times the offer's price vector and its tariff.

What an offer refuses is decided here alone: r_j by its owner's access policy and r_s by that of the supplier who serves
it, one after the other, so r_j + r_s (1 - r_j) in all; of what is let in, a full fleet turns `full_share` away.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from sim.scenario.prices import WholesaleCost
from sim.scenario.promotion import Tiers
from sim.scenario.scenario import Scenario
from sim.scenario.tariff import account_tariff
from sim.shared.units import TOKENS_PER_MTOK
from sim.world.models import ResolvedModel, Vector


@dataclass
class Board:
    """Offers as columns.

    Attributes:
        offers, owners, models: names by offer; `owner_of` the provider's index, shape (J,).
        tokens: Mtok per request by class and kind (input, cached, output), shape (C, 3).
        theta, quality: ability by class and offer, shape (C, J).
        list_price, price, cost: USD per Mtok by kind and offer, shape (3, J).
        price_usd, cost_usd: USD per request, shape (C, J).
        reference_usd: the price pbar of a request at which volume is x0, by class, shape (C,).
        fit_share: taste for an offer, as a share of value, shape (J,).
        on_sale: shape (J,), bool.
        refused_share: share of its customers' requests that the owner's own access policy refuses, shape (J,).
        full_share: share of what is let in that a full fleet turns away, as it last saw its load, shape (J,).
        wanted: offers that the scenario has on sale once they are released, shape (J,), bool.
        wholesale: offers that only other providers buy, shape (J,), bool.
        tariff: what an account of the class pays on average over the posted price; 1 without tiers; shape (C, J).
        tiers: the tariff that this comes from, by offer; None without one.
        supplier_offer: the offer at wholesale that serves an offer, -1 for none; its price is the other's cost; (J,).
        nest: the first retail offer of the same model, whose nest it shares; itself for one alone; shape (J,).
        bundle_share: benefit of the provider in all other task classes, as a share of value, shape (J,).
        delay_s: how long a request waits, as fleets write it, shape (J,).
        value_of_time_usd_per_s: what a second of it costs a customer, by class, shape (C,).
        company: customers who took an offer before, by class, where customers arrive one by one; shape (C, J).
    """

    classes: list[str]
    offers: list[str]
    owners: list[str]
    models: list[str]
    owner_of: np.ndarray
    tokens: np.ndarray
    theta: np.ndarray
    quality: np.ndarray
    list_price: np.ndarray
    price: np.ndarray
    cost: np.ndarray
    fit_share: np.ndarray
    on_sale: np.ndarray
    wanted: np.ndarray
    price_usd: np.ndarray
    cost_usd: np.ndarray
    reference_usd: np.ndarray
    identity: np.ndarray
    wholesale: np.ndarray
    tariff: np.ndarray
    supplier_offer: np.ndarray
    company: np.ndarray
    refused_share: np.ndarray
    full_share: np.ndarray
    tiers: list[Tiers | None]
    nest: np.ndarray
    bundle_share: np.ndarray
    delay_s: np.ndarray
    value_of_time_usd_per_s: np.ndarray

    @property
    def latency_usd(self) -> np.ndarray:
        """What waiting costs a customer, USD per request by class and offer, shape (C, J)."""
        return self.value_of_time_usd_per_s[:, None] * self.delay_s

    @property
    def offer_count(self) -> int:
        """J."""
        return len(self.offers)

    @property
    def class_count(self) -> int:
        """C."""
        return len(self.classes)

    @property
    def seen(self) -> bytes:
        """All that customers see, to tell whether anything has changed."""
        parts = (self.price_usd, self.on_sale, self.theta, self.quality, self.taste_share, self.latency_usd)
        return b"".join(part.tobytes() for part in (*parts, self.bundle_share, self.company))

    @property
    def turned_away_share(self) -> np.ndarray:
        """Share of an offer's requests that access policies refuse, its owner's and its supplier's, shape (J,)."""
        upstream = np.where(self.supplier_offer >= 0, self.refused_share[self.supplier_offer], 0.0)
        return np.asarray(self.refused_share + upstream * (1.0 - self.refused_share))

    @property
    def served_share(self) -> np.ndarray:
        """Share of an offer's requests that is expected to be served, and so to be paid for, shape (J,)."""
        return np.asarray((1.0 - self.turned_away_share) * (1.0 - self.full_share))

    @property
    def taste_share(self) -> np.ndarray:
        """What customers see in an offer as a share of value: its taste less the work that is refused, shape (J,).

        Work refused for want of capacity is not in it: customers meet that as waiting.
        """
        return np.asarray(self.fit_share - self.turned_away_share)

    def paid_share(self, own: np.ndarray) -> np.ndarray:
        """Of the offers in `own` (J,), bool, the share of requests that is paid for; 0 for others; shape (J,)."""
        return np.where(own, self.served_share, 0.0)

    def account_tariff(self, offer: int, monthly_mtok: float) -> float:
        """What one account of that monthly volume, in no hurry, pays over the posted price; 1 without tiers."""
        tiers = self.tiers[offer]
        return 1.0 if tiers is None else account_tariff(tiers, monthly_mtok)

    @contextmanager
    def hypothetical(self) -> Iterator[Board]:
        """Whatever is done within to what is posted, to costs, abilities and refusals is undone at the end."""
        kept = (
            self.theta, self.price, self.cost, self.price_usd, self.cost_usd, self.on_sale, self.tariff,
            self.fit_share, self.refused_share, self.full_share,
        )  # fmt: skip
        saved = [array.copy() for array in kept]
        try:
            yield self
        finally:
            for array, values in zip(kept, saved, strict=True):
                array[:] = values

    def index(self, offer: str) -> int:
        """The offer's index j."""
        return self.offers.index(offer)

    def sells_wholesale(self, offer: int) -> bool:
        """Whether another offer on sale is served by this one."""
        return bool(self.wholesale[offer] and (self.on_sale & (self.supplier_offer == offer)).any())

    def set_price(self, offer: int, price: np.ndarray) -> None:
        """Post a price vector (3,) in USD per Mtok; at wholesale it is the cost of those who buy there."""
        self.price[:, offer] = price
        self.price_usd[:, offer] = self.tokens @ price * self.tariff[:, offer]
        if self.wholesale[offer]:
            for resold in np.flatnonzero(self.supplier_offer == offer):
                self.set_cost(int(resold), price)

    def set_tariff(self, offer: int, tariff: np.ndarray, tiers: Tiers | None) -> None:
        """What accounts of each class pay on average over the posted price, shape (C,), and the tiers it comes from."""
        self.tariff[:, offer], self.tiers[offer] = tariff, tiers
        self.set_price(offer, self.price[:, offer].copy())

    def set_cost(self, offer: int, cost: np.ndarray) -> None:
        """Set the marginal cost vector (3,) in USD per Mtok."""
        self.cost[:, offer] = cost
        self.cost_usd[:, offer] = self.tokens @ cost

    def basket_usd(self, vector: np.ndarray, requests_per_day: np.ndarray) -> float:
        """USD per average request of a price vector (3,), the classes weighted by their requests (C,)."""
        return float(requests_per_day @ (self.tokens @ vector) / requests_per_day.sum())


def make_board(scenario: Scenario, models: dict[str, ResolvedModel], list_prices: list[Vector]) -> Board:
    """A board with every offer at its list price, nothing on sale yet, and no costs set.

    `reference_usd` is the median over offers that are on sale from day 0, so that a later entry does not move it.
    """
    waiting = scenario.waiting_offers
    offers = scenario.offers
    names = [offer.name for offer in offers]
    tokens = np.array([[t.input_tokens, t.cached_input_tokens, t.output_tokens] for t in scenario.tasks])
    tokens = tokens / TOKENS_PER_MTOK
    price = np.array(
        [[v.input_usd_per_mtok, v.cached_usd_per_mtok, v.output_usd_per_mtok] for v in list_prices], dtype=float
    ).T.copy()
    price_usd = tokens @ price
    wholesale = np.array([offer.wholesale for offer in offers])
    initial = np.array([offer.name not in waiting for offer in offers]) & ~wholesale
    reference = np.median(price_usd[:, initial] if initial.any() else price_usd, axis=1)
    owners = [provider.name for provider in scenario.providers for _ in provider.offers]
    provider_names = [provider.name for provider in scenario.providers]
    return Board(
        classes=[task.name for task in scenario.tasks],
        offers=names,
        owners=owners,
        models=[offer.model for offer in offers],
        owner_of=np.array([provider_names.index(owner) for owner in owners]),
        tokens=tokens,
        theta=np.array([models[offer.model].theta for offer in offers]).T.copy(),
        quality=np.array([models[offer.model].quality for offer in offers]).T.copy(),
        list_price=price.copy(),
        price=price,
        cost=np.zeros_like(price),
        fit_share=np.array([offer.fit_share for offer in offers]),
        on_sale=np.zeros(len(offers), dtype=bool),
        wanted=np.array([offer.on_sale for offer in offers]),
        price_usd=price_usd,
        cost_usd=np.zeros_like(price_usd),
        reference_usd=reference,
        identity=np.array([task.success == "identity" for task in scenario.tasks]),
        wholesale=wholesale,
        tariff=np.ones_like(price_usd),
        supplier_offer=np.array(
            [names.index(offer.cost.offer) if isinstance(offer.cost, WholesaleCost) else -1 for offer in offers]
        ),
        company=np.zeros((len(scenario.tasks), len(offers))),
        refused_share=np.zeros(len(offers)),
        full_share=np.zeros(len(offers)),
        tiers=[None] * len(offers),
        nest=nests(scenario),
        bundle_share=np.array([provider.bundle_share for provider in scenario.providers for _ in provider.offers]),
        delay_s=np.zeros(len(offers)),
        value_of_time_usd_per_s=np.array([task.value_of_time_usd_per_s for task in scenario.tasks]),
    )


def nests(scenario: Scenario) -> np.ndarray:
    """By offer, the first one of the same weights that customers may buy; itself where it stands alone; shape (J,)."""
    out = np.arange(len(scenario.offers))
    for j, model in scenario.nested_offers:
        out[j] = next(first for first, other in scenario.nested_offers if other == model)
    return out
