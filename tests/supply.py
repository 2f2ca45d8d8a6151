"""A market of two labs with fleets, as plain data, and short ways to run it; for the tests of the supply side."""

from __future__ import annotations

import copy
from typing import Any

import pandas as pd

from sim.market import Market, Outcome
from sim.scenario.load import parse_scenario
from sim.shared.catalog import shipped_catalog

SHAPE = {"active_params": 7e9, "total_params": 7e9, "layers": 28, "kv_bytes_per_token": 57344}


def fleet(**changes: Any) -> dict[str, Any]:
    """A fleet of L40S at a dollar an hour."""
    return {
        "accelerator": "L40S 48GB", "rent_usd_per_hour": 1.0, "replicas": 40, "batch": 16, "utilisation": 0.6,
    } | changes  # fmt: skip


def raw_supply(**of_alpha: Any) -> dict[str, Any]:
    """Two labs with posted prices and rented fleets; the arguments change the first one's fleet."""

    def provider(name: str, changes: dict[str, Any]) -> dict[str, Any]:
        return {
            "name": name,
            "price": {"kind": "posted"},
            "fleet": fleet(**changes),
            "offers": [
                {
                    "name": f"{name}-offer", "model": f"{name}-model", "cost": {"kind": "fleet"},
                    "list_price": {"kind": "stated", "input_usd_per_mtok": 0.5, "output_usd_per_mtok": 2.0},
                }
            ],
        }  # fmt: skip

    return {
        "name": "supply",
        "title": "two labs with fleets",
        "starts_on": "2026-11-24",
        "horizon_days": 100,
        "report_days": 10,
        "belief_nodes_per_class": 8,
        "tasks": [
            {
                "name": "chat", "input_tokens": 600, "cached_input_tokens": 400, "output_tokens": 350,
                "requests_per_day": 20, "difficulty_mean": -1.0, "value_usd": {"median": 0.015, "log_sd": 0.3},
            }
        ],
        "population": {
            "kind": "expected", "nodes_per_class": 16, "market_customers": 100_000, "review_days": 20,
            "price_sensitivity": {"median": 0.06, "log_sd": 0.2},
        },
        "models": [
            {"kind": "stated", "name": "alpha-model", "theta": 1.0, "shape": SHAPE},
            {"kind": "stated", "name": "beta-model", "theta": 1.0, "shape": SHAPE},
        ],
        "providers": [provider("alpha", of_alpha), provider("beta", {})],
    }  # fmt: skip


def play(raw: dict[str, Any], seed: int = 0) -> Outcome:
    """One run; its tables carry no NaN, for no table of a market may."""
    outcome = Market(parse_scenario(copy.deepcopy(raw), "test"), shipped_catalog(), seed=seed).run()
    for name, table in outcome.tables.items():
        assert not table.select_dtypes("number").isna().any().any(), name
    return outcome


def events(outcome: Outcome, kind: str) -> pd.DataFrame:
    """The events of one kind."""
    table = outcome.tables["events"]
    return table[table["event"] == kind]


def account(outcome: Outcome, name: str) -> pd.DataFrame:
    """The rows of one account of the books."""
    ledger = outcome.tables["ledger"]
    return ledger[ledger["account"] == name]
