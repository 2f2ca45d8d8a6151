"""Calibration: the learned posterior is the known one where it is known, and the whole study of a tiny market."""

from __future__ import annotations

import copy
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from calibrations import (
    Conjugate,
    conjugate_pairs,
    raw_calibration,
    raw_prior_sweep,
    study_of,
    write_study,
)
from pydantic import TypeAdapter
from sweeps import InThisProcess, no_models

from dashboard import cli
from sim.shared.errors import CheckFailed, InputError, InputErrors
from sim.shared.paths import data_dir
from sim.study.calibrate import TABLES, calibrate, checks, read_runs, with_errors
from sim.study.calibration import Summary, load_study, natural_of, scaled, shipped_calibrations, with_draws
from sim.study.coverage import miscovered
from sim.study.design import point_count
from sim.study.distributions import LogNormal, LogUniform, Normal, Uniform
from sim.study.observed import shipped_market_shares, weekly_lists
from sim.study.posterior import learn
from sim.study.priors import normal_of, value_of

PRIORS = [
    Uniform(kind="uniform", low=-2.0, high=3.0),
    LogUniform(kind="loguniform", low=0.01, high=4.0),
    Normal(kind="normal", mean=1.0, sd=0.3),
    LogNormal(kind="lognormal", median=2.0, log_sd=0.5),
]


@pytest.mark.parametrize("part", PRIORS, ids=lambda part: part.kind)
def test_scores_and_values_are_each_others_inverse(part: Any) -> None:
    scores = np.linspace(-3.0, 3.0, 13)
    values = value_of(part, scores)
    assert (np.diff(values) > 0).all()
    assert normal_of(part, values) == pytest.approx(scores, abs=1e-6)
    assert value_of(part, np.array([0.0]))[0] == pytest.approx(part.at(0.5))


@pytest.mark.parametrize("part", PRIORS[:2], ids=lambda part: part.kind)
def test_no_score_leaves_the_range(part: Any) -> None:
    values = value_of(part, np.array([-40.0, 40.0]))
    assert part.low <= values[0] < values[1] <= part.high
    assert np.isfinite(normal_of(part, np.array([part.low, part.high]))).all()


def summary(**fields: Any) -> Any:
    observed = {"value": 0.5, "unit": "x", "date": "2026", "source": "s"}
    raw = {"name": "s", "role": "fitted", "error": 1.0, "observed": observed} | fields
    return TypeAdapter(Summary).validate_python(raw)


def test_summaries_are_what_they_say() -> None:
    metrics = {"a": 8.0, "b": 2.0, "p": 1.0, "q": 0.5, "none": None}
    level = summary(kind="level", metrics=["a", "b"], scale="log")
    assert scaled(level, level.natural(metrics)) == pytest.approx(math.log(10.0))
    ratio = summary(kind="ratio", metric="a", over="b")
    assert ratio.natural(metrics) == 4.0
    fall = summary(kind="fall", first="a", last="b", years=2.0)
    assert fall.natural(metrics) == pytest.approx(2.0)
    elasticity = summary(kind="elasticity", before="b", after="a", price_before="p", price_after="q")
    assert elasticity.natural(metrics) == pytest.approx(math.log(4.0) / math.log(0.5))
    for part in (summary(kind="ratio", metric="a", over="none"), summary(kind="ratio", metric="none", over="a")):
        assert math.isnan(part.natural(metrics))
    still = summary(kind="elasticity", before="b", after="a", price_before="p", price_after="p")
    assert math.isnan(still.natural(metrics))
    assert natural_of(elasticity, scaled(elasticity, -1.11)) == pytest.approx(-1.11)


@pytest.mark.parametrize("scale", ["linear", "log", "logit"])
def test_scales_go_both_ways(scale: str) -> None:
    part = summary(kind="level", metrics=["a"], scale=scale)
    assert natural_of(part, scaled(part, 0.3)) == pytest.approx(0.3)


@pytest.fixture(scope="module")
def learned() -> Any:
    pytest.importorskip("sbi")
    return learn(*conjugate_pairs(800, 0), seed=0, nets=1)


def test_the_learned_posterior_is_the_conjugate_one(learned: Any) -> None:
    observed = np.array([[1.0, 0.3], [-0.6, 0.0]])
    drawn, known = (part.draw(observed, 4000, 5) for part in (learned, Conjugate()))
    assert drawn.mean(axis=0) == pytest.approx(known.mean(axis=0), abs=0.12)
    assert drawn.std(axis=0) == pytest.approx(known.std(axis=0), rel=0.15)


def test_the_same_arguments_give_the_same_draws(learned: Any) -> None:
    observed = np.zeros((3, 2))
    first, again, other = (learned.draw(observed, 50, seed) for seed in (1, 1, 2))
    assert first.shape == (50, 3, 2)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


class Narrowed:
    """A posterior that is too sure by a factor."""

    def __init__(self, inner: Any, width: float) -> None:
        self.inner, self.width = inner, width

    def draw(self, observed: np.ndarray, count: int, seed: int) -> np.ndarray:
        drawn = self.inner.draw(observed, count, seed)
        middle = drawn.mean(axis=0)
        return np.asarray(middle + self.width * (drawn - middle))


def test_the_learned_posterior_passes_the_checks_and_a_narrowed_one_does_not(learned: Any) -> None:
    names = ["told", "untold"]
    truth, observed = conjugate_pairs(600, 7)
    right = checks(names, learned.draw(observed, 400, 0), truth)
    assert not len(miscovered(right["coverage"]))
    assert list(right["recovery"]["verdict"]) == ["identified", "not identified"]
    wrong = checks(names, Narrowed(learned, 0.5).draw(observed, 400, 0), truth)
    assert set(miscovered(wrong["coverage"])["parameter"]) == {"told", "untold"}


def test_too_few_markets_are_refused() -> None:
    pytest.importorskip("sbi")
    with pytest.raises(CheckFailed, match="100 are the least"):
        learn(*conjugate_pairs(30, 0))


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, pd.DataFrame]]:
    pytest.importorskip("sbi")
    folder = tmp_path_factory.mktemp("calibrate")
    tables = calibrate(study_of(folder), no_models(), InThisProcess(), folder / "out", "undercut sim calibrate x")
    return folder, tables


@pytest.mark.slow
def test_a_calibration_of_a_tiny_market_finds_its_price(done: tuple[Path, dict[str, pd.DataFrame]]) -> None:
    folder, tables = done
    assert set(tables) == set(TABLES)
    told = tables["identification"].iloc[0]
    # Half of the tokens at equal firms: both ask the same, 1.5.
    assert told["posterior_low"] < 1.5 < told["posterior_high"]
    assert told["verdict"] == "identified"
    assert told["posterior_low"] > told["prior_low"]
    fit = tables["fit"].set_index("summary")
    assert fit.loc["share", ["role", "verdict"]].tolist() == ["fitted", "reproduced"]
    assert fit.loc["margin", ["role", "verdict"]].tolist() == ["held_out", "missed"]
    manifest = json.loads((folder / "out" / "manifest.json").read_text())
    assert manifest["kind"] == "sim calibrate"
    assert set(manifest["content"]) == {f"{name}.{kind}" for name in TABLES for kind in ("parquet", "csv")}
    assert len(pd.read_csv(folder / "out" / "posterior.csv")) == 200


@pytest.mark.slow
def test_what_was_run_is_kept_and_ends_in_the_same_bytes(done: tuple[Path, dict[str, pd.DataFrame]]) -> None:
    folder, _ = done
    before = (folder / "out" / "posterior.parquet").read_bytes()
    engine = InThisProcess()
    calibrate(load_study(folder / "calibration.yaml"), no_models(), engine, folder / "out")
    assert engine.ran == []
    assert (folder / "out" / "posterior.parquet").read_bytes() == before


def test_points_that_fail_are_left_out_and_the_rest_goes_on(tmp_path: Path) -> None:
    study, numbers = study_of(tmp_path), range(150)
    reasons = ["took longer than 1 s" if number == 3 else "" for number in numbers]
    points = pd.DataFrame({"point": numbers, "reason": reasons, "price": np.linspace(1.25, 1.75, 150)})
    points.to_parquet(tmp_path / "points.parquet")
    nothing = {(5, "share"), (6, "margin")}
    rows = [
        (number, name, float("nan") if (number, name) in nothing else 0.4)
        for number in numbers
        for name in ("share", "margin")
        if number != 3
    ]
    pd.DataFrame(rows, columns=["point", "metric", "value"]).to_parquet(tmp_path / "metrics.parquet")
    found = read_runs(study, tmp_path)
    assert value_of(study.plan.sweep.parameters[0].distribution, found.parameters[:, 0])[0] == pytest.approx(1.25)
    assert (found.failed, found.missing) == (1, 1)
    assert set(range(150)) - set(found.points) == {3, 5}  # a held-out figure may be missing
    assert np.isnan(found.summaries[list(found.points).index(6), 1])
    noise = with_errors(study, found)[:, 0] - found.summaries[:, 0]
    assert noise.std() == pytest.approx(0.1, rel=0.4)
    assert np.array_equal(with_errors(study, found), with_errors(study, found))


@pytest.mark.parametrize(
    ("sweep", "changes", "said"),
    [
        ({}, {"folds": 1}, "folds"),
        ({"design": {"kind": "random", "points": 149}}, {}, "150 or more"),
        ({"design": {"kind": "latin_hypercube", "points": 160}}, {}, "independent draws"),
        ({}, {"summaries": []}, "summaries"),
    ],
)
def test_contradictions_are_told(tmp_path: Path, sweep: dict[str, Any], changes: dict[str, Any], said: str) -> None:
    with pytest.raises((InputError, InputErrors), match=said):
        study_of(tmp_path, raw_prior_sweep(**sweep), **changes)


def test_levels_have_no_density_and_seven_unknowns_are_too_many(tmp_path: Path) -> None:
    price = raw_prior_sweep()["parameters"][0]
    grid = price | {"distribution": {"kind": "grid", "low": 1.2, "high": 1.8, "count": 3}}
    with pytest.raises(InputError, match="a prior with a density"):
        study_of(tmp_path, raw_prior_sweep(parameters=[grid]))
    many = [copy.deepcopy(price) | {"name": f"p{number}"} for number in range(7)]
    with pytest.raises(InputError, match="at most 6"):
        study_of(tmp_path, raw_prior_sweep(parameters=many))


def test_an_unknown_metric_is_told_with_those_that_exist(tmp_path: Path) -> None:
    raw = raw_calibration()
    raw["summaries"][0]["metrics"] = ["nothing"]
    with pytest.raises(InputError, match="share, margin"):
        study_of(tmp_path, summaries=raw["summaries"])


def test_the_command_refuses_bad_input(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_study(tmp_path)
    for arguments, said in (
        (["nowhere"], "real_market"),
        ([str(path), "--draws", "3"], "--draws"),
        ([str(path), "--workers", "0"], "--workers"),
    ):
        assert cli.run(["sim", "calibrate", *arguments, "--out", str(tmp_path / "never")]) == 2
        assert said in capsys.readouterr().err
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("mine")
    assert cli.run(["sim", "calibrate", str(path), "--out", str(tmp_path / "mine")]) == 2
    assert [part.name for part in (tmp_path / "mine").iterdir()] == ["thesis.txt"]


def test_draws_may_be_chosen(tmp_path: Path) -> None:
    study = study_of(tmp_path)
    assert with_draws(study, None) is study
    assert with_draws(study, 500).calibration.draws == 500
    with pytest.raises(InputError, match="100"):
        with_draws(study, 99)


@pytest.mark.parametrize("path", shipped_calibrations(), ids=lambda path: path.stem)
def test_shipped_calibrations_can_be_read(path: Path) -> None:
    study = load_study(path.stem)
    assert study.calibration.name == path.stem
    assert point_count(study.plan.sweep) >= 400  # synthetic data sets
    assert all(part.observed.source for part in study.calibration.summaries)


def test_what_is_said_of_the_weekly_lists_is_what_they_say() -> None:
    lists = weekly_lists(shipped_market_shares())
    observed = {part.name: part.observed.value for part in load_study("real_market").calibration.summaries}
    assert lists.weeks == 13
    assert observed["dear_share"] == pytest.approx(lists.dear_share, abs=0.001)
    assert observed["leader_share"] == pytest.approx(lists.leader_share, abs=0.001)
    assert observed["top_three_entries"] == lists.top_three_entries
    assert observed["adoption"] == pytest.approx(lists.adoption, abs=0.001)
    assert len(lists.releases) == 3
    assert lists.open_share == pytest.approx(0.19, abs=0.005)


@pytest.mark.skipif(not (data_dir() / "simulated" / "calibration").is_dir(), reason="no posterior ships yet")
def test_the_shipped_posterior_was_checked_and_covers_what_it_says() -> None:
    folder = data_dir() / "simulated" / "calibration"
    table = pd.read_csv(folder / "coverage.csv")
    names = [part.name for part in load_study("real_market").plan.sweep.parameters]
    assert (table["data_sets"] >= 390).all()
    assert sorted(set(table["parameter"])) == sorted(names)
    assert not len(miscovered(table))
    assert list(pd.read_parquet(folder / "posterior.parquet").columns) == ["draw", *names]
