"""A mixture of experts: how large a dense model it counts as, and what its size costs it in ability."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from supply import SHAPE, raw_supply

from sim.scenario.load import parse_scenario
from sim.scenario.model import THETA_PER_LOG_SIZE
from sim.shared.catalog import shipped_catalog
from sim.shared.quality import corrected_quality, theta_of_quality
from sim.world.models import resolve_models
from sim.world.streams import Streams


def theta(**changes: Any) -> float:
    """Of a mixture of 37 of 671 billion parameters whose dense teacher has 405 billion and an ability of 2."""
    raw = raw_supply()
    dense = SHAPE | {"active_params": 405e9, "total_params": 405e9}
    mixture = {"kind": "mixture", "name": "mixture", "teacher": "dense"}
    mixture |= {"shape": SHAPE | {"active_params": 37e9, "total_params": 671e9}} | changes
    raw["models"] += [{"kind": "stated", "name": "dense", "theta": 2.0, "shape": dense}, mixture]
    models = resolve_models(parse_scenario(raw, "test"), shipped_catalog(), Streams(0, 0), 0)
    return float(models["mixture"].theta[0])


def test_it_counts_as_a_dense_model_of_the_root_of_active_times_total() -> None:
    size = math.sqrt(37e9 * 671e9)
    assert theta() == pytest.approx(2.0 + THETA_PER_LOG_SIZE * math.log(size / 405e9))
    assert theta(theta_gap=0.3) == pytest.approx(theta() + 0.3)


def test_the_equivalence_runs_from_all_parameters_to_the_active_ones() -> None:
    assert theta(equivalence=0.0) == pytest.approx(2.0 + THETA_PER_LOG_SIZE * math.log(671 / 405))
    assert theta(equivalence=1.0) == pytest.approx(2.0 + THETA_PER_LOG_SIZE * math.log(37 / 405))


def test_a_mixture_of_its_teachers_size_loses_nothing() -> None:
    same = SHAPE | {"active_params": 405e9, "total_params": 405e9}
    assert theta(shape=same, equivalence=0.3) == pytest.approx(2.0)


def test_what_size_costs_is_the_slope_of_the_published_students() -> None:
    size = np.log([7.62, 14.8, 32.8])  # billions of parameters of R1's students; GPQA diamond, 198 items, four choices
    ability = [theta_of_quality(corrected_quality(share * 198, 198, 0.25)) for share in (0.491, 0.591, 0.621)]
    assert np.polyfit(size, ability, 1)[0] == pytest.approx(THETA_PER_LOG_SIZE, abs=0.01)
