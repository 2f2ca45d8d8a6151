"""commodity: without distillation nothing is lost, and with it something is."""

from __future__ import annotations

from pathlib import Path

import pytest
from broken_claims import judged, medians, with_changes

from sim.claims.commodity import CLAIM, NOBODY_DISTILS


def test_nobody_distils_and_the_margin_is_that_without_distillation(tmp_path: Path) -> None:
    broken = judged(with_changes(CLAIM, arms=("copied", "alone"), copied=NOBODY_DISTILS), tmp_path)
    assert broken.verdict == "not supported"
    found = medians(broken)
    assert found["margin_kept"] == pytest.approx(1.0)
    assert found["largest_fall"] == pytest.approx(found["largest_fall_alone"])


def test_distillation_costs_margin(tmp_path: Path) -> None:
    found = medians(judged(with_changes(CLAIM, arms=("copied", "alone")), tmp_path))
    assert found["margin_kept"] < 0.98
    assert found["fixed_quality_price"] < 0.9
