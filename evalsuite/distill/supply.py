"""Targets for a training: from what a teacher told and is kept on disk, or from its text alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from evalsuite.distill.losses import FullTargets, SparseTargets, TextTargets, sparse_targets
from evalsuite.distill.outputs import Outputs
from evalsuite.distill.training import TargetsOf

if TYPE_CHECKING:
    import torch


def full_supply(outputs: Outputs, head: torch.Tensor, decimals: int | None) -> TargetsOf:
    """Probabilities of all tokens, rebuilt by the teacher's head (V, D) from kept hidden states."""

    def targets_of(chosen: np.ndarray) -> FullTargets:
        import torch

        kept = outputs.records(chosen)["hidden"].reshape(-1, head.shape[1])
        if kept.dtype == np.dtype("<u2"):
            hidden = torch.from_numpy(kept.view(np.int16)).view(torch.bfloat16)
        else:
            hidden = torch.from_numpy(np.ascontiguousarray(kept))
        return FullTargets(hidden.to(head.dtype), head, decimals)

    return targets_of


def sparse_supply(outputs: Outputs, renormalised: bool) -> TargetsOf:
    """Likely entries and draws from the tail."""

    def targets_of(chosen: np.ndarray) -> SparseTargets:
        records = outputs.records(chosen).reshape(-1)
        return sparse_targets(records["ids"], records["log_probs"], records["tail"], renormalised)

    return targets_of


def text_supply(rows: torch.Tensor) -> TargetsOf:
    """The token that follows, of rows (R, T)."""

    def targets_of(chosen: np.ndarray) -> TextTargets:
        return TextTargets(rows[chosen][:, 1:].flatten())

    return targets_of
