"""Claims that rest on measurements: with the mechanism broken in the tables, the verdict changes."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from sweeps import InThisProcess, no_models

from sim.claims import judge as judge_claim
from sim.claims import measured as tables
from sim.claims import probabilities
from sim.claims.claim import Claim
from sim.claims.measured import measured
from sim.claims.run import judge


def verdict(claim: Claim, folder: Path) -> str:
    return judge(claim, 2, no_models(), InThisProcess(), folder).verdict


def instead(monkeypatch: pytest.MonkeyPatch, frame: pd.DataFrame) -> None:
    """Let the claims read this table where they read any."""
    for module in (judge_claim, probabilities, tables):
        monkeypatch.setattr(module, "measured", lambda name: frame)


def judged_rows(gain: float) -> pd.DataFrame:
    """The shipped rows of the study with this difference to the teacher where the teacher judged, in three seeds."""
    shipped = measured(judge_claim.TABLE)
    mine = shipped["condition"] == "teacher"
    moved = shipped.assign(
        difference=shipped["difference"].where(~mine, gain),
        difference_low=shipped["difference_low"].where(~mine, gain - 0.02),
        difference_high=shipped["difference_high"].where(~mine, gain + 0.02),
    )
    return pd.concat([moved.assign(seed=seed) for seed in range(3)], ignore_index=True)


def test_a_student_that_passed_its_judge_in_three_seeds_would_support(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    instead(monkeypatch, judged_rows(0.05))
    assert verdict(judge_claim.CLAIM, tmp_path / "a") == "supported"
    instead(monkeypatch, judged_rows(0.05).query("seed < 2"))
    assert verdict(judge_claim.CLAIM, tmp_path / "b") == "inconclusive"
    instead(monkeypatch, judged_rows(-0.05))
    assert verdict(judge_claim.CLAIM, tmp_path / "c") == "not supported"


def test_rewards_that_teach_when_shuffled_take_the_support_away(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    rows = judged_rows(0.05)
    shuffled = rows["condition"] == "shuffled rewards"
    for column in ("difference", "difference_low", "difference_high"):
        rows.loc[shuffled, column] = 0.04
    instead(monkeypatch, rows)
    assert verdict(judge_claim.CLAIM, tmp_path) == "inconclusive"


def worlds(gain: float) -> pd.DataFrame:
    """Six pairs in which probabilities solve so much more than text, and two where one continuation is right."""
    rows = []
    for world, more in (("knowledge", gain), ("addition", 0.0)):
        for seed in range(6):
            for method, share in (("outputs", 0.10), ("full", 0.10 + more)):
                rows.append(
                    {
                        "world": world, "study": "full", "queries": 1000, "seed": seed, "method": method, "items": 2000,
                        "sampled_share": share, "sampled_low": share - 0.005, "sampled_high": share + 0.005,
                        "teacher_sampled_share": 0.6,
                    }
                )  # fmt: skip
    return pd.DataFrame(rows)


def test_probabilities_that_carry_no_information_are_seen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    instead(monkeypatch, worlds(0.1))
    assert verdict(probabilities.CLAIM, tmp_path / "a") == "supported"
    instead(monkeypatch, worlds(0.0))
    assert verdict(probabilities.CLAIM, tmp_path / "b") == "not supported"


def test_without_the_near_deterministic_control_there_is_no_support(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    rows = worlds(0.1)
    instead(monkeypatch, rows[rows["world"] == "knowledge"])
    assert verdict(probabilities.CLAIM, tmp_path) == "inconclusive"
