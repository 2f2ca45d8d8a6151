"""How fast a model reads and writes on this machine, and how much memory that takes.

Prefill reads `PREFILL_BATCH` sequences of `PREFILL_TOKENS` and computes the next token of each, as a server does.
Decode writes `DECODE_TOKENS` tokens to each of `DECODE_BATCH` sequences from cached keys and values. The models take
turns (A B A B), so that a drift of the machine touches both and their ratio is paired. Token ids are drawn at random:
what is read does not matter for the time.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from sim.shared.console import Progress

if TYPE_CHECKING:
    from evalsuite.models import LoadedModel

Phase = Literal["prefill", "decode"]
PREFILL_BATCH, PREFILL_TOKENS = 4, 128
DECODE_BATCH, DECODE_PROMPT_TOKENS, DECODE_TOKENS = 16, 16, 12
REPEATS = 7


@dataclass(frozen=True)
class Timing:
    """One timed repeat: `tokens` read (prefill) or written (decode) in `seconds`."""

    model: str
    phase: Phase
    batch: int
    repeat: int
    tokens: int
    seconds: float


def meter_models(models: Sequence[LoadedModel], repeats: int = REPEATS, seed: int = 0) -> list[Timing]:
    """Time every model in both phases, in turns, after one warm-up each that is thrown away.

    Raises:
        ValueError: for fewer than two repeats, of which no spread could be told.
    """
    import torch

    if repeats < 2:
        raise ValueError(f"at least two repeats are needed, received {repeats}")
    found: list[Timing] = []
    generator = torch.Generator().manual_seed(seed)
    # Every repeat reads or writes this many tokens, a part of what progress counts.
    rounds = (repeats + 1) * len(models)
    with Progress("timing", rounds, "rounds") as progress, torch.inference_mode():
        for repeat in range(-1, repeats):
            # Who goes first alternates too: the second may find a warmer processor.
            order = list(models) if repeat % 2 == 0 else list(reversed(models))
            for loaded in order:
                prefill_s = _prefill(loaded.model, generator)
                decode_s = _decode(loaded.model, generator)
                progress.advance(1, loaded.spec.name)
                if repeat < 0:
                    continue
                name = loaded.spec.name
                read, written = PREFILL_BATCH * PREFILL_TOKENS, DECODE_BATCH * DECODE_TOKENS
                found.append(Timing(name, "prefill", PREFILL_BATCH, repeat, read, prefill_s))
                found.append(Timing(name, "decode", DECODE_BATCH, repeat, written, decode_s))
    return sorted(found, key=lambda timing: (timing.model, timing.phase, timing.repeat))


def peak_memory_bytes() -> int:
    """Largest resident memory of this process so far."""
    import resource
    import sys

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Kibibytes on Linux, bytes on macOS.
    return peak if sys.platform == "darwin" else peak * 1024


def weights_bytes(loaded: LoadedModel) -> int:
    """Memory of the weights; tied ones count once."""
    return sum(weight.numel() * weight.element_size() for weight in loaded.model.parameters())


def _tokens(model: Any, batch: int, length: int, generator: Any) -> Any:
    import torch

    ids = torch.randint(0, model.config.vocab_size, (batch, length), generator=generator)
    return ids.to(model.device)


def _prefill(model: Any, generator: Any) -> float:
    ids = _tokens(model, PREFILL_BATCH, PREFILL_TOKENS, generator)
    started_s = time.perf_counter()
    model(ids, use_cache=True, logits_to_keep=1)
    _finish(model)
    return time.perf_counter() - started_s


def _decode(model: Any, generator: Any) -> float:
    out = model(_tokens(model, DECODE_BATCH, DECODE_PROMPT_TOKENS, generator), use_cache=True, logits_to_keep=1)
    _finish(model)
    started_s = time.perf_counter()
    for _ in range(DECODE_TOKENS):
        following = out.logits[:, -1:].argmax(dim=-1)
        out = model(following, past_key_values=out.past_key_values, use_cache=True, logits_to_keep=1)
    _finish(model)
    return time.perf_counter() - started_s


def _finish(model: Any) -> None:
    """Wait for an accelerator, whose work is queued; a processor has finished when the call returns."""
    import torch

    if model.device.type == "cuda":
        torch.cuda.synchronize()
