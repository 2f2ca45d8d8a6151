"""How good a model is in a small world: on held-out questions, by the world's own rule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from evalsuite.distill.worlds.knowledge import Knowledge
from evalsuite.distill.worlds.sampling import next_symbols, write_answers
from evalsuite.distill.worlds.world import Question, World

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

STREAM = 1_000_003


@dataclass(frozen=True)
class Outcome:
    """What a model answers to questions.

    Attributes:
        sampled: of each question, the share of the sampled answers that are right, shape (questions,).
        greedy: whether the likeliest answer is right, shape (questions,).
        solved: whether any of the sampled answers is right, shape (questions,).
        draws: answers sampled a question.
        truth_kl_nats: mean KL from the true distribution of answers; None where the truth is no distribution.
    """

    sampled: np.ndarray
    greedy: np.ndarray
    solved: np.ndarray
    draws: int
    truth_kl_nats: float | None


def outcome(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    world: World,
    questions: Sequence[Question],
    draws: int,
    seed: int = 0,
) -> Outcome:
    """Ask each question once for the likeliest answer and `draws` times for a sampled one, at temperature 1."""
    prompts = [question.prompt for question in questions]

    def rights(temperature: float, seed: int = 0) -> np.ndarray:
        written = write_answers(model, tokenizer, prompts, world.answer_tokens, temperature, seed)
        return np.array([world.right(*pair) for pair in zip(prompts, written, strict=True)], dtype=float)

    sampled = np.array([rights(1.0, seed * STREAM + draw) for draw in range(draws)])
    solved: np.ndarray = sampled.max(axis=0)
    return Outcome(sampled.mean(axis=0), rights(0.0), solved, draws, truth_kl_nats(model, tokenizer, world, prompts))


def truth_kl_nats(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, world: World, prompts: Sequence[str]
) -> float | None:
    """Mean KL from the truth to the model's next symbol; what it gives to symbols that are no answers is lost to it."""
    if not isinstance(world, Knowledge):
        return None
    truth = world.truth(prompts)
    given = next_symbols(model, tokenizer, prompts, world.symbols[-world.answers :])
    return float((truth * (np.log(truth) - np.log(np.maximum(given, 1e-12)))).sum(axis=1).mean())
