"""What a training starts from: a part of the teacher, or a new model."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from evalsuite.distill.importance import kept_layers
from evalsuite.distill.prune import keep_layers
from evalsuite.distill.recipe import (
    DepthPruning,
    FromScratch,
    ImportantLayers,
    OwnModel,
    SameShape,
    StudentStart,
    WidthPruning,
)
from evalsuite.distill.training import cast
from evalsuite.distill.width import narrow
from evalsuite.models import LoadedModel, load, resolve
from evalsuite.precision import fastest_dtype
from sim.shared.errors import InputError

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

CONTEXT_TOKENS = 2048  # that a new student reads where its teacher's number is not known


@dataclass(frozen=True)
class Start:
    """A student before its training.

    Attributes:
        frozen_head: whether it has the teacher's embeddings and head, which stay as they are.
        kept_layers: those of the teacher's, by index; none where the student is new or keeps all.
        weights_sha256: of a model of one's own; "" for a start that recipe and teacher decide.
    """

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    frozen_head: bool
    kept_layers: tuple[int, ...] = ()
    weights_sha256: str = ""

    @property
    def layers(self) -> int:
        """Layers of the student."""
        return int(self.model.config.num_hidden_layers)

    @property
    def dtype(self) -> str:
        """Type of its numbers."""
        return str(next(self.model.parameters()).dtype).removeprefix("torch.")

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
            config = teacher.model.config
            size = config.vocab_size if tokenizer is teacher.tokenizer else len(tokenizer)
            dtype = next(teacher.model.parameters()).dtype
            return Start(_new(wanted, tokenizer, size, config.max_position_embeddings, dtype, seed), tokenizer, False)
        case OwnModel():
            return _own(wanted, "bfloat16" if teacher.dtype == "bfloat16" else "float32")
        case SameShape(start="teacher"):
            return Start(copy.deepcopy(teacher.model), teacher.tokenizer, True)
        case SameShape():
            return Start(_alike(teacher, seed), teacher.tokenizer, False)


def make_own_start(wanted: StudentStart, tokenizer: PreTrainedTokenizerBase, seed: int) -> Start:
    """A start that needs nothing of a teacher but its tokenizer: what a teacher behind an endpoint leaves.

    Raises:
        InputError: for any other.
    """
    match wanted:
        case OwnModel():
            return _own(wanted, fastest_dtype())
        case FromScratch():
            import torch

            mine = load(resolve(wanted.tokenizer)).tokenizer if wanted.tokenizer else tokenizer
            dtype = getattr(torch, fastest_dtype())
            return Start(_new(wanted, mine, len(mine), CONTEXT_TOKENS, dtype, seed), mine, False)
        case _:
            raise InputError(
                "student.kind", "", wanted.kind, "model or scratch, for a teacher behind an endpoint",
                "its weights are not here: start from a model of your own (kind: model), or from random weights",
            )  # fmt: skip


def _own(wanted: OwnModel, dtype: Literal["bfloat16", "float32"]) -> Start:
    loaded = load(resolve(wanted.name), dtype)
    return Start(loaded.model, loaded.tokenizer, wanted.frozen_head, weights_sha256=loaded.weights_sha256)


def _new(
    wanted: FromScratch, tokenizer: PreTrainedTokenizerBase, size: int, positions: int, dtype: torch.dtype, seed: int
) -> PreTrainedModel:
    """Random weights over a vocabulary of `size` and so many positions."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=size,
        hidden_size=wanted.hidden_size,
        intermediate_size=wanted.intermediate_size,
        num_hidden_layers=wanted.layers,
        num_attention_heads=wanted.heads,
        num_key_value_heads=wanted.key_value_heads,
        max_position_embeddings=positions,
        tie_word_embeddings=True,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = LlamaForCausalLM(config).eval()
    cast(model, dtype)
    return model


def _alike(teacher: LoadedModel, seed: int) -> PreTrainedModel:
    import torch

    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = type(teacher.model)(copy.deepcopy(teacher.model.config))
    cast(model, next(teacher.model.parameters()).dtype)
    return model.eval()
