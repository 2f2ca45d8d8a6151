"""What of a loaded model decides its cost of serving, and how many bytes of text one of its tokens holds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sim.shared.roofline import Shape

if TYPE_CHECKING:
    from evalsuite.models import LoadedModel

SERVED_BYTES_PER_PARAM = 2.0  # bfloat16, whatever type this machine computes in
EXPERTS = "experts"  # the part of a weight's name; "shared_experts" are read for every token


@dataclass(frozen=True)
class ModelShape:
    """The fields are the columns of `evalsuite.tables.SHAPES`.

    Attributes:
        active_params: read for one token; an untied input embedding is not, of experts only those that are chosen.
        text_bytes_per_token: UTF-8 bytes over tokens, on the text that was given.
    """

    model: str
    active_params: float
    total_params: float
    layers: int
    kv_bytes_per_token: float
    text_bytes_per_token: float

    @property
    def served(self) -> Shape:
        """The shape as it is served in bfloat16."""
        return Shape(
            self.active_params, self.total_params, self.layers, self.kv_bytes_per_token, SERVED_BYTES_PER_PARAM
        )


def shape_of(loaded: LoadedModel, texts: Iterable[str]) -> ModelShape:
    """The shape of a model, its tokens counted on `texts`."""
    model, config = loaded.model, loaded.model.config
    total = sum(weight.numel() for weight in model.parameters())
    head, embedding = model.get_output_embeddings(), model.get_input_embeddings()
    tied = head is not None and head.weight is embedding.weight
    idle = 0.0 if tied else float(embedding.weight.numel())
    experts, chosen = _experts(config)
    if experts:
        inside = sum(weight.numel() for name, weight in model.named_parameters() if EXPERTS in name.split("."))
        idle += inside * (1.0 - chosen / experts)
    joined = "\n".join(texts)
    tokens = len(loaded.tokenizer.encode(joined, add_special_tokens=False))
    return ModelShape(
        model=loaded.spec.name,
        active_params=total - idle,
        total_params=float(total),
        layers=int(config.num_hidden_layers),
        kv_bytes_per_token=config.num_hidden_layers * _kv_numbers(config) * SERVED_BYTES_PER_PARAM,
        text_bytes_per_token=len(joined.encode()) / max(tokens, 1),
    )


def _kv_numbers(config: Any) -> int:
    """Numbers that a server keeps of a token in a layer.

    Keys and values of all heads; of multi-head latent attention one latent for both and the part of the key that is
    turned by position (DeepSeek-V2, arXiv 2405.04434, section 2.1), whatever transformers itself keeps.
    """
    latent = getattr(config, "kv_lora_rank", None)
    if latent:
        return int(latent) + int(config.qk_rope_head_dim)
    heads = int(getattr(config, "num_key_value_heads", None) or config.num_attention_heads)
    width = int(getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads)
    return 2 * heads * width


def _experts(config: Any) -> tuple[int, int]:
    """(experts, those chosen for a token); (0, 0) for a dense model."""
    for name in ("num_local_experts", "num_experts", "n_routed_experts"):
        count = getattr(config, name, None)
        if count:
            return int(count), int(getattr(config, "num_experts_per_tok", None) or 1)
    return 0, 0
