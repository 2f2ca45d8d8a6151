"""The certificate that the shared scorer answers what lm-eval's own model does: same requests and weights, one run."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from evalsuite.harness import Sample, Scored, evaluate
from sim.shared.stats import Interval, paired_difference

if TYPE_CHECKING:
    from evalsuite.models import LoadedModel
    from evalsuite.suites.suite import TaskRef

SHORT_TOKENS, SHORT_NATS, NATS_A_TOKEN = 64, 1e-3, 2e-5


@dataclass(frozen=True)
class Certificate:
    """Both scorers on one task.

    Attributes:
        requests: log-likelihoods or texts compared.
        largest_nats: largest absolute difference of a log-likelihood; NaN where one is no number.
        largest_nats_a_token: the same over the continuation's tokens.
        differing: items whose choice or text differs.
        differing_margin_nats: of each, lm-eval's own log-likelihood of its answer less that of the shared scorer's
            answer; None for what was written.
        excused: of these, items on which that margin is below the bound on the difference.
        items: answered without an error by both; the accuracies are over these.
        accuracy_difference: shared minus stock, with the 95 per cent interval of `paired_difference`.
        asked_tokens, computed_tokens: by the shared scorer.
        shared_s, stock_s: seconds in the model.
        holds: differences within the bound and no choice differs unexcused; only float32 is held to it.
    """

    model: str
    task: str
    dtype: str
    requests: int
    largest_nats: float
    largest_nats_a_token: float
    differing: tuple[str, ...]
    differing_margin_nats: tuple[float | None, ...]
    excused: tuple[str, ...]
    items: int
    shared_accuracy: float
    stock_accuracy: float
    accuracy_difference: float
    accuracy_difference_low: float
    accuracy_difference_high: float
    asked_tokens: int
    computed_tokens: int
    shared_s: float
    stock_s: float
    holds: bool


def certify(loaded: LoadedModel, tasks: Sequence[TaskRef], limit: int | None) -> list[Certificate]:
    """One certificate a task; both scorers after each other on each, so that a drift of the machine touches both."""
    out = []
    for task in tasks:
        shared = evaluate(loaded, [task], limit, "shared")
        stock = evaluate(loaded, [task], limit, "stock")
        out.append(_certificate(loaded, task, shared, stock))
    return out


def _certificate(loaded: LoadedModel, task: TaskRef, shared: Scored, stock: Scored) -> Certificate:
    largest, a_token, within = 0.0, 0.0, True
    for strings, answer in stock.answers.items():
        if task.kind == "generate":
            continue
        tokens = max(len(loaded.tokenizer.encode(strings[-1], add_special_tokens=False)), 1)
        difference = abs(answer[0] - shared.answers[strings][0])
        # Python's max drops a NaN, NumPy's keeps it.
        largest, a_token = float(np.maximum(largest, difference)), float(np.maximum(a_token, difference / tokens))
        within &= difference <= _bound(tokens)
    pairs = list(zip(shared.samples[task.name], stock.samples[task.name], strict=True))
    differing = {
        other.item: _margin(one, other, shared, stock) if task.kind == "choice" else None
        for one, other in pairs
        if one.answer != other.answer
    }
    excused = [item for item, margin in differing.items() if margin is not None and abs(margin) <= SHORT_NATS]
    scored = [(one, other) for one, other in pairs if not one.error and not other.error]
    difference = _difference(scored)
    return Certificate(
        model=loaded.spec.name,
        task=task.name,
        dtype=loaded.dtype,
        requests=len(stock.answers),
        largest_nats=largest,
        largest_nats_a_token=a_token,
        differing=tuple(differing),
        differing_margin_nats=tuple(differing.values()),
        excused=tuple(excused),
        items=len(scored),
        shared_accuracy=_mean([one.correct for one, _ in scored]),
        stock_accuracy=_mean([other.correct for _, other in scored]),
        accuracy_difference=difference.estimate,
        accuracy_difference_low=difference.low,
        accuracy_difference_high=difference.high,
        asked_tokens=shared.work.asked_tokens,
        computed_tokens=shared.work.computed_tokens,
        shared_s=shared.work.seconds,
        stock_s=stock.work.seconds,
        holds=loaded.dtype != "float32" or (within and len(excused) == len(differing)),
    )


def _bound(tokens: int) -> float:
    """Nats by which a log-likelihood of that many tokens may differ in float32."""
    return SHORT_NATS if tokens <= SHORT_TOKENS else NATS_A_TOKEN * tokens


def _margin(one: Sample, other: Sample, shared: Scored, stock: Scored) -> float | None:
    """lm-eval's own log-likelihood of its choice less that of the shared scorer's choice, in nats; None if not known.

    Args:
        one, other: the item by the shared scorer and by lm-eval's own model, their choices not the same.
    """
    mine = other.right_nats if other.correct else other.wrong_nats
    if one.correct:
        theirs = [other.right_nats]
    else:  # a sample keeps no log-likelihood of a wrong choice but the likeliest: its request is found by that
        theirs = [
            answer[0]
            for strings, answer in stock.answers.items()
            if strings[-1].strip() == one.answer and shared.answers[strings][0] == one.wrong_nats
        ]
    margin = mine - min(theirs) if theirs else math.nan
    return margin if math.isfinite(margin) else None


def _difference(scored: Sequence[tuple[Sample, Sample]]) -> Interval:
    """Accuracy of the shared scorer minus lm-eval's own, on the same items."""
    if not scored:
        return Interval(math.nan, math.nan, math.nan, math.nan)
    return paired_difference(
        [other.correct for _, other in scored],
        [one.correct for one, _ in scored],
        [one.cluster for one, _ in scored],
    )


def _mean(correct: Sequence[bool]) -> float:
    return sum(correct) / len(correct) if correct else math.nan
