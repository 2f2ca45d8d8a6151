"""A claim from its file to its tables: on a market so small that a draw takes hundredths of a second."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from sweeps import InThisProcess, no_models, write_sweep

from dashboard import cli
from dashboard.claim_report import read_verdicts, write_claim_report
from sim.claims.claim import Cell, Claim, Control, Criterion, Experiment, Measurement, Score
from sim.claims.experiment import plan_of
from sim.claims.registry import NAMES, claims
from sim.claims.run import judge, run_claims
from sim.shared.errors import InputError

PRICE = "providers.firm0.offers.o0.list_price.input_usd_per_mtok"


def price_between(low: float, high: float) -> dict[str, Any]:
    return {"name": "price", "paths": [PRICE], "distribution": {"kind": "uniform", "low": low, "high": high}}


def tiny_claim(folder: Path, threshold: float = 0.0, cheap_usd: float = 1.1) -> Claim:
    """That a lower price sells more: true of any market, unless the price is not lower."""
    write_sweep(folder)
    sweep: dict[str, Any] = {
        "scenario": str(folder / "tiny.yaml"),
        "arms": [
            {"name": "dear"},
            {"name": "cheap", "changes": [{"key": PRICE, "value": cheap_usd}]},
            {"name": "same", "changes": []},
        ],
        "parameters": [price_between(1.3, 1.8)],
        "metrics": [{"kind": "offer", "name": "share", "offer": "o0", "column": "share_of_tokens"}],
    }  # fmt: skip
    more = Score("more", "fraction", "share gained", lambda arms: arms["share@cheap"] - arms["share@dear"])
    none = Score("none", "fraction", "share gained by nothing", lambda arms: arms["share@same"] - arms["share@dear"])
    return Claim(
        name="tiny", sentence="A lower price sells more.", hypothesis="Share gained.", criterion="The share rises.",
        by_construction="Demand slopes down.",
        experiments=(
            Experiment(
                "price", "two firms", sweep, (more, none),
                (Criterion("rises", "it rises", "more", "above", threshold),),
                (Control("nothing", "nothing gains nothing", Criterion("nought", "below", "none", "below", 1e-9)),),
            ),
        ),
    )  # fmt: skip


def judged(claim: Claim, folder: Path, draws: int = 6) -> Any:
    return judge(claim, draws, no_models(), InThisProcess(), folder, with_flips=False)


def test_a_true_statement_is_supported_and_a_broken_mechanism_is_seen(tmp_path: Path) -> None:
    assert judged(tiny_claim(tmp_path), tmp_path / "true").verdict == "supported"
    # The cheap arm is dearer than any draw: the same test says no.
    assert judged(tiny_claim(tmp_path, cheap_usd=1.9), tmp_path / "false").verdict == "not supported"


def test_a_control_that_shows_the_effect_takes_the_support_away(tmp_path: Path) -> None:
    claim = tiny_claim(tmp_path)
    part = claim.experiments[0]
    broken = replace(part.controls[0], criterion=replace(part.controls[0].criterion, threshold=-1.0))
    found = judged(replace(claim, experiments=(replace(part, controls=(broken,)),)), tmp_path / "out")
    assert found.verdict == "inconclusive"
    assert "control nothing fails" in found.why


def test_arms_share_their_draws(tmp_path: Path) -> None:
    found = judged(tiny_claim(tmp_path), tmp_path / "out")
    metrics = pd.read_parquet(tmp_path / "out" / "price" / "metrics.parquet")
    wide = metrics.pivot_table(index="point", columns="arm", values="value")
    assert (wide["same"] == wide["dear"]).all()
    assert wide["dear"].nunique() == 6
    assert len(found.played[0].scored) == 6


def test_the_first_draws_are_the_same_however_many_follow(tmp_path: Path) -> None:
    from sim.study.design import points

    claim = tiny_claim(tmp_path)
    few, many = (list(points(plan_of(claim, claim.experiments[0], draws).sweep)) for draws in (4, 40))
    assert many[:4] == few


def test_a_criterion_flips_where_the_market_says(tmp_path: Path) -> None:
    """The cheap arm asks 1.1; the dear one is moved from its 1.5 down to 1.0: below 1.1 nothing is gained."""
    claim = tiny_claim(tmp_path)
    part = claim.experiments[0]
    moved = replace(part, sweep={**part.sweep, "parameters": [price_between(1.0, 1.8)]})
    found = judge(replace(claim, experiments=(moved,)), 3, no_models(), InThisProcess(), tmp_path / "out")
    flips = pd.read_parquet(tmp_path / "out" / "flips.parquet")
    assert found.claim.name == "tiny"
    row = flips.iloc[0]
    assert row["holds"]
    assert row["flips_at"] <= 1.1 <= row["still_at"]
    assert row["still_at"] - row["flips_at"] < 0.01


def test_cells_decide_a_measured_part(tmp_path: Path) -> None:
    def claim_of(*values: float) -> Claim:
        cells = [Cell(f"seed {seed}", value, value - 0.01, value + 0.01, "10") for seed, value in enumerate(values)]
        part = Measurement(
            "cells", "says", "fraction", lambda: cells, Criterion("up", "up", "x", "above", 0.0), "all", 3, "seeds"
        )
        return Claim("tiny", "s", "h", "c", "b", measurements=(part,))

    assert judged(claim_of(0.1, 0.1, 0.1), tmp_path / "a").verdict == "supported"
    assert judged(claim_of(0.1, 0.1, -0.1), tmp_path / "b").verdict == "not supported"
    short = judged(claim_of(0.1, 0.1), tmp_path / "c")
    assert short.verdict == "inconclusive"
    assert "(seeds)" in short.why


def test_a_folder_of_claims_becomes_a_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    claim = tiny_claim(tmp_path)
    run_claims([claim], no_models(), InThisProcess(), tmp_path / "out", command="undercut claims run tiny")
    again = InThisProcess()
    run_claims([claim], no_models(), again, tmp_path / "out", command="undercut claims run tiny")
    assert again.ran == []
    monkeypatch.setattr("dashboard.claim_report.claims", lambda names: [claim])
    files = write_claim_report(tmp_path / "out", tmp_path / "report")
    text = (tmp_path / "report" / "claims.md").read_text()
    assert "tiny: supported" in text
    assert {path.name for path in files} >= {"claims.html", "claims.md"}
    (tmp_path / "out" / "verdicts.parquet").write_bytes(b"x")
    with pytest.raises(InputError, match="changed since"):
        read_verdicts(tmp_path / "out")


@pytest.mark.parametrize("claim", claims(), ids=lambda claim: claim.name)
def test_every_claim_is_whole(claim: Claim) -> None:
    assert claim.sentence.endswith(".")
    assert claim.experiments or claim.measurements
    for experiment in claim.experiments:
        plan = plan_of(claim, experiment, 2)
        names = {score.name for score in experiment.scores}
        controls = [control.criterion for control in experiment.controls]
        assert {criterion.score for criterion in [*experiment.criteria, *controls]} <= names
        assert experiment.controls
        assert plan.sweep.arms
    for measurement in claim.measurements:
        for cell in measurement.cells():
            assert cell.low <= cell.value <= cell.high


def test_the_command_lists_all_and_refuses_others(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["claims", "list", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert [row["claim"] for row in rows] == list(NAMES)
    assert cli.run(["claims", "run", "nonsense"]) == 2
    said = capsys.readouterr().err
    assert "nonsense" in said
    assert "ceiling, dependency" in said
