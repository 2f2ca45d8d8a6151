"""On-policy distillation: the student writes, the teacher tells how likely it finds each token of that (TRL).

The loss is a generalised Jensen-Shannon divergence between teacher and student at each place of the student's own text:
`beta` 1 is the reverse KL, 0 the forward one (Agarwal et al. 2024, arXiv 2306.13649). The library is TRL's
`DistillationTrainer`; here stand the settings that a processor needs, the counting of what the teacher read, and the
translation of its errors. What the student writes changes at every step, so nothing that the teacher tells can be kept
for later.

A training that was killed goes on from the trainer's own checkpoint (weights, moments, rate, place in the prompts, and
the state of the generator that the writing draws from), written at times; the weights are those of a training that was
not killed, bit by bit. A checkpoint whose last file is not whole is passed over for the one before.
"""

from __future__ import annotations

import contextlib
import json
import math
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from evalsuite.distill.recipe import OnPolicy
from evalsuite.distill.room import room
from evalsuite.distill.training import CHECKPOINT_INTERVAL_S, KEPT, DivergedError, Training, cast, shuffled
from evalsuite.models import quiet_transformers
from sim.shared.errors import MissingExtra
from sim.shared.paths import write_text

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

PREFIX = "checkpoint-"  # the trainer's names
STATE_NAME = "trainer_state.json"
SPENT_NAME = "spent.json"


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
    folder: Path | None = None,
    interval_s: float = CHECKPOINT_INTERVAL_S,
) -> OnPolicyTraining:
    """Train `student` in place until it has written `settings.training_tokens` tokens.

    Args:
        folder: of this training alone, where its state is kept and taken up; None keeps nothing.
        interval_s: between two times that it is kept.

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
    before_s = 0.0
    kept_at_s = time.monotonic()

    class Watch(TrainerCallback):
        def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            for logs in state.log_history:
                if "loss" in logs:
                    losses.append(float(logs["loss"]))
                    written.append(float(logs["completions/mean_length"]) * settings.batch_sequences)
            if losses:
                on_step(round(sum(written)), losses[-1])

        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            control.should_save = folder is not None and time.monotonic() - kept_at_s >= interval_s

        def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            nonlocal kept_at_s
            kept_at_s = time.monotonic()
            place = Path(args.output_dir) / f"{PREFIX}{state.global_step}" / SPENT_NAME
            write_text(place, json.dumps({"spent_s": before_s + kept_at_s - started_s}))

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
            if sum(written) >= settings.training_tokens:
                # A state kept here would go on with a step too many.
                control.should_training_stop, control.should_save = True, False

    # No answer is shorter than one token, so that many steps are always enough.
    most_steps = math.ceil(settings.training_tokens / settings.batch_sequences)
    with contextlib.ExitStack() as stack:
        if folder is None:
            place = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="undercut-on-policy-")))
        else:
            place = folder
            place.mkdir(parents=True, exist_ok=True)
            stack.enter_context(room("the checkpoint of the training", place, KEPT))
        kept = _newest_checkpoint(place)
        before_s = _spent_s(kept)
        arguments = DistillationConfig(
            output_dir=str(place),
            use_cpu=True,
            bf16=False,
            gradient_checkpointing=False,
            report_to="none",
            save_strategy="no",  # the callback says when
            save_total_limit=1,
            shuffle_dataset=False,
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
        # In one order for the whole training: the trainer's own shuffling begins anew when it resumes.
        order = shuffled(len(prompts), most_steps * settings.batch_sequences, seed)
        asked = Dataset.from_list([{"prompt": _turns(tokenizer, prompt)} for prompt in prompts]).select(order)
        trainer = DistillationTrainer(
            model=student,
            teacher_model=teacher,
            args=arguments,
            train_dataset=asked,
            processing_class=tokenizer,
            callbacks=[Watch()],
        )
        trainer.remove_callback(PrinterCallback)  # it prints every step on stdout
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            trainer.train(resume_from_checkpoint=str(kept) if kept is not None else None)
        read = int(trainer.state.num_input_tokens_seen)
    cast(student, precision)
    student.eval()
    tail = losses[-max(len(losses) // 10, 1) :]
    done = Training(round(sum(written)), len(losses), before_s + time.monotonic() - started_s, float(np.mean(tail)))
    return OnPolicyTraining(done, read)


def _newest_checkpoint(folder: Path) -> Path | None:
    """The last checkpoint that is whole; the trainer writes its state last, so one that was cut has none."""
    for path in sorted(folder.glob(f"{PREFIX}*"), key=lambda path: -int(path.name.removeprefix(PREFIX))):
        try:
            json.loads((path / STATE_NAME).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            shutil.rmtree(path)
            continue
        return path
    return None


def _spent_s(checkpoint: Path | None) -> float:
    """Seconds of the sessions before a checkpoint; 0 where a kill came between it and their note."""
    if checkpoint is None or not (checkpoint / SPENT_NAME).is_file():
        return 0.0
    return float(json.loads((checkpoint / SPENT_NAME).read_text(encoding="utf-8"))["spent_s"])


def _turns(tokenizer: PreTrainedTokenizerBase, prompt: str) -> Any:
    """A prompt as TRL reads it: turns where the model has a chat template, else the text that a base model goes on."""
    return [{"role": "user", "content": prompt}] if tokenizer.chat_template else f"{prompt}\n\n"
