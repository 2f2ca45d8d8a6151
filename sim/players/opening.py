"""The market on day 0: models resolved, list prices posted, costs set, beliefs formed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from sim.players.pricing.arrival_beliefs import ArrivalBeliefs
from sim.players.pricing.beliefs import Beliefs, NodeBeliefs
from sim.players.pricing.best_response import Seller, implied_costs
from sim.players.pricing.full_beliefs import FullNodeBeliefs
from sim.players.pricing.line_beliefs import LineBeliefs
from sim.players.pricing.policies import outlook_of
from sim.players.pricing.router_beliefs import BeliefsOfBoth, RoutedBeliefs
from sim.scenario.mechanisms import CHOICE, mechanisms
from sim.scenario.population import Arrivals, Line, Reviewing
from sim.scenario.prices import (
    CatalogCost,
    CatalogPrice,
    FleetCost,
    ImpliedCost,
    MarkupPrice,
    ShareCost,
    StatedCost,
    StatedPrice,
    TeacherCost,
    WholesaleCost,
)
from sim.scenario.providers import Offer
from sim.scenario.scenario import Scenario
from sim.shared.catalog import Catalog
from sim.shared.errors import InputError, raise_all
from sim.world.board import Board, make_board
from sim.world.customers.expected import ExpectedCustomers
from sim.world.customers.full_expected import FullExpectedCustomers
from sim.world.customers.line import LineCustomers
from sim.world.customers.router import RoutedCustomers, without_routed
from sim.world.models import CACHED_RATIO, ResolvedModel, Vector, resolve_models
from sim.world.serving import fleet_cost
from sim.world.streams import Streams


@dataclass(frozen=True)
class Opening:
    """A board at list prices with costs, the owners' common beliefs, and the rows of the table `offers`."""

    board: Board
    beliefs: Beliefs
    offer_rows: list[tuple[Any, ...]]


def open_market(scenario: Scenario, catalog: Catalog, seed: int, catalog_draw: int) -> Opening:
    """Set the market up.

    Beliefs rest on their own nodes, the same in every replication: what owners think of demand is not the noise of
    one sample of customers.

    Raises:
        InputError: if the catalog lacks what the scenario asks of it.
    """
    models = resolve_models(scenario, catalog, Streams(seed, 0), catalog_draw)
    board = make_board(scenario, models, list_prices(scenario, models))
    waiting = scenario.waiting_offers
    board.on_sale[:] = [
        offer.on_sale and offer.name not in waiting and not offer.wholesale for offer in scenario.offers
    ]
    beliefs = _beliefs(scenario, board, Streams(seed, 0))
    clipped = _set_costs(scenario, models, board, beliefs)
    return Opening(board, beliefs, _offer_rows(scenario, models, board, clipped))


def _beliefs(scenario: Scenario, board: Board, streams: Streams) -> Beliefs:
    spec = scenario.population
    if isinstance(spec, Line):
        return LineBeliefs(LineCustomers(scenario.tasks, spec, board.offers))
    if isinstance(spec, Arrivals):
        return ArrivalBeliefs(scenario.tasks, spec, scenario.belief_nodes_per_class, streams)
    own = _beliefs_of_choice(without_routed(scenario), board, streams)
    if spec.router is None:
        return own
    return BeliefsOfBoth(own, RoutedBeliefs(RoutedCustomers(scenario, scenario.belief_nodes_per_class, streams)))


def _beliefs_of_choice(scenario: Scenario, board: Board, streams: Streams) -> Beliefs:
    spec, count = scenario.population, scenario.belief_nodes_per_class
    assert isinstance(spec, Reviewing)
    if mechanisms(scenario) & CHOICE:
        customers = FullExpectedCustomers(scenario, count, board, streams)
        customers.start(board)
        return FullNodeBeliefs(customers)
    nodes = ExpectedCustomers(scenario.tasks, spec, count, board.offer_count, streams)
    nodes.start(board)
    return NodeBeliefs(nodes)


def list_prices(scenario: Scenario, models: dict[str, ResolvedModel]) -> list[Vector]:
    """Every offer's list price, in the scenario's order.

    Raises:
        InputError: if it is to be taken from where there is none.
    """
    prices: dict[str, Vector] = {}
    by_model: dict[str, Vector] = {}
    for offer in _teachers_first(scenario):
        model = models[offer.model]
        part = offer.list_price
        if isinstance(part, StatedPrice):
            price = stated_vector(part)
        elif isinstance(part, CatalogPrice):
            if model.list_price is None:
                raise _missing(scenario, offer, "list_price", "a list price")
            price = model.list_price
        elif isinstance(part, MarkupPrice):
            cost = stated_vector(offer.cost) if isinstance(offer.cost, StatedCost) else model.cost
            if isinstance(offer.cost, FleetCost):
                cost = fleet_vector(scenario, offer)
            if cost is None or isinstance(offer.cost, ImpliedCost | ShareCost | TeacherCost | WholesaleCost):
                raise _missing(scenario, offer, "list_price", "a cost that is stated, the catalog's or the fleet's")
            price = cost.times(1.0 + part.markup, 1.0 + part.markup)
        else:
            if model.teacher not in by_model:
                raise _missing(scenario, offer, "list_price", f"an offer of the teacher {model.teacher}")
            price = by_model[model.teacher].times(part.ratio, part.ratio)
        prices[offer.name] = price
        by_model.setdefault(offer.model, price)
    return [prices[offer.name] for offer in scenario.offers]


def _set_costs(scenario: Scenario, models: dict[str, ResolvedModel], board: Board, beliefs: Beliefs) -> np.ndarray:
    """Set every offer's marginal cost; returns where an implied cost was clipped, shape (J,), bool."""
    sellers = []
    offers = scenario.offers
    problems = [
        InputError(
            f"scenario {scenario.name}", f"offers.{offer.name}.cost", "implied",
            "a cost of another kind: what is released later or sold at wholesale has no list price to infer it from",
            "state it, or give a share of the list price, the catalog's or the teacher's",
        )
        for index, offer in enumerate(offers)
        if isinstance(offer.cost, ImpliedCost) and not board.on_sale[index]
    ]  # fmt: skip
    raise_all(problems)
    for index, offer in enumerate(offers):
        part, model = offer.cost, models[offer.model]
        if isinstance(part, StatedCost):
            board.set_cost(index, as_array(stated_vector(part)))
        elif isinstance(part, ShareCost):
            board.set_cost(index, board.list_price[:, index] * part.share)
        elif isinstance(part, CatalogCost):
            if model.cost is None:
                raise _missing(scenario, offer, "cost", "a cost of serving")
            board.set_cost(index, as_array(model.cost))
        elif isinstance(part, FleetCost):
            board.set_cost(index, as_array(fleet_vector(scenario, offer)))
        elif isinstance(part, WholesaleCost):
            board.set_cost(index, board.price[:, board.supplier_offer[index]])
    for provider in scenario.providers:
        own = [j for j, owner in enumerate(board.owners) if owner == provider.name and board.on_sale[j]]
        unknown = [j for j in own if isinstance(offers[j].cost, ImpliedCost)]
        if unknown:
            outlook = outlook_of(provider.price, scenario.discount_rate_per_year)
            students = tuple(
                (j, teacher, cost_ratio(models[offers[j].model]))
                for j in own
                if isinstance(offers[j].cost, TeacherCost)
                for teacher in unknown
                if offers[teacher].model == models[offers[j].model].teacher
            )
            sellers.append(Seller(tuple(own), tuple(unknown), outlook, students))
    implied = implied_costs(board, beliefs, sellers)
    for seller in sellers:
        for index in seller.unknown:
            board.set_cost(index, board.list_price[:, index] * implied.share[index])
    for offer in _teachers_first(scenario):
        if isinstance(offer.cost, TeacherCost):
            model = models[offer.model]
            teacher = next((j for j, other in enumerate(offers) if other.model == model.teacher), None)
            if teacher is None:
                raise _missing(scenario, offer, "cost", f"an offer of the teacher {model.teacher}")
            board.set_cost(board.index(offer.name), board.cost[:, teacher] * cost_ratio(model))
    return implied.clipped


def fleet_vector(scenario: Scenario, offer: Offer) -> Vector:
    """What a token of the offer costs on its provider's fleet; the scenario is known to say both."""
    provider = next(part for part in scenario.providers if offer in part.offers)
    shape = scenario.model_named(offer.model).shape
    assert provider.fleet is not None
    assert shape is not None
    return fleet_cost(provider.fleet, shape, scenario.starts_on)


def cost_ratio(model: ResolvedModel) -> np.ndarray:
    """A student's cost over its teacher's, by kind of token, shape (3,)."""
    return np.array([model.input_cost_ratio, model.input_cost_ratio, model.output_cost_ratio])


def _teachers_first(scenario: Scenario) -> list[Offer]:
    """Offers in the order of their models, in which a student stands below its teacher."""
    order = {model.name: index for index, model in enumerate(scenario.models)}
    return sorted(scenario.offers, key=lambda offer: order[offer.model])


def _offer_rows(
    scenario: Scenario, models: dict[str, ResolvedModel], board: Board, clipped: np.ndarray
) -> list[tuple[Any, ...]]:
    rows = []
    for j, offer in enumerate(scenario.offers):
        model = models[offer.model]
        for c, task in enumerate(board.classes):
            rows.append(
                (
                    offer.name, board.owners[j], offer.model, model.teacher, task, float(board.theta[c, j]),
                    float(board.quality[c, j]), task in model.assumed_classes, *map(float, board.list_price[:, j]),
                    *map(float, board.cost[:, j]), offer.cost.kind, bool(clipped[j]), model.evidence, model.source,
                )
            )  # fmt: skip
    return rows


def stated_vector(part: StatedPrice | StatedCost) -> Vector:
    """A stated price or cost, with cached input at its usual ratio where it is not stated."""
    cached = part.cached_usd_per_mtok
    if cached is None:
        cached = part.input_usd_per_mtok * CACHED_RATIO
    return Vector(part.input_usd_per_mtok, cached, part.output_usd_per_mtok)


def as_array(vector: Vector) -> np.ndarray:
    """A vector by kind of token, shape (3,)."""
    return np.array([vector.input_usd_per_mtok, vector.cached_usd_per_mtok, vector.output_usd_per_mtok])


def _missing(scenario: Scenario, offer: Offer, field: str, what: str) -> InputError:
    return InputError(
        source=f"scenario {scenario.name}",
        field=f"offer {offer.name}: {field}",
        received=f"nothing for model {offer.model}",
        allowed=what,
        remedy="state it in the scenario, or pass a catalog that holds it with --catalog",
    )
