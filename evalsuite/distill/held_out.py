"""How far a student is from its teacher on text that neither was trained on, and how well it predicts text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evalsuite.distill.losses import FullTargets, TextTargets, evaluate

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


def hidden_states(model: PreTrainedModel, rows: torch.Tensor, batch: int) -> torch.Tensor:
    """The model's last hidden states of packed rows, shape (R, T, D), in the model's precision."""
    import torch

    with torch.inference_mode():
        parts = [model.model(input_ids=rows[i : i + batch]).last_hidden_state for i in range(0, len(rows), batch)]
    return torch.cat(parts).clone()


def held_out_kl(student: PreTrainedModel, teacher: PreTrainedModel, rows: torch.Tensor, batch: int) -> float:
    """Mean KL from teacher to student on packed rows, nats a token; they must share their tokens."""
    import torch

    with torch.inference_mode():
        mine = hidden_states(student, rows, batch).flatten(0, 1)
        theirs = hidden_states(teacher, rows, batch).flatten(0, 1)
        return evaluate(mine, student.lm_head.weight, FullTargets(theirs, teacher.lm_head.weight)).loss


def nats_per_byte(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, text: str, length: int, batch: int
) -> float:
    """Cross-entropy of a text in nats over its UTF-8 bytes, read in windows of `length` tokens.

    Comparable between tokenizers. Each window's first token is given, not predicted; what follows the last whole window
    is left out, bytes and all.
    """
    import torch

    ids = tokenizer(text, add_special_tokens=False).input_ids
    count = len(ids) // length
    rows = torch.tensor(ids[: count * length], dtype=torch.long).reshape(count, length)
    with torch.inference_mode():
        hidden = hidden_states(model, rows, batch)[:, :-1].flatten(0, 1)
        loss = evaluate(hidden, model.lm_head.weight, TextTargets(rows[:, 1:].flatten())).loss
    predicted = sum(len(tokenizer.decode(row[1:]).encode()) for row in rows.tolist())
    return loss * len(hidden) / predicted
