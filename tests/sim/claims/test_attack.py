"""attack: where a token teaches nothing there is no copy, and where it costs and teaches much there is one."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from broken_claims import judged, measured_part, medians, with_changes

from sim.claims import attack
from sim.claims.attack import CLAIM, TEACHES_NOTHING


def test_where_a_token_teaches_nothing_there_is_no_copy(tmp_path: Path) -> None:
    broken = judged(with_changes(CLAIM, arms=("defended",), defended=TEACHES_NOTHING), tmp_path)
    assert broken.verdict == "not supported"
    found = medians(broken)
    assert found["gap_closed"] == pytest.approx(0.0, abs=1e-3)
    assert found["open_share"] < 0.5


def rows(end: float) -> pd.DataFrame:
    """Students of two regimes in two worlds that come, at endless queries, to a share of what their teacher solves."""
    return pd.DataFrame(
        {
            "world": world, "study": "full", "method": method, "seed": seed, "queries": queries, "items": 2000,
            "teacher_sampled_share": 0.5, "sampled_share": share, "sampled_low": share - 0.005,
            "sampled_high": share + 0.005,
        }
        for world in ("knowledge", "countdown")
        for method in ("outputs", "full")
        for seed in range(2)
        for queries in (250, 1000, 4000)
        for share in [0.5 * (end - 2.0 * queries**-0.5)]
    )  # fmt: skip


@pytest.mark.parametrize(("end", "verdict"), [(0.5, "not supported"), (1.1, "supported")])
def test_measured_doses_decide_their_part(
    end: float, verdict: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    table = rows(end)
    monkeypatch.setattr(attack, "measured", lambda name: table if name == "small_worlds.csv" else pd.DataFrame())
    assert [cell.value for cell in attack.gaps_closed()] == pytest.approx([end] * 4)
    assert judged(measured_part(CLAIM, "doses"), tmp_path).verdict == verdict
