"""GGUF files as models: a small real one, written here, gives the logits of the weights it was written from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
gguf = pytest.importorskip("gguf")

from evalsuite.fetch import ensure  # noqa: E402
from evalsuite.models import GgufSource, load, models_dir, resolve  # noqa: E402
from sim.shared.errors import InputError  # noqa: E402

PLAIN = gguf.GGMLQuantizationType.F32
EIGHT_BITS = gguf.GGMLQuantizationType.Q8_0
NAMES = {
    "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm", "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
}  # fmt: skip


def interleaved(weight: np.ndarray, heads: int) -> np.ndarray:
    """Rows of queries or keys in the order that llama.cpp keeps them: the halves of a head's rotation in turns."""
    halves = weight.reshape(heads, 2, weight.shape[0] // heads // 2, weight.shape[1])
    return halves.swapaxes(1, 2).reshape(weight.shape)


def gguf_name(name: str) -> str:
    if name.startswith("model.layers."):
        _, _, layer, *rest = name.removesuffix(".weight").split(".")
        return f"blk.{layer}.{NAMES['.'.join(rest)]}.weight"
    return {
        "model.embed_tokens.weight": "token_embd.weight",
        "model.norm.weight": "output_norm.weight",
        "lm_head.weight": "output.weight",
    }[name]


def write_gguf(path: Path, folder: str, kind: Any = PLAIN, architecture: str = "llama") -> None:
    """A transformers folder (Llama, byte-level tokenizer) as one GGUF file; matrices in `kind`."""
    loaded = load(resolve(folder), "float32")
    config, tokenizer = loaded.model.config, loaded.tokenizer
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_name("other name")
    writer.add_context_length(config.max_position_embeddings)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_rope_dimension_count(config.head_dim)
    writer.add_rope_freq_base(10000.0)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_vocab_size(config.vocab_size)
    tokens = tokenizer.convert_ids_to_tokens(list(range(len(tokenizer))))
    tokens[-1] = "zq"  # in place of a byte of no text here: the format knows no tokenizer without merges
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("default")
    writer.add_token_list(tokens)
    writer.add_token_types([3] + [1] * (len(tokens) - 1))  # the first is a control token
    writer.add_token_merges(["z q"])
    for add in (writer.add_bos_token_id, writer.add_eos_token_id, writer.add_pad_token_id):
        add(0)
    for name, tensor in loaded.model.state_dict().items():
        weight = tensor.float().numpy()
        if name.endswith("q_proj.weight"):
            weight = interleaved(weight, config.num_attention_heads)
        if name.endswith("k_proj.weight"):
            weight = interleaved(weight, config.num_key_value_heads)
        if weight.ndim > 1 and kind != PLAIN and weight.shape[-1] % 32 == 0:
            writer.add_tensor(gguf_name(name), gguf.quantize(weight, kind), raw_dtype=kind)
        else:
            writer.add_tensor(gguf_name(name), weight)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def logits(folder_or_file: str) -> torch.Tensor:
    loaded = load(resolve(folder_or_file), "float32")
    ids = torch.tensor([loaded.tokenizer("The tide comes in twice a day.").input_ids])
    with torch.inference_mode():
        return loaded.model(ids).logits


def test_a_gguf_file_gives_the_logits_of_its_weights(tmp_path: Path, tiny_models: tuple[str, str]) -> None:
    path = tmp_path / "some where" / "tiny.f32.gguf"
    path.parent.mkdir()
    write_gguf(path, tiny_models[0])
    torch.testing.assert_close(logits(str(path)), logits(tiny_models[0]), rtol=0, atol=1e-5)
    spec = resolve(str(path))
    assert (spec.name, spec.source.kind) == ("tiny.f32", "gguf")
    assert ensure(spec).parent == models_dir()


def test_eight_bits_are_near_and_not_equal(tmp_path: Path, tiny_models: tuple[str, str]) -> None:
    path = tmp_path / "tiny.q8.gguf"
    write_gguf(path, tiny_models[0], EIGHT_BITS)
    mine, whole = logits(str(path)), logits(tiny_models[0])
    assert 0 < float((mine - whole).abs().max()) < 0.05 * float(whole.abs().max())


def test_it_is_converted_once_and_an_edited_file_is_another_model(
    tmp_path: Path, tiny_models: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "it.gguf"
    write_gguf(path, tiny_models[0])
    first = ensure(resolve(str(path)))
    assert "dequantising" in capsys.readouterr().err
    assert ensure(resolve(str(path))) == first
    assert "dequantising" not in capsys.readouterr().err
    write_gguf(path, tiny_models[1])
    second = ensure(resolve(str(path)))
    assert second != first
    assert load(resolve(str(path))).model.config.num_hidden_layers == 1


def test_what_lies_beside_the_file_is_not_read(tmp_path: Path, tiny_models: tuple[str, str]) -> None:
    path = tmp_path / "crowded" / "it.gguf"
    path.parent.mkdir()
    write_gguf(path, tiny_models[0])
    for name in ("tokenizer.json", "tokenizer_config.json", "config.json"):
        (path.parent / name).write_text("{ not json", encoding="utf-8")
    assert logits(str(path)).isfinite().all()


def test_no_such_file_no_gguf_and_an_unknown_architecture_are_one_message(
    tmp_path: Path, tiny_models: tuple[str, str]
) -> None:
    with pytest.raises(InputError, match="an existing"):
        resolve(str(tmp_path / "missing.gguf"))
    wrong = tmp_path / "wrong.gguf"
    wrong.write_bytes(b"PK not a gguf file at all, but long enough to be read as one" * 4)
    with pytest.raises(InputError, match="a whole GGUF file"):
        ensure(resolve(str(wrong)))
    strange = tmp_path / "strange.gguf"
    write_gguf(strange, tiny_models[0], architecture="abacus")
    with pytest.raises(InputError, match="abacus"):
        ensure(resolve(str(strange)))
    cut = tmp_path / "cut.gguf"
    write_gguf(cut, tiny_models[0])
    cut.write_bytes(cut.read_bytes()[:3000])
    with pytest.raises(InputError, match="GGUF file"):
        ensure(resolve(str(cut)))
    assert not list(models_dir().glob("gguf-*"))


def test_a_file_of_a_hub_is_told_from_a_path() -> None:
    spec = resolve("owner/name:folder/it.Q4_K_M.gguf")
    assert spec.source == GgufSource("folder/it.Q4_K_M.gguf", "owner/name")
    assert spec.name == "it.Q4_K_M"


def test_two_models_of_one_name_are_refused(tmp_path: Path, tiny_models: tuple[str, str]) -> None:
    from evalsuite.measure import run_eval

    twins = [tmp_path / "a" / "it.gguf", tmp_path / "b" / "it.gguf"]
    for place, path in enumerate(twins):
        path.parent.mkdir()
        write_gguf(path, tiny_models[place])
    with pytest.raises(InputError, match="different names"):
        run_eval([str(path) for path in twins], "mini", tmp_path / "out")


def test_a_file_of_a_hub_out_of_reach_is_one_message(monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(InputError, match="hub repository owner/name") as caught:
        ensure(resolve("owner/name:it.gguf"))
    assert "check the name and the network" in str(caught.value)
