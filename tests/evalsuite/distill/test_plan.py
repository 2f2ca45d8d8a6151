"""A table of doses grown in slices has the bytes of one made in one go, and no row is computed twice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("torch")

from evalsuite.distill import dose as module
from evalsuite.distill.accuracy import Accuracy
from evalsuite.distill.dose_table import CLOCK_COLUMNS, DOSES, read_rows, table_of
from evalsuite.distill.plan import Plan, grow_table, read_plan
from evalsuite.distill.publish_curves import publish_plan
from evalsuite.distill.recipe import read_recipe
from sim.shared.curves import CURVES_NAME, shipped_curves
from sim.shared.errors import InputError
from sim.shared.tables import read_table, write_csv


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Seed and dose of each row in the order in which it is measured."""
    found: list[tuple[int, int]] = []
    real = module._row

    def row(recipe: Any, bench: Any, model: Any, dose: int, *rest: Any) -> Any:
        found.append((recipe.seed, dose))
        return real(recipe, bench, model, dose, *rest)

    monkeypatch.setattr(module, "_row", row)
    return found


@pytest.fixture
def plan(recipe_of: Any, tmp_path: Path) -> Plan:
    """Two lines of one recipe, the second with larger doses, and a second seed."""
    path = tmp_path / "small.yaml"
    path.write_text(recipe_of().model_dump_json())
    cells = [
        {"recipe": str(path), "doses": [0, 64], "seeds": [0, 1]},
        {"recipe": str(path), "doses": [128, 256], "seeds": [0]},
    ]
    return Plan.model_validate({"name": "small", "cells": cells})


def without_clock(path: Path) -> str:
    table = read_table(path)
    return str(table[[name for name in DOSES.column_names if name not in CLOCK_COLUMNS]].to_csv(index=False))


def test_slices_on_fresh_machines_come_to_the_bytes_of_one_go(
    plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, measured: list[tuple[int, int]]
) -> None:
    whole, sliced = tmp_path / "whole.csv", tmp_path / "sliced.csv"
    monkeypatch.setenv("UNDERCUT_CACHE_DIR", str(tmp_path / "one"))
    assert grow_table(plan, whole).missing == 0
    order = [(0, 0), (0, 64), (1, 0), (1, 64), (0, 128), (0, 256)]
    assert measured == order
    measured.clear()
    assert grow_table(plan, sliced, minutes=0.0).now == 0
    for slice_ in range(len(order)):
        monkeypatch.setenv("UNDERCUT_CACHE_DIR", str(tmp_path / f"machine-{slice_}"))
        with pytest.raises(Enough):
            grow_table(plan, sliced, on_row=stop_after_one)
        assert len(read_rows(sliced)) == slice_ + 1
    done = grow_table(plan, sliced)
    assert (done.wanted, done.before, done.now, done.missing) == (6, 6, 0, 0)
    assert measured == order
    assert without_clock(sliced) == without_clock(whole)


class Enough(Exception):
    """Raised when a slice has measured its row."""


def stop_after_one(row: Any) -> None:
    raise Enough


def test_rows_of_no_cell_stay_and_curves_are_fitted_and_replaced(plan: Plan, tmp_path: Path) -> None:
    path = tmp_path / "small.csv"
    grow_table(plan, path)
    stranger = read_table(path).iloc[[0]].assign(cell="another", recipe="other")
    pd.concat([stranger, read_table(path).iloc[1:]]).to_csv(path, index=False)
    assert grow_table(plan, path).now == 1
    assert read_table(path)["recipe"].tolist() == ["small"] * 6 + ["other"]
    assert publish_plan(path, tmp_path / "out") == publish_plan(path, tmp_path / "out") == 3
    curves = shipped_curves(tmp_path / "out")
    assert curves.table["evidence"].eq("measured").all()
    assert len(curves.table) == 3
    assert len(curves.draws) == 3 * curves.draws["draw"].max()
    assert (tmp_path / "out" / CURVES_NAME).is_file()


def test_accuracy_is_measured_beside_the_primary_outcomes_and_leaves_them_as_they_are(
    recipe_of: Any, tmp_path: Path, plan: Plan
) -> None:
    pytest.importorskip("lm_eval")
    with_accuracy = plan.model_copy(
        update={
            "accuracy": Accuracy(tasks=("grammar", "brackets"), items=6),
            "cells": (plan.cells[0].model_copy(update={"seeds": (0,)}),),
        }
    )
    grow_table(with_accuracy, tmp_path / "scored.csv")
    grow_table(plan, tmp_path / "plain.csv")
    scored, plain = read_table(tmp_path / "scored.csv"), read_table(tmp_path / "plain.csv")
    assert scored["items"].tolist() == [12, 12]
    assert scored["chance"].tolist() == [0.5, 0.5]
    assert scored["accuracy_on"].tolist() == ["mini, the first 6 of grammar brackets"] * 2
    assert ((scored["accuracy"] * 12) % 1 == 0).all()
    assert scored["held_out_kl_nats"].tolist() == plain["held_out_kl_nats"].tolist()[:2]
    assert set(scored["cell"]).isdisjoint(plain["cell"])


def test_the_shipped_study_names_recipes_that_ship() -> None:
    plan = read_plan("doses_language")
    assert plan.accuracy is not None
    assert len(plan.accuracy.found().tasks) == len(plan.accuracy.tasks)
    for group in plan.cells:
        assert read_recipe(group.recipe).name == group.recipe
    with pytest.raises(InputError, match="doses_language"):
        read_plan("none-such")


def test_rows_come_back_from_the_file_to_their_last_digit(tmp_path: Path) -> None:
    filled = {column.name: "x" if column.kind == "text" else 1 for column in DOSES.columns}
    digits = np.random.default_rng(0).random(2000) * 3
    rows = [filled | {"cell": str(place), "held_out_kl_nats": value} for place, value in enumerate(digits.tolist())]
    path = tmp_path / "rows.csv"
    write_csv(table_of(rows), path)
    first = path.read_bytes()
    kept = read_rows(path)
    assert [row["held_out_kl_nats"] for row in kept.values()] == digits.tolist()
    write_csv(table_of(list(kept.values())), path)
    assert path.read_bytes() == first
