"""Bargaining over the wholesale price, with customers on a line and nothing without a deal."""

from __future__ import annotations

from typing import Any

from sim.theory import spatial
from sim.validate.case import Case, Check, Reading, last_price, last_profit
from sim.validate.markets import EXACT, POSTED, firm, market, uniform_customers

_SOURCE = "Nash 1950; Spengler 1950"


def checks() -> list[Check]:
    """The double margin where the supplier has all the weight, the integrated price where it has none."""
    return [
        *(_linear(cost, weight) for cost, weight in [(0.0, 1.0), (0.2, 1.0), (0.0, 0.5), (0.2, 0.5), (0.2, 0.0)]),
        *(_two_part(cost, weight) for cost, weight in [(0.0, 0.5), (0.2, 0.3)]),
    ]


def _linear(cost: float, weight: float) -> Case:
    bargain = {"kind": "linear", "beta": weight}
    return _case(f"bargaining, weight {weight:g}, cost {cost:g}", cost, bargain, spatial.bargained_margin(cost, weight))


def _two_part(cost: float, weight: float) -> Case:
    bargain = {"kind": "two_part", "beta": weight, "every_days": 1000, "instalment_days": 100}
    return _case(f"two-part, weight {weight:g}, cost {cost:g}", cost, bargain, spatial.two_part_chain(cost, weight))


def _case(title: str, cost: float, bargain: dict[str, Any], expected: spatial.Chain) -> Case:
    firms = [
        firm(0, cost, cost + 0.3, POSTED, wholesale=True, bargain=bargain),
        firm(1, {"kind": "wholesale", "offer": "o0"}, cost + 0.4, EXACT),
    ]
    scenario = market("bargaining", uniform_customers(), firms, (1.0, 1.0)).model_copy(update={"title": title})
    readings = (
        Reading("wholesale price", expected.wholesale, last_price("o0")),
        Reading("retail price", expected.retail, last_price("o1")),
        Reading("profit of the supplier", expected.supplier_profit, last_profit("firm0")),
        Reading("profit of the platform", expected.retailer_profit, last_profit("firm1")),
    )
    return Case(scenario, _SOURCE, readings)
