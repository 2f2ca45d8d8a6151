"""The scaling law gives the published figures, and what it says moves the right way; curves are read by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from sim.shared.curves import CURVES, DISTILLED, SUPERVISED, DoseCurve, curve_of, read_curves, verdict
from sim.shared.errors import InputError
from sim.shared.paths import data_dir
from sim.shared.tables import write_parquet


def test_the_supervised_law_is_the_papers_formula() -> None:
    wanted = 1.220 + (3355 / 1e9**0.408 + 18186 / 20e9**0.431) ** 0.452
    assert SUPERVISED.loss_nats(1e9, 20e9) == pytest.approx(wanted, rel=1e-12)
    assert SUPERVISED.loss_nats(1e30, 1e30) == pytest.approx(1.220, abs=1e-3)


def test_the_students_loss_is_u_shaped_in_the_teachers_as_published() -> None:
    found = DISTILLED.loss_nats(np.full(3, 143e6), np.full(3, 3.7e9), np.array([1.895, 2.371, 2.755]))
    assert found == pytest.approx(np.array([2.7548, 2.7348, 2.8212]), rel=5e-3)
    assert found[1] < found[0] < found[2]


def test_the_law_describes_the_shipped_runs_within_its_error() -> None:
    points = pd.read_csv(data_dir() / "distillation_scaling_points.csv")
    found = DISTILLED.loss_nats(
        points["student_params"].to_numpy(), points["student_tokens"].to_numpy(), points["teacher_loss_nats"].to_numpy()
    )
    error = np.abs(found / points["student_loss_nats"].to_numpy() - 1.0)
    assert len(points) == 328
    assert error.mean() < 0.0027
    assert error.max() < 0.03


@pytest.mark.parametrize("teacher", [1.9, 2.3, 2.7])
def test_more_parameters_and_more_tokens_never_raise_the_students_loss(teacher: float) -> None:
    sizes, tokens = np.geomspace(1e8, 2e9, 20), np.geomspace(1e9, 1e11, 20)
    assert (np.diff(DISTILLED.loss_nats(sizes, np.full(20, 1e10), np.full(20, teacher))) < 0).all()
    assert (np.diff(DISTILLED.loss_nats(np.full(20, 5e8), tokens, np.full(20, teacher))) < 0).all()


def test_the_formula_has_every_student_above_its_teacher_which_some_runs_are_not() -> None:
    points = pd.read_csv(data_dir() / "distillation_scaling_points.csv")
    assert (points["student_loss_nats"] < points["teacher_loss_nats"]).sum() == 41
    assert DISTILLED.loss_nats(2e9, 1e12, 2.75) > 2.75


def row(**changes: Any) -> dict[str, Any]:
    filled: dict[str, Any] = {column.name: "x" if column.kind == "text" else 1 for column in CURVES.columns}
    return filled | {"outcome": "held_out_kl_nats", "e": 0.5, "a": 100.0, "b": 0.5, "n0_tokens": 2500.0} | changes


def test_a_curve_is_found_by_name_and_starts_at_its_offset(tmp_path: Path) -> None:
    path = tmp_path / "curves.parquet"
    write_parquet(CURVES.conform(pd.DataFrame([row(curve="demo, 1 epoch")]), "test"), path)
    curves = read_curves(path)
    curve = curve_of(curves, "demo, 1 epoch", "held_out_kl_nats")
    assert curve == DoseCurve(0.5, 100.0, 0.5, 2500.0)
    assert curve.at(0.0) == pytest.approx(2.5)
    assert curve.at(np.array([1e12]))[0] == pytest.approx(0.5, abs=1e-3)
    with pytest.raises(InputError, match=r"demo, 1 epoch \(held_out_kl_nats\)"):
        curve_of(curves, "other", "held_out_kl_nats")


def test_an_interval_that_spans_the_teacher_is_inconclusive() -> None:
    assert [verdict(0.1, 0.2, 0.3), verdict(0.4, 0.5, 0.3), verdict(0.2, 0.4, 0.3)] == [
        "below",
        "above",
        "inconclusive",
    ]
