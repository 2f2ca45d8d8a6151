"""Tiny random models for the lab, in memory or as a teacher with a tokenizer of bytes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def tiny() -> Callable[..., Any]:
    """Makes a random Llama of four layers in milliseconds."""
    torch = pytest.importorskip("torch")
    from transformers import LlamaConfig, LlamaForCausalLM

    def make(seed: int = 0, **changes: Any) -> Any:
        torch.manual_seed(seed)
        settings = {
            "vocab_size": 64, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 4,
            "num_attention_heads": 4, "num_key_value_heads": 2, "tie_word_embeddings": True, "initializer_range": 0.2,
        }  # fmt: skip
        return LlamaForCausalLM(LlamaConfig(**settings | changes)).eval()

    return make


@pytest.fixture
def rows() -> Any:
    """Twelve rows of sixteen random tokens."""
    torch = pytest.importorskip("torch")
    return torch.randint(0, 64, (12, 16), generator=torch.Generator().manual_seed(1))


@pytest.fixture
def loaded(tiny: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A tiny model as `evalsuite.models.load` returns it, without a tokenizer; the cache is the test's own."""
    from evalsuite.models import LoadedModel, LocalSource, ModelSpec

    monkeypatch.setenv("UNDERCUT_CACHE_DIR", str(tmp_path / "cache"))
    spec = ModelSpec("tiny", "teacher", LocalSource(tmp_path), "Apache-2.0")
    return LoadedModel(spec, tiny(), None, tmp_path, "weights", "tokenizer", "float32", 1)


@pytest.fixture
def recipe_of(tiny_models: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Makes a recipe for the tiny teacher in a directory, which speaks in few letters; keywords replace its parts."""
    from safetensors.torch import load_file, save_file

    from evalsuite.distill.recipe import Recipe

    # Each test has a cache of its own, and would time the types of number again.
    monkeypatch.setattr("evalsuite.models.fastest_dtype", lambda: "float32")
    path = Path(tiny_models[0]) / "model.safetensors"
    state = {name: weight if "norm" in name else 5.0 * weight for name, weight in load_file(path).items()}
    # What all embeddings share passes through every layer, and the head turns it into a preference for few tokens.
    state["model.embed_tokens.weight"][:, 0] = 1.0
    state["lm_head.weight"][:, 0] = -1.0
    state["lm_head.weight"][65:81, 0] = 1.0
    save_file(state, path, metadata={"format": "pt"})

    def make(**changes: Any) -> Any:
        training = {"training_tokens": 960, "learning_rate": 3e-3, "sequence_tokens": 16, "batch_sequences": 2}
        method = {"kind": "logit_kd", **training, **changes.pop("method", {})}
        raw = {
            "name": "small", "teacher": tiny_models[0], "student": {"kind": "depth", "keep": [0]},
            "text": {"tokens": 400, "batch": 4, "answer_tokens": 24}, "method": method,
        }  # fmt: skip
        return Recipe.model_validate(raw | changes)

    return make
