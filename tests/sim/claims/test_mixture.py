"""mixture: a mixture that is dense saves nothing, and nobody who copies leaves nothing to hold back from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from broken_claims import judged, measured_part, medians, with_changes

from sim.claims import mixture
from sim.claims.mixture import CLAIM, NOBODY_COPIES, assumptions, dense_of, dense_over_mixture
from sim.shared.roofline import Shape

SHAPE = Shape(37e9, 671e9, 61, 70272, 1.0)


def test_the_equal_dense_model_lies_between_active_and_total() -> None:
    sizes = [dense_of(SHAPE, weight).total_params for weight in (1.0, 0.5, 0.0)]
    assert sizes == pytest.approx([37e9, (37e9 * 671e9) ** 0.5, 671e9])
    # The larger the dense model that is held to be equal, the dearer it is.
    ratios = [dense_over_mixture(SHAPE, replace(assumptions()[0], equivalence=weight)) for weight in (0.8, 0.5, 0.2)]
    assert ratios == sorted(ratios)


def test_a_mixture_that_is_dense_costs_what_the_dense_model_does(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    dense = Shape(70e9, 70e9, 80, 327680, 1.0)
    monkeypatch.setattr(mixture, "MIXTURES", (("dense", dense, ""),))
    assert mixture.cost_ratios()[0].value == pytest.approx(1.0, abs=0.02)
    assert judged(measured_part(CLAIM, "cost_of_serving"), tmp_path).verdict == "not supported"


def test_served_one_by_one_a_mixture_loses_its_advantage() -> None:
    for assumed in assumptions()[:20]:
        one, many = (dense_over_mixture(SHAPE, replace(assumed, batch=batch)) for batch in (1, 4096))
        assert one < many
        assert many > 1.0


def test_a_list_on_which_all_are_distilled_supports_its_part(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    frame, distilled, sure = mixture._listed()
    assert frame["model"].is_unique
    assert 0 < (distilled & sure).sum() < len(frame)
    for verdict, flagged in (("supported", distilled | True), ("not supported", distilled & False)):
        monkeypatch.setattr(mixture, "_listed", lambda flagged=flagged: (frame, flagged, sure | True))
        assert judged(measured_part(CLAIM, "public_models"), tmp_path / verdict[:3]).verdict == verdict


def test_who_is_not_copied_gains_nothing_by_holding_back(tmp_path: Path) -> None:
    nobody = {"withheld": [NOBODY_COPIES], "sold": [NOBODY_COPIES]}
    broken = judged(with_changes(CLAIM, arms=("withheld", "sold"), **nobody), tmp_path)
    assert medians(broken)["pays"] < 0.01
    assert broken.verdict == "not supported"
