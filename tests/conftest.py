"""Shared by all tests: small markets, and a catalog that needs no file."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd
import pytest

from sim.scenario.load import parse_scenario
from sim.scenario.scenario import Scenario
from sim.shared.catalog import Catalog, make_catalog
from sim.shared.quality import quality_of_theta

CLASSES = ("chat", "code")


def catalog_row(model: str, task_class: str, theta: float, **more: Any) -> dict[str, Any]:
    row: dict[str, Any] = {
        "model": model,
        "role": "published",
        "teacher": "",
        "task_class": task_class,
        "items": 200,
        "accuracy": 0.8,
        "chance": 0.25,
        "quality": quality_of_theta(theta),
        "quality_stderr": 0.03,
        "theta": theta,
        "theta_stderr": 0.2,
        "theta_error_key": task_class,
        "informative": True,
        "quality_evidence": "cited",
        "source": "a test",
    }
    return row | more


@pytest.fixture
def small_catalog() -> Catalog:
    """Two published models, and a measured teacher with its student."""
    price = {"price_in_usd_per_mtok": 1.0, "price_out_usd_per_mtok": 8.0, "price_evidence": "cited"}
    rows = [
        catalog_row("best", "all", 1.9, **price),
        catalog_row("second", "all", 1.2, **price | {"price_in_usd_per_mtok": 0.5, "price_out_usd_per_mtok": 4.0}),
    ]
    for name in CLASSES:
        measured = {"quality_evidence": "measured", "cost_ledger": "measured", "cost_evidence": "measured"}
        rows.append(
            catalog_row(
                "tiny-teacher", name, 0.8, role="teacher", cost_in_usd_per_mtok=0.01, cost_out_usd_per_mtok=0.2,
                cost_log_stderr=0.02, **measured,
            )
        )  # fmt: skip
        rows.append(
            catalog_row(
                "tiny-student", name, 0.3, role="student", teacher="tiny-teacher", theta_gap=-0.5,
                theta_gap_stderr=0.1, cost_in_usd_per_mtok=0.007, cost_out_usd_per_mtok=0.15, cost_log_stderr=0.02,
                cost_in_ratio=0.7, cost_out_ratio=0.75, cost_ratio_log_stderr=0.01, **measured,
            )
        )  # fmt: skip
    return make_catalog(pd.DataFrame(rows), "the test's catalog")


def raw_market(**changes: Any) -> dict[str, Any]:
    """A small market as plain data: two incumbents and a student that enters on day 60."""
    raw: dict[str, Any] = {
        "name": "small",
        "title": "a small market",
        "starts_on": "2025-11-17",
        "horizon_days": 200,
        "report_days": 10,
        "entrant": "student",
        "belief_nodes_per_class": 32,
        "tasks": [
            {
                "name": "chat", "input_tokens": 1000, "output_tokens": 300, "requests_per_day": 10,
                "difficulty_mean": -1.0, "value_usd": {"median": 0.015, "log_sd": 0.4}, "harm_share": 0.1,
            },
            {
                "name": "code", "input_tokens": 8000, "output_tokens": 1500, "requests_per_day": 4,
                "difficulty_mean": 1.0, "value_usd": {"median": 0.1, "log_sd": 0.4}, "harm_share": 0.3,
            },
        ],
        "population": {
            "kind": "sampled", "customers": 400, "market_customers": 1000, "review_days": 20,
            "price_sensitivity": {"median": 0.05, "log_sd": 0.2},
        },
        "models": [
            {"kind": "catalog", "name": "best", "catalog": "best"},
            {"kind": "catalog", "name": "second", "catalog": "second"},
            {"kind": "relative", "name": "student", "teacher": "best", "quality_ratio": 0.95, "cost_ratio": 0.1},
        ],
        "providers": [
            {
                "name": "alpha", "price": {"kind": "best_response", "review_days": 30, "first_review_day": 15},
                "offers": [{"name": "best", "model": "best"}],
            },
            {
                "name": "beta", "price": {"kind": "undercut", "rival": "best", "by": 0.4, "review_days": 30},
                "offers": [
                    {"name": "second", "model": "second", "cost": {"kind": "share_of_list_price", "share": 0.4}}
                ],
            },
            {
                "name": "gamma", "price": {"kind": "best_response", "review_days": 30, "first_review_day": 30},
                "offers": [
                    {
                        "name": "student", "model": "student", "list_price": {"kind": "teacher"},
                        "cost": {"kind": "teacher"},
                    }
                ],
                "lab": {
                    "releases": [
                        {
                            "offer": "student", "release_day": 60, "training_cost_usd": 1000.0,
                            "teacher_offer": "best", "teacher_output_mtok": 50,
                        }
                    ]
                },
            },
        ],
    }  # fmt: skip
    return raw | changes


@pytest.fixture
def small_scenario() -> Scenario:
    """`raw_market`, validated."""
    return parse_scenario(raw_market(), "the test's scenario")


def raw_bertrand(costs: list[float], taste_usd: float = 0.25, quality: float = 0.5, **policy: Any) -> dict[str, Any]:
    """The textbook's logit market: value 4 times quality, one node, one Mtok a request, outside option 0."""

    def usd(value: float) -> dict[str, Any]:
        return {
            "kind": "stated", "input_usd_per_mtok": value, "cached_usd_per_mtok": 0.0, "output_usd_per_mtok": 0.0,
        }  # fmt: skip

    price = {"kind": "best_response", "mode": "static", "review_days": 10, "first_review_day": 1} | policy
    return {
        "name": "bertrand",
        "title": "logit-Bertrand competition",
        "starts_on": "2026-01-01",
        "horizon_days": 400,
        "report_days": 100,
        "belief_nodes_per_class": 1,
        "tasks": [
            {
                "name": "good", "input_tokens": 1e6, "output_tokens": 0, "requests_per_day": 1, "difficulty_sd": 0,
                "value_usd": {"median": 4.0}, "success": "identity",
            }
        ],
        "population": {
            "kind": "expected", "nodes_per_class": 1, "market_customers": 1, "taste_usd": taste_usd,
            "switching_share": 0, "volume_elasticity": 0, "review_days": 1, "notices_increases": False,
        },
        "models": [{"kind": "stated", "name": f"m{i}", "quality": quality} for i in range(len(costs))],
        "providers": [
            {
                "name": f"firm{i}", "price": price,
                "offers": [{"name": f"o{i}", "model": f"m{i}", "list_price": usd(1.3 + 0.1 * i), "cost": usd(cost)}],
            }
            for i, cost in enumerate(costs)
        ],
    }  # fmt: skip


def raw_line(
    costs: list[float],
    prices: list[float],
    column: dict[str, Any],
    qualities: list[float] | None = None,
    value_usd: float = 1.0,
    outside_share: float | None = 0.0,
    price: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """`raw_bertrand` with customers on a line, one request a day in all, prices and costs in USD per request."""
    raw = raw_bertrand(costs)
    raw["tasks"][0]["value_usd"] = {"median": value_usd}
    raw["population"] = {"kind": "line", "varies": column, "outside_share": outside_share}
    for index, (provider, listed) in enumerate(zip(raw["providers"], prices, strict=True)):
        raw["models"][index]["quality"] = 1.0 if qualities is None else qualities[index]
        provider["offers"][0]["list_price"]["input_usd_per_mtok"] = listed
        provider["price"] = price or provider["price"]
    return raw


@pytest.fixture
def empty_catalog() -> Catalog:
    """No models: for scenarios that state all of theirs."""
    from sim.shared.catalog import CATALOG

    columns = {column.name: pd.Series(dtype="object") for column in CATALOG.columns}
    return Catalog(CATALOG.conform(pd.DataFrame(columns), "nothing"))


def close(left: float, right: float, relative: float = 1e-9) -> bool:
    return math.isclose(left, right, rel_tol=relative, abs_tol=1e-12)
