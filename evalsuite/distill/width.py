"""Pruning by width: every layer stays with fewer of its units, those that are most active on rows of text.

What is measured, after Minitron (Muralidharan et al. 2024, arXiv 2407.14679): of a feed-forward unit its mean absolute
activation times the norm of its outgoing weights; of a group of attention heads (one key-value head with its queries)
the norm of what it adds through the output projection; of a channel of the residual stream its mean absolute value
after the norms, summed over them. Where channels go, each norm's weights are scaled by what the root mean square of the
kept channels is to that of all, so that what leaves the norm stays what it was.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from evalsuite.distill.prune import layers_of
from evalsuite.distill.recipe import WidthPruning
from evalsuite.distill.training import cast
from sim.shared.errors import InputError

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

PARTS = (
    ("self_attn", ("q_proj", "k_proj", "v_proj", "o_proj")),
    ("mlp", ("gate_proj", "up_proj", "down_proj")),
)


@dataclass(frozen=True)
class Kept:
    """Indices that stay: `units` and `groups` one tensor a layer, `channels` one for the whole model, all ascending."""

    units: list[torch.Tensor]
    groups: list[torch.Tensor]
    channels: torch.Tensor
    norm_scales: dict[str, float]


def narrow(teacher: PreTrainedModel, settings: WidthPruning, rows: torch.Tensor) -> PreTrainedModel:
    """A narrower copy of `teacher`, its units chosen on rows (R, T).

    Raises:
        InputError: if a size exceeds the teacher's, or its layers are not of the kind that is known here.
    """
    _check(teacher, settings)
    kept = choose(teacher, settings, rows)
    config = copy.deepcopy(teacher.config)
    per_group = config.num_attention_heads // config.num_key_value_heads
    config.head_dim = _head_dim(teacher.config)
    config.intermediate_size = len(kept.units[0])
    config.num_key_value_heads = len(kept.groups[0])
    config.num_attention_heads = per_group * config.num_key_value_heads
    config.hidden_size = len(kept.channels)
    import torch

    with torch.random.fork_rng():
        student = type(teacher)(config).eval()
    cast(student, next(teacher.parameters()).dtype)
    state = teacher.state_dict()
    with torch.no_grad():
        for name, weight in student.state_dict().items():
            weight.copy_(_slice(name, state[name], kept, config.head_dim, per_group))
    return student


def choose(teacher: PreTrainedModel, settings: WidthPruning, rows: torch.Tensor) -> Kept:
    """Which units, groups and channels stay."""
    import torch

    config = teacher.config
    seen = _watch(teacher, rows)
    units, groups = [], []
    head_dim = _head_dim(config)
    per_group = config.num_attention_heads // config.num_key_value_heads
    for index, layer in enumerate(layers_of(teacher)):
        out = layer.mlp.down_proj.weight.float().norm(dim=0)
        units.append(_largest(seen[f"mlp.{index}"] * out, settings.intermediate_size))
        added = (seen[f"heads.{index}"] * layer.self_attn.o_proj.weight.float().norm(dim=0)).view(
            -1, per_group * head_dim
        )
        groups.append(_largest(added.norm(dim=1), settings.key_value_heads))
    norms = [name for name in seen if name.startswith("norm.")]
    channels = _largest(torch.stack([seen[name] for name in norms]).sum(dim=0), settings.hidden_size)
    scales = {}
    for name in norms:
        squares = seen["squares." + name.removeprefix("norm.")]
        scales[name.removeprefix("norm.")] = float((squares[channels].mean() / squares.mean()).sqrt())
    return Kept(units, groups, channels, scales)


def _watch(teacher: PreTrainedModel, rows: torch.Tensor) -> dict[str, torch.Tensor]:
    """Mean absolute activations, and mean squares of what enters each norm, over all positions of rows (R, T)."""
    import torch

    seen: dict[str, torch.Tensor] = {}
    handles = []

    def before(name: str, of: Callable[[torch.Tensor], torch.Tensor]) -> Callable[..., None]:
        def hook(module: torch.nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
            seen[name] = of(inputs[0].float()).flatten(0, -2).mean(dim=0)

        return hook

    def after(name: str) -> Callable[..., None]:
        def hook(module: torch.nn.Module, inputs: object, output: torch.Tensor) -> None:
            seen[name] = output.float().abs().flatten(0, -2).mean(dim=0)

        return hook

    for index, layer in enumerate(layers_of(teacher)):
        handles.append(layer.mlp.down_proj.register_forward_pre_hook(before(f"mlp.{index}", torch.abs)))
        handles.append(layer.self_attn.o_proj.register_forward_pre_hook(before(f"heads.{index}", torch.abs)))
    for name, module in teacher.model.named_modules():
        if name.endswith("norm"):
            handles.append(module.register_forward_hook(after(f"norm.model.{name}")))
            handles.append(module.register_forward_pre_hook(before(f"squares.model.{name}", torch.square)))
    try:
        with torch.no_grad():
            teacher.model(input_ids=rows, use_cache=False)
    finally:
        for handle in handles:
            handle.remove()
    return seen


def _slice(name: str, weight: torch.Tensor, kept: Kept, head_dim: int, per_group: int) -> torch.Tensor:
    """The part of a teacher's weight that a student keeps."""
    import torch

    if "embed_tokens" in name or "lm_head" in name:
        return weight[:, kept.channels]
    if name.endswith("norm.weight"):
        return weight[kept.channels] * kept.norm_scales[name.removesuffix(".weight")]
    layer = int(name.split(".layers.")[1].split(".")[0])
    units, groups = kept.units[layer], kept.groups[layer]
    width = per_group * head_dim
    queries = (groups[:, None] * width + torch.arange(width)).flatten()
    keys = (groups[:, None] * head_dim + torch.arange(head_dim)).flatten()
    if "o_proj" in name:
        return weight[kept.channels][:, queries]
    if "down_proj" in name:
        return weight[kept.channels][:, units]
    rows = queries if "q_proj" in name else units if "gate_proj" in name or "up_proj" in name else keys
    return weight[rows][:, kept.channels]


def _largest(scores: torch.Tensor, count: int | None) -> torch.Tensor:
    chosen = scores.topk(count if count is not None else len(scores)).indices
    return chosen.sort().values


def _head_dim(config: Any) -> int:
    return int(getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads)


def _check(teacher: PreTrainedModel, settings: WidthPruning) -> None:
    config = teacher.config
    for field in ("intermediate_size", "key_value_heads", "hidden_size"):
        wanted = getattr(settings, field)
        has = int(config.num_key_value_heads if field == "key_value_heads" else getattr(config, field))
        if wanted is not None and wanted > has:
            raise InputError(f"student.{field}", "", wanted, f"at most the teacher's {has}", "correct the recipe")
    known = {f"{part}.{name}.weight" for part, names in PARTS for name in names}
    known |= {"input_layernorm.weight", "post_attention_layernorm.weight"}
    found = set(layers_of(teacher)[0].state_dict())
    if found != known:
        odd = ", ".join(sorted(found ^ known)[:4])
        raise InputError(
            "student.kind", "", f"width, of a layer that differs in {odd}",
            "a decoder with the layers of Llama, without biases", "prune by depth",
        )  # fmt: skip
