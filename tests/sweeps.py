"""Shared by the tests of sweeps: a market so small that a point takes hundredths of a second, and sweeps of it."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from sim.shared.catalog import CATALOG, Catalog
from sim.study.design import Point
from sim.study.plan import Plan, parse_plan
from sim.study.point import Context, Outcome, run_point


def raw_tiny() -> dict[str, Any]:
    """Two equal firms that both post their list price, for 40 days; everything is stated."""

    def usd(value: float) -> dict[str, Any]:
        return {"kind": "stated", "input_usd_per_mtok": value, "cached_usd_per_mtok": 0.0, "output_usd_per_mtok": 0.0}

    return {
        "name": "tiny", "title": "two firms", "starts_on": "2026-01-01", "horizon_days": 40, "report_days": 20,
        "belief_nodes_per_class": 1, "entrant": "o1",
        "tasks": [
            {"name": "good", "input_tokens": 1e6, "output_tokens": 0, "requests_per_day": 1, "difficulty_sd": 0,
             "value_usd": {"median": 4.0}, "success": "identity"}
        ],
        "population": {
            "kind": "expected", "nodes_per_class": 1, "market_customers": 1, "taste_usd": 0.25, "switching_share": 0,
            "volume_elasticity": 0, "review_days": 1, "notices_increases": False,
        },
        "models": [{"kind": "stated", "name": f"m{i}", "quality": 0.5} for i in (0, 1)],
        "providers": [
            {"name": f"firm{i}", "price": {"kind": "posted"},
             "offers": [{"name": f"o{i}", "model": f"m{i}", "list_price": usd(1.5), "cost": usd(1.0)}],
             "lab": {"releases": [{"offer": "o1", "release_day": 5}] if i else []}}
            for i in (0, 1)
        ],
    }  # fmt: skip


def raw_sweep(**changes: Any) -> dict[str, Any]:
    """The first firm's price on a grid, the second firm's share read; to be parsed beside `tiny.yaml`."""
    raw: dict[str, Any] = {
        "name": "tiny_sweep",
        "title": "the price of one of two firms",
        "scenario": "tiny.yaml",
        "parameters": [
            {
                "name": "price", "paths": ["providers.firm0.offers.o0.list_price.input_usd_per_mtok"],
                "distribution": {"kind": "grid", "low": 1.2, "high": 1.8, "count": 8},
            }
        ],
        "design": {"kind": "factorial"},
        "metrics": [
            {"kind": "offer", "name": "share", "offer": "o1", "column": "share_of_tokens", "days": [20, 40]},
            {"kind": "market", "name": "margin", "column": "margin", "compare": "change"},
        ],
        "timeout_s": 60,
    }  # fmt: skip
    return raw | changes


def write_sweep(folder: Path, **changes: Any) -> Path:
    """`tiny.yaml` and `sweep.yaml` in a folder; the sweep's path."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tiny.yaml").write_text(yaml.safe_dump(raw_tiny()))
    path = folder / "sweep.yaml"
    path.write_text(yaml.safe_dump(raw_sweep(**changes)))
    return path


def plan_of(folder: Path, **changes: Any) -> Plan:
    """The sweep of `write_sweep`."""
    write_sweep(folder, **changes)
    return parse_plan(raw_sweep(**changes), "the test's sweep", folder)


def cluster_plan(folder: Path) -> Plan:
    """24 points of a second or so each: long enough for something to be killed in the middle of one."""
    price = raw_sweep()["parameters"][0]
    many = price | {"distribution": price["distribution"] | {"count": 24}}
    return plan_of(folder, parameters=[many], replications=4, timeout_s=300)


def no_models() -> Catalog:
    """A catalog without rows."""
    columns = {column.name: pd.Series(dtype="object") for column in CATALOG.columns}
    return Catalog(CATALOG.conform(pd.DataFrame(columns), "nothing"))


class InThisProcess:
    """Points one after the other in the tests' own process, in any order: for what has nothing to do with processes."""

    name, workers = "in this process", 1

    def __init__(self, backwards: bool = False, most: int | None = None) -> None:
        self.backwards, self.most, self.ran = backwards, most, list[int]()

    def outcomes(self, context: Context, points: Iterator[Point]) -> Generator[Outcome, None, None]:
        for point in reversed(list(points)) if self.backwards else points:
            if self.most is not None and len(self.ran) == self.most:
                raise KeyboardInterrupt
            self.ran.append(point.number)
            yield run_point(context, point)

    def close(self) -> None:
        pass
