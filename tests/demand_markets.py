"""A market at posted prices with every mechanism of demand at hand, for tests of customers."""

from __future__ import annotations

from typing import Any

import numpy as np
from conftest import raw_market

from sim.market import Market
from sim.scenario.load import parse_scenario
from sim.scenario.population import Expected, Reviewing, Sampled
from sim.scenario.scenario import Scenario
from sim.shared.catalog import Catalog

Raw = dict[str, Any]


def raw_hosts(population: Raw | None = None, bundle_share: float = 0.0, hosts: int = 2, ratio: float = 0.95) -> Raw:
    """Posted prices: `best`, the student from day 60, and `hosts` hosts of the model `second`."""
    raw = raw_market(report_days=20)
    raw["population"] = raw["population"] | (population or {})
    second = raw["providers"][1]
    raw["models"][2]["quality_ratio"] = ratio
    listed = {"kind": "stated", "input_usd_per_mtok": 0.5, "output_usd_per_mtok": 2.0}
    raw["providers"] = [
        raw["providers"][0],
        *(
            {
                "name": f"beta{i}", "price": {"kind": "posted"},
                "offers": [second["offers"][0] | {"name": f"second{i}" if i else "second", "list_price": listed}],
            }
            for i in range(hosts)
        ),
        raw["providers"][2],
    ]  # fmt: skip
    for provider in raw["providers"]:
        provider["price"] = {"kind": "posted"}
    raw["providers"][0]["bundle_share"] = bundle_share
    # The provider of the best model sells the student too: a bundle of two offers.
    raw["providers"][0]["offers"].append(
        {"name": "small", "model": "student", "list_price": {"kind": "teacher", "ratio": 0.2},
         "cost": {"kind": "teacher"}}
    )  # fmt: skip
    return raw


def as_expected(scenario: Scenario, nodes: int) -> Scenario:
    """The same customers as nodes."""
    assert isinstance(scenario.population, Reviewing)
    tastes = scenario.population.model_dump(exclude={"kind", "customers", "nodes_per_class"})
    return scenario.model_copy(update={"population": Expected(nodes_per_class=nodes, **tastes)})


def as_sampled(scenario: Scenario, customers: int) -> Scenario:
    """The same customers as rows."""
    assert isinstance(scenario.population, Reviewing)
    tastes = scenario.population.model_dump(exclude={"kind", "customers", "nodes_per_class"})
    return scenario.model_copy(update={"population": Sampled(customers=customers, **tastes)})


def requests(scenario: Scenario, catalog: Catalog, replication: int = 0) -> np.ndarray:
    """Requests by report day, class and offer, shape (T, C*J)."""
    demand = Market(scenario, catalog, replication=replication).run().tables["demand"]
    wide = demand[demand["day"] > 0].pivot_table(index="day", columns=["task_class", "offer"], values="requests")
    return np.asarray(wide.fillna(0.0).to_numpy())


def parsed(**arguments: Any) -> Scenario:
    """`raw_hosts`, validated."""
    return parse_scenario(raw_hosts(**arguments), "test")
