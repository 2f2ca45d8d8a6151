"""Reinforcement by a judge: the student answers, a judge says how good that is, and GRPO raises the better answers.

Several answers to one question form a group; an answer's advantage is its reward less the group's mean, over the
group's standard deviation (Shao et al. 2024, arXiv 2402.03300), its loss averaged over all tokens of a step (DAPO,
arXiv 2503.14476). No reference model holds the student back. The library is TRL's `GRPOTrainer`; here stand the
settings that a processor needs, the counting of what the judge read, and the translation of TRL's errors.

The student learns from its own answers, so nothing binds it to the teacher's: with a judge that knows better than it
writes, it may pass the teacher. It may as well learn what the judge takes for right, so reward and truth are told
apart.
"""

from __future__ import annotations

import math
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from evalsuite.distill.recipe import JudgeRL
from evalsuite.distill.training import DivergedError, Training, cast
from evalsuite.distill.worlds.judge import Judge
from evalsuite.models import quiet_transformers
from sim.shared.errors import MissingExtra

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


@dataclass(frozen=True)
class RewardPoint:
    """A step: tokens written until then, and the mean reward of its answers."""

    tokens: int
    reward: float


@dataclass(frozen=True)
class Reinforcement:
    """A training, what the judge was given, and the rewards step by step.

    Attributes:
        training: its loss is GRPO's, which says little; its tokens are those that the student wrote.
        judged: answers.
        read_tokens: of the judge: questions and answers.
    """

    training: Training
    judged: int
    read_tokens: int
    rewards: tuple[RewardPoint, ...]

    def mean_reward(self, share: float) -> float:
        """Of the first (positive) or the last (negative) share of the steps, at least one."""
        count = max(round(abs(share) * len(self.rewards)), 1)
        part = self.rewards[:count] if share > 0 else self.rewards[-count:]
        return float(np.mean([point.reward for point in part]))


def reinforce(
    student: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    prompts: Sequence[str],
    judge: Judge,
    settings: JudgeRL,
    answer_tokens: int,
    seed: int,
    on_step: Callable[[int, float], None] = lambda tokens, reward: None,
) -> Reinforcement:
    """Train `student` in place until it has written `settings.training_tokens` tokens in answer to `prompts`.

    `on_step` is called with the tokens and the mean reward of each step.

    Raises:
        DivergedError: if loss or reward become NaN or infinite.
        MissingExtra: if TRL is not installed.
    """
    import torch

    try:
        from datasets import Dataset, disable_progress_bars
        from trl import GRPOConfig, GRPOTrainer
    except ImportError as error:
        raise MissingExtra(error.name or "trl", "distill") from error
    from transformers import PrinterCallback, TrainerCallback

    started_s = time.monotonic()
    quiet_transformers()
    disable_progress_bars()
    precision = next(student.parameters()).dtype
    cast(student, torch.float32)
    for weight in student.parameters():
        weight.requires_grad_(True)
    points: list[RewardPoint] = []
    losses: list[float] = []
    read = [0, 0]

    def reward(prompts: list[str], completions: list[str], completion_ids: list[list[int]], **_: Any) -> list[float]:
        given = [str(prompt) for prompt in prompts]
        found = judge.rewards(given, [str(answer) for answer in completions])
        if not np.isfinite(found).all():
            raise DivergedError(f"the judge's reward is no number after {len(points)} steps; no student was saved")
        read[0] += len(given)
        read[1] += sum(map(len, completion_ids)) + sum(map(len, tokenizer(given, add_special_tokens=False).input_ids))
        return [float(value) for value in found]

    class Watch(TrainerCallback):
        def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **_: Any) -> None:
            if logs is None or "reward" not in logs:
                return
            loss, mean = float(logs["loss"]), float(logs["reward"])
            if not (math.isfinite(loss) and math.isfinite(mean) and math.isfinite(float(logs.get("grad_norm", 0.0)))):
                told = f"the loss is {loss}, the reward {mean} at step {state.global_step}; no student was saved"
                raise DivergedError(f"{told}; lower method.learning_rate (now {settings.learning_rate:g})")
            tokens = round(float(logs["completions/mean_length"]) * settings.batch_sequences)
            written = tokens + (points[-1].tokens if points else 0)
            points.append(RewardPoint(written, mean))
            losses.append(loss)
            on_step(tokens, mean)
            control.should_training_stop = written >= settings.training_tokens

    # TRL draws a step's questions without repeating one, and takes no step where there are too few.
    asked = list(prompts) * math.ceil(settings.batch_sequences / settings.group / len(prompts))
    least_steps = max(settings.training_tokens // (settings.batch_sequences * answer_tokens), 1)
    with tempfile.TemporaryDirectory(prefix="undercut-judge-") as scratch, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        arguments = GRPOConfig(
            output_dir=scratch,
            use_cpu=True,
            bf16=False,
            gradient_checkpointing=False,
            report_to="none",
            save_strategy="no",
            logging_steps=1,
            disable_tqdm=True,
            dataloader_pin_memory=False,
            per_device_train_batch_size=settings.batch_sequences,  # of completions
            num_generations=settings.group,
            max_completion_length=answer_tokens,
            # No answer is shorter than one token, so that many steps are always enough.
            max_steps=math.ceil(settings.training_tokens / settings.batch_sequences),
            learning_rate=settings.learning_rate,
            lr_scheduler_type="constant_with_warmup",
            warmup_steps=max(round(settings.warmup_share * least_steps), 1),
            weight_decay=settings.weight_decay,
            max_grad_norm=1.0,
            beta=0.0,
            temperature=settings.temperature,
            seed=seed,
        )
        with torch.random.fork_rng():
            trainer = GRPOTrainer(
                model=student,
                reward_funcs=reward,
                args=arguments,
                train_dataset=Dataset.from_dict({"prompt": asked}),
                processing_class=tokenizer,
                callbacks=[Watch()],
            )
            trainer.remove_callback(PrinterCallback)  # it prints every step on stdout
            torch.manual_seed(seed)
            try:
                trainer.train()
            except RuntimeError as error:
                if "probability tensor" not in str(error):
                    raise
                told = f"the student's probabilities are no numbers after {len(points)} steps; no student was saved"
                raise DivergedError(f"{told}; lower method.learning_rate (now {settings.learning_rate:g})") from error
    cast(student, precision)
    student.eval()
    tail = losses[-max(len(losses) // 10, 1) :]
    done = Training(points[-1].tokens, len(points), time.monotonic() - started_s, float(np.mean(tail)))
    return Reinforcement(done, read[0], read[1], tuple(points))
