"""Where in rows of packed documents the answers stand: a student of a small world learns from these alone.

Questions are drawn at random; to predict them teaches nothing and costs most of a small model's capacity.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from evalsuite.distill.losses import FullTargets, SparseTargets, Targets, TextTargets
from evalsuite.distill.training import At, TargetsOf
from evalsuite.distill.worlds.world import BEGIN, END, World

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedTokenizerBase


def before_answers(rows: torch.Tensor, tokenizer: PreTrainedTokenizerBase, world: World) -> torch.Tensor:
    """Which positions of rows (R, T) are followed by a symbol of an answer or its end; shape (R, T), the last never.

    What stands at a row's beginning, before the first question, is left out: its question is in another row.
    """
    import torch

    begin = int(tokenizer.bos_token_id)
    closing = torch.tensor(tokenizer.convert_tokens_to_ids([BEGIN, END, *world.interrupts]))
    delimiters = torch.tensor(tokenizer.convert_tokens_to_ids(list(world.delimiters)))
    places = torch.arange(rows.shape[1]).expand_as(rows)
    none = torch.full_like(places, -1)
    asked = torch.where(torch.isin(rows, delimiters), places, none).cummax(dim=1).values
    turned = torch.where(torch.isin(rows, closing), places, none).cummax(dim=1).values
    known = torch.cumsum(rows == begin, dim=1) > 0
    inside = (asked > turned) & known
    inside[:, -1] = False
    return inside


def answers_only(supply: TargetsOf, rows: torch.Tensor, tokenizer: PreTrainedTokenizerBase, world: World) -> TargetsOf:
    """Targets of the positions that answers follow, from targets of all."""
    inside = before_answers(rows, tokenizer, world)

    def targets_of(chosen: np.ndarray) -> At:
        told = supply(chosen)
        assert not isinstance(told, At)
        mask = inside[chosen]
        places = (mask[:, :-1] if isinstance(told, TextTargets) else mask).flatten().nonzero().flatten()
        return At(_at(told, places), places)

    return targets_of


def _at(told: Targets, places: torch.Tensor) -> Targets:
    match told:
        case FullTargets(hidden, head, decimals):
            return FullTargets(hidden[places], head, decimals)
        case SparseTargets(ids, weights):
            return SparseTargets(ids[places], weights[places])
        case TextTargets(tokens):
            return TextTargets(tokens[places])
