"""What a stated model is better or worse at than its one ability says."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sweeps import no_models, raw_tiny

from sim.scenario.load import parse_scenario
from sim.scenario.scenario import Scenario
from sim.shared.errors import InputError
from sim.shared.quality import quality_of_theta
from sim.world.models import resolve_models
from sim.world.streams import Streams


def scenario(**model: Any) -> Scenario:
    raw = raw_tiny()
    raw["tasks"] = [raw["tasks"][0] | {"name": name, "success": "irt"} for name in ("easy", "hard", "other")]
    raw["models"][0] = {"kind": "stated", "name": "m0", "theta": 1.0} | model
    return parse_scenario(raw, "test")


def thetas(**model: Any) -> np.ndarray:
    return resolve_models(scenario(**model), no_models(), Streams(0, 0), 0)["m0"].theta


LEANINGS = [{"task": "hard", "by": 1.0}, {"task": "easy", "by": -2.0}]


def test_leanings_move_their_classes_by_the_spread() -> None:
    assert thetas(leanings=LEANINGS, spread=0.5).tolist() == [0.0, 1.5, 1.0]
    found = resolve_models(scenario(leanings=LEANINGS, spread=0.5), no_models(), Streams(0, 0), 0)["m0"]
    assert found.quality == pytest.approx([quality_of_theta(value) for value in (0.0, 1.5, 1.0)])


def test_without_a_spread_nothing_moves() -> None:
    plain = resolve_models(scenario(), no_models(), Streams(0, 0), 0)["m0"]
    leaning = resolve_models(scenario(leanings=LEANINGS), no_models(), Streams(0, 0), 0)["m0"]
    assert np.array_equal(plain.theta, leaning.theta)
    assert np.array_equal(plain.quality, leaning.quality)


def test_students_take_after_their_teacher() -> None:
    raw = scenario(leanings=LEANINGS, spread=0.5).model_dump(mode="json")
    raw["models"][1] = {"kind": "relative", "name": "m1", "teacher": "m0", "quality_ratio": 1.0, "cost_ratio": 0.5}
    found = resolve_models(parse_scenario(raw, "test"), no_models(), Streams(0, 0), 0)
    assert found["m1"].theta == pytest.approx(found["m0"].theta, abs=1e-6)


def test_an_unknown_or_repeated_class_is_refused() -> None:
    with pytest.raises(InputError, match="easy, hard, other"):
        scenario(leanings=[{"task": "nothing", "by": 1.0}], spread=1.0)
    with pytest.raises(InputError, match="one leaning"):
        scenario(leanings=[{"task": "easy", "by": 1.0}, {"task": "easy", "by": 2.0}])
