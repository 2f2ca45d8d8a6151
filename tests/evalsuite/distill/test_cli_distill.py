"""`undercut distill`: what it prints, what it refuses, and what it frees."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

pytest.importorskip("torch")

from evalsuite.cli_distill import distill_app
from sim.shared.errors import InputError


def ran(*arguments: str) -> Any:
    done = CliRunner().invoke(distill_app, list(arguments))
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


def test_scaling_prints_one_object_with_the_error_on_runs_that_were_held_out() -> None:
    rows = json.loads(ran("scaling", "--json").stdout)["rows"]
    assert [row["held_out"] for row in rows] == [
        "none (shipped coefficients)", "none", "random fifth", "largest student",
    ]  # fmt: skip
    assert rows[2]["held_out_error"] < 0.004


def test_a_dose_study_prints_its_points_and_says_where_curves_need_more(recipe_of: Any, tmp_path: Path) -> None:
    path = tmp_path / "small.yaml"
    path.write_text(recipe_of().model_dump_json(), encoding="utf-8")
    done = ran("dose", str(path), "--doses", "0,64", "--out", str(tmp_path / "out"))
    assert "four doses are the least" in done.stdout
    assert "small,      64 tokens, seed 0: KL" in done.stdout
    told = json.loads(ran("dose", str(path), "--doses", "0,64", "--out", str(tmp_path / "out"), "--json").stdout)
    assert [row["distinct_teacher_tokens"] for row in told["rows"]] == [0, 64]
    outputs = json.loads(ran("outputs", "--json").stdout)["rows"]
    assert [(row["regime"], row["tokens"]) for row in outputs] == [("full", 64)]
    assert "1 removed" in ran("outputs", "--remove").stdout
    assert json.loads(ran("outputs", "--json").stdout)["rows"] == []


@pytest.mark.parametrize("doses", ["a,b", "1.5", "-3,4", ","])
def test_doses_that_are_no_numbers_are_refused(doses: str) -> None:
    with pytest.raises(InputError, match="whole numbers from 0 upwards"):
        ran("dose", "demo", "--doses", doses)


def test_a_table_of_doses_is_grown_by_command_and_says_what_is_missing(recipe_of: Any, tmp_path: Path) -> None:
    (tmp_path / "small.yaml").write_text(recipe_of().model_dump_json())
    cells = [{"recipe": str(tmp_path / "small.yaml"), "doses": [0, 64, 128, 256], "seeds": [0]}]
    plan = tmp_path / "plan.yaml"
    plan.write_text(json.dumps({"name": "mine", "cells": cells}))
    command = ["reproduce", str(plan), "--out", str(tmp_path / "out")]
    told = ran(*command, "--minutes", "1e-9").stdout
    assert "0 rows were there, 0 measured now, 4 of 4 missing; 0 curves fitted" in told
    done = ran(*command, "--json")
    assert json.loads(done.stdout) == {"wanted": 4, "before": 0, "now": 4, "curves": 3}
    assert "KL" in done.stderr
    with pytest.raises(InputError, match="a positive number"):
        ran(*command, "--minutes", "0")
