"""The asymptote of an outcome over doses: what was put in comes out, and nothing is capped."""

from __future__ import annotations

import numpy as np
import pytest

from sim.claims.asymptotes import asymptote

DOSES = [250.0, 250.0, 1000.0, 1000.0, 4000.0, 4000.0]


@pytest.mark.parametrize("end", [-0.2, 0.0, 0.3])
@pytest.mark.parametrize("slope", [-2.0, 2.0])
def test_a_curve_without_noise_gives_back_its_asymptote(end: float, slope: float) -> None:
    values = [end + slope * dose**-0.5 for dose in DOSES]
    found = asymptote("cell", DOSES, values, [0.01] * 6, "a test")
    assert found is not None
    assert found.value == pytest.approx(end)
    assert found.low < end < found.high


def test_its_interval_holds_the_truth_as_often_as_it_says() -> None:
    random = np.random.default_rng(0)
    inside = 0
    for _ in range(400):
        values = [0.1 - 2.0 * dose**-0.5 + random.normal(0.0, 0.02) for dose in DOSES]
        found = asymptote("cell", DOSES, values, [0.02] * 6, "a test")
        assert found is not None
        inside += found.low <= 0.1 <= found.high
    assert 0.93 < inside / 400 < 0.995


def test_rows_that_scatter_more_than_their_errors_widen_it() -> None:
    values = [0.1, 0.3, 0.1, 0.3, 0.1, 0.3]
    wide = asymptote("cell", DOSES, values, [0.01] * 6, "a test")
    narrow = asymptote("cell", DOSES, [0.2] * 6, [0.01] * 6, "a test")
    assert wide is not None
    assert narrow is not None
    assert wide.high - wide.low > 5.0 * (narrow.high - narrow.low)


@pytest.mark.parametrize("doses", [[250, 1000, 4000], [250, 250, 1000, 1000], [0, 0, 1000, 4000, 250]])
def test_too_little_gives_nothing(doses: list[float]) -> None:
    """Three rows; two doses; three rows once what no dose was given to is left out."""
    assert asymptote("cell", doses, [0.1] * len(doses), [0.01] * len(doses), "a test") is None
