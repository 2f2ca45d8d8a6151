"""Shared by the tests of the regime map's page: a map of four cells over the tests' small market, made by its sweep."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from sweeps import InThisProcess

from sim.shared.catalog import Catalog
from sim.study.plan import load_plan
from sim.study.regimes import write_regime_map
from sim.study.sweep import run_sweep

SHIPPED = Path(__file__).resolve().parents[1] / "data"


def raw_map(scenario: str, teacher: str = "best", draws: int = 2) -> dict[str, Any]:
    """A sweep of four cells of a scenario whose entrant is `student`, released on day 60 of 200."""
    return {
        "name": "small_map",
        "title": "four students",
        "scenario": scenario,
        "changes": [
            {"key": "population", "value": {"kind": "expected", "nodes_per_class": 16, "market_customers": 1000,
                                            "review_days": 20}},
            {"key": "report_days", "value": 20},
            {"key": "models.student", "value": {"kind": "relative", "name": "student", "teacher": teacher,
                                                "quality_ratio": 0.95, "cost_ratio": 0.2}},
        ],
        "parameters": [
            {"name": "quality_ratio", "paths": ["models.student.quality_ratio"],
             "distribution": {"kind": "grid", "low": 0.7, "high": 1.0, "count": 2}},
            {"name": "cost_ratio", "paths": ["models.student.cost_ratio"],
             "distribution": {"kind": "grid", "low": 0.05, "high": 0.8, "count": 2, "spacing": "log"}},
        ],
        "design": {"kind": "factorial"},
        "catalog_draws": draws,
        "metrics": [
            {"kind": "offer", "name": "student_share", "offer": "student", "column": "share_of_tokens",
             "window_days": 60},
            {"kind": "largest_provider", "name": "largest_share", "column": "share_of_dollars", "window_days": 60},
            {"kind": "market", "name": "margin", "column": "margin", "window_days": 60, "compare": "relative"},
            {"kind": "market", "name": "posted_prices", "column": "posted_price_index", "days": [150],
             "compare": "relative"},
        ],
    }  # fmt: skip


def write_map(data: Path, folder: Path, scenario: str, catalog: Catalog) -> pd.DataFrame:
    """Make the map in the folder of data, as `undercut sim regimes` does; returns its table.

    Args:
        data: folder of data; the map lies in its folder `simulated`.
        folder: of the sweep.
        scenario: name of one that lies in `data`.
        catalog: its models.
    """
    folder.mkdir(parents=True, exist_ok=True)
    # Part of the key under which points are kept.
    shutil.copy(SHIPPED / "hardware.csv", data / "hardware.csv")
    (folder / "small_map.yaml").write_text(yaml.safe_dump(raw_map(scenario)))
    plan = load_plan(folder / "small_map.yaml")
    run_sweep(plan, catalog, InThisProcess(), folder / "out", "undercut sim regimes small_map.yaml")
    (data / "simulated").mkdir()
    return write_regime_map(folder / "out", data / "simulated" / "regime_map.parquet")
