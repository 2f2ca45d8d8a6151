"""What an intervention changes on the board: abilities, list prices, costs; and which fields it was, in words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from sim.players.opening import as_array, cost_ratio, fleet_vector, list_prices, stated_vector
from sim.scenario.prices import CatalogCost, FleetCost, ShareCost, StatedCost, TeacherCost, WholesaleCost
from sim.scenario.scenario import Scenario
from sim.shared.catalog import Catalog
from sim.world.board import Board
from sim.world.models import ResolvedModel, resolve_models
from sim.world.streams import Streams

# Of a provider: what its owner acts on by processes of their own, which settle demand when they act.
_DECIDED = {"price", "lab", "treasury", "make_or_buy", "forward_entry"}


@dataclass(frozen=True)
class ChangedField:
    """One field: the provider and offer that it belongs to ("market" and "" for none), and "path: old -> new"."""

    owner: str
    offer: str
    text: str


def kept_parts(before: Scenario, after: Scenario) -> Scenario:
    """`after`, with the very objects of `before` wherever they are equal: what is the same keeps its memory."""
    providers = tuple(
        new.model_copy(
            update={
                "price": old.price if old.price == new.price else new.price,
                "lab": old.lab if old.lab == new.lab else new.lab,
            }
        )
        for old, new in zip(before.providers, after.providers, strict=True)
    )
    return after.model_copy(update={"providers": providers, "interventions": before.interventions})


def touches_demand(before: Scenario, after: Scenario) -> bool:
    """Whether anything differs on which customers' choices, costs, waits or refusals hang from this moment on."""
    beside: Any = {"providers": {"__all__": _DECIDED}, "discount_rate_per_year": True, "interventions": True}
    return before.model_dump(exclude=beside) != after.model_dump(exclude=beside)


def changed_fields(before: Scenario, after: Scenario) -> list[ChangedField]:
    """Every field that differs."""
    out = []
    for path, old, new in _differences(before.model_dump(mode="json"), after.model_dump(mode="json"), []):
        owner, offer = "market", ""
        names = [str(step) for step in path]
        if path[0] == "providers":
            provider = before.providers[int(path[1])]
            owner = provider.name
            names[1] = owner
            if len(path) > 3 and path[2] == "offers":
                offer = provider.offers[int(path[3])].name
                names[3] = offer
        out.append(ChangedField(owner, offer, f"{'.'.join(names)}: {old!r} -> {new!r}"))
    return out


def revise_board(
    board: Board, before: Scenario, after: Scenario, catalog: Catalog, seed: int, catalog_draw: int
) -> list[int]:
    """Put the abilities, list prices and costs of `after` on the board; returns the offers with another list price.

    Posted prices stay as they are. A cost stays unless the offer's own cost, or the model that it is taken from, is
    another one: an implied cost was inferred once, from the market of day 0.
    """
    streams = Streams(seed, 0)
    known, models = (resolve_models(part, catalog, streams, catalog_draw) for part in (before, after))
    for index, offer in enumerate(after.offers):
        # What labs have made of an offer since stays, unless its model is restated.
        if not np.array_equal(models[offer.model].theta, known[offer.model].theta) or not np.array_equal(
            models[offer.model].quality, known[offer.model].quality
        ):
            board.theta[:, index] = models[offer.model].theta
            board.quality[:, index] = models[offer.model].quality
    board.fit_share[:] = [offer.fit_share for offer in after.offers]
    board.wanted[:] = [offer.on_sale for offer in after.offers]
    board.bundle_share[:] = [provider.bundle_share for provider in after.providers for _ in provider.offers]
    board.value_of_time_usd_per_s[:] = [task.value_of_time_usd_per_s for task in after.tasks]
    relisted = []
    for index, (old, new) in enumerate(zip(list_prices(before, known), list_prices(after, models), strict=True)):
        if old != new:
            board.list_price[:, index] = as_array(new)
            relisted.append(index)
    order = {model.name: place for place, model in enumerate(after.models)}
    offers = list(enumerate(zip(before.offers, after.offers, strict=True)))
    for index, (old_offer, new_offer) in sorted(offers, key=lambda item: order[item[1][1].model]):
        was, now = known[new_offer.model], models[new_offer.model]
        part = new_offer.cost
        if not isinstance(part, WholesaleCost):
            board.supplier_offer[index] = -1
        if isinstance(part, StatedCost) and part != old_offer.cost:
            board.set_cost(index, as_array(stated_vector(part)))
        elif isinstance(part, ShareCost) and (part != old_offer.cost or index in relisted):
            board.set_cost(index, board.list_price[:, index] * part.share)
        elif isinstance(part, CatalogCost) and part != old_offer.cost and now.cost is not None:
            board.set_cost(index, as_array(now.cost))
        elif isinstance(part, FleetCost):
            board.set_cost(index, as_array(fleet_vector(after, new_offer)))
        elif isinstance(part, TeacherCost):
            _follow_teacher(board, after, index, part != old_offer.cost, was, now)
    return relisted


def _follow_teacher(
    board: Board, after: Scenario, index: int, fresh: bool, was: ResolvedModel, now: ResolvedModel
) -> None:
    """A student's cost: its teacher's as it stands now times the ratio, where either has changed."""
    teacher = next(j for j, offer in enumerate(after.offers) if offer.model == now.teacher)
    wanted = board.cost[:, teacher] * cost_ratio(now)
    kept = board.cost[:, teacher] * cost_ratio(was)
    if fresh or not np.array_equal(wanted, kept) or not np.allclose(board.cost[:, index], kept, rtol=1e-12):
        board.set_cost(index, wanted)


def _differences(old: Any, new: Any, path: list[Any]) -> Iterator[tuple[list[Any], Any, Any]]:
    if isinstance(old, dict) and isinstance(new, dict) and old.keys() == new.keys():
        for key, value in old.items():
            yield from _differences(value, new[key], [*path, key])
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for index, (one, other) in enumerate(zip(old, new, strict=True)):
            yield from _differences(one, other, [*path, index])
    elif old != new:
        yield path, old, new
