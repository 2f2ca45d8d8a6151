"""Students by curve: measured ones between their sizes and doses, none capped at its teacher, errors drawn together."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pandas as pd
import pytest

from sim.shared.curves import CURVE_DRAWS, CURVES, Curves, shipped_curves
from sim.shared.errors import InputError
from sim.shared.students import Making, distance, kappa

MAKING = Making(50e6, 100e6)
TOKENS = 10_000.0


def row(**changes: Any) -> dict[str, Any]:
    filled: dict[str, Any] = {column.name: "x" if column.kind == "text" else 1 for column in CURVES.columns}
    filled |= {
        "outcome": "held_out_kl_nats", "method": "logit_kd", "regime": "full", "defences": "", "student_params": 50e6,
        "teacher_params": 100e6, "e": 0.5, "a": 50.0, "b": 0.5, "n0_tokens": 2500.0, "least_tokens": 0,
        "most_tokens": 100_000, "theta_per_nat": 2.0,
    }  # fmt: skip
    return filled | changes


def curves_of(*rows: dict[str, Any], draws: list[dict[str, Any]] | None = None) -> Curves:
    table = CURVES.conform(pd.DataFrame(rows), "test")
    return Curves(table, CURVE_DRAWS.conform(pd.DataFrame(draws or [], columns=CURVE_DRAWS.column_names), "test"))


def test_a_measured_student_lacks_ability_in_proportion_to_its_distance() -> None:
    found = distance(curves_of(row()), MAKING, TOKENS)
    kl = 0.5 + 50.0 / math.sqrt(12_500.0)
    assert found.kl_nats == pytest.approx(kl)
    assert found.gap_theta == pytest.approx(-2.0 * kl)
    assert not found.outside


def test_tokens_count_in_proportion_to_the_students_size() -> None:
    big, curves = Making(50e9, 100e9), curves_of(row())
    assert distance(curves, big, 1000.0 * TOKENS) == distance(curves, MAKING, TOKENS)
    assert distance(curves, big, 1e9).outside


def test_between_measured_sizes_the_distance_is_interpolated_and_beyond_them_it_is_the_nearests() -> None:
    curves = curves_of(row(curve="big", a=0.0), row(curve="small", student_params=25e6, e=1.5, a=0.0))
    at = {
        share: distance(curves, replace(MAKING, student_params=share * 100e6), TOKENS)
        for share in (0.1, 0.25, math.sqrt(0.125), 0.5, 0.9)
    }
    assert [found.kl_nats for found in at.values()] == pytest.approx([1.5, 1.5, 1.0, 0.5, 0.5])
    assert [found.outside for found in at.values()] == [True, False, False, False, True]


def test_a_measured_student_is_not_capped_at_its_teacher() -> None:
    assert distance(curves_of(row(e=-0.5, a=0.1)), MAKING, TOKENS).gap_theta > 0


def test_more_tokens_never_make_a_worse_student() -> None:
    gaps = [distance(curves_of(row()), MAKING, 10.0**power).gap_theta for power in range(1, 12)]
    assert gaps == sorted(gaps)
    assert gaps[-1] > gaps[0]


def test_kappa_is_the_ratio_of_doses_of_equal_outcome() -> None:
    full = row(curve="full", a=50.0, n0_tokens=1000.0)
    text = row(curve="text", regime="text", method="outputs", a=50.0 * math.sqrt(2.0), n0_tokens=2000.0)
    assert kappa(curves_of(full, text), "text") == pytest.approx(0.5, rel=1e-6)
    assert kappa(curves_of(full), "full") == 1.0
    with pytest.raises(InputError, match="make reproduce"):
        kappa(curves_of(full), "text")


def test_errors_are_drawn_together_and_draw_0_is_the_estimate() -> None:
    draws = [
        {
            "curve": "x",
            "outcome": "held_out_kl_nats",
            "draw": place,
            "e": 0.1 * place,
            "a": 0.0,
            "b": 1.0,
            "n0_tokens": 1.0,
            "theta_per_nat": 3.0,
        }
        for place in (1, 2)
    ]
    curves = curves_of(row(), draws=draws)
    found = [distance(curves, MAKING, TOKENS, draw) for draw in range(4)]
    assert found[1].gap_theta == pytest.approx(-0.3)
    assert found[2].gap_theta == pytest.approx(-0.6)
    assert found[3] == found[1]
    assert found[0] == distance(curves_of(row()), MAKING, TOKENS, 7)


def test_what_was_not_measured_is_refused_with_what_was() -> None:
    with pytest.raises(InputError, match="logit_kd, full, 1 epochs"):
        distance(curves_of(row()), replace(MAKING, method="outputs", regime="text"), TOKENS)
    with pytest.raises(InputError, match="theta_per_nat"):
        distance(curves_of(row(theta_per_nat=math.nan)), MAKING, TOKENS)
    told = replace(MAKING, theta_per_nat=2.0)
    assert distance(curves_of(row(theta_per_nat=math.nan)), told, TOKENS).gap_theta < 0


def test_a_folder_without_curves_has_none(tmp_path: Any) -> None:
    found = shipped_curves(tmp_path)
    assert found.table.empty
    assert found.draws.empty
