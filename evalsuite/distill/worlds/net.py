"""A world's model: a Llama of some ten thousand to some million parameters, with random weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from evalsuite.distill.access import Part

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

POSITIONS = 512


class Net(Part):
    """Its shape; the feed-forward layer is 8/3 as wide as the hidden states, rounded down to a multiple of 8."""

    layers: Annotated[int, Field(ge=1, le=32)] = 3
    hidden_size: Annotated[int, Field(ge=8, multiple_of=8)] = 64
    heads: Annotated[int, Field(ge=1)] = 4

    @property
    def intermediate_size(self) -> int:
        """Width of the feed-forward layer."""
        return max(self.hidden_size * 8 // 3 // 8 * 8, 8)


def make_net(net: Net, tokenizer: PreTrainedTokenizerBase, seed: int) -> PreTrainedModel:
    """A new model in float32; same seed, same weights."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=net.hidden_size,
        intermediate_size=net.intermediate_size,
        num_hidden_layers=net.layers,
        num_attention_heads=net.heads,
        num_key_value_heads=net.heads,
        max_position_embeddings=POSITIONS,
        tie_word_embeddings=False,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return LlamaForCausalLM(config).eval()
