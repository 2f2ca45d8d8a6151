"""How fast a model reads and writes on this machine, and how much energy and memory that takes.

Prefill reads sequences of `PREFILL_TOKENS` and computes the next token of each, as a server does. Decode writes
`DECODE_TOKENS` tokens to each sequence from cached keys and values. Both are timed for one sequence, as a lone user
meets them, and for several at once, as a server works: the cost is taken from the larger batch. The models take turns
(A B A B), so that a drift of the machine touches both and their ratio is paired. Token ids are drawn at random: what is
read does not matter for the time.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from evalsuite.energy import EnergySource, Gauge
from evalsuite.precision import finish
from sim.shared.console import Progress

if TYPE_CHECKING:
    from evalsuite.models import LoadedModel

Phase = Literal["prefill", "decode"]
PREFILL_BATCHES, PREFILL_TOKENS = (4, 1), 128
DECODE_BATCHES, DECODE_PROMPT_TOKENS, DECODE_TOKENS = (16, 1), 16, 12
REPEATS = 7


@dataclass(frozen=True)
class Timing:
    """One timed repeat: `tokens` read (prefill) or written (decode) in `seconds`.

    Attributes:
        energy_j: joules that it took; NaN where nothing is known.
        energy_source: whether these are measured or estimated; see `evalsuite.energy`.
    """

    model: str
    phase: Phase
    batch: int
    repeat: int
    tokens: int
    seconds: float
    energy_j: float = math.nan
    energy_source: EnergySource = ""


def meter_models(models: Sequence[LoadedModel], gauge: Gauge, repeats: int = REPEATS, seed: int = 0) -> list[Timing]:
    """Time every model in both phases, in turns, after one warm-up each that is thrown away.

    Args:
        models: of one run.
        gauge: what energy is read from.
        repeats: timed rounds.
        seed: of the token ids.

    Raises:
        ValueError: for fewer than two repeats, of which no spread could be told.
    """
    import torch

    if repeats < 2:
        raise ValueError(f"at least two repeats are needed, received {repeats}")
    found: list[Timing] = []
    generator = torch.Generator().manual_seed(seed)
    rounds = (repeats + 1) * len(models)
    with Progress("timing", rounds, "rounds") as progress, torch.inference_mode():
        for repeat in range(-1, repeats):
            # Who goes first alternates too: the second may find a warmer processor.
            order = list(models) if repeat % 2 == 0 else list(reversed(models))
            for loaded in order:
                name = loaded.spec.name
                for batch in PREFILL_BATCHES:
                    seconds, joules = _prefill(loaded.model, batch, generator, gauge)
                    tokens = batch * PREFILL_TOKENS
                    found.append(Timing(name, "prefill", batch, repeat, tokens, seconds, joules, gauge.source))
                for batch in DECODE_BATCHES:
                    seconds, joules = _decode(loaded.model, batch, generator, gauge)
                    tokens = batch * DECODE_TOKENS
                    found.append(Timing(name, "decode", batch, repeat, tokens, seconds, joules, gauge.source))
                progress.advance(1, name)
    timed = [timing for timing in found if timing.repeat >= 0]
    return sorted(timed, key=lambda timing: (timing.model, timing.phase, timing.batch, timing.repeat))


def peak_memory_bytes() -> int:
    """Largest resident memory of this process so far."""
    import resource
    import sys

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Kibibytes on Linux, bytes on macOS.
    return peak if sys.platform == "darwin" else peak * 1024


def peak_device_memory_bytes() -> int | None:
    """Largest memory that torch held on the accelerator so far, beside `peak_memory_bytes`; None where it tells none.

    CUDA alone keeps that peak. It is of tensors: the context of the driver, and what torch reserves beyond, are not in.
    """
    import torch

    return int(torch.cuda.max_memory_allocated()) if torch.cuda.is_available() else None


def weights_bytes(loaded: LoadedModel) -> int:
    """Memory of the weights; tied ones count once."""
    return sum(weight.numel() * weight.element_size() for weight in loaded.model.parameters())


def _tokens(model: Any, batch: int, length: int, generator: Any) -> Any:
    import torch

    ids = torch.randint(0, model.config.vocab_size, (batch, length), generator=generator)
    return ids.to(model.device)


def _prefill(model: Any, batch: int, generator: Any, gauge: Gauge) -> tuple[float, float]:
    """Seconds and joules."""
    ids = _tokens(model, batch, PREFILL_TOKENS, generator)
    used, started_s = gauge.start(), time.perf_counter()
    model(ids, use_cache=True, logits_to_keep=1)
    finish(model.device)
    return time.perf_counter() - started_s, used()


def _decode(model: Any, batch: int, generator: Any, gauge: Gauge) -> tuple[float, float]:
    """Seconds and joules; reading the prompt is not in them."""
    out = model(_tokens(model, batch, DECODE_PROMPT_TOKENS, generator), use_cache=True, logits_to_keep=1)
    finish(model.device)
    used, started_s = gauge.start(), time.perf_counter()
    for _ in range(DECODE_TOKENS):
        following = out.logits[:, -1:].argmax(dim=-1)
        out = model(following, past_key_values=out.past_key_values, use_cache=True, logits_to_keep=1)
    finish(model.device)
    return time.perf_counter() - started_s, used()
