"""In which type of number this machine is faster: bfloat16 or float32.

An instruction set is no answer. On processors with matrix units for bfloat16 it is several times faster than float32;
on some that have the instructions alone (avx512_bf16) it is half as fast. So both are timed on one product of matrices,
once a machine; the outcome is kept, because scores depend on the type and must not change with the noise of a timing.
"""

from __future__ import annotations

import contextlib
import json
import platform
import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Literal

from sim.shared.manifest import sha256_of_json
from sim.shared.paths import cache_dir, write_text

if TYPE_CHECKING:
    import torch

Dtype = Literal["bfloat16", "float32"]
REPEATS = 7
ROWS, INNER, COLUMNS = 512, 576, 1536  # tokens of a batch through a layer of the default teacher


def fastest_dtype() -> Dtype:
    """The type in which this machine multiplies faster; measured once where the device has bfloat16 at all."""
    import torch

    where = device()
    if where.type == "cuda":
        return "bfloat16" if torch.cuda.is_bf16_supported() else "float32"
    if where.type == "mps":
        if not torch.backends.mps.is_macos_or_newer(14, 0):
            return "float32"  # Metal knows no bfloat16 before
        processor = f"mps {platform.platform()}"
    else:
        processor = _processor()
        if "bf16" not in processor:
            return "float32"  # it would be emulated
    key = sha256_of_json([processor, torch.__version__, torch.get_num_threads()])
    path = cache_dir() / "precision.json"
    known: dict[str, dict[str, float]] = {}
    with contextlib.suppress(OSError, ValueError):
        known = json.loads(path.read_text(encoding="utf-8"))
    if key not in known:
        known[key] = {"float32_over_bfloat16_seconds": _ratio(where)}
        write_text(path, json.dumps(known, indent=2) + "\n")
    return "bfloat16" if known[key]["float32_over_bfloat16_seconds"] > 1.0 else "float32"


def device() -> torch.device:
    """Where models are computed: the accelerator (CUDA, or Apple's MPS) where torch sees one, else the processor."""
    import torch

    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def finish(where: torch.device) -> None:
    """Wait for an accelerator, whose work is queued; a processor has finished when the call returns."""
    import torch

    if where.type == "cuda":
        torch.cuda.synchronize()
    elif where.type == "mps":
        torch.mps.synchronize()


def _ratio(where: torch.device) -> float:
    """Seconds in float32 over seconds in bfloat16, median of alternated repeats."""
    import torch

    generator = torch.Generator().manual_seed(0)
    left, right = (torch.randn(shape, generator=generator) for shape in ((ROWS, INNER), (COLUMNS, INNER)))
    pairs = {dtype: (left.to(where, dtype), right.to(where, dtype)) for dtype in (torch.float32, torch.bfloat16)}
    ratios = []
    for repeat in range(-1, REPEATS):
        seconds = {}
        for dtype, (one, other) in pairs.items():
            finish(where)
            started_s = time.perf_counter()
            for _ in range(4):
                torch.nn.functional.linear(one, other)
            finish(where)
            seconds[dtype] = time.perf_counter() - started_s
        if repeat >= 0:
            ratios.append(seconds[torch.float32] / seconds[torch.bfloat16])
    return median(ratios)


def _processor() -> str:
    """Model and bfloat16 instructions of the processor, as Linux tells them; "" elsewhere."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return ""
    lines = dict(line.split(":", 1) for line in text.split("\n\n", 1)[0].splitlines() if ":" in line)
    found = {key.strip(): value.strip() for key, value in lines.items()}
    flags = set((found.get("flags", "") + " " + found.get("Features", "")).split())
    return " ".join([found.get("model name", ""), *sorted(flags & {"avx512_bf16", "amx_bf16", "bf16"})])
