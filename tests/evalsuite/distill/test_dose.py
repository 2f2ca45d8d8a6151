"""Doses on a tiny teacher: nested, resumed point by point, and written as table, curve and chart."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

pytest.importorskip("torch")

from evalsuite.distill import dose as module
from evalsuite.distill.dose import Study, measure
from evalsuite.distill.dose_run import run_doses
from evalsuite.distill.dose_table import CLOCK_COLUMNS, DOSES
from evalsuite.distill.training import DivergedError
from sim.shared.curves import read_curves
from sim.shared.errors import InputError, RunInterrupted
from sim.shared.paths import cache_dir

STUDY = Study(doses=(0, 64, 256, 512))


@pytest.fixture
def points_measured(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Doses in the order in which they are measured."""
    measured: list[int] = []
    real = module._row

    def row(recipe: Any, bench: Any, model: Any, dose: int, *rest: Any) -> Any:
        measured.append(dose)
        return real(recipe, bench, model, dose, *rest)

    monkeypatch.setattr(module, "_row", row)
    return measured


def test_table_curves_and_chart_are_written_and_a_second_run_measures_nothing(
    recipe_of: Any, tmp_path: Path, points_measured: list[int]
) -> None:
    recipe = recipe_of(access={"regime": {"kind": "full"}, "price_out_usd_per_mtok": 3.0, "price_in_usd_per_mtok": 1.0})
    table = run_doses(recipe, STUDY, tmp_path / "out", "the command")
    assert points_measured == [0, 64, 256, 512]
    assert table["distinct_teacher_tokens"].tolist() == [0, 64, 256, 512]
    assert table["paid_usd"].tolist() == pytest.approx([0.0, 64 * 4e-6, 256 * 4e-6, 512 * 4e-6])
    assert table["held_out_kl_nats"].iloc[-1] < table["held_out_kl_nats"].iloc[0]
    curves = read_curves(tmp_path / "out" / "curves.parquet")
    assert curves["outcome"].tolist() == ["held_out_kl_nats", "teacher_nats_per_byte", "human_nats_per_byte"]
    assert (curves["curve"] == "small, 1 epoch").all()
    assert json.loads((tmp_path / "out" / "chart.vl.json").read_text())["vconcat"]
    first = (tmp_path / "out" / "doses.parquet").read_bytes()
    run_doses(recipe, STUDY, tmp_path / "again", "the command")
    assert len(points_measured) == 4
    assert (tmp_path / "again" / "doses.parquet").read_bytes() == first
    assert not list((cache_dir() / "training").glob("*/trunk"))


def test_a_study_killed_between_points_goes_on_and_comes_to_the_same_table(
    recipe_of: Any, tmp_path: Path, points_measured: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = recipe_of()
    whole = measure(recipe, STUDY)
    (cache_dir() / "doses.sqlite").unlink()
    real = module._decay
    decayed: list[int] = []

    def decay(trunk: Any, steps: int, on_step: Any) -> None:
        decayed.append(steps)
        if len(decayed) == 2:
            raise KeyboardInterrupt
        real(trunk, steps, on_step)

    monkeypatch.setattr(module, "_decay", decay)
    points_measured.clear()
    with pytest.raises(RunInterrupted, match="the command"):
        run_doses(recipe, STUDY, tmp_path / "out", "the command")
    assert points_measured == [0, 64]
    assert not (tmp_path / "out").exists()
    steps: list[int] = []
    grow = module._grow

    def watched(trunk: Any, count: int, path: Any, key: str, on_step: Any) -> None:
        steps.append(count - trunk.step)
        grow(trunk, count, path, key, on_step)

    monkeypatch.setattr(module, "_grow", watched)
    again = measure(recipe, STUDY)
    assert points_measured == [0, 64, 256, 512]
    assert steps[0] == 0  # the trunk's state at the dose where it was stopped was kept
    same = [name for name in DOSES.column_names if name not in CLOCK_COLUMNS]
    pd.testing.assert_frame_equal(again[same], whole[same], check_exact=True)


def test_a_smaller_dose_measured_later_is_the_same_as_measured_first(recipe_of: Any) -> None:
    recipe = recipe_of()
    later = measure(recipe, Study(doses=(0, 512)))
    nested = measure(recipe, Study(doses=(0, 256, 512)))
    (cache_dir() / "doses.sqlite").unlink()
    fresh = measure(recipe, Study(doses=(0, 256, 512)))
    assert nested["held_out_kl_nats"].tolist() == fresh["held_out_kl_nats"].tolist()
    assert later["held_out_kl_nats"].iloc[1] == fresh["held_out_kl_nats"].iloc[2]


def test_epochs_train_longer_on_the_same_tokens_and_seeds_buy_other_text(recipe_of: Any) -> None:
    once = measure(recipe_of(method={"kind": "outputs"}), Study(doses=(64, 256), seeds=(0, 1)))
    thrice = measure(recipe_of(method={"kind": "outputs"}), Study(doses=(64, 256), epochs=3))
    assert thrice["training_tokens"].tolist() == [192, 768]
    assert thrice["distinct_teacher_tokens"].tolist() == [64, 256]
    assert once["seed"].tolist() == [0, 0, 1, 1]
    assert once["teacher_nats_per_byte"].nunique() == 4
    assert thrice["teacher_nats_per_byte"].iloc[1] != once["teacher_nats_per_byte"].iloc[1]


@pytest.mark.parametrize(
    ("study", "told"),
    [
        (Study(doses=(0,)), "at least 2 different"),
        (Study(doses=(64, 64)), "at least 2 different"),
        (Study(doses=(0, 40)), r"at least two steps \(64\)"),
        (Study(doses=(0, 64), seeds=(1, 1)), "different seeds"),
    ],
)
def test_a_study_that_says_nothing_is_refused(recipe_of: Any, study: Study, told: str) -> None:
    with pytest.raises(InputError, match=told):
        measure_checked(recipe_of(), study)


def test_a_loss_that_is_no_number_says_what_is_kept(recipe_of: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    real = module._decay

    def decay(trunk: Any, steps: int, on_step: Any) -> None:
        if trunk.step > 5:
            trunk.student.model.norm.weight.data[0] = float("nan")
        real(trunk, steps, on_step)

    monkeypatch.setattr(module, "_decay", decay)
    with pytest.raises(DivergedError, match=r"of the dose of 256 tokens; smaller doses.*lower method\.learning_rate"):
        measure(recipe_of(), STUDY)
    monkeypatch.undo()
    assert len(measure(recipe_of(), Study(doses=(0, 64)))) == 2


def test_terms_that_end_before_the_largest_dose_are_told(recipe_of: Any) -> None:
    access = {"regime": {"kind": "full"}, "tokens": 400}
    with pytest.raises(InputError, match="which is what the terms allow"):
        measure(recipe_of(access=access), Study(doses=(0, 64, 2048)))


def measure_checked(recipe: Any, study: Study) -> None:
    module.check(recipe, study)
