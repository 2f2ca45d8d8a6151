"""ceiling: a student that may pass its teacher by construction is seen to do so, measured and simulated."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from broken_claims import judged, measured_part, medians, with_changes

from sim.claims import ceiling
from sim.claims.ceiling import CLAIM


def worlds(end: float) -> pd.DataFrame:
    """Students of two seeds, three doses and two methods that end so far above or below their teacher."""
    rows = []
    for method in ("outputs", "full", "full_greedy"):
        for seed in range(2):
            for queries in (250, 1000, 4000):
                difference = end - 2.0 * queries**-0.5
                share = {"sampled_share": 0.5 + difference, "greedy_share": 0.5 + difference}
                rows.append(
                    {
                        "world": "knowledge", "study": "full", "method": method, "seed": seed, "queries": queries,
                        "items": 20000, "teacher_sampled_share": 0.5, "teacher_greedy_share": 0.5,
                        "difference_low": difference - 0.005, "difference_high": difference + 0.005, **share,
                    }
                )  # fmt: skip
    return pd.DataFrame(rows)


@pytest.mark.parametrize(("end", "verdict"), [(0.05, "not supported"), (-0.1, "supported")])
def test_measured_students_above_their_teacher_are_seen(
    end: float, verdict: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(ceiling, "measured", lambda name: worlds(end))
    claim = measured_part(CLAIM, "greedy_teachers")
    alone = replace(claim, measurements=(replace(claim.measurements[0], controls=()),))
    assert judged(alone, tmp_path).verdict == verdict
    cells = ceiling.sampled_teachers()
    assert len(cells) == 4  # two methods, sampled and greedy apart
    assert all(cell.value == pytest.approx(end) for cell in cells)


def test_without_measurements_it_is_undecided(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(ceiling, "measured", lambda name: pd.DataFrame())
    for name in ("sampled_teachers", "greedy_teachers", "language"):
        found = judged(measured_part(CLAIM, name), tmp_path / name)
        assert found.verdict == "inconclusive"


def test_the_published_students_below_their_teachers_loss_are_those_of_weak_teachers() -> None:
    """41 of the shipped runs lie below their teacher's loss; all of them where the student alone would too."""
    (cell,) = ceiling.weak_teachers()
    assert cell.rests_on.startswith("88 published runs, 41 of them")
    assert cell.low < cell.value < cell.high


ABOVE = [{"key": "providers.distiller.lab.students.distilled.curve.asymptote_logits", "value": 2.0}]


def test_a_student_that_passes_its_teacher_by_construction_leads(tmp_path: Path) -> None:
    above, below = (
        medians(judged(with_changes(CLAIM, changes, arms=("distils",)), tmp_path / name))
        for name, changes in (("above", ABOVE), ("below", [ABOVE[0] | {"value": -0.3}]))
    )
    assert above["ability_ahead"] > 0.5 > 0.0 > below["ability_ahead"]
    assert above["ahead"] > below["ahead"]
