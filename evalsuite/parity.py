"""The certificate that the shared scorer answers what lm-eval's own model does: same requests and weights, one run."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from evalsuite.harness import Sample, Scored, evaluate

if TYPE_CHECKING:
    from evalsuite.models import LoadedModel
    from evalsuite.suites.suite import TaskRef

SHORT_TOKENS, SHORT_NATS, NATS_A_TOKEN = 64, 1e-3, 2e-5


@dataclass(frozen=True)
class Certificate:
    """Both scorers on one task.

    Attributes:
        requests: log-likelihoods or texts compared.
        largest_nats: largest absolute difference of a log-likelihood.
        largest_nats_a_token: the same over the continuation's tokens.
        differing: items whose choice or text differs.
        excused: of these, items on which lm-eval's own margin is below the bound on the difference.
        accuracy_difference: shared minus stock.
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
    excused: tuple[str, ...]
    accuracy_difference: float
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
        largest, a_token = max(largest, difference), max(a_token, difference / tokens)
        within &= difference <= _bound(tokens)
    pairs = list(zip(shared.samples[task.name], stock.samples[task.name], strict=True))
    differing = [other for one, other in pairs if one.answer != other.answer]
    excused = [sample.item for sample in differing if abs(_margin(sample)) <= SHORT_NATS]
    return Certificate(
        model=loaded.spec.name,
        task=task.name,
        dtype=loaded.dtype,
        requests=len(stock.answers),
        largest_nats=largest,
        largest_nats_a_token=a_token,
        differing=tuple(sample.item for sample in differing),
        excused=tuple(excused),
        accuracy_difference=math.fsum(one.correct - other.correct for one, other in pairs) / max(len(pairs), 1),
        asked_tokens=shared.work.asked_tokens,
        computed_tokens=shared.work.computed_tokens,
        shared_s=shared.work.seconds,
        stock_s=stock.work.seconds,
        holds=loaded.dtype != "float32" or (within and len(excused) == len(differing)),
    )


def _bound(tokens: int) -> float:
    """Nats by which a log-likelihood of that many tokens may differ in float32."""
    return SHORT_NATS if tokens <= SHORT_TOKENS else NATS_A_TOKEN * tokens


def _margin(sample: Sample) -> float:
    """lm-eval's own margin between its choice and the next, in nats; NaN for what was written."""
    return sample.right_nats - sample.wrong_nats
