"""Paired differences: adjusted p-values, and when a student counts as not worse."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from dashboard import cli
from evalsuite.pairs import compare, judged
from evalsuite.tables import SAMPLES
from sim.shared.errors import InputError
from sim.shared.tables import write_parquet


def samples(wrong: dict[str, int], items: int = 200) -> pd.DataFrame:
    """The teacher is always right; the student is wrong on the first `wrong[task]` items of each task."""
    rows = []
    for task, count in wrong.items():
        for item in range(items):
            for model, correct in (("teacher", True), ("student", item >= count)):
                rows.append(
                    {
                        "model": model, "task": task, "item": f"{item}", "cluster": f"{item}", "correct": correct,
                        "correct_norm": correct, "answer": "a" if correct else "b",
                    }
                )  # fmt: skip
    return SAMPLES.conform(pd.DataFrame(rows), "a test")


def test_holm_multiplies_the_smallest_p_value_by_the_number_of_tasks() -> None:
    found = compare(samples({"near": 5, "far": 12}), "teacher", "student").set_index("task")
    assert found.loc["near", "p_value"] == pytest.approx(2 * 0.5**5)
    assert found.loc["far", "p_holm"] == pytest.approx(2 * found.loc["far", "p_value"])
    assert found.loc["near", "p_holm"] == pytest.approx(found.loc["near", "p_value"])


def test_a_student_is_not_worse_only_where_its_whole_interval_is_above_the_margin() -> None:
    found = compare(samples({"near": 1, "far": 8}), "teacher", "student")
    row = found.set_index("task").loc["far"]
    assert -0.1 < row["low"] < -0.05 < row["difference"]
    assert judged(found, 0.05)["non_inferior"].tolist() == [True, False]
    assert judged(found, 0.1)["non_inferior"].tolist() == [True, True]


@pytest.mark.parametrize("margin", [0.0, -0.1, 1.0, float("nan")])
def test_a_margin_must_be_a_fraction(margin: float) -> None:
    with pytest.raises(InputError, match="--margin"):
        judged(compare(samples({"one": 1}), "teacher", "student"), margin)


def test_the_command_shows_them_in_text_and_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_parquet(samples({"near": 1, "far": 8}), tmp_path / "samples.parquet")
    arguments = ["eval", "compare", str(tmp_path), "--teacher", "teacher", "--student", "student"]
    assert cli.run([*arguments, "--margin", "0.05", "--json"]) == 0
    near, far = json.loads(capsys.readouterr().out)["rows"]
    assert {"p_value", "p_holm", "detectable", "margin", "non_inferior", "agreement", "low", "high"} <= set(near)
    assert (near["margin"], near["non_inferior"], far["non_inferior"]) == (0.05, True, False)
    assert cli.run(arguments) == 0
    shown = capsys.readouterr().out
    assert "not worse by 0.05" in shown
    assert "not shown" in shown.splitlines()[2]
    assert cli.run([*arguments, "--margin", "2"]) == 2
    assert "allowed: a fraction between 0 and 1" in capsys.readouterr().err
