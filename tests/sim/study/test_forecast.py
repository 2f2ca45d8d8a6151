"""Forecasts and backtests: a posterior's draws run through a market, and laid beside what happened."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from calibrations import raw_calibration, raw_prior_sweep
from sweeps import InThisProcess, no_models, raw_tiny

from dashboard import cli
from sim.shared.errors import CheckFailed, InputError
from sim.shared.paths import data_dir
from sim.study.backtest import load_event, run_backtests, shipped_backtests
from sim.study.forecast import Figure, fans, load_outlook, run_forecast
from sim.study.predictive import predict, read_posterior
from sim.study.probe import Probe


def posterior(low: float = 1.45, high: float = 1.55, count: int = 8) -> pd.DataFrame:
    """Draws of the first firm's price, and of something that the tiny market does not vary."""
    return pd.DataFrame({"price": np.linspace(low, high, count), "other": 1.0})


def write_forecast(folder: Path, **changes: Any) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tiny.yaml").write_text(yaml.safe_dump(raw_tiny()))
    metrics = [
        {"kind": "offer", "name": name, "offer": offer, "column": "share_of_tokens", "days": [20, 40]}
        for name, offer in (("mine", "o0"), ("theirs", "o1"))
    ]
    (folder / "sweep.yaml").write_text(yaml.safe_dump(raw_prior_sweep(metrics=metrics)))
    figures = [
        {"name": "theirs", "metrics": ["theirs"], "unit": "fraction", "says": "share of the second firm"},
        {"name": "both", "metrics": ["mine", "theirs"], "unit": "fraction", "says": "of everything sold, all"},
    ]
    raw = {"name": "tiny", "title": "t", "sweep": "sweep.yaml", "figures": figures, "cannot_know": ["the weather"]}
    path = folder / "forecast.yaml"
    path.write_text(yaml.safe_dump(raw | changes))
    return path


def write_event(folder: Path, name: str = "event", **changes: Any) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tiny.yaml").write_text(yaml.safe_dump(raw_tiny()))
    (folder / "sweep.yaml").write_text(yaml.safe_dump(raw_prior_sweep()))
    summaries = [part | {"role": "held_out"} for part in raw_calibration()["summaries"]]
    raw = {"name": name, "title": "t", "sweep": "sweep.yaml", "summaries": summaries} | changes
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump(raw))
    return path


def test_a_fan_holds_the_draws_and_what_adds_up_adds_up(tmp_path: Path) -> None:
    outlook = load_outlook(write_forecast(tmp_path))
    table = run_forecast(outlook, no_models(), InThisProcess(), tmp_path / "out", posterior(), 8)
    assert set(table["figure"]) == {"theirs", "both"}
    assert list(table[table["figure"] == "theirs"]["date"]) == ["2026-01-21", "2026-02-10"]
    assert (table["draws"] == 8).all()
    theirs = table[(table["figure"] == "theirs") & (table["day"] == 40)].iloc[0]
    assert theirs["q05"] < theirs["q25"] < theirs["q50"] < theirs["q75"] < theirs["q95"]
    assert theirs["q50"] == pytest.approx(0.5, abs=0.02)  # at 1.5 both are alike
    both = table[table["figure"] == "both"]
    assert both[["q05", "q95"]].to_numpy() == pytest.approx(1.0)
    assert (tmp_path / "out" / "forecast.csv").is_file()


def test_a_wider_posterior_gives_a_wider_fan(tmp_path: Path) -> None:
    outlook = load_outlook(write_forecast(tmp_path))
    spreads = []
    for number, (low, high) in enumerate([(1.45, 1.55), (1.25, 1.75)]):
        table = run_forecast(
            outlook, no_models(), InThisProcess(), tmp_path / str(number), posterior(low, high, 6), 6
        ).query("figure == 'theirs'")
        spreads.append((table["q95"] - table["q05"]).to_numpy())
    assert (spreads[1] > 2 * spreads[0]).all()


def test_draws_that_were_run_are_kept(tmp_path: Path) -> None:
    outlook = load_outlook(write_forecast(tmp_path))
    run_forecast(outlook, no_models(), InThisProcess(), tmp_path / "out", posterior(), 4)
    engine = InThisProcess()
    run_forecast(outlook, no_models(), engine, tmp_path / "out", posterior(), 6)
    assert len(engine.ran) == 2


def test_a_draw_without_a_figure_is_left_out_of_it_alone() -> None:
    figures = [Figure(name="f", metrics=("a", "b"), unit="x", says="s")]
    probes = [
        Probe(readings={("a", 1.0): 1.0, ("b", 1.0): 2.0}),
        Probe(readings={("a", 1.0): 1.0, ("b", 1.0): None}),
        Probe(readings={("a", 1.0): 3.0, ("b", 1.0): 2.0, ("a", 2.0): 1.0}),
    ]
    table = fans(figures, probes, datetime.date(2026, 1, 1))
    assert table[["day", "q50", "draws"]].to_numpy().tolist() == [[1.0, 4.0, 2]]


def test_a_posterior_must_have_the_parameters_and_the_draws(tmp_path: Path) -> None:
    plan = load_outlook(write_forecast(tmp_path)).plan
    with pytest.raises(InputError, match="those of the posterior: other"):
        predict(plan, no_models(), InThisProcess(), tmp_path, posterior()[["other"]], 2, "x")
    with pytest.raises(InputError, match="1 to 8"):
        predict(plan, no_models(), InThisProcess(), tmp_path, posterior(), 9, "x")


def test_failed_draws_are_left_out_and_none_left_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan = load_outlook(write_forecast(tmp_path)).plan
    broken = posterior(count=3)
    broken.loc[1, "price"] = -1.0  # no scenario has a negative price
    assert len(predict(plan, no_models(), InThisProcess(), tmp_path, broken, 3, "x")) == 2
    assert "left out: 1 of 3 draws failed" in capsys.readouterr().err
    broken["price"] = -1.0
    with pytest.raises(CheckFailed, match="no draw could be run"):
        predict(plan, no_models(), InThisProcess(), tmp_path, broken, 3, "x")


@pytest.mark.parametrize(
    ("frame", "said"),
    [
        (pd.DataFrame({"draw": [0, 1]}), "a column a parameter"),
        (pd.DataFrame({"draw": [0], "price": ["dear"]}), "finite numbers"),
        (pd.DataFrame({"price": [1.0, float("nan")]}), "finite numbers"),
    ],
)
def test_a_table_that_is_no_posterior_is_refused(tmp_path: Path, frame: pd.DataFrame, said: str) -> None:
    frame.to_parquet(tmp_path / "posterior.parquet")
    with pytest.raises(InputError, match=said):
        read_posterior(tmp_path / "posterior.parquet")


def test_an_event_is_predicted_and_laid_beside_what_happened(tmp_path: Path) -> None:
    events = [load_event(write_event(tmp_path, name)) for name in ("one", "two")]
    table, failed = run_backtests(events, no_models(), InThisProcess(), tmp_path / "out", posterior(), 5)
    assert failed == {}
    assert list(table["event"]) == ["one", "one", "two", "two"]
    assert set(table["role"]) == {"held_out"}
    by = table[table["event"] == "one"].set_index("summary")
    assert by.loc["share", "verdict"] == "reproduced"
    assert by.loc["margin", "verdict"] == "missed"
    assert by.loc["share", "predicted_low"] < 0.5 < by.loc["share", "predicted_high"]


def test_an_event_that_fails_does_not_stop_the_others(tmp_path: Path) -> None:
    good = load_event(write_event(tmp_path / "good", "good"))
    bad = load_event(write_event(tmp_path / "bad", "bad"))
    limited = bad.plan.sweep.model_copy(update={"seed": 2**63 - 1, "replications": 0})
    broken = type(bad)(bad.backtest, type(bad.plan)(limited, bad.plan.base, bad.plan.source))
    table, failed = run_backtests([broken, good], no_models(), InThisProcess(), tmp_path / "out", posterior(), 2)
    assert list(failed) == ["bad"]
    assert set(table["event"]) == {"good"}


def test_an_event_may_not_be_fitted(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="held_out"):
        load_event(write_event(tmp_path, summaries=raw_calibration()["summaries"]))


def test_unknown_metrics_are_told(tmp_path: Path) -> None:
    figure = {"name": "f", "metrics": ["nothing"], "unit": "x", "says": "s"}
    with pytest.raises(InputError, match="mine, theirs"):
        load_outlook(write_forecast(tmp_path / "a", figures=[figure]))
    wrong = raw_calibration()["summaries"][0] | {"role": "held_out", "metrics": ["nothing"]}
    with pytest.raises(InputError, match="share, margin"):
        load_event(write_event(tmp_path / "b", summaries=[wrong]))


def test_the_shipped_files_can_be_read_and_vary_parameters_of_the_shipped_calibration() -> None:
    from sim.study.calibration import load_study

    names = {part.name for part in load_study("real_market").plan.sweep.parameters}
    assert {part.name for part in load_outlook("real_market").plan.sweep.parameters} == names
    assert shipped_backtests() == ["china_2024", "deepseek_r1", "windsurf_2025"]
    for name in shipped_backtests():
        event = load_event(name)
        assert event.backtest.name == name
        assert {part.name for part in event.plan.sweep.parameters} <= names


def test_the_commands_refuse_bad_input_and_say_what_cannot_be_known(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_forecast(tmp_path)
    table = tmp_path / "posterior.csv"
    posterior().to_csv(table, index=False)
    for arguments, said in (
        (["forecast", "nowhere", "--posterior", str(table)], "real_market"),
        (["forecast", str(path), "--posterior", str(tmp_path / "none.csv")], "none.csv"),
        (["forecast", str(path), "--posterior", str(table), "--draws", "99"], "--draws"),
        (["backtest", "nowhere", "--posterior", str(table)], "windsurf_2025"),
    ):
        assert cli.run(["sim", *arguments, "--out", str(tmp_path / "never")]) == 2
        assert said in capsys.readouterr().err
    out = ["--out", str(tmp_path / "out"), "--workers", "1"]
    assert cli.run(["sim", "forecast", str(path), "--posterior", str(table), "--draws", "2", *out]) == 0
    shown = capsys.readouterr()
    assert "theirs" in shown.out
    assert "- the weather" in shown.out
    assert shown.err.splitlines()[-1].startswith("next: undercut sim backtest")


@pytest.mark.skipif(not (data_dir() / "simulated" / "calibration").is_dir(), reason="no posterior ships yet")
def test_the_shipped_posterior_fits_the_shipped_forecast_and_events() -> None:
    draws = read_posterior(None)
    assert len(draws) >= 1000
    for plan in (load_outlook("real_market").plan, *(load_event(name).plan for name in shipped_backtests())):
        for part in plan.sweep.parameters:
            low, high = part.distribution.ends  # type: ignore[union-attr]
            assert draws[part.name].between(low, high).all()
