"""Quality against cost: who lies on the frontier, what a right answer costs, what a cascade buys. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sim.shared.stats import Interval


def on_frontier(quality: np.ndarray, cost: np.ndarray) -> np.ndarray:
    """Which models no other dominates: none is at least as good and as cheap, and better in one; shape (..., M)."""
    q, c = quality[..., :, None], cost[..., :, None]
    other_q, other_c = quality[..., None, :], cost[..., None, :]
    dominated = (other_q >= q) & (other_c <= c) & ((other_q > q) | (other_c < c))
    return np.asarray(~dominated.any(axis=-1))


def frontier_probability(quality_draws: np.ndarray, cost_draws: np.ndarray) -> np.ndarray:
    """Share of joint draws, shape (R, M), in which each model lies on the frontier; shape (M,)."""
    return np.asarray(on_frontier(quality_draws, cost_draws).mean(axis=0))


def cost_of_pass(cost: float, accuracy: float, cost_draws: np.ndarray, accuracy_draws: np.ndarray) -> Interval:
    """Expected USD until a right answer, asking until one is right: cost of an answer over accuracy.

    Source: "cost-of-pass", arXiv 2504.13359. Infinite where accuracy is 0, with the lower end that its draws leave.
    """
    with np.errstate(divide="ignore"):
        draws = np.where(accuracy_draws > 0, cost_draws / np.maximum(accuracy_draws, 1e-300), np.inf)
        value = cost / accuracy if accuracy > 0 else float("inf")
    finite = draws[np.isfinite(draws)]
    low, high = np.quantile(draws, [0.025, 0.975], method="inverted_cdf")
    high = high if accuracy > 0 else np.inf
    return Interval(value, float(finite.std(ddof=1)) if len(finite) > 1 else float("nan"), float(low), float(high))


@dataclass(frozen=True)
class CascadePoint:
    """The student answers; the share `escalated` of items on which it is least sure goes up to the teacher.

    Attributes:
        accuracy: of the whole.
        cost_usd: of an item, the student's answer to escalated items included.
        mixture_accuracy: at the same cost, without looking at the student's confidence: items drawn at random go to the
            teacher alone.
    """

    escalated: float
    accuracy: float
    cost_usd: float
    mixture_accuracy: float


def cascade(
    confidence: Sequence[float] | np.ndarray,
    student_correct: Sequence[float] | np.ndarray,
    teacher_correct: Sequence[float] | np.ndarray,
    student_usd: float,
    teacher_usd: float,
    points: int = 21,
) -> list[CascadePoint]:
    """The cascade's curve over the share of escalated items, beside the straight line between the two models.

    Args:
        confidence: the student's own, by item, shape (n,); ties are escalated in the items' order.
        student_correct, teacher_correct: right or wrong on the same items, shape (n,).
        student_usd, teacher_usd: cost of one answer.
        points: of the curve, from none to all escalated.

    Raises:
        ValueError: for fewer than two points, no items, or lengths that differ.
    """
    sure, mine, theirs = (np.asarray(values, dtype=float) for values in (confidence, student_correct, teacher_correct))
    if points < 2 or not len(sure) or not len(sure) == len(mine) == len(theirs):
        raise ValueError(f"{points} points over {len(sure)}, {len(mine)} and {len(theirs)} items")
    order = np.argsort(sure, kind="stable")
    count = len(order)
    ends = np.unique(np.round(np.linspace(0, count, points)).astype(int))
    gained = np.concatenate([[0.0], np.cumsum(theirs[order] - mine[order])])
    student, teacher = float(mine.mean()), float(theirs.mean())
    out = []
    for end in ends.tolist():
        cost = student_usd + end / count * teacher_usd
        share = (
            min(max((cost - student_usd) / (teacher_usd - student_usd), 0.0), 1.0) if teacher_usd > student_usd else 1.0
        )
        out.append(
            CascadePoint(
                escalated=end / count,
                accuracy=student + float(gained[end]) / count,
                cost_usd=cost,
                mixture_accuracy=max(student, student + share * (teacher - student)),
            )
        )
    return out
