"""A small market whose labs decide: a leader, a copier of its model, and an open model near its cost."""

from __future__ import annotations

from typing import Any

from sim.market import Market, Outcome
from sim.scenario.load import parse_scenario
from sim.shared.catalog import Catalog

LEADER, COPIER, HOST = 0, 1, 2
RULE = {"kind": "expected_return", "least_usd": 1e5, "doublings": 10}


def stated(input_usd: float, output_usd: float) -> dict[str, Any]:
    return {"kind": "stated", "input_usd_per_mtok": input_usd, "output_usd_per_mtok": output_usd}


def raw_labs(**changes: Any) -> dict[str, Any]:
    """The market as plain data; without research, students, reinforcement and access policies."""
    policy = {"kind": "best_response", "mode": "static", "review_days": 61}
    raw: dict[str, Any] = {
        "name": "labs",
        "title": "labs that decide",
        "starts_on": "2026-01-01",
        "horizon_days": 400,
        "report_days": 20,
        "belief_nodes_per_class": 16,
        "tasks": [
            {
                "name": "code", "input_tokens": 8000, "output_tokens": 1500, "requests_per_day": 4,
                "difficulty_mean": 1.5, "value_usd": {"median": 0.12, "log_sd": 0.4}, "harm_share": 0.3,
            },
            {
                "name": "chat", "input_tokens": 1000, "output_tokens": 300, "requests_per_day": 10,
                "difficulty_mean": -0.5, "value_usd": {"median": 0.015, "log_sd": 0.4}, "harm_share": 0.1,
            },
        ],
        "population": {
            "kind": "expected", "nodes_per_class": 32, "market_customers": 1e6, "review_days": 30,
            "price_sensitivity": {"median": 0.05, "log_sd": 0.2}, "switching_share": 0.002,
        },
        "models": [
            {"kind": "stated", "name": "frontier", "theta": 1.5},
            {"kind": "stated", "name": "base", "theta": 0.3},
            {"kind": "stated", "name": "open", "theta": 0.3},
        ],
        "providers": [
            {
                "name": "leader", "price": policy | {"first_review_day": 20},
                "offers": [
                    {"name": "best", "model": "frontier", "list_price": stated(2.5, 12), "cost": stated(0.5, 2.5)}
                ],
                "lab": {},
            },
            {
                "name": "copier", "price": policy | {"first_review_day": 40},
                "offers": [{"name": "copy", "model": "base", "list_price": stated(1, 5), "cost": stated(0.3, 1.5)}],
                "lab": {},
            },
            {
                "name": "host", "price": {"kind": "posted"},
                "offers": [{"name": "open", "model": "open", "list_price": stated(0.4, 2), "cost": stated(0.3, 1.5)}],
                "lab": {},
            },
        ],
    }  # fmt: skip
    return raw | changes


def student(**changes: Any) -> dict[str, Any]:
    """The copier's student of `best`, by 100 accounts."""
    part: dict[str, Any] = {
        "offer": "copy",
        "teacher_offer": "best",
        "source": {"kind": "accounts", "accounts": 100, "output_mtok": 60, "requests_per_account_day": 30},
        "curve": {"kind": "parametric", "asymptote_logits": -0.1, "scale_mtok": 5},
        "worth": {"text": 1.0, "topk": 4.0, "full": 5.0},
        "training_cost_usd": 1e5,
        "training_days": 10,
        "first_day": 5,
        "every_days": 60,
    }
    return part | changes


def research(**changes: Any) -> dict[str, Any]:
    """The leader's research, at the scale of this market."""
    return {"offer": "best", "reference_usd": 1e6, "rule": RULE} | changes


def with_labs(
    leader: dict[str, Any] | None = None,
    copier: dict[str, Any] | None = None,
    access: dict[str, Any] | None = None,
    **changes: Any,
) -> dict[str, Any]:
    """`raw_labs` with the labs of leader and copier, and the leader's access."""
    raw = raw_labs(**changes)
    raw["providers"][LEADER]["lab"] = leader or {}
    raw["providers"][COPIER]["lab"] = copier or {}
    if access is not None:
        raw["providers"][LEADER]["access"] = access
    return raw


def played(raw: dict[str, Any], catalog: Catalog, seed: int = 0) -> Outcome:
    return Market(parse_scenario(raw, "test"), catalog, seed).run()
