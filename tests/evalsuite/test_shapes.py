"""Parameters read for a token and bytes kept of it, counted by hand on models of each kind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from transformers import (  # noqa: E402
    AutoModelForCausalLM,
    DeepseekV3Config,
    LlamaConfig,
    MixtralConfig,
    PreTrainedConfig,
)

from evalsuite.models import LoadedModel, LocalSource, ModelSpec, load, resolve  # noqa: E402
from evalsuite.shapes import ModelShape, shape_of  # noqa: E402
from sim.shared.roofline import Shape  # noqa: E402

VOCABULARY, HIDDEN, INSIDE, LAYERS, HEADS = 100, 32, 24, 2, 4
SIZE: dict[str, Any] = {
    "vocab_size": VOCABULARY, "hidden_size": HIDDEN, "intermediate_size": INSIDE, "num_hidden_layers": LAYERS,
    "num_attention_heads": HEADS,
}  # fmt: skip
EMBEDDING, NORMS, PROJECTIONS = VOCABULARY * HIDDEN, (2 * LAYERS + 1) * HIDDEN, 3 * HIDDEN * INSIDE


@pytest.fixture
def shape(tiny_models: tuple[str, str]) -> Any:
    tokenizer = load(resolve(tiny_models[0])).tokenizer

    def of(config: PreTrainedConfig) -> ModelShape:
        spec = ModelSpec("tiny", "teacher", LocalSource(Path()), "none")
        model = AutoModelForCausalLM.from_config(config)
        return shape_of(LoadedModel(spec, model, tokenizer, Path(), "w", "t", "float32", 1), ["ab", "c"])

    return of


@pytest.mark.parametrize("tied", [False, True])
def test_an_untied_input_embedding_is_not_read_and_grouped_heads_are_kept_once(shape: Any, tied: bool) -> None:
    found = shape(LlamaConfig(**SIZE, num_key_value_heads=2, tie_word_embeddings=tied))
    attention = 2 * HIDDEN * HIDDEN + 2 * HIDDEN * HIDDEN // 2
    active = LAYERS * (attention + PROJECTIONS) + NORMS + EMBEDDING
    assert found.active_params == active
    assert found.total_params == active + (0 if tied else EMBEDDING)
    assert found.kv_bytes_per_token == 2 * LAYERS * 2 * (HIDDEN // HEADS) * 2
    assert found.text_bytes_per_token == 1.0
    assert found.served == Shape(active, found.total_params, LAYERS, found.kv_bytes_per_token, 2.0)


def test_of_experts_those_that_are_chosen_are_read(shape: Any) -> None:
    found = shape(MixtralConfig(**SIZE, num_key_value_heads=HEADS, num_local_experts=8, num_experts_per_tok=2))
    attention, router = 4 * HIDDEN * HIDDEN, HIDDEN * 8
    rest = LAYERS * (attention + router) + NORMS + EMBEDDING
    assert found.active_params == rest + LAYERS * 2 * PROJECTIONS
    assert found.total_params == rest + LAYERS * 8 * PROJECTIONS + EMBEDDING


def test_shared_experts_are_read_and_a_latent_is_kept(shape: Any) -> None:
    inside = 12
    config = DeepseekV3Config(
        **SIZE, num_key_value_heads=HEADS, first_k_dense_replace=1, n_routed_experts=8, num_experts_per_tok=2,
        n_shared_experts=2, moe_intermediate_size=inside, n_group=2, topk_group=1, kv_lora_rank=10, q_lora_rank=14,
        qk_rope_head_dim=4, qk_nope_head_dim=6, v_head_dim=5,
    )  # fmt: skip
    found = shape(config)
    queries = HIDDEN * 14 + 14 + 14 * HEADS * (6 + 4)
    keys = HIDDEN * (10 + 4) + 10 + 10 * HEADS * (6 + 5)
    attention = queries + keys + HEADS * 5 * HIDDEN
    expert = 3 * HIDDEN * inside
    rest = LAYERS * attention + PROJECTIONS + HIDDEN * 8 + 2 * expert + NORMS + EMBEDDING
    assert found.active_params == rest + 2 * expert
    assert found.total_params == rest + 8 * expert + EMBEDDING
    assert found.kv_bytes_per_token == LAYERS * (10 + 4) * 2
