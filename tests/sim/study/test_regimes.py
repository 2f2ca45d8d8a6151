"""Regimes: each rule bites alone, in its order, and a cell says how sure it is."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from sweeps import plan_of

from sim.shared.errors import InputError
from sim.shared.manifest import Manifest
from sim.study.plan import load_plan
from sim.study.regimes import (
    COEXISTENCE,
    COMMODITISED,
    NO_FOOTHOLD,
    REGIMES,
    STARVED,
    THRESHOLDS,
    WAR,
    WINNER,
    Figures,
    check_axes,
    regime,
    share_column,
    write_regime_map,
)

CALM = Figures(student_share=0.3, largest_share=0.4, margin_change=0.0, price_change=0.0)


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({}, COEXISTENCE),
        ({"student_share": 0.0099}, NO_FOOTHOLD),
        ({"student_share": 0.01}, COEXISTENCE),
        ({"price_change": -0.1}, WAR),
        ({"price_change": -0.0999}, COEXISTENCE),
        ({"margin_change": -0.5}, COMMODITISED),
        ({"margin_change": -0.49}, COEXISTENCE),
        ({"largest_share": 0.67}, WINNER),
        ({"largest_share": 0.66}, COEXISTENCE),
        ({"research_change": -0.5}, STARVED),
        ({"research_change": -0.49}, COEXISTENCE),
        ({"research_change": None}, COEXISTENCE),
        # Of several, the first of the rules.
        ({"research_change": -1, "largest_share": 1, "margin_change": -1, "student_share": 0}, STARVED),
        ({"largest_share": 1, "margin_change": -1, "price_change": -1, "student_share": 0}, NO_FOOTHOLD),
        ({"largest_share": 1, "margin_change": -1, "price_change": -1}, WINNER),
        ({"margin_change": -1, "price_change": -1}, COMMODITISED),
    ],
)  # fmt: skip
def test_rules(changes: dict[str, float | None], name: str) -> None:
    assert regime(replace(CALM, **changes)) == name  # type: ignore[arg-type]


def write_sweep_of(folder: Path, research: float | None = None) -> None:
    """Two cells of four runs: the first is calm, the second at war in three of them."""
    points = pd.DataFrame({"point": [0, 1], "reason": "", "quality_ratio": [0.9, 1.0], "cost_ratio": [0.1, 0.1]})
    rows = []
    for point in (0, 1):
        for draw in range(4):
            values = {"student_share": 0.3, "largest_share": 0.4, "margin": 0.0,
                      "posted_prices": -0.2 if point and draw else 0.0}  # fmt: skip
            if research is not None:
                values["research_spending"] = research
            rows += [(point, draw, 0, name, 730.0, value) for name, value in values.items()]
    points.to_parquet(folder / "points.parquet")
    columns = ["point", "catalog_draw", "replication", "metric", "day", "value"]
    pd.DataFrame(rows, columns=columns).to_parquet(folder / "metrics.parquet")
    Manifest("sim sweep", "undercut sim sweep x", {"sweep": {}}).write(folder)


def test_a_cell_is_what_most_runs_say_and_its_certainty_their_share(tmp_path: Path) -> None:
    write_sweep_of(tmp_path)
    found = write_regime_map(tmp_path, tmp_path / "map.parquet")
    assert found["regime"].tolist() == [COEXISTENCE, WAR]
    assert found["certainty"].tolist() == [1.0, 0.75]
    assert found[share_column(COEXISTENCE)].tolist() == [1.0, 0.25]
    assert found[[share_column(name) for name in REGIMES]].sum(axis=1).tolist() == [1.0, 1.0]
    assert found["change_of_price"].tolist() == [0.0, pytest.approx(-0.15)]
    assert not found["research_evaluated"].any()


def test_research_is_judged_where_there_is_any(tmp_path: Path) -> None:
    write_sweep_of(tmp_path, research=-0.6)
    found = write_regime_map(tmp_path, tmp_path / "map.parquet")
    assert found["regime"].tolist() == [STARVED, STARVED]
    assert found["research_evaluated"].all()


def test_the_map_says_which_thresholds_made_it(tmp_path: Path) -> None:
    write_sweep_of(tmp_path)
    strict = replace(THRESHOLDS, war_fall=0.3)
    assert write_regime_map(tmp_path, tmp_path / "map.parquet", strict)["regime"].tolist() == [COEXISTENCE] * 2
    assert json.loads((tmp_path / "map.json").read_text())["settings"]["thresholds"]["war_fall"] == 0.3


def test_a_sweep_without_the_axes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="quality_ratio, cost_ratio among them"):
        check_axes(plan_of(tmp_path))


def test_the_shipped_map_reads_prices_when_the_rule_says() -> None:
    plan = load_plan("regime_map")
    check_axes(plan)
    release = next(part for provider in plan.scenario.providers for part in provider.lab.releases)
    (day,) = next(metric for metric in plan.sweep.metrics if metric.name == "posted_prices").days
    assert release.release_day is not None
    assert day == release.release_day + THRESHOLDS.war_days
