"""The one place where the customers' kind is told apart; behind it, every population is a `Population`."""

from __future__ import annotations

from sim.scenario.mechanisms import CHOICE, mechanisms
from sim.scenario.population import Arrivals, Expected, Line, Sampled
from sim.scenario.scenario import Scenario
from sim.world.board import Board
from sim.world.customers.arrivals import ArrivingCustomers
from sim.world.customers.demand import Population
from sim.world.customers.expected import ExpectedCustomers
from sim.world.customers.full_expected import FullExpectedCustomers
from sim.world.customers.full_sampled import FullSampledCustomers
from sim.world.customers.line import LineCustomers
from sim.world.customers.router import RoutedCustomers, WithRouter, without_routed
from sim.world.customers.sampled import SampledCustomers
from sim.world.streams import Streams

ROUTED_NODES = 512  # a class, beside sampled customers: whom a router serves is no sample


def make_population(scenario: Scenario, board: Board, streams: Streams) -> Population:
    """The customers of one replication; with mechanisms beyond the plain choice, those that compute them."""
    spec, offers = scenario.population, board.offers
    if isinstance(spec, Line):
        return LineCustomers(scenario.tasks, spec, offers)
    if isinstance(spec, Arrivals):
        return ArrivingCustomers(scenario.tasks, spec, offers, scenario.horizon_days, streams)
    own = _choosing(without_routed(scenario), board, streams)
    if spec.router is None:
        return own
    nodes = spec.nodes_per_class if isinstance(spec, Expected) else ROUTED_NODES
    return WithRouter(own, RoutedCustomers(scenario, nodes, streams))


def _choosing(scenario: Scenario, board: Board, streams: Streams) -> Population:
    spec = scenario.population
    full = bool(mechanisms(scenario) & CHOICE)
    if isinstance(spec, Sampled):
        if full:
            return FullSampledCustomers(scenario, board, streams)
        return SampledCustomers(scenario.tasks, spec, board.offers, streams)
    assert isinstance(spec, Expected)
    if full:
        return FullExpectedCustomers(scenario, spec.nodes_per_class, board, streams)
    return ExpectedCustomers(scenario.tasks, spec, spec.nodes_per_class, board.offer_count, streams)
