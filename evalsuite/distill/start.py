"""What a training starts from: a part of the teacher, or a new model."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING

from evalsuite.distill.importance import kept_layers
from evalsuite.distill.prune import keep_layers
from evalsuite.distill.recipe import (
    DepthPruning,
    FromScratch,
    ImportantLayers,
    Made,
    SameShape,
    StudentStart,
    WidthPruning,
)
from evalsuite.distill.training import cast
from evalsuite.distill.width import narrow
from evalsuite.models import LoadedModel, load, resolve
from sim.shared.errors import InputError

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


@dataclass(frozen=True)
class Start:
    """A student before its training.

    Attributes:
        frozen_head: whether it has the teacher's embeddings and head, which stay as they are.
        kept_layers: those of the teacher's, by index; none where the student is new or keeps all.
    """

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    frozen_head: bool
    kept_layers: tuple[int, ...] = ()

    @property
    def layers(self) -> int:
        """Layers of the student."""
        return int(self.model.config.num_hidden_layers)

    @property
    def parameters(self) -> int:
        """Parameters of the student; tied ones count once."""
        return sum(weight.numel() for weight in self.model.parameters())


def make_start(wanted: StudentStart, teacher: LoadedModel, rows: torch.Tensor, seed: int) -> Start:
    """The start that a recipe asks for; what is measured is measured on the first of rows (R, T).

    Raises:
        InputError: if the teacher does not allow it.
    """
    match wanted:
        case DepthPruning(keep=keep):
            return Start(keep_layers(teacher.model, keep), teacher.tokenizer, True, keep)
        case ImportantLayers(layers=layers, measure=measure, rows=count):
            keep = kept_layers(teacher.model, teacher.weights_sha256, rows[:count], layers, measure)
            return Start(keep_layers(teacher.model, keep), teacher.tokenizer, True, keep)
        case WidthPruning(rows=count):
            same = wanted.hidden_size in (None, teacher.model.config.hidden_size)
            return Start(narrow(teacher.model, wanted, rows[:count]), teacher.tokenizer, same)
        case FromScratch():
            tokenizer = load(resolve(wanted.tokenizer)).tokenizer if wanted.tokenizer else teacher.tokenizer
            return Start(_new(wanted, teacher, tokenizer, seed), tokenizer, False)
        case SameShape(start="teacher"):
            return Start(copy.deepcopy(teacher.model), teacher.tokenizer, True)
        case SameShape():
            return Start(_alike(teacher, seed), teacher.tokenizer, False)
        case Made(model=name):
            return Start(_made(name, teacher), teacher.tokenizer, False)


def _new(wanted: FromScratch, teacher: LoadedModel, tokenizer: PreTrainedTokenizerBase, seed: int) -> PreTrainedModel:
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    equal = tokenizer is teacher.tokenizer
    config = LlamaConfig(
        vocab_size=teacher.model.config.vocab_size if equal else len(tokenizer),
        hidden_size=wanted.hidden_size,
        intermediate_size=wanted.intermediate_size,
        num_hidden_layers=wanted.layers,
        num_attention_heads=wanted.heads,
        num_key_value_heads=wanted.key_value_heads,
        max_position_embeddings=teacher.model.config.max_position_embeddings,
        tie_word_embeddings=True,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = LlamaForCausalLM(config).eval()
    cast(model, next(teacher.model.parameters()).dtype)
    return model


def _made(name: str, teacher: LoadedModel) -> PreTrainedModel:
    made = load(resolve(name), "bfloat16" if teacher.dtype == "bfloat16" else "float32")
    if made.tokenizer.get_vocab() != teacher.tokenizer.get_vocab():
        raise InputError(
            "student.model", "", name, f"a model with the tokenizer of {teacher.spec.name}",
            "name a student of this teacher",
        )  # fmt: skip
    return made.model


def _alike(teacher: LoadedModel, seed: int) -> PreTrainedModel:
    import torch

    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = type(teacher.model)(copy.deepcopy(teacher.model.config))
    cast(model, next(teacher.model.parameters()).dtype)
    return model.eval()
