"""Pruning by depth: a student that keeps some of its teacher's layers, with their weights."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

from sim.shared.errors import InputError

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel


def layers_of(model: PreTrainedModel) -> torch.nn.ModuleList:
    """The decoder's layers.

    Raises:
        InputError: if the model has no list of them.
    """
    import torch

    layers = getattr(getattr(model, "model", None), "layers", None)
    if not isinstance(layers, torch.nn.ModuleList):
        raise InputError("student.kind", "", type(model).__name__, "a decoder with model.layers", "use another teacher")
    return layers


def keep_layers(teacher: PreTrainedModel, keep: tuple[int, ...]) -> PreTrainedModel:
    """A copy of `teacher` with only the layers in `keep`; embeddings, norm and head are copied too.

    Raises:
        InputError: if a layer does not exist, or the model has no list of decoder layers.
    """
    import torch

    layers = layers_of(teacher)
    if keep[-1] >= len(layers):
        raise InputError("student.keep", "", keep[-1], f"layers 0 to {len(layers) - 1}", "correct the recipe")
    student = copy.deepcopy(teacher)
    kept = torch.nn.ModuleList(student.model.layers[index] for index in keep)
    for position, layer in enumerate(kept):
        layer.self_attn.layer_idx = position  # the key-value cache is addressed by it
    student.model.layers = kept
    student.config.num_hidden_layers = len(kept)
    if getattr(student.config, "layer_types", None):
        student.config.layer_types = [student.config.layer_types[index] for index in keep]
    return student
