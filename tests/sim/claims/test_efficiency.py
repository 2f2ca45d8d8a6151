"""efficiency: a teacher that teaches nothing saves nothing, at scale and between blocs."""

from __future__ import annotations

import math
from pathlib import Path

import pandas as pd
import pytest
from broken_claims import judged, measured_part, medians, with_changes

from sim.claims import efficiency
from sim.claims.efficiency import CLAIM, TEACHES_NOTHING, cost_ratio, teacher_params, tokens_alone
from sim.shared.curves import SUPERVISED

PARAMS, TOKENS = 2e8, 5e9


def test_tokens_and_sizes_are_those_of_the_supervised_law() -> None:
    assert tokens_alone(PARAMS, SUPERVISED.loss_nats(PARAMS, TOKENS)) == pytest.approx(TOKENS)
    assert math.isinf(tokens_alone(PARAMS, SUPERVISED.loss_nats(PARAMS, 1e30) - 0.01))
    assert teacher_params(SUPERVISED.loss_nats(1e9, 2e10)) == pytest.approx(1e9)


def test_a_student_that_learns_no_more_than_alone_pays_its_teacher_on_top() -> None:
    alone, teacher = SUPERVISED.loss_nats(PARAMS, TOKENS), SUPERVISED.loss_nats(1e9, 2e10)
    ratio = cost_ratio(PARAMS, TOKENS, teacher, alone, amortised=False)
    assert ratio == pytest.approx((6 * PARAMS + 2e9) / (6 * PARAMS))
    assert cost_ratio(PARAMS, TOKENS, teacher, alone, amortised=True) > ratio
    # A better student is worth more training alone.
    assert cost_ratio(PARAMS, TOKENS, teacher, alone - 0.05, amortised=False) < ratio


def small(seconds: float, budgets: tuple[int, ...]) -> pd.DataFrame:
    """Students that take so long, and some from scratch that take 10 s; all are as near the truth."""
    base = {"world": "knowledge", "study": "full", "queries": 1000, "truth_kl_nats": 0.5}
    scratch = [
        base | {"method": "scratch", "seed": seed, "training_tokens": budget, "training_s": 10.0}
        for seed in range(4)
        for budget in budgets
    ]
    full = base | {"method": "full", "training_tokens": 1000, "training_s": seconds}
    taught = [full | {"seed": seed} for seed in range(4)]
    return pd.DataFrame([*scratch, *taught])


@pytest.mark.parametrize(
    ("seconds", "budgets", "verdict"),
    [(2.0, (1000, 2000), "supported"), (9.0, (1000, 2000), "not supported"), (2.0, (1000,), "inconclusive")],
)
def test_small_students_are_held_against_those_from_scratch(
    seconds: float, budgets: tuple[int, ...], verdict: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(efficiency, "measured", lambda name: small(seconds, budgets))
    assert judged(measured_part(CLAIM, "small_worlds"), tmp_path).verdict == verdict


def test_where_a_token_teaches_nothing_the_second_bloc_stays_behind(tmp_path: Path) -> None:
    broken = judged(with_changes(CLAIM, arms=("exported", "nothing"), exported=TEACHES_NOTHING), tmp_path)
    assert broken.verdict == "not supported"
    found = medians(broken)
    assert found["behind"] == pytest.approx(found["behind_nothing"])
