"""Students of a market that follow the curves measured by the lab: read from the table, named in the manifest."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from lab_markets import student, with_labs

from sim.runner import curves_sha256, run
from sim.scenario.load import dump_scenario, parse_scenario
from sim.shared.catalog import Catalog
from sim.shared.curves import CURVE_DRAWS, CURVES, CURVES_NAME, DRAWS_NAME, shipped_curves
from sim.shared.errors import InputError
from sim.shared.students import Making, distance
from sim.shared.tables import write_parquet
from sim.shared.yaml import read_yaml
from sim.world import distillation

PUBLISHED = {"kind": "published", "student_params": 7e9, "teacher_params": 7e10}


@pytest.fixture
def measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the curves of two sizes of student and one draw of their errors, read instead of the shipped."""
    rows = []
    for name, params, e in (("small", 10e6, 0.4), ("large", 50e6, 0.2)):
        row: dict[str, Any] = {column.name: "x" if column.kind == "text" else 1 for column in CURVES.columns}
        rows.append(row | {
            "curve": name, "outcome": "held_out_kl_nats", "method": "logit_kd", "regime": "full", "defences": "",
            "student_params": params, "teacher_params": 100e6, "e": e, "a": 60.0, "b": 0.5, "n0_tokens": 2500.0,
            "least_tokens": 0, "most_tokens": 1e6, "theta_per_nat": 1.5, "source": "a test",
        })  # fmt: skip
    draws = [
        {"curve": name, "outcome": "held_out_kl_nats", "draw": 1, "e": 0.1, "a": 60.0, "b": 0.5, "n0_tokens": 2500.0,
         "theta_per_nat": 1.5}
        for name in ("small", "large")
    ]  # fmt: skip
    write_parquet(CURVES.conform(pd.DataFrame(rows), "test"), tmp_path / CURVES_NAME)
    write_parquet(CURVE_DRAWS.conform(pd.DataFrame(draws), "test"), tmp_path / DRAWS_NAME)
    monkeypatch.setattr(distillation, "shipped_curves", lambda: shipped_curves(tmp_path))
    return tmp_path


def raw(**curve: Any) -> dict[str, Any]:
    part = student(curve=PUBLISHED | curve, worth={"text": 1.0}, every_days=None)
    return with_labs(None, {"students": [part]}, horizon_days=120)


def reached(catalog: Catalog, scenario: dict[str, Any], draws: int = 0) -> pd.Series:
    table = run(parse_scenario(scenario, "test"), catalog, catalog_draws=draws).tables["abilities"]
    return table[table["offer"] == "copy"].groupby("catalog_draw")["theta"].last()


def test_a_students_ability_is_its_teachers_less_the_measured_distance(measured: Path, empty_catalog: Catalog) -> None:
    wanted = distance(shipped_curves(measured), Making(7e9, 7e10), 60e6)
    assert reached(empty_catalog, raw()).tolist() == pytest.approx([1.5 + wanted.gap_theta])
    larger = distance(shipped_curves(measured), Making(3e10, 7e10), 60e6)
    assert larger.gap_theta > wanted.gap_theta
    assert reached(empty_catalog, raw(student_params=3e10)).tolist() == pytest.approx([1.5 + larger.gap_theta])


def test_draws_of_the_errors_are_those_of_the_catalog(measured: Path, empty_catalog: Catalog) -> None:
    drawn = distance(shipped_curves(measured), Making(7e9, 7e10), 60e6, draw=1)
    assert reached(empty_catalog, raw(), draws=1).tolist() == pytest.approx([1.5 + drawn.gap_theta])


def test_the_manifest_names_the_curves_by_their_hash(measured: Path, empty_catalog: Catalog) -> None:
    found = run(parse_scenario(raw(), "test"), empty_catalog)
    digest = curves_sha256(shipped_curves(measured))
    assert found.settings["curves_sha256"] == digest
    (named,) = [part for part in found.inputs if part.name == "curves of students"]
    assert (named.evidence, named.sha256, named.source) == ("measured", digest, "a test")
    plain = run(parse_scenario(with_labs(None, {"students": [student()]}, horizon_days=60), "test"), empty_catalog)
    assert "curves_sha256" not in plain.settings
    assert all(part.name != "curves of students" for part in plain.inputs)


def test_what_is_not_measured_is_refused_before_anything_runs(measured: Path, empty_catalog: Catalog) -> None:
    with pytest.raises(InputError, match="logit_kd, full, 1 epochs"):
        run(parse_scenario(raw(method="outputs", regime="text"), "test"), empty_catalog)
    later = raw() | {
        "interventions": [
            {"day": 50, "changes": [{"key": "providers.copier.lab.students.copy.curve.regime", "value": "topk"}]}
        ]
    }
    with pytest.raises(InputError, match="logit_kd, topk, 1 epochs"):
        run(parse_scenario(later, "test"), empty_catalog)


def test_without_a_table_the_remedy_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, empty_catalog: Catalog
) -> None:
    monkeypatch.setattr(distillation, "shipped_curves", lambda: shipped_curves(tmp_path))
    with pytest.raises(InputError, match="make reproduce"):
        run(parse_scenario(raw(), "test"), empty_catalog)


def test_no_tokens_leave_the_student_as_it_is_and_more_never_hurt(measured: Path) -> None:
    part = parse_scenario(raw(), "test").providers[1].lab.students[0]
    published = distillation.read_published([parse_scenario(raw(), "test")], 0)
    teacher, own = np.array([2.0, 1.0]), np.array([0.5, 0.2])
    assert (distillation.student_theta(part.curve, teacher, own, 0.0, published) == own).all()
    path = [distillation.student_theta(part.curve, teacher, own, dose, published)[0] for dose in (0.1, 1.0, 10.0, 1e4)]
    assert path == sorted(path)


def test_a_published_curve_is_written_and_read_back(tmp_path: Path) -> None:
    scenario = parse_scenario(raw(theta_per_nat=2.0), "test")
    path = tmp_path / "scenario.yaml"
    path.write_text(dump_scenario(scenario))
    assert parse_scenario(read_yaml(path), "again") == scenario
