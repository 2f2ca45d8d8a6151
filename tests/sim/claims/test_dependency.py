"""dependency: without an entry, and with a model that costs nothing, the dates change places."""

from __future__ import annotations

from pathlib import Path

import pytest
from broken_claims import judged, medians, with_changes

from sim.claims.dependency import CLAIM, NO_ENTRY, OWN

FREE = [{"key": f"{OWN}.training_cost_usd", "value": 0.0}, {"key": f"{OWN}.teacher_output_mtok", "value": 0.0}]
DATES = ("before", "after", "before_no_entry", "after_no_entry")
USELESS = [{"key": "models.own.theta", "value": -4.0}]


@pytest.mark.slow
def test_without_an_entry_the_gain_is_that_of_the_control(tmp_path: Path) -> None:
    found = medians(judged(with_changes(CLAIM, arms=DATES, before=NO_ENTRY, after=NO_ENTRY), tmp_path))
    assert found["gain"] == pytest.approx(found["gain_no_entry"])


def test_a_useless_model_is_not_worth_building_early(tmp_path: Path) -> None:
    useless = judged(with_changes(CLAIM, USELESS, arms=("before", "after")), tmp_path)
    assert useless.verdict == "not supported"
    assert medians(useless)["gain"] < 0.0


@pytest.mark.slow
def test_a_model_that_costs_nothing_is(tmp_path: Path) -> None:
    free = judged(with_changes(CLAIM, FREE, arms=("before", "after")), tmp_path)
    assert free.verdict != "not supported"
    assert medians(free)["gain"] > 0.0
