"""A random teacher and student that real lm-eval can run in milliseconds."""

from __future__ import annotations

import json
from pathlib import Path

import pytest


@pytest.fixture
def tiny_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    """A random teacher in a directory and a student in the cache, with a tokenizer of bytes made here."""
    torch = pytest.importorskip("torch")
    from evalsuite.models import CARD_NAME, models_dir

    monkeypatch.setenv("UNDERCUT_CACHE_DIR", str(tmp_path / "cache"))
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    letters = [chr(code) for code in range(32, 127)]
    table = pre_tokenizers.ByteLevel.alphabet()
    vocabulary = {token: index for index, token in enumerate(["<|end|>", *sorted(table)])}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token="<|end|>", bos_token="<|end|>", pad_token="<|end|>"
    )
    assert fast.decode(fast("".join(letters)).input_ids) == "".join(letters)

    def save(folder: Path, layers: int) -> None:
        torch.manual_seed(layers)
        config = LlamaConfig(
            vocab_size=len(vocabulary), hidden_size=32, intermediate_size=48, num_hidden_layers=layers,
            num_attention_heads=2, num_key_value_heads=1, max_position_embeddings=2048, bos_token_id=0,
            eos_token_id=0, pad_token_id=0,
        )  # fmt: skip
        LlamaForCausalLM(config).save_pretrained(folder)
        fast.save_pretrained(folder)

    teacher = tmp_path / "teacher"
    save(teacher, 2)
    student = models_dir() / "pupil"
    save(student, 1)
    card = {"name": "pupil", "licence": "Apache-2.0", "parent": "teacher"}
    (student / CARD_NAME).write_text(json.dumps(card), encoding="utf-8")
    return str(teacher), "pupil"
