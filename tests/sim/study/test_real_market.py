"""The calibrated market answers to its unknowns in the stated direction; it takes a second or two a run."""

from __future__ import annotations

from typing import Any

import pytest

from sim.shared.catalog import shipped_catalog
from sim.study.calibrate import summaries_of
from sim.study.calibration import load_study
from sim.study.design import Point
from sim.study.point import Context, code_key, run_point

MIDDLE: dict[str, Any] = {
    "price_sensitivity": 0.05, "nest_scale": 0.2, "open_fit": -0.15, "review_days": 25.0, "class_spread": 0.7,
    "cost_ratio": 0.3,
}  # fmt: skip


def figures(**changes: float) -> dict[str, float]:
    study = load_study("real_market")
    outcome = run_point(Context(study.plan, shipped_catalog(), code_key()), Point(0, MIDDLE | changes))
    assert outcome.reason == ""
    found = summaries_of(study, {row[0]: row[4] for row in outcome.rows})
    return {part.name: value for part, value in zip(study.calibration.summaries, found, strict=True)}


@pytest.mark.slow
def test_each_unknown_moves_its_figure() -> None:
    base = figures()
    assert all(value == value for value in base.values())  # no NaN
    assert figures(cost_ratio=0.15)["fixed_quality_fall"] > base["fixed_quality_fall"] + 0.5
    assert figures(open_fit=0.1)["open_share"] > base["open_share"] + 0.5
    assert figures(review_days=6.0)["adoption"] > base["adoption"] + 0.2
    assert abs(figures(nest_scale=0.8)["host_elasticity"]) < abs(base["host_elasticity"])
    assert abs(figures(class_spread=1.4)["providers_per_user"] - base["providers_per_user"]) > 0.02
