"""What contradicts itself in the supply side of a scenario: shapes, fleets, open weights, groups of entrants."""

from __future__ import annotations

from collections.abc import Iterator

from sim.scenario.model import MixtureStudent
from sim.scenario.prices import FleetCost, ImpliedCost, WholesaleCost
from sim.scenario.providers import Provider
from sim.scenario.scenario import Scenario
from sim.shared.errors import InputError
from sim.shared.hardware import accelerator, rent_at
from sim.shared.roofline import Serving, Shape, fits


def wrong_supply(scenario: Scenario, source: str) -> list[InputError]:
    """All problems of the supply side between parts that are valid one by one."""
    return [
        *_wrong_mixtures(scenario, source),
        *_wrong_fleets(scenario, source),
        *_wrong_openings(scenario, source),
        *_wrong_groups(scenario, source),
    ]


def closed_again(before: Scenario, after: Scenario, day: float, source: str) -> list[InputError]:
    """Open weights stay open: a release that is past cannot be changed, nor a new one be dated before `day`."""
    problems = []
    for old, new in zip(before.providers, after.providers, strict=True):
        for was, now in zip(old.lab.open_weights, new.lab.open_weights, strict=True):
            if was.day == now.day:
                continue
            field = f"provider {new.name}: lab.open_weights.{now.offer}.day"
            if was.day is not None and was.day <= day:
                allowed = f"{was.day:g}: weights that were published on that day stay public"
                problems.append(InputError(source, field, now.day, allowed, "change the release before it happens"))
            elif now.day is not None and now.day < day:
                allowed = f"day {day:g} or later, or null"
                problems.append(InputError(source, field, now.day, allowed, "the past stays as it was"))
    return problems


def _wrong_mixtures(scenario: Scenario, source: str) -> Iterator[InputError]:
    shapes = {model.name: model.shape for model in scenario.models}
    for model in scenario.models:
        if isinstance(model, MixtureStudent) and model.teacher in shapes and shapes[model.teacher] is None:
            yield InputError(
                source, f"model {model.teacher}: shape", "nothing", "active_params, total_params, layers, ...",
                f"the size of {model.name}'s teacher decides what its student loses",
            )  # fmt: skip


def _wrong_fleets(scenario: Scenario, source: str) -> Iterator[InputError]:
    models = {model.name: model for model in scenario.models}
    for provider in scenario.providers:
        on_fleet = [offer for offer in provider.offers if isinstance(offer.cost, FleetCost)]
        if provider.fleet is None:
            for offer in on_fleet:
                yield InputError(
                    source, f"offer {offer.name}: cost.kind", "fleet", "a cost of another kind without a fleet",
                    f"give the provider {provider.name} a fleet",
                )  # fmt: skip
            continue
        yield from _wrong_devices(scenario, provider, source)
        for offer in on_fleet:
            model = models.get(offer.model)
            if model is not None and model.shape is None:
                yield InputError(
                    source, f"model {offer.model}: shape", "nothing", "active_params, total_params, layers, ...",
                    f"{offer.name} is served on a fleet: state the model's shape",
                )  # fmt: skip
            if offer.wholesale and provider.fleet.rented:
                yield InputError(
                    source, f"provider {provider.name}: fleet.rented", True, "false for what is sold at wholesale",
                    "pay by use: a supplier's rent has no place in a reseller's books",
                )  # fmt: skip


def _wrong_devices(scenario: Scenario, provider: Provider, source: str) -> Iterator[InputError]:
    fleet, where = provider.fleet, f"provider {provider.name}: fleet"
    assert fleet is not None
    try:
        device = accelerator(fleet.accelerator, source, f"{where}.accelerator")
        if fleet.rent_usd_per_hour is None:
            rent_at(fleet.accelerator, scenario.starts_on, source, f"{where}.accelerator")
    except InputError as error:
        yield error
        return
    shapes = {model.name: model.shape for model in scenario.models}
    serving = Serving(fleet.batch, fleet.context_tokens, fleet.utilisation, fleet.accelerators_per_replica)
    for offer in provider.offers:
        part = shapes.get(offer.model)
        if part is None or not isinstance(offer.cost, FleetCost):
            continue
        shape = Shape(part.active_params, part.total_params, part.layers, part.kv_bytes_per_token, part.bytes_per_param)
        if not fits(shape, device, serving):
            yield InputError(
                source, f"{where}.accelerators_per_replica", fleet.accelerators_per_replica,
                f"enough memory for {offer.model} and {fleet.batch} requests of {fleet.context_tokens} tokens",
                "more accelerators a replica, or a smaller batch or context",
            )  # fmt: skip


def _wrong_openings(scenario: Scenario, source: str) -> Iterator[InputError]:
    for provider in scenario.providers:
        own = [offer.name for offer in provider.offers]
        opened = [part.offer for part in provider.lab.open_weights]
        released = {part.offer: part.release_day for part in provider.lab.releases}
        for part in provider.lab.open_weights:
            made = released.get(part.offer)
            if made is not None and part.day is not None and part.day < made:
                field = f"provider {provider.name}: lab.open_weights.{part.offer}.day"
                yield InputError(
                    source, field, part.day, f"day {made:g}, its release, or later", "publish what is there"
                )
        for name in opened:
            field = f"provider {provider.name}: lab.open_weights.offer"
            if name not in own:
                yield InputError(source, field, name, ", ".join(own), "an own offer")
            if opened.count(name) > 1:
                yield InputError(source, field, name, "each offer once", "weights are published once")


def _wrong_groups(scenario: Scenario, source: str) -> Iterator[InputError]:
    models = [model.name for model in scenario.models]
    groups = [*scenario.hosts, *scenario.free_entry]
    names = [group.name for group in groups]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield InputError(source, "hosts, free_entry: name", name, "names that are unique", "rename one of them")
    for host in scenario.hosts:
        if host.model not in models:
            yield InputError(source, f"hosts.{host.name}: model", host.model, ", ".join(models), "name a model above")
    for group in groups:
        if isinstance(group.cost, ImpliedCost | WholesaleCost):
            yield InputError(
                source, f"{group.name}: cost.kind", group.cost.kind, "a kind that needs no list price of day 0",
                "state it, or give a share of the list price, the catalog's, the teacher's or the fleet's",
            )  # fmt: skip
    for item in (*scenario.models, *scenario.providers):
        if item.group and item.group not in names:
            yield InputError(source, f"{item.name}: group", item.group, ", ".join(names) or "nothing", "drop the field")
