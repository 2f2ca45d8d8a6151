"""The one place where the customers' kind is told apart; behind it, every population is a `Population`."""

from __future__ import annotations

from sim.scenario.population import Arrivals, Line, Sampled
from sim.scenario.scenario import Scenario
from sim.world.customers.arrivals import ArrivingCustomers
from sim.world.customers.demand import Population
from sim.world.customers.expected import ExpectedCustomers
from sim.world.customers.line import LineCustomers
from sim.world.customers.sampled import SampledCustomers
from sim.world.streams import Streams


def make_population(scenario: Scenario, offers: list[str], streams: Streams) -> Population:
    """The customers of one replication."""
    spec = scenario.population
    if isinstance(spec, Sampled):
        return SampledCustomers(scenario.tasks, spec, offers, streams)
    if isinstance(spec, Line):
        return LineCustomers(scenario.tasks, spec, offers)
    if isinstance(spec, Arrivals):
        return ArrivingCustomers(scenario.tasks, spec, offers, scenario.horizon_days, streams)
    return ExpectedCustomers(scenario.tasks, spec, spec.nodes_per_class, len(offers), streams)
