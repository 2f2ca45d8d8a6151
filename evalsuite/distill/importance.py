"""Which layers matter, measured on rows of text: by what leaving them out does to the teacher's probabilities.

`kl` leaves out one layer after the other, each time that whose loss moves the predictions least (forward KL from the
whole teacher, given what has gone already). `block_influence` ranks layers once by how far they turn the residual
stream, 1 - cos(what enters, what leaves) (Men et al. 2024, arXiv 2403.03853); it is quick and knows nothing of how
layers depend on each other.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Literal

from evalsuite.distill.losses import FullTargets, evaluate
from evalsuite.distill.prune import layers_of
from sim.shared.console import Progress
from sim.shared.errors import InputError
from sim.shared.manifest import sha256_of_json
from sim.shared.paths import cache_dir, write_text

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

Measure = Literal["kl", "block_influence"]


def important_layers(teacher: PreTrainedModel, rows: torch.Tensor, count: int, measure: Measure) -> tuple[int, ...]:
    """The `count` layers to keep, ascending, by a measure on rows (R, T).

    Raises:
        InputError: if the teacher has fewer layers.
    """
    depth = len(layers_of(teacher))
    if count > depth:
        raise InputError("student.layers", "", count, f"1 to {depth}", "correct the recipe")
    if measure == "block_influence":
        turned = block_influence(teacher, rows)
        return tuple(sorted(sorted(range(depth), key=lambda layer: -turned[layer])[:count]))
    left_out = removal_order(teacher, rows, depth - count)
    return tuple(layer for layer in range(depth) if layer not in left_out)


def kept_layers(
    teacher: PreTrainedModel,
    weights_sha256: str,
    rows: torch.Tensor,
    count: int,
    measure: Measure,
) -> tuple[int, ...]:
    """As `important_layers`, remembered in the cache."""
    key = sha256_of_json({"weights": weights_sha256, "rows": rows.tolist(), "count": count, "measure": measure})
    path = cache_dir() / "importance" / f"{key[:32]}.json"
    if path.is_file():
        return tuple(json.loads(path.read_text(encoding="utf-8")))
    found = important_layers(teacher, rows, count, measure)
    path.parent.mkdir(exist_ok=True)
    write_text(path, json.dumps(found))
    return found


def removal_order(teacher: PreTrainedModel, rows: torch.Tensor, count: int) -> list[int]:
    """Layers in the order in which they are left out, `count` of them."""
    import torch

    whole = layers_of(teacher)
    left = list(range(len(whole)))
    out: list[int] = []
    trials = sum(len(whole) - done for done in range(count))
    try:
        with torch.inference_mode(), Progress("which layers matter", trials, "trials") as progress:
            target = FullTargets(
                teacher.model(input_ids=rows, use_cache=False).last_hidden_state.flatten(0, 1), _head(teacher)
            )
            for _ in range(count):
                distances = {}
                for layer in left:
                    kept = [whole[index] for index in left if index != layer]
                    teacher.model.layers = torch.nn.ModuleList(kept)
                    hidden = teacher.model(input_ids=rows, use_cache=False).last_hidden_state.flatten(0, 1)
                    distances[layer] = evaluate(hidden, _head(teacher), target).loss
                    progress.advance(1)
                gone = min(left, key=distances.__getitem__)
                left.remove(gone)
                out.append(gone)
    finally:
        teacher.model.layers = whole
    return out


def block_influence(teacher: PreTrainedModel, rows: torch.Tensor) -> list[float]:
    """1 - mean cosine between what enters and what leaves each layer."""
    import torch

    turned: list[float] = []

    def watch(module: torch.nn.Module, inputs: tuple[torch.Tensor, ...], output: object) -> None:
        after = output[0] if isinstance(output, tuple) else output
        assert isinstance(after, torch.Tensor)
        cosine = torch.nn.functional.cosine_similarity(inputs[0].float(), after.float(), dim=-1)
        turned.append(1.0 - float(cosine.mean()))

    handles = [layer.register_forward_hook(watch) for layer in layers_of(teacher)]
    try:
        with torch.inference_mode():
            teacher.model(input_ids=rows, use_cache=False)
    finally:
        for handle in handles:
            handle.remove()
    return turned


def _head(model: PreTrainedModel) -> torch.Tensor:
    head: torch.Tensor = model.lm_head.weight
    return head
