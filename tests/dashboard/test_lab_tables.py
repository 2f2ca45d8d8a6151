"""What the Distillation page draws, against the shipped tables and against curves of known numbers."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest

from dashboard import lab_charts, lab_tables
from dashboard.lab_tables import DOSE_OUTCOMES, SAMPLED, TRUTH_KL, WORLD_OUTCOMES, Lab
from evalsuite.distill.dose_fit import fit_with_draws
from sim.shared.curves import Curves

KL = "held_out_kl_nats"


@pytest.fixture(scope="module")
def lab() -> Lab:
    return lab_tables.read_lab()


@pytest.fixture(scope="module")
def grown(lab: Lab) -> pd.DataFrame:
    """Doses of two recipes and two seeds whose distance falls by a known curve; shaped like the shipped table."""
    first = lab.doses.iloc[0].to_dict()
    rng = np.random.default_rng(0)
    rows = [
        first | {
            "cell": f"{recipe}{dose}{seed}", "recipe": recipe, "method": method, "seed": seed,
            "distinct_teacher_tokens": dose, KL: end + 30.0 * (dose + 2000.0) ** -0.5 + rng.normal(0, 0.002),
        }
        for recipe, method, end in (("demo", "logit_kd", 0.2), ("outputs", "outputs", 0.4))
        for dose in (0, 12_288, 24_576, 49_664, 99_840)
        for seed in (0, 1)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def specification(figure: Any) -> dict[str, Any]:
    return json.loads(figure.chart.to_json())


def drawn(spec: dict[str, Any], mark: str) -> list[dict[str, Any]]:
    """The rows behind the marks of a kind."""
    return [
        row
        for layer in spec["layer"]
        if layer["mark"]["type"] == mark
        for row in spec["datasets"][layer["data"]["name"]]
    ]


def test_the_shipped_doses_are_drawn_as_they_were_measured(lab: Lab) -> None:
    points = lab_tables.dose_points(lab.doses, KL)
    spec = specification(
        lab_charts.doses(points, lab_tables.dose_lines(lab.doses, lab.curves, KL), DOSE_OUTCOMES[KL], 0.0)
    )
    marks = {(row["recipe"], row["epochs"], row["tokens"]): row["value"] for row in drawn(spec, "point")}
    keys = ["recipe", "epochs", "distinct_teacher_tokens"]
    wanted = lab.doses.groupby(keys)[KL].mean()
    assert marks == {key: pytest.approx(value, rel=1e-12) for key, value in wanted.items()}


def test_seeds_give_the_bars_their_ends_and_one_seed_gives_none(grown: pd.DataFrame) -> None:
    points = lab_tables.dose_points(grown, KL)
    assert (points["seeds"] == 2).all()
    assert (points["high"] > points["low"]).all()
    one = lab_tables.dose_points(grown[grown["seed"] == 0], KL)
    assert (one["seeds"] == 1).all()
    assert one["low"].equals(one["high"])


def test_accuracy_has_wilsons_interval_of_its_items(lab: Lab) -> None:
    points = lab_tables.dose_points(lab.doses, lab_tables.ACCURACY)
    low, high = lab_tables.wilson(0.7, 480)
    assert (low, high) == pytest.approx((0.6575, 0.7393), abs=2e-4)
    assert ((points["low"] < points["value"]) & (points["value"] < points["high"])).all()
    # Two seeds answer the same items: the interval does not shrink.
    twice = pd.concat([lab.doses, lab.doses.assign(seed=1)], ignore_index=True)
    again = lab_tables.dose_points(twice, lab_tables.ACCURACY)
    assert again["low"].tolist() == pytest.approx(points["low"].tolist())


def test_fitted_curves_are_drawn_with_their_bands(grown: pd.DataFrame) -> None:
    curves = fit_with_draws(grown)
    lines = lab_tables.dose_lines(grown, curves, KL)
    assert set(lines["name"]) == set(lab_tables.dose_points(grown, KL)["name"])
    for name, end in (("demo: all probabilities", 0.2), ("outputs: text alone", 0.4)):
        mine = lines[lines["name"].str.startswith(name)]
        truth = end + 30.0 * (mine["tokens"] + 2000.0) ** -0.5
        assert np.allclose(mine["value"], truth, atol=0.01)
        assert (mine["low"] <= mine["value"] + 0.005).all()
        assert (mine["high"] >= mine["value"] - 0.005).all()
        assert (mine["high"] > mine["low"]).any()


def test_without_a_fit_marks_are_joined_and_with_one_they_are_not(grown: pd.DataFrame) -> None:
    points, none = lab_tables.dose_points(grown, KL), Curves(*(pd.DataFrame(columns=["outcome"]) for _ in range(2)))
    lines = lab_tables.dose_lines(grown, none, KL)
    assert lines.empty
    dotted = [layer for layer in specification(lab_charts.doses(points, lines, DOSE_OUTCOMES[KL], 0.0))["layer"]
              if layer["mark"]["type"] == "line"]  # fmt: skip
    assert [layer["mark"]["strokeDash"] for layer in dotted] == [[2, 4]]


def test_methods_are_compared_at_the_largest_common_dose(grown: pd.DataFrame) -> None:
    points = lab_tables.dose_points(grown, KL)
    one = lab_tables.at_one_dose(points)
    assert set(one["tokens"]) == {99_840}
    assert one["name"].str.startswith("demo").tolist() == [True, False]
    assert lab_tables.at_one_dose(points[points["recipe"] == "demo"]).empty


def test_what_the_study_lacks_is_counted_cell_by_cell(lab: Lab, grown: pd.DataFrame) -> None:
    plan = lab_tables.shipped_plan()
    assert plan is not None
    nothing = lab_tables.lacking(plan, lab.doses.iloc[:0])
    assert nothing["wanted"].sum() == sum(len(cells.doses) * len(cells.seeds) for cells in plan.cells) == 82
    assert nothing["measured"].sum() == 0
    some = lab_tables.lacking(plan, grown).set_index(["recipe", "epochs"])
    assert some.loc[("demo", 1), "measured"] == 10
    assert some.loc[("demo", 1), "not measured yet"] == "seed 0: 200,000, 400,000; seed 1: 200,000, 400,000"
    assert some.loc[("demo", 3), "measured"] == 0


@pytest.mark.parametrize("outcome", [TRUTH_KL, SAMPLED])
def test_small_worlds_are_drawn_as_they_were_measured(lab: Lab, outcome: str) -> None:
    points = lab_tables.world_points(lab.worlds, "knowledge", outcome)
    mine = lab.worlds[lab.worlds["world"] == "knowledge"]
    wanted = mine.groupby(["method", "queries"])[outcome].mean()
    figure = lab_charts.worlds(points, WORLD_OUTCOMES[outcome], outcome, 0.1)
    marks = {(row["name"], row["queries"]): row["value"] for row in drawn(specification(figure), "point")}
    assert marks == {key: pytest.approx(value, rel=1e-12) for key, value in wanted.items()}
    assert (points["low"] <= points["value"]).all()
    assert (points["high"] >= points["value"]).all()


def test_judges_are_drawn_with_the_tables_intervals(lab: Lab) -> None:
    points = lab_tables.judge_points(lab.judges)
    figure = lab_charts.judges(points, "Right answers")
    marks = {row["name"]: (row["value"], row["low"], row["high"]) for row in drawn(specification(figure), "point")}
    for row in lab.judges.to_dict("records"):
        assert marks[row["condition"]] == pytest.approx(
            (row["difference"], row["difference_low"], row["difference_high"])
        )
    assert "shuffled rewards" in figure.alt


def test_published_runs_below_their_teachers_loss_are_told_apart(lab: Lab) -> None:
    points = lab_tables.scaling_points(lab.scaling)
    assert len(points) == 328
    below = points[points["side"] == lab_tables.BELOW]
    assert len(below) == 41
    assert (below["value"] <= 0).all()
    assert (points["law"] >= 0).all()  # the law has no student below its teacher


def test_no_series_is_told_by_colour_alone(lab: Lab) -> None:
    points = lab_tables.world_points(lab.worlds, "knowledge", TRUTH_KL)
    spec = specification(lab_charts.worlds(points, WORLD_OUTCOMES[TRUTH_KL], TRUTH_KL, 0.1))
    shapes = next(layer["encoding"]["shape"]["scale"] for layer in spec["layer"] if "shape" in layer["encoding"])
    assert len(set(shapes["range"])) == len(shapes["domain"]) == points["name"].nunique()


def test_a_folder_without_tables_gives_empty_ones(tmp_path: Any) -> None:
    empty = lab_tables.read_lab(tmp_path)
    assert empty.doses.empty
    assert empty.worlds.empty
    assert empty.judges.empty
    assert empty.scaling.empty
