"""GGUF files: read through transformers, which dequantises them, or refused with one message."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from sim.shared.errors import InputError, MissingExtra

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

# What the readers of gguf and transformers raise for a file that is damaged, or of a kind that they do not know.
UNREADABLE = (
    ValueError, KeyError, IndexError, TypeError, AttributeError, RuntimeError, NotImplementedError, OSError,
    OverflowError, struct.error,
)  # fmt: skip


def dequantised_dtype(path: Path) -> Literal["bfloat16", "float32"]:
    """The type in which a file's weights are kept: float32 where a matrix is stored in float16 or float32.

    Quantised weights carry at most eight bits, which bfloat16 holds.

    Raises:
        InputError: if the file is no GGUF.
        MissingExtra: if gguf is not installed.
    """
    try:
        from gguf import GGMLQuantizationType, GGUFReader
    except ImportError as error:
        raise MissingExtra(error.name or "gguf", "measure") from error
    try:
        reader = GGUFReader(path)
        full = (GGMLQuantizationType.F32, GGMLQuantizationType.F16)
        matrices = [tensor for tensor in reader.tensors if len(tensor.shape) > 1]
        if not matrices:
            raise ValueError("no weights")
        return "float32" if any(tensor.tensor_type in full for tensor in matrices) else "bfloat16"
    except UNREADABLE as error:
        raise InputError(
            path.name, "", f"{type(error).__name__}: {error}", "a whole GGUF file with weights", "fetch the file again"
        ) from error


def loaded_from_gguf(
    path: Path, dtype: Literal["bfloat16", "float32"]
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Model, dequantised, and tokenizer of a GGUF file that lies alone in its folder.

    Raises:
        InputError: if transformers cannot read its architecture or its tokenizer.
        MissingExtra: if torch or transformers is not installed.
    """
    try:
        import torch
        import transformers
        from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig
    except ImportError as error:
        raise MissingExtra(error.name or "torch", "measure") from error
    from evalsuite.models import quiet_transformers

    quiet_transformers()
    try:
        model = AutoModelForCausalLM.from_pretrained(
            path.parent,
            gguf_file=path.name,
            dtype=getattr(torch, dtype),
            quantization_config=GgufConfig(gguf_file=path.name, dequantize=True),
        )
        tokenizer = AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name)
    except UNREADABLE as error:
        told = (str(error).splitlines() or [""])[0].replace(f"{path.parent}/", "")
        raise InputError(
            "GGUF file", "", f"{type(error).__name__}: {told}",
            f"an architecture and a tokenizer that transformers {transformers.__version__} reads",
            "take the weights in safetensors instead, or upgrade transformers",
        ) from error  # fmt: skip
    # What the file says of its own origin is not the model's name.
    model.config.__dict__.pop("_model_name_or_path", None)
    tokenizer.model_max_length = model.config.max_position_embeddings
    return model, tokenizer


def drop_tokens_beyond(vocabulary: int, folder: Path) -> None:
    """Take out of a saved tokenizer the added tokens for which the model has no weights.

    transformers gives every byte-level tokenizer an <|endoftext|>, behind the file's own tokens where they lack it.
    """
    path = folder / "tokenizer.json"
    if not path.is_file():
        return
    saved = json.loads(path.read_text(encoding="utf-8"))
    saved["added_tokens"] = [token for token in saved["added_tokens"] if token["id"] < vocabulary]
    path.write_text(json.dumps(saved, ensure_ascii=False), encoding="utf-8")
