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


class Scratch:
    """Memory for logits, kept between calls: to have it given anew costs as much time as the softmax itself."""

    def __init__(self) -> None:
        self._held: dict[tuple[str, int, torch.dtype], torch.Tensor] = {}

    def take(self, name: str, count: int, width: int, dtype: torch.dtype) -> torch.Tensor:
        """Room for (count, width) numbers, whatever they were before; count is at most POSITIONS_AT_ONCE."""
        import torch

        key = (name, width, dtype)
        if key not in self._held:
            self._held[key] = torch.empty(POSITIONS_AT_ONCE, width, dtype=dtype)
        return self._held[key][:count]


def evaluate(
    hidden: torch.Tensor,
    head: torch.Tensor,
    targets: Targets,
    train_head: bool = False,
    scratch: Scratch | None = None,
) -> Evaluated:
    """Loss and gradients of a student's last hidden states (N, D) under its head (V, D).

    `scratch` is kept by who calls this often; it must not cross in and out of inference mode.
    """
    import torch

    room = scratch or Scratch()
    count = hidden.shape[0]
    gradient = torch.empty_like(hidden)
    head_gradient = torch.zeros_like(head, dtype=torch.float32) if train_head else None
    total = 0.0
    with torch.no_grad():
        for start in range(0, count, POSITIONS_AT_ONCE):
            part = slice(start, start + POSITIONS_AT_ONCE)
            log_q = _log_probs(hidden[part], head, room, "student")
            match targets:
                case FullTargets():
                    loss, pull = _full(part, log_q, targets, room)
                case SparseTargets():
                    loss, pull = _sparse(part, log_q, targets)
                case TextTargets():
                    loss, pull = _text(part, log_q, targets)
            total += loss
            low = room.take("low", len(pull), pull.shape[1], hidden.dtype).copy_(pull)
            gradient[part] = low @ head / count
            if head_gradient is not None:
                head_gradient += (low.T @ hidden[part]).float() / count
    return Evaluated(total / count, gradient, head_gradient)


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


def _log_probs(hidden: torch.Tensor, head: torch.Tensor, room: Scratch, name: str) -> torch.Tensor:
    """Log-probabilities (n, V) in float32, of logits in the head's precision."""
    import torch

    count, width = len(hidden), len(head)
    logits = torch.mm(hidden, head.T, out=room.take("low", count, width, head.dtype))
    wide = room.take("wide", count, width, torch.float32).copy_(logits)
    return torch.log_softmax(wide, dim=-1, out=room.take(name, count, width, torch.float32))


def _full(part: slice, log_q: torch.Tensor, targets: FullTargets, room: Scratch) -> tuple[float, torch.Tensor]:
    """Summed KL, and its gradient in the logits in the place of `log_q`."""
    import torch

    log_p = rounded(_log_probs(targets.hidden[part], targets.head, room, "teacher"), targets.decimals)
    p = torch.exp(log_p, out=room.take("wide", len(log_p), log_p.shape[1], torch.float32))
    apart = log_p.sub_(log_q)
    pull = log_q.exp_().sub_(p)
    return float(p.mul_(apart).sum(dtype=torch.float64)), pull


def _sparse(part: slice, log_q: torch.Tensor, targets: SparseTargets) -> tuple[float, torch.Tensor]:
    import torch

    ids, weights = targets.ids[part], targets.weights[part]
    loss = -float((weights * log_q.gather(1, ids)).sum(dtype=torch.float64))
    pull = log_q.exp_().mul_(weights.sum(dim=-1, keepdim=True))
    return loss, pull.scatter_add_(1, ids, -weights)


def _text(part: slice, log_q: torch.Tensor, targets: TextTargets) -> tuple[float, torch.Tensor]:
    import torch

    tokens = targets.tokens[part, None]
    loss = -float(log_q.gather(1, tokens).sum(dtype=torch.float64))
    return loss, log_q.exp_().scatter_add_(1, tokens, log_q.new_full((len(log_q), 1), -1.0))
