"""Designs: as many points as they say, the same each time, made as they are asked for, and spread as they promise."""

from __future__ import annotations

import itertools
import tracemalloc
from typing import Any

import numpy as np
import pytest
from sweeps import raw_sweep

from sim.study.design import point_count, points, whole_matrix
from sim.study.plan import Sweep

PATH = "providers.firm0.offers.o0.list_price.input_usd_per_mtok"


def sweep(design: dict[str, Any], *distributions: dict[str, Any], **changes: Any) -> Sweep:
    drawn = distributions or ({"kind": "uniform", "low": 0, "high": 1}, {"kind": "uniform", "low": 0, "high": 1})
    parameters = [{"name": f"p{index}", "paths": [PATH], "distribution": part} for index, part in enumerate(drawn)]
    return Sweep.model_validate(raw_sweep(parameters=parameters, design=design, **changes))


def matrix(made: Sweep) -> np.ndarray:
    return np.array([list(point.values.values()) for point in points(made)], dtype=float)


def test_a_factorial_design_is_every_combination_the_last_fastest() -> None:
    made = sweep(
        {"kind": "factorial"},
        {"kind": "choice", "values": ["a", "b"]},
        {"kind": "grid", "low": 1, "high": 100, "count": 3, "spacing": "log"},
    )
    assert point_count(made) == 6
    assert [tuple(point.values.values()) for point in points(made)] == [
        ("a", 1.0), ("a", pytest.approx(10.0)), ("a", 100.0), ("b", 1.0), ("b", pytest.approx(10.0)), ("b", 100.0),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "design",
    [
        {"kind": "random", "points": 300}, {"kind": "sobol", "points": 300}, {"kind": "latin_hypercube", "points": 300},
        {"kind": "morris", "trajectories": 4}, {"kind": "saltelli", "samples": 8},
    ],
)  # fmt: skip
def test_points_are_as_many_as_said_the_same_each_time_and_others_with_another_seed(design: dict[str, Any]) -> None:
    made = sweep(design)
    found = matrix(made)
    assert found.shape == (point_count(made), 2)
    assert [point.number for point in points(made)] == list(range(len(found)))
    assert ((found >= 0) & (found <= 1)).all()
    assert np.array_equal(found, matrix(made))
    assert not np.array_equal(found, matrix(sweep(design, seed=1)))


@pytest.mark.parametrize("kind", ["random", "sobol"])
def test_more_points_leave_the_first_ones_as_they_were(kind: str) -> None:
    few, many = matrix(sweep({"kind": kind, "points": 100})), matrix(sweep({"kind": kind, "points": 600}))
    assert np.array_equal(few, many[:100])


def test_a_latin_hypercube_has_one_point_in_every_slice() -> None:
    found = matrix(sweep({"kind": "latin_hypercube", "points": 64}))
    for column in found.T:
        assert sorted((column * 64).astype(int)) == list(range(64))


def test_sobol_points_are_more_even_than_random_ones() -> None:
    def unevenness(kind: str) -> float:
        found = matrix(sweep({"kind": kind, "points": 256}))
        counts = np.histogram2d(*found.T, bins=8, range=[[0, 1], [0, 1]])[0]
        return float(counts.std())

    assert unevenness("sobol") == 0.0
    assert unevenness("random") > 1.0


def test_a_trajectory_changes_one_parameter_a_step() -> None:
    found = whole_matrix(sweep({"kind": "morris", "trajectories": 5})).reshape(5, 3, 2)
    assert ((found[:, 1:] != found[:, :-1]).sum(axis=2) == 1).all()


@pytest.mark.parametrize(
    ("part", "probability", "value"),
    [
        ({"kind": "uniform", "low": 2, "high": 4}, 0.25, 2.5),
        ({"kind": "loguniform", "low": 1, "high": 100}, 0.5, 10.0),
        ({"kind": "normal", "mean": 3, "sd": 2}, 0.8413447460685429, 5.0),
        ({"kind": "lognormal", "median": 3, "log_sd": 1}, 0.5, 3.0),
        ({"kind": "choice", "values": ["a", "b", "c"]}, 0.999, "c"),
        ({"kind": "grid", "low": 0, "high": 1, "count": 2}, 0.4, 0.0),
    ],
)
def test_values_are_quantiles(part: dict[str, Any], probability: float, value: object) -> None:
    made = sweep({"kind": "random", "points": 1}, part).parameters[0].distribution
    found = made.at(probability)
    assert found == (pytest.approx(value) if isinstance(value, float) else value)


def test_a_normal_draw_of_probability_zero_is_a_number() -> None:
    made = sweep({"kind": "random", "points": 1}, {"kind": "normal", "mean": 0, "sd": 1}).parameters[0].distribution
    assert np.isfinite([made.at(0.0), made.at(1.0)]).all()  # type: ignore[list-item]


def test_a_million_points_take_no_memory() -> None:
    made = sweep({"kind": "sobol", "points": 1_000_000})
    tracemalloc.start()
    try:
        list(itertools.islice(points(made), 512))
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        for _ in itertools.islice(points(made), 5_000):
            pass
        assert tracemalloc.get_traced_memory()[1] - before < 1_000_000
    finally:
        tracemalloc.stop()
