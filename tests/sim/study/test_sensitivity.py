"""Sensitivity of a market whose answers are known: a posted price of 1.5 and cost c make the margin 1 - c / 1.5."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from sweeps import InThisProcess, no_models, plan_of, write_sweep

from dashboard import cli
from sim.shared.errors import InputError
from sim.study.assumptions import largest_run_count, study
from sim.study.flips import NEVER, PARTS, ROUNDS, SCAN, UNKNOWN
from sim.study.plan import Plan

COST = "providers.firm0.offers.o0.cost.input_usd_per_mtok"


def parameters(**cost: Any) -> list[dict[str, Any]]:
    """The first firm's cost, and the second's quality, which no cost or price hangs on."""
    quality = {"kind": "uniform", "low": 0.3, "high": 0.7}
    return [
        {"name": "cost", "paths": [COST], "distribution": {"kind": "uniform", "low": 0.5, "high": 1.4} | cost},
        {"name": "quality", "paths": ["models.m1.quality"], "distribution": quality},
    ]


SWEEP: dict[str, Any] = {
    "parameters": parameters(),
    "design": {"kind": "sobol", "points": 4},
    "morris": {"kind": "morris", "trajectories": 3},
    "saltelli": {"kind": "saltelli", "samples": 8},
    "metrics": [{"kind": "offer", "name": "margin", "offer": "o0", "column": "margin"}],
    "conclusions": [
        {"name": "earns", "statement": "the first firm keeps a fifth", "metric": "margin", "comparison": "above",
         "threshold": 0.2},
        {"name": "earns_less", "statement": "it keeps less than nine tenths", "metric": "margin", "comparison": "below",
         "threshold": 0.9},
    ],
}  # fmt: skip


def plan(folder: Path, **changes: Any) -> Plan:
    return plan_of(folder, **(SWEEP | changes))


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> dict[str, pd.DataFrame]:
    folder = tmp_path_factory.mktemp("study")
    return study(plan(folder), no_models(), InThisProcess(), folder / "out")


def row(table: pd.DataFrame, **where: str) -> pd.Series:
    for column, value in where.items():
        table = table[table[column] == value]
    (found,) = (table.iloc[index] for index in range(len(table)))
    return found


def test_a_conclusion_flips_where_the_margin_crosses_its_threshold(tables: dict[str, pd.DataFrame]) -> None:
    found = row(tables["flips"], conclusion="earns", parameter="cost")
    exact = 1.5 * (1 - 0.2)
    assert found["holds"]
    assert found["metric_in_base"] == pytest.approx(1 / 3)
    assert found["still_at"] < exact <= found["flips_at"]
    assert found["flips_at"] - found["still_at"] <= 0.4 / (SCAN * PARTS**ROUNDS) * 1.001
    assert found["change"] == pytest.approx(found["flips_at"] - 1.0)
    assert found["note"] == ""


@pytest.mark.parametrize(
    ("conclusion", "parameter"), [("earns", "quality"), ("earns_less", "cost"), ("earns_less", "quality")]
)
def test_what_does_not_flip_says_so(tables: dict[str, pd.DataFrame], conclusion: str, parameter: str) -> None:
    found = row(tables["flips"], conclusion=conclusion, parameter=parameter)
    assert found["note"] == NEVER
    assert pd.isna(found["flips_at"])


def test_the_nearer_flip_of_two_is_told(tmp_path: Path) -> None:
    # Above 0.2 holds for costs below 1.2: from a base of 1.31 it does not, and the flip lies below.
    changes = [{"key": COST, "value": 1.31}]
    out = study(plan(tmp_path, changes=changes), no_models(), InThisProcess(), tmp_path / "out", flips_only=True)
    found = row(out["flips"], conclusion="earns", parameter="cost")
    assert not found["holds"]
    assert found["flips_at"] < 1.2 <= found["still_at"]
    assert found["change"] < 0


def test_points_that_fail_are_no_answer(tmp_path: Path) -> None:
    # A quality above 1 is refused by the scenario; the ends of a range are tried when it is read, so it is put later.
    made = plan(tmp_path)
    beyond = made.sweep.parameters[1].model_copy(
        update={"distribution": made.sweep.parameters[1].distribution.model_copy(update={"high": 1.5})}
    )
    sweep = made.sweep.model_copy(update={"parameters": (made.sweep.parameters[0], beyond)})
    out = study(Plan(sweep, made.base, "x"), no_models(), InThisProcess(), tmp_path / "out", flips_only=True)
    assert row(out["flips"], conclusion="earns", parameter="quality")["note"] == UNKNOWN
    ends = row(out["tornado"], parameter="quality")
    assert pd.isna(ends["at_high"])
    assert ends["at_low"] == pytest.approx(1 / 3)


def test_the_tornado_holds_both_ends_the_largest_swing_first(tables: dict[str, pd.DataFrame]) -> None:
    tornado = tables["tornado"]
    assert tornado["parameter"].tolist() == ["cost", "quality"]
    cost = tornado.iloc[0]
    assert [cost[name] for name in ("at_low", "at_base", "at_high")] == pytest.approx([2 / 3, 1 / 3, 1 / 15])
    assert cost["swing"] == pytest.approx(0.6)
    assert tornado.iloc[1]["swing"] == pytest.approx(0.0, abs=1e-12)


def test_screening_finds_the_effect_over_the_whole_range(tables: dict[str, pd.DataFrame]) -> None:
    cost, quality = (row(tables["screening"], parameter=name) for name in ("cost", "quality"))
    assert cost["mu_star"] == pytest.approx(0.6)
    assert cost["mu"] == pytest.approx(-0.6)
    assert cost["sigma"] == pytest.approx(0.0, abs=1e-9)
    assert quality["mu_star"] == pytest.approx(0.0, abs=1e-12)


def test_the_one_parameter_that_matters_has_all_the_variance(tables: dict[str, pd.DataFrame]) -> None:
    cost, quality = (row(tables["indices"], parameter=name) for name in ("cost", "quality"))
    assert cost["total"] == pytest.approx(1.0, abs=0.15)
    assert cost["first_low"] <= cost["first"] <= cost["first_high"]
    assert quality["total"] == pytest.approx(0.0, abs=1e-9)


def test_a_second_study_runs_nothing_and_ends_in_the_same_bytes(tmp_path: Path) -> None:
    made = plan(tmp_path)
    study(made, no_models(), InThisProcess(), tmp_path / "out", flips_only=True)
    before = (tmp_path / "out" / "flips.parquet").read_bytes()
    again = InThisProcess()
    study(made, no_models(), again, tmp_path / "out", flips_only=True)
    assert again.ran == []
    assert (tmp_path / "out" / "flips.parquet").read_bytes() == before


def test_the_count_of_runs_is_never_exceeded(tmp_path: Path) -> None:
    engine = InThisProcess()
    study(plan(tmp_path), no_models(), engine, tmp_path / "out", flips_only=True)
    assert len(engine.ran) <= largest_run_count(plan(tmp_path), flips_only=True)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"parameters": parameters(low=1.2)}, "a number from 1.2 to 1.4"),
        ({"parameters": [{"name": "x", "paths": [COST], "distribution": {"kind": "choice", "values": [1]}}]}, "range"),
    ],
)
def test_a_sensitivity_wants_ranges_around_the_base(changes: dict[str, Any], said: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=said):
        study(plan(tmp_path, **changes), no_models(), InThisProcess(), tmp_path / "out", flips_only=True)


def test_the_command_prints_the_tables(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_sweep(tmp_path, **SWEEP)
    arguments = ["sim", "sensitivity", str(path), "--flips-only", "--json", "--out", str(tmp_path / "out")]
    assert cli.run(arguments) == 0
    found = json.loads(capsys.readouterr().out)
    assert {line["parameter"] for line in found["flips"]} == {"cost", "quality"}
    assert (tmp_path / "out" / "manifest.json").is_file()
