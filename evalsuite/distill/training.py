"""Training a student on what a teacher told, step by step, so that a killed training goes on as if it had not been.

Weights are float32 while they are trained, and computed with in the model's own precision (autocast). Where the
student has the teacher's embeddings, these and the head stay as they are; a student whose width is its own trains them.
The state (weights, optimiser, place in the data, losses) is written at times, whole or not at all, and read back before
the first step; what is random comes from the seed and the step alone.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from evalsuite.distill.losses import Scratch, Targets, TextTargets, evaluate
from evalsuite.distill.recipe import Training as Settings
from evalsuite.distill.room import room
from sim.shared.errors import UndercutError
from sim.shared.paths import replacing

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

CHECKPOINT_INTERVAL_S = 120.0
CHECKPOINT_NAME = "training.safetensors"
BETAS = (0.9, 0.98)
LARGEST_GRADIENT = 1.0
KEPT = "the state that was written before is kept, and the training goes on from there"


class DivergedError(UndercutError):
    """The loss is no number any more; no student was saved."""


@dataclass(frozen=True)
class Training:
    """What a training did: tokens trained on, steps, seconds, and the loss of the last tenth of the steps (nats).

    `seconds` counts all sessions of a training that was killed and went on, up to their last checkpoints.
    """

    tokens: int
    steps: int
    seconds: float
    final_loss_nats: float


@dataclass(frozen=True)
class Checkpoints:
    """Where and how often the state is written; `steps` counts instead of time where it is given.

    `keep_last` writes it after the last step too.
    """

    folder: Path
    key: str
    interval_s: float = CHECKPOINT_INTERVAL_S
    steps: int | None = None
    keep_last: bool = False

    @property
    def path(self) -> Path:
        """The file."""
        return self.folder / CHECKPOINT_NAME


@dataclass(frozen=True)
class At:
    """Targets of some positions alone: `places` (N,) counts positions in order of (row, position)."""

    targets: Targets
    places: torch.Tensor


# Targets of the rows with these indices (B,), one for each position in order of (row, position), or of some of them.
TargetsOf = Callable[[np.ndarray], Targets | At]


@dataclass
class Trainee:
    """A student under training: its weights, its optimiser, and how far it is.

    Args:
        student: trained in place; in float32 meanwhile.
        rows: token ids (R, T).
        targets_of: what the teacher told about rows.
        settings: rates, sizes.
        order: row indices in the order in which they are trained on.
        frozen_head: whether embeddings and head stay as they are.
    """

    student: PreTrainedModel
    rows: torch.Tensor
    targets_of: TargetsOf
    settings: Settings
    order: np.ndarray
    frozen_head: bool
    step: int = 0
    losses: list[float] = field(default_factory=list)
    spent_s: float = 0.0

    def __post_init__(self) -> None:
        import torch

        self._scratch = Scratch()
        self._precision = next(self.student.parameters()).dtype
        self._fixed = self.student.lm_head.weight.detach().clone() if self.frozen_head else None
        cast(self.student, torch.float32)
        held = {id(self.student.get_input_embeddings().weight), id(self.student.lm_head.weight)}
        for weight in self.student.parameters():
            weight.requires_grad_(not (self.frozen_head and id(weight) in held))
        # `parameters` names a tied weight once.
        self._trained = {name: weight for name, weight in self.student.named_parameters() if weight.requires_grad}
        self._optimiser = torch.optim.AdamW(
            self._trained.values(),
            lr=self.settings.learning_rate,
            betas=BETAS,
            weight_decay=self.settings.weight_decay,
            foreach=True,
        )
        self.student.train()

    def take_step(self, rate: float) -> float:
        """One step at a learning rate; returns its loss.

        Raises:
            DivergedError: if loss or gradient is no number; weights are those before the step.
        """
        import torch

        started_s = time.monotonic()
        batch = self.settings.batch_sequences
        chosen = self.order[self.step * batch : (self.step + 1) * batch]
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=self._precision == torch.bfloat16):
            mine = self.student.model(input_ids=self.rows[chosen]).last_hidden_state
        given = self.targets_of(chosen)
        targets = given.targets if isinstance(given, At) else given
        # Nothing follows the last token of a row that would say what comes next.
        told = (mine[:, :-1] if isinstance(targets, TextTargets) else mine).flatten(0, 1)
        if isinstance(given, At):
            told = told[given.places]
        hidden = told.detach().to(self._precision)
        head = self._fixed if self._fixed is not None else self.student.lm_head.weight.detach().to(self._precision)
        found = evaluate(hidden, head, targets, not self.frozen_head, self._scratch)
        if not math.isfinite(found.loss):
            raise DivergedError(f"the loss is {found.loss} at step {self.step + 1}")
        told.backward(found.hidden_gradient.to(told.dtype))
        if found.head_gradient is not None:
            weight = self.student.lm_head.weight
            weight.grad = found.head_gradient if weight.grad is None else weight.grad + found.head_gradient
        norm = float(torch.nn.utils.clip_grad_norm_(self._trained.values(), LARGEST_GRADIENT, foreach=True))
        if not math.isfinite(norm):
            self._optimiser.zero_grad(set_to_none=True)
            raise DivergedError(f"the gradient is {norm} at step {self.step + 1}")
        for group in self._optimiser.param_groups:
            group["lr"] = rate
        self._optimiser.step()
        self._optimiser.zero_grad(set_to_none=True)
        self.step += 1
        self.losses.append(found.loss)
        self.spent_s += time.monotonic() - started_s
        return found.loss

    def finish(self) -> None:
        """Back to the model's own precision, ready to be used."""
        cast(self.student, self._precision)
        self.student.eval()

    def resume(self, path: Path, key: str) -> bool:
        """After `finish`: go on from a kept state; see `restore`."""
        import torch

        cast(self.student, torch.float32)
        self.student.train()
        return self.restore(path, key)

    def save(self, path: Path, key: str) -> None:
        """Write the state whole or not at all; `key` says what the training is.

        Raises:
            InputError: if the disk is full; the state written before is still there.
        """
        from safetensors.torch import save_file

        tensors: dict[str, torch.Tensor] = {}
        state = self._optimiser.state
        for name, weight in self._trained.items():
            tensors[f"weight.{name}"] = weight.detach()
            for moment in ("exp_avg", "exp_avg_sq", "step"):
                if moment in state.get(weight, {}):
                    tensors[f"{moment}.{name}"] = state[weight][moment]
        story = {"key": key, "step": self.step, "losses": self.losses, "spent_s": self.spent_s}
        with room("the checkpoint of the training", path.parent, KEPT), replacing(path) as beside:
            save_file(tensors, beside, metadata={"story": json.dumps(story)})

    def restore(self, path: Path, key: str) -> bool:
        """Take up the state of a training with the same key; returns whether there was one that is whole."""
        import torch
        from safetensors import SafetensorError, safe_open

        if not path.is_file():
            return False
        try:
            with safe_open(path, framework="pt") as kept:
                story = json.loads((kept.metadata() or {}).get("story", "{}"))
                if story.get("key") != key:
                    return False
                tensors = {name: kept.get_tensor(name) for name in kept.keys()}  # noqa: SIM118 (no mapping)
        except (SafetensorError, OSError, ValueError):
            return False
        with torch.no_grad():
            for name, weight in self._trained.items():
                weight.copy_(tensors[f"weight.{name}"])
                if f"step.{name}" in tensors:
                    moments = {moment: tensors[f"{moment}.{name}"] for moment in ("step", "exp_avg", "exp_avg_sq")}
                    self._optimiser.state[weight] = moments
        self.step, self.losses, self.spent_s = int(story["step"]), list(story["losses"]), float(story["spent_s"])
        return True


def train(
    student: PreTrainedModel,
    rows: torch.Tensor,
    targets_of: TargetsOf,
    settings: Settings,
    seed: int,
    frozen_head: bool = True,
    checkpoints: Checkpoints | None = None,
    on_step: Callable[[int, float], None] = lambda tokens, loss: None,
) -> Training:
    """Train `student` in place for `settings.training_tokens` tokens of `rows` (R, T).

    `on_step` is called with the tokens and the loss of each step, and once with the tokens of earlier sessions. Same
    inputs, seed, machine and thread count: the same weights, bit by bit, killed in between or not.

    Raises:
        DivergedError: if the loss becomes NaN or infinite; says which checkpoint is kept.
        InputError: if the disk is too full for a checkpoint.
    """
    length, batch = rows.shape[1], settings.batch_sequences
    steps = steps_of(settings)
    trainee = Trainee(student, rows, targets_of, settings, shuffled(len(rows), steps * batch, seed), frozen_head)
    if checkpoints is not None and trainee.restore(checkpoints.path, checkpoints.key):
        on_step(trainee.step * batch * length, trainee.losses[-1] if trainee.losses else math.nan)
    kept_step, kept_at_s = trainee.step, time.monotonic()
    while trainee.step < steps:
        rate = settings.learning_rate * cosine(trainee.step, steps, settings.warmup_share)
        try:
            loss = trainee.take_step(rate)
        except DivergedError as error:
            raise DivergedError(_diverged(str(error), steps, settings, kept_step, checkpoints)) from error
        last = trainee.step == steps
        if checkpoints is not None and (checkpoints.keep_last if last else _due(checkpoints, trainee.step, kept_at_s)):
            checkpoints.folder.mkdir(parents=True, exist_ok=True)
            before_s = time.monotonic()
            trainee.save(checkpoints.path, checkpoints.key)
            kept_step, kept_at_s = trainee.step, time.monotonic()
            trainee.spent_s += kept_at_s - before_s
        on_step(batch * length, loss)
    trainee.finish()
    tail = trainee.losses[-max(len(trainee.losses) // 10, 1) :]
    return Training(steps * batch * length, steps, trainee.spent_s, float(np.mean(tail)))


def cast(model: PreTrainedModel, precision: torch.dtype) -> None:
    """Weights to a precision, in place. Buffers stay: the frequencies of rotary positions do not survive bfloat16."""
    for weight in model.parameters():
        weight.data = weight.data.to(precision)


def steps_of(settings: Settings) -> int:
    """Steps of a training: its tokens in whole batches, at least one."""
    return max(math.ceil(settings.training_tokens / (settings.batch_sequences * settings.sequence_tokens)), 1)


def shuffled(rows: int, wanted: int, seed: int) -> np.ndarray:
    """`wanted` row indices: every epoch in a new order."""
    generator = np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=(1,))))
    epochs = [generator.permutation(rows) for _ in range(math.ceil(wanted / rows))]
    return np.concatenate(epochs)[:wanted]


def cosine(step: int, steps: int, warmup_share: float) -> float:
    """Linear warm-up, then a half cosine down to a tenth; a share of the learning rate."""
    warmup = max(int(steps * warmup_share), 1)
    if step < warmup:
        return (step + 1) / warmup
    along = (step - warmup) / max(steps - warmup, 1)
    return 0.1 + 0.9 * 0.5 * (1.0 + math.cos(math.pi * along))


def _due(checkpoints: Checkpoints, step: int, kept_at_s: float) -> bool:
    if checkpoints.steps is not None:
        return step % checkpoints.steps == 0
    return time.monotonic() - kept_at_s >= checkpoints.interval_s


def _diverged(what: str, steps: int, settings: Settings, kept_step: int, checkpoints: Checkpoints | None) -> str:
    kept = (
        f"the state after step {kept_step}, the last good one that was written, is kept in {checkpoints.path}"
        if checkpoints is not None and kept_step
        else "it happened before the first checkpoint"
    )
    return (
        f"{what} of {steps}; no student was saved; {kept}; lower method.learning_rate (now {settings.learning_rate:g})"
    )
