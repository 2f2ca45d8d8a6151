"""Fits find what was put in, tell how unsure they are, and the scaling law extends to runs it has not seen."""

from __future__ import annotations

import numpy as np
import pytest

from evalsuite.distill.dose_fit import fit_curve
from evalsuite.distill.scaling import predict, scaling_fits, shipped_points
from sim.shared.curves import DoseCurve

DOSES = np.repeat([0.0, 12_500, 25_000, 50_000, 100_000, 200_000, 400_000], 2)
TRUE = DoseCurve(e=0.4, a=60.0, b=0.4, n0_tokens=4000.0)


def test_a_curve_without_noise_is_found_exactly() -> None:
    fit = fit_curve(DOSES, TRUE.at(DOSES))
    assert fit.curve.e == pytest.approx(0.4, abs=5e-3)
    assert fit.curve.b == pytest.approx(0.4, rel=0.02)
    assert fit.curve.at(DOSES) == pytest.approx(TRUE.at(DOSES), rel=1e-3)
    assert fit.residual_sd < 1e-3


def test_the_interval_of_the_asymptote_holds_it_and_widens_with_the_noise() -> None:
    held, widths = 0, []
    for seed in range(12):
        for sd in (0.003, 0.03):
            noise = np.random.default_rng(seed).normal(0.0, sd, len(DOSES))
            fit = fit_curve(DOSES, TRUE.at(DOSES) + noise)
            held += fit.e_low <= 0.4 <= fit.e_high
            widths.append(fit.e_high - fit.e_low)
    assert held >= 19  # of 24 at 95%: fewer than 19 in one of some thousands
    assert np.median(widths[1::2]) > 2 * np.median(widths[::2])


def test_no_curve_is_capped_at_the_teacher() -> None:
    below = DoseCurve(e=-0.2, a=60.0, b=0.4, n0_tokens=4000.0)
    assert fit_curve(DOSES, below.at(DOSES)).curve.e == pytest.approx(-0.2, abs=0.01)


def test_three_doses_are_too_few() -> None:
    with pytest.raises(ValueError, match="at least 4 different doses"):
        fit_curve(DOSES[:6], DOSES[:6])


def test_the_scaling_law_is_fitted_again_and_extends_to_held_out_runs() -> None:
    points = shipped_points()
    fits = {fit.held_out: fit for fit in scaling_fits(points)}
    assert fits["none"].error <= fits["none (shipped coefficients)"].error + 1e-5
    assert fits["random fifth"].held_out_runs == 66
    assert fits["random fifth"].held_out_error < 0.004
    assert fits["largest student"].held_out_error < 0.01
    assert fits["none"].below_teacher == pytest.approx(41 / 328)
    law = fits["random fifth"].law
    assert predict(law, points).shape == (328,)
