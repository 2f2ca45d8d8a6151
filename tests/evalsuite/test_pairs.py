"""Paired differences: adjusted p-values, and when a student counts as not worse."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from eval_run import write_run

from dashboard import cli
from evalsuite.pairs import chosen_pair, compare, judged
from evalsuite.tables import ANOTHER, SAMPLES
from sim.shared.errors import InputError
from sim.shared.stats import detectable_difference
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


def test_the_detectable_difference_counts_clusters_of_like_items_as_fewer_and_of_unlike_ones_not() -> None:
    """Clusters of many items that answer independently tell as much as their items do."""
    rng = np.random.default_rng(3)
    apart = samples({"one": 0}, items=6000)
    apart["cluster"] = (apart["item"].astype(int) // 100).astype(str)  # 60 clusters
    student = apart["model"] == "student"
    together = apart.copy()
    apart.loc[student, "correct"] = rng.random(6000) > 0.04
    together.loc[student, "correct"] = np.repeat(rng.random(60) > 0.04, 100)
    far = compare(apart, "teacher", "student").iloc[0]
    near = compare(together, "teacher", "student").iloc[0]
    share = 1.0 - apart.loc[student, "correct"].mean()
    assert far["detectable"] == pytest.approx(detectable_difference(6000, share), rel=0.25)
    assert np.isnan(near["detectable"]) or near["detectable"] > 5 * far["detectable"]


def test_two_wrong_answers_that_are_not_told_are_no_agreement() -> None:
    both = samples({"one": 50}, items=100)
    both.loc[~both["correct"].astype(bool), "answer"] = ANOTHER
    assert compare(both, "teacher", "student").iloc[0]["agreement"] == pytest.approx(0.5)  # the teacher's are all told
    both.loc[both["item"].astype(int) < 50, ["correct", "answer"]] = [False, ANOTHER]
    assert np.isnan(compare(both, "teacher", "student").iloc[0]["agreement"])


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


def test_the_pair_is_the_last_student_with_its_teacher_unless_named() -> None:
    related = [("master", "pupil"), ("master", "third")]
    last = chosen_pair(["master", "pupil", "third"], related, None, None)
    assert last is not None
    assert last.student == "third"
    other = chosen_pair(["master", "pupil", "third"], related, None, "pupil")
    assert other is not None
    assert (other.student, other.related) == ("pupil", True)
    with pytest.raises(InputError, match="another model than the teacher"):
        chosen_pair(["master", "pupil"], [], "pupil", "pupil")


@pytest.mark.parametrize("related", [True, False])
def test_the_cascade_of_the_command_goes_from_student_to_teacher_whatever_their_names(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], related: bool
) -> None:
    run = write_run(tmp_path / "run", models=("third", "pupil"), related=related)  # the student's name sorts first
    assert cli.run(["eval", "frontier", str(run), "--json"]) == 0
    cascade = json.loads(capsys.readouterr().out)["cascade"]
    assert {(row["student"], row["teacher"]) for row in cascade} == {("pupil", "third")}
    assert cli.run(["eval", "frontier", str(run), "--student", "third", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["cascade"][0]["student"] == "third"
