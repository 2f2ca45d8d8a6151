"""Textbook markets as scenarios: one good, one request a day in all, prices in USD per request (one Mtok a request)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sim.scenario.load import parse_scenario
from sim.scenario.scenario import Scenario

Raw = dict[str, Any]
EXACT = {"kind": "best_response", "mode": "static", "review_days": 5, "first_review_day": 1, "least_gain": 1e-13}
POSTED = {"kind": "posted"}
VALUE_USD = 4.0  # of a right answer in the logit markets; a quality q gives a = 4 q


def usd(value: float, kind: str = "stated") -> Raw:
    """A price or cost of one request."""
    return {"kind": kind, "input_usd_per_mtok": value, "cached_usd_per_mtok": 0.0, "output_usd_per_mtok": 0.0}


def firm(index: int, cost: float | Raw, price: float, policy: Mapping[str, Any], **offer: Any) -> Raw:
    """A provider firm{i} that sells o{i}, served by model m{i}."""
    spent = usd(cost) if isinstance(cost, float | int) else cost
    sold = {"name": f"o{index}", "model": f"m{index}", "list_price": usd(price), "cost": spent} | offer
    return {"name": f"firm{index}", "price": dict(policy), "offers": [sold]}


def market(
    name: str,
    population: Raw,
    firms: Sequence[Raw],
    qualities: Sequence[float],
    value_usd: float = 1.0,
    horizon_days: float = 400,
    report_days: float = 100,
) -> Scenario:
    """A market of one good; `qualities` by model m0, m1, ..., each in [0, 1], count as they are."""
    raw = {
        "name": name,
        "title": name,
        "starts_on": "2026-01-01",
        "horizon_days": horizon_days,
        "report_days": report_days,
        "belief_nodes_per_class": 1,
        "tasks": [
            {
                "name": "good", "input_tokens": 1e6, "output_tokens": 0, "requests_per_day": 1, "difficulty_sd": 0,
                "value_usd": {"median": value_usd}, "success": "identity",
            }
        ],
        "population": population,
        "models": [{"kind": "stated", "name": f"m{i}", "quality": quality} for i, quality in enumerate(qualities)],
        "providers": list(firms),
    }  # fmt: skip
    return parse_scenario(raw, f"the textbook market {name}")


def logit_customers(mu: float, a0: float = 0.0) -> Raw:
    """One node: the same tastes everywhere, no switching cost, no volume effect, a review a day."""
    return {
        "kind": "expected", "nodes_per_class": 1, "market_customers": 1, "taste_usd": mu, "switching_share": 0,
        "volume_elasticity": 0, "review_days": 1, "notices_increases": False, "outside_share": a0 / VALUE_USD,
    }  # fmt: skip


def logit_market(
    name: str, a: Sequence[float], c: Sequence[float], mu: float, a0: float, policy: Mapping[str, Any]
) -> Scenario:
    """Firms of quality a/4 and cost c, listed somewhat above cost, all with the same policy."""
    firms = [firm(i, cost, cost + 0.3 + 0.1 * i, policy) for i, cost in enumerate(c)]
    return market(name, logit_customers(mu, a0), firms, [part / VALUE_USD for part in a], VALUE_USD)


def uniform_customers() -> Raw:
    """Customers whose value x is uniform on [0, 1], who may buy nothing."""
    return {"kind": "line", "varies": {"kind": "value"}}


def placed_customers(shape: str, travel: float, places: Sequence[float]) -> Raw:
    """Customers uniform on a segment or circle, who all buy."""
    at = [{"offer": f"o{i}", "at": place} for i, place in enumerate(places)]
    varies = {"kind": "place", "shape": shape, "travel_usd": travel, "places": at}
    return {"kind": "line", "varies": varies, "outside_share": None}
