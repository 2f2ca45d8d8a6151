"""Training on the teacher's token probabilities: forward KL over the whole vocabulary.

    loss = mean over positions of sum_v p_teacher(v) * (ln p_teacher(v) - ln p_student(v))        (nats a token)

The teacher's last hidden states are kept (1,152 bytes a token at 576 dimensions), so that it reads each text once
however many epochs follow; its head rebuilds the exact probabilities. Loss and gradient are computed in one pass, some
hundred positions at a time, so that logits over the vocabulary never exist for a whole batch. Embeddings and head stay
as the teacher's. Weights are kept in float32 while they are trained, and computed with in the model's own precision
(autocast).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from evalsuite.distill.recipe import LogitDistillation
from sim.shared.errors import UndercutError

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

POSITIONS_AT_ONCE = 256


@dataclass(frozen=True)
class Training:
    """What a training did: tokens trained on, steps, seconds, and the loss of the last tenth of the steps (nats)."""

    tokens: int
    steps: int
    seconds: float
    final_loss_nats: float


class DivergedError(UndercutError):
    """The loss is no number any more; nothing was saved."""


def pack(documents: tuple[tuple[int, ...], ...], separator: int, length: int) -> torch.Tensor:
    """Documents one after the other, a separator behind each, as rows (R, length); the rest of the last is dropped."""
    import torch

    stream = [token for document in documents for token in (*document, separator)]
    rows = max(len(stream) // length, 1)
    stream = stream[: rows * length] + [separator] * max(rows * length - len(stream), 0)
    return torch.tensor(stream, dtype=torch.long).reshape(rows, length)


def hidden_states(model: PreTrainedModel, rows: torch.Tensor, batch: int) -> torch.Tensor:
    """The model's last hidden states of packed rows, shape (R, T, D), in the model's precision."""
    import torch

    with torch.inference_mode():
        parts = [model.model(input_ids=rows[i : i + batch]).last_hidden_state for i in range(0, len(rows), batch)]
    return torch.cat(parts).clone()


def divergence(
    student_hidden: torch.Tensor, teacher_hidden: torch.Tensor, student_head: torch.Tensor, teacher_head: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean KL in nats and its gradient in `student_hidden` (N, D), the heads (V, D) held fixed."""
    import torch

    count = student_hidden.shape[0]
    gradient = torch.empty_like(student_hidden)
    total = torch.zeros((), dtype=torch.float64)
    for start in range(0, count, POSITIONS_AT_ONCE):
        part = slice(start, start + POSITIONS_AT_ONCE)
        teacher_log = torch.log_softmax((teacher_hidden[part] @ teacher_head.T).float(), dim=-1)
        student_log = torch.log_softmax((student_hidden[part] @ student_head.T).float(), dim=-1)
        teacher_p = teacher_log.exp()
        total += (teacher_p * (teacher_log - student_log)).sum(dtype=torch.float64)
        pull = student_log.exp_().sub_(teacher_p).to(student_hidden.dtype)
        gradient[part] = pull @ student_head / count
    return total / count, gradient


def held_out_kl(student: PreTrainedModel, teacher: PreTrainedModel, rows: torch.Tensor, batch: int) -> float:
    """Mean KL from teacher to student on packed rows, nats a token."""
    import torch

    with torch.inference_mode():
        mine = hidden_states(student, rows, batch).flatten(0, 1)
        theirs = hidden_states(teacher, rows, batch).flatten(0, 1)
        loss, _ = divergence(mine, theirs, student.lm_head.weight, teacher.lm_head.weight)
    return float(loss)


def train(
    student: PreTrainedModel,
    teacher: PreTrainedModel,
    rows: torch.Tensor,
    method: LogitDistillation,
    seed: int,
    on_step: Callable[[int, float], None] = lambda tokens, loss: None,
) -> Training:
    """Train `student` in place for `method.training_tokens` tokens of `rows` (R, T).

    `on_step` is called with the tokens and the loss of each step. Same inputs, seed, machine and thread count: the same
    weights, bit by bit.

    Raises:
        DivergedError: if the loss becomes NaN or infinite.
    """
    import torch

    started_s = time.monotonic()
    length = rows.shape[1]
    batch = method.batch_sequences
    steps = max(math.ceil(method.training_tokens / (batch * length)), 1)
    order = _order(len(rows), steps * batch, seed)
    precision = next(student.parameters()).dtype
    student_head, teacher_head = student.lm_head.weight.detach().clone(), teacher.lm_head.weight.detach()
    student.float()
    frozen = {id(student.get_input_embeddings().weight), id(student.lm_head.weight)}
    for weight in student.parameters():
        weight.requires_grad_(id(weight) not in frozen)
    trained = [weight for weight in student.parameters() if weight.requires_grad]
    optimiser = torch.optim.AdamW(
        trained, lr=method.learning_rate, betas=(0.9, 0.98), weight_decay=method.weight_decay, foreach=True
    )
    kept: dict[int, torch.Tensor] = {}
    losses: list[float] = []
    student.train()
    for step in range(steps):
        chosen = order[step * batch : (step + 1) * batch]
        wanted = sorted({int(index) for index in chosen} - kept.keys())
        if wanted:
            for index, states in zip(wanted, hidden_states(teacher, rows[wanted], batch), strict=True):
                kept[index] = states
        targets = torch.stack([kept[int(index)] for index in chosen]).flatten(0, 1)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=precision == torch.bfloat16):
            mine = student.model(input_ids=rows[chosen]).last_hidden_state
        loss, gradient = divergence(mine.detach().flatten(0, 1).to(precision), targets, student_head, teacher_head)
        if not math.isfinite(float(loss)):
            raise DivergedError(
                f"the loss is {float(loss)} at step {step + 1} of {steps}; lower method.learning_rate "
                f"(now {method.learning_rate:g}); no student was saved"
            )
        mine.backward(gradient.view_as(mine).to(mine.dtype))
        torch.nn.utils.clip_grad_norm_(trained, 1.0, foreach=True)
        for group in optimiser.param_groups:
            group["lr"] = method.learning_rate * _schedule(step, steps, method.warmup_share)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        losses.append(float(loss))
        on_step(batch * length, float(loss))
    student.to(precision)
    student.eval()
    tail = losses[-max(len(losses) // 10, 1) :]
    return Training(steps * batch * length, steps, time.monotonic() - started_s, float(np.mean(tail)))


def _order(rows: int, wanted: int, seed: int) -> np.ndarray:
    """Row indices: every epoch in a new order."""
    generator = np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=(1,))))
    epochs = [generator.permutation(rows) for _ in range(math.ceil(wanted / rows))]
    return np.concatenate(epochs)[:wanted]


def _schedule(step: int, steps: int, warmup_share: float) -> float:
    """Linear warm-up, then a half cosine down to a tenth."""
    warmup = max(int(steps * warmup_share), 1)
    if step < warmup:
        return (step + 1) / warmup
    along = (step - warmup) / max(steps - warmup, 1)
    return 0.1 + 0.9 * 0.5 * (1.0 + math.cos(math.pi * along))
