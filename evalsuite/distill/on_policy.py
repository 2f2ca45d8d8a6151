"""On-policy distillation: the student writes, the teacher tells how likely it finds each token of that (TRL).

The loss is a generalised Jensen-Shannon divergence between teacher and student at each place of the student's own text:
`beta` 1 is the reverse KL, 0 the forward one (Agarwal et al. 2024, arXiv 2306.13649). The library is TRL's
`DistillationTrainer`; here stand the settings that a processor needs, the counting of what the teacher read, and the
translation of its errors. What the student writes changes at every step, so nothing that the teacher tells can be kept
for later, and a training that was killed begins anew.
"""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from evalsuite.distill.recipe import OnPolicy
from evalsuite.distill.training import DivergedError, Training, cast
from evalsuite.models import quiet_transformers
from sim.shared.errors import MissingExtra

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


@dataclass(frozen=True)
class OnPolicyTraining:
    """A training, and the tokens (prompts and the student's answers) of which the teacher told probabilities."""

    training: Training
    read_tokens: int


def train_on_policy(
    student: PreTrainedModel,
    teacher: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    prompts: Sequence[str],
    settings: OnPolicy,
    seed: int,
    frozen_head: bool,
    on_step: Callable[[int, float], None] = lambda tokens, loss: None,
) -> OnPolicyTraining:
    """Train `student` in place until it has written `settings.training_tokens` tokens.

    Raises:
        DivergedError: if the loss becomes NaN or infinite.
        MissingExtra: if TRL is not installed.
    """
    import torch

    try:
        from datasets import Dataset
        from trl import DistillationConfig, DistillationTrainer
    except ImportError as error:
        raise MissingExtra(error.name or "trl", "distill") from error
    from transformers import PrinterCallback, TrainerCallback

    started_s = time.monotonic()
    quiet_transformers()
    precision = next(student.parameters()).dtype
    cast(student, torch.float32)
    held = {id(student.get_input_embeddings().weight), id(student.lm_head.weight)}
    for weight in student.parameters():
        weight.requires_grad_(not (frozen_head and id(weight) in held))
    written: list[float] = []
    losses: list[float] = []

    class Watch(TrainerCallback):
        def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **_: Any) -> None:
            if logs is None or "loss" not in logs:
                return
            loss = float(logs["loss"])
            if not math.isfinite(loss):
                told = f"the loss is {loss} at step {state.global_step}; no student was saved"
                raise DivergedError(f"{told}; lower method.learning_rate (now {settings.learning_rate:g})")
            tokens = float(logs["completions/mean_length"]) * settings.batch_sequences
            written.append(tokens)
            losses.append(loss)
            on_step(round(tokens), loss)
            control.should_training_stop = sum(written) >= settings.training_tokens

    # No answer is shorter than one token, so that many steps are always enough.
    most_steps = math.ceil(settings.training_tokens / settings.batch_sequences)
    with tempfile.TemporaryDirectory(prefix="undercut-on-policy-") as scratch:
        arguments = DistillationConfig(
            output_dir=scratch,
            use_cpu=True,
            bf16=False,
            gradient_checkpointing=False,
            report_to="none",
            save_strategy="no",
            logging_steps=1,
            disable_tqdm=True,
            dataloader_pin_memory=False,
            per_device_train_batch_size=settings.batch_sequences,
            max_steps=most_steps,
            max_completion_length=settings.answer_tokens,
            learning_rate=settings.learning_rate,
            lr_scheduler_type="constant_with_warmup",
            warmup_steps=max(round(settings.warmup_share * settings.least_steps), 1),
            weight_decay=settings.weight_decay,
            max_grad_norm=1.0,
            beta=settings.beta,
            temperature=settings.temperature,
            seed=seed,
        )
        trainer = DistillationTrainer(
            model=student,
            teacher_model=teacher,
            args=arguments,
            train_dataset=Dataset.from_list([{"prompt": _turns(tokenizer, prompt)} for prompt in prompts]),
            processing_class=tokenizer,
            callbacks=[Watch()],
        )
        trainer.remove_callback(PrinterCallback)  # it prints every step on stdout
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            trainer.train()
        read = int(trainer.state.num_input_tokens_seen)
    cast(student, precision)
    student.eval()
    tail = losses[-max(len(losses) // 10, 1) :]
    done = Training(round(sum(written)), len(losses), time.monotonic() - started_s, float(np.mean(tail)))
    return OnPolicyTraining(done, read)


def _turns(tokenizer: PreTrainedTokenizerBase, prompt: str) -> Any:
    """A prompt as TRL reads it: turns where the model has a chat template, else the text that a base model goes on."""
    return [{"role": "user", "content": prompt}] if tokenizer.chat_template else f"{prompt}\n\n"
