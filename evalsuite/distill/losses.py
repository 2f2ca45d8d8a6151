"""The losses of distillation and their gradients, computed in one pass over the vocabulary, in nats a position.

    forward KL        sum_v p(v) (ln p(v) - ln q(v))        gradient in the student's logits: q - p
    sparse targets    - sum_j w_j ln q(i_j)                 gradient: q sum_j w_j - w scattered to i
    text              - ln q(token)                         gradient: q - 1 at the token

p is the teacher's distribution and q the student's. Sparse targets stand for p: the k likely entries weigh what they
are, and m draws from the rest with replacement weigh (mass of the rest)/m each. That is stratified importance sampling:
the expected weight of every token is its probability, so loss (up to the teacher's entropy) and gradient are unbiased
for the forward KL (but for the half precision in which the likely entries are kept), while cutting the tail off is not
(Anshumann et al. 2025, arXiv 2503.16870, who draw all entries; keeping the likely ones exact leaves only the tail's
variance). `renormalised` weights are the biased ones, kept for comparison. The weights of a position sum to one.

The backward is written out: logits exist for a few hundred positions at a time and are turned into the gradient in
place, where automatic differentiation would keep three copies of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch

POSITIONS_AT_ONCE = 256


@dataclass(frozen=True)
class FullTargets:
    """The teacher's last hidden states (N, D) and head (V, D), with the rounding of its log-probabilities, if any."""

    hidden: torch.Tensor
    head: torch.Tensor
    decimals: int | None = None


@dataclass(frozen=True)
class SparseTargets:
    """Token ids (N, K) and their weights (N, K), which sum to one in each row."""

    ids: torch.Tensor
    weights: torch.Tensor


@dataclass(frozen=True)
class TextTargets:
    """The token that follows each position, shape (N,)."""

    tokens: torch.Tensor


Targets = FullTargets | SparseTargets | TextTargets


@dataclass(frozen=True)
class Evaluated:
    """A loss (nats a position, mean), its gradient in the hidden states (N, D), and in the head (V, D) if asked for."""

    loss: float
    hidden_gradient: torch.Tensor
    head_gradient: torch.Tensor | None


def evaluate(hidden: torch.Tensor, head: torch.Tensor, targets: Targets, train_head: bool = False) -> Evaluated:
    """Loss and gradients of a student's last hidden states (N, D) under its head (V, D)."""
    match targets:
        case FullTargets():
            return _sweep(hidden, head, train_head, lambda part, logits: _full(part, logits, targets))
        case SparseTargets():
            return _sweep(hidden, head, train_head, lambda part, logits: _sparse(part, logits, targets))
        case TextTargets():
            return _sweep(hidden, head, train_head, lambda part, logits: _text(part, logits, targets))


def sparse_targets(ids: np.ndarray, log_probs: np.ndarray, tail: np.ndarray, renormalised: bool) -> SparseTargets:
    """Targets from kept entries: ids (N, k+m), log-probabilities (N, k) and the tail's mass (N,).

    With no draws, or `renormalised`, the likely entries alone stand for the distribution, in proportion.
    """
    import torch

    likely = np.exp(log_probs.astype(np.float32))
    k = likely.shape[1]
    draws = ids.shape[1] - k
    if renormalised or draws == 0:
        ids, weights = ids[:, :k], likely / likely.sum(axis=1, keepdims=True)
    else:
        weights = np.concatenate([likely, np.repeat(tail[:, None] / draws, draws, axis=1)], axis=1)
    return SparseTargets(torch.from_numpy(ids.astype(np.int64)), torch.from_numpy(weights.astype(np.float32)))


def rounded(log_probs: torch.Tensor, decimals: int | None) -> torch.Tensor:
    """Log-probabilities (N, V) as given: rounded where the terms say so, then normalised."""
    import torch

    return log_probs if decimals is None else torch.log_softmax(log_probs.round(decimals=decimals), dim=-1)


def _sweep(
    hidden: torch.Tensor,
    head: torch.Tensor,
    train_head: bool,
    part_of: Callable[[slice, torch.Tensor], tuple[torch.Tensor, torch.Tensor]],
) -> Evaluated:
    """Some hundred positions at a time: `part_of` turns logits into (summed loss, gradient in them)."""
    import torch

    count = hidden.shape[0]
    gradient = torch.empty_like(hidden)
    head_gradient = torch.zeros_like(head, dtype=torch.float32) if train_head else None
    total = torch.zeros((), dtype=torch.float64)
    for start in range(0, count, POSITIONS_AT_ONCE):
        part = slice(start, start + POSITIONS_AT_ONCE)
        loss, pull = part_of(part, (hidden[part] @ head.T).float())
        total += loss
        pull = pull.to(hidden.dtype)
        gradient[part] = pull @ head / count
        if head_gradient is not None:
            head_gradient += (pull.T @ hidden[part]).float() / count
    return Evaluated(float(total) / count, gradient, head_gradient)


def _full(part: slice, logits: torch.Tensor, targets: FullTargets) -> tuple[torch.Tensor, torch.Tensor]:
    import torch

    teacher_log = torch.log_softmax((targets.hidden[part] @ targets.head.T).float(), dim=-1)
    teacher_log = rounded(teacher_log, targets.decimals)
    student_log = torch.log_softmax(logits, dim=-1)
    teacher_p = teacher_log.exp()
    loss = (teacher_p * (teacher_log - student_log)).sum(dtype=torch.float64)
    return loss, student_log.exp_().sub_(teacher_p)


def _sparse(part: slice, logits: torch.Tensor, targets: SparseTargets) -> tuple[torch.Tensor, torch.Tensor]:
    import torch

    ids, weights = targets.ids[part], targets.weights[part]
    log_norm = torch.logsumexp(logits, dim=-1, keepdim=True)
    mass = weights.sum(dim=-1, keepdim=True)
    loss = (mass * log_norm).sum(dtype=torch.float64) - (weights * logits.gather(1, ids)).sum(dtype=torch.float64)
    pull = logits.sub_(log_norm).exp_().mul_(mass)
    return loss, pull.scatter_add_(1, ids, -weights)


def _text(part: slice, logits: torch.Tensor, targets: TextTargets) -> tuple[torch.Tensor, torch.Tensor]:
    import torch

    tokens = targets.tokens[part, None]
    log_norm = torch.logsumexp(logits, dim=-1, keepdim=True)
    loss = (log_norm - logits.gather(1, tokens)).sum(dtype=torch.float64)
    pull = logits.sub_(log_norm).exp_()
    return loss, pull.scatter_add_(1, tokens, -torch.ones_like(log_norm))
