"""What contradicts itself in tariffs, bargains, fallbacks, builds and entries; everything is told at once."""

from __future__ import annotations

from sim.scenario.population import Line, PlaceColumn, Tastes
from sim.scenario.prices import Leader, StatedCost, StatedPrice, WholesaleCost
from sim.scenario.promotion import Tiers, ValueBased
from sim.scenario.providers import Offer, Provider
from sim.scenario.reselling import MakeOrBuy
from sim.scenario.scenario import Scenario
from sim.scenario.tariff import tariff_by_class
from sim.shared.errors import InputError

LEAST_TARIFF = 0.05  # of the posted price: volumes that bend with price have no end where service is free


def wrong_conduct(scenario: Scenario, source: str) -> list[InputError]:
    """All problems of these parts."""
    problems = []
    for provider in scenario.providers:
        problems += _wrong_tiers(scenario, provider, source)
        if isinstance(provider.price, ValueBased) and _placed(scenario):
            problems.append(
                InputError(source, f"provider {provider.name}: price.kind", "value_based",
                           "this policy where customers differ in value", "customers in places have no median value")
            )  # fmt: skip
        problems += _wrong_bargains(scenario, provider, source)
        problems += _wrong_make_or_buy(scenario, provider, source)
        problems += _wrong_entry(scenario, provider, source)
    return problems


def _placed(scenario: Scenario) -> bool:
    return isinstance(scenario.population, Line) and isinstance(scenario.population.varies, PlaceColumn)


def _wrong_tiers(scenario: Scenario, provider: Provider, source: str) -> list[InputError]:
    policy, where = provider.price, f"provider {provider.name}: price"
    if not isinstance(policy, Tiers):
        return []
    problems = []
    tasks = [task.name for task in scenario.tasks]
    waiting = [part.task for part in policy.off_peak.can_wait] if policy.off_peak else []
    for name in sorted(set(waiting)):
        if name not in tasks or waiting.count(name) > 1:
            problems.append(
                InputError(source, f"{where}.off_peak.can_wait", name, f"each of {', '.join(tasks)} at most once",
                           "name task classes of the scenario")
            )  # fmt: skip
    bends = isinstance(scenario.population, Tastes) and scenario.population.volume_elasticity < 0.0
    if bends and not problems:
        for task, share in zip(tasks, tariff_by_class(policy, scenario.tasks), strict=True):
            if share < LEAST_TARIFF:
                problems.append(
                    InputError(source, f"{where}: task class {task}", f"{share:.3f} of the posted price is paid",
                               f"at least {LEAST_TARIFF:g} where volume_elasticity is below 0",
                               "give less away, or set population.volume_elasticity to 0")
                )  # fmt: skip
    return problems


def _wrong_bargains(scenario: Scenario, provider: Provider, source: str) -> list[InputError]:
    problems = []
    own = [offer.name for offer in provider.offers]
    for offer in provider.offers:
        where = f"offer {offer.name}"
        buyers = [
            other.name
            for other in scenario.providers
            for part in other.offers
            if isinstance(part.cost, WholesaleCost) and part.cost.offer == offer.name
        ]
        if offer.bargain is not None:
            if not offer.wholesale or len(set(buyers)) != 1:
                problems.append(
                    InputError(source, f"{where}: bargain", f"resold by {', '.join(sorted(set(buyers))) or 'nobody'}",
                               "an offer with wholesale: true that one provider resells",
                               "declare an offer at wholesale for each buyer")
                )  # fmt: skip
            if isinstance(provider.price, Leader):
                problems.append(
                    InputError(source, f"{where}: bargain", "beside a price of kind leader",
                               "another price policy: a leader names the wholesale price itself", "drop one of both")
                )  # fmt: skip
        if offer.fallbacks and not isinstance(offer.cost, WholesaleCost):
            problems.append(
                InputError(source, f"{where}: fallbacks", ", ".join(offer.fallbacks), "none but for a resold offer",
                           "drop them")
            )  # fmt: skip
        problems += [
            InputError(source, f"{where}: fallbacks", name, ", ".join(own), "name other own retail offers")
            for name in offer.fallbacks
            if name not in own or name == offer.name
        ]
    return problems


def _waiting(provider: Provider, name: str, field: str, source: str) -> list[InputError]:
    """Problems of an own retail offer that waits off sale, with list price and cost stated, until it is put on."""
    offers = {offer.name: offer for offer in provider.offers}
    where = f"provider {provider.name}: {field}"
    if name not in offers:
        return [InputError(source, where, name, ", ".join(offers), "name an own offer")]
    offer: Offer = offers[name]
    released = {release.offer for release in provider.lab.releases}
    if offer.on_sale or offer.wholesale or name in released:
        return [
            InputError(source, where, name, "an own retail offer with on_sale: false that no lab releases",
                       "set on_sale: false; it comes on sale when the decision says so")
        ]  # fmt: skip
    if not isinstance(offer.list_price, StatedPrice) or not isinstance(offer.cost, StatedCost):
        return [
            InputError(source, f"offer {name}: list_price, cost", f"{offer.list_price.kind}, {offer.cost.kind}",
                       "stated ones, for what is sold later", "state them")
        ]  # fmt: skip
    return []


def _wrong_make_or_buy(scenario: Scenario, provider: Provider, source: str) -> list[InputError]:
    part: MakeOrBuy | None = provider.make_or_buy
    if part is None:
        return []
    where = f"provider {provider.name}: make_or_buy"
    problems = [*_undiscounted(scenario, where, source)]
    supplies = {offer.cost.offer for offer in provider.offers if isinstance(offer.cost, WholesaleCost)}
    if len(supplies) != 1:
        problems.append(
            InputError(source, where, f"{len(supplies)} offers bought at wholesale", "one", "a platform has one supply")
        )
    every = [offer.name for offer in scenario.offers]
    for build in part.builds:
        problems += _waiting(provider, build.offer, "make_or_buy.builds.offer", source)
        if build.teacher_offer is not None and build.teacher_offer not in every:
            problems.append(
                InputError(source, f"{where}.builds.teacher_offer", build.teacher_offer, ", ".join(every), "an offer")
            )
    return problems


def _wrong_entry(scenario: Scenario, provider: Provider, source: str) -> list[InputError]:
    part = provider.forward_entry
    if part is None:
        return []
    where = f"provider {provider.name}: forward_entry"
    problems = [*_undiscounted(scenario, where, source), *_waiting(provider, part.offer, "forward_entry.offer", source)]
    if not any(offer.wholesale for offer in provider.offers):
        problems.append(InputError(source, where, "no offer at wholesale", "a supplier", "sell one at wholesale"))
    return problems


def _undiscounted(scenario: Scenario, where: str, source: str) -> list[InputError]:
    if scenario.discount_rate_per_year > 0.0:
        return []
    return [
        InputError(source, "discount_rate_per_year", scenario.discount_rate_per_year, f"above 0 with {where}",
                   "a net present value without end needs a rate")
    ]  # fmt: skip
