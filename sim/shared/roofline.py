"""What serving a model costs on a named accelerator: reading bound by arithmetic, writing by memory.

    prefill tokens/s = accelerators * peak * prefill_efficiency / (2 * active parameters)
    step of decode   = layers * overhead + max(bytes / (bandwidth * decode_bandwidth), arithmetic)
    arithmetic       = 2 * active parameters * batch / (peak * prefill_efficiency)
    bytes            = touched parameters * bytes each + batch * context * bytes of keys and values a token
    decode tokens/s  = batch / step

A mixture of experts touches its active parameters for one sequence and more of the rest the more sequences share a
step: `active + (total - active) * (1 - (1 - active/total)^(batch - 1))`, experts taken as equally likely.

The overhead a layer (131 microseconds) and the share of bandwidth (.84) fit vLLM 0.6.3 at batch 1 (Qwen's published
speeds); the share of peak, 15 per cent, is that of reading in DeepSeek's disclosure of February 2025. Writing is held
to the same share: what it reaches (7 per cent of peak there) follows from batch, memory and overhead, and is shown
beside the formula, not put into it. They are what was reached there, not what must be reached elsewhere. Traffic
between devices is free here, so a model spread over many nodes is modelled too fast.
"""

from __future__ import annotations

from dataclasses import dataclass

from sim.shared.units import usd_per_mtok

OVERHEAD_S_PER_LAYER = 131e-6
DECODE_BANDWIDTH = 0.84
PREFILL_EFFICIENCY = 0.15


@dataclass(frozen=True)
class Accelerator:
    """Dense peak in the type of number served (FLOP/s), memory bandwidth (bytes/s) and memory (bytes) of one device."""

    name: str
    peak_flops: float
    bandwidth_bytes_per_s: float
    memory_bytes: float


# Makers' data sheets, dense bfloat16 without sparsity; the H800's is its fp8 peak, in which DeepSeek serves.
ACCELERATORS: tuple[Accelerator, ...] = (
    Accelerator("H100 SXM 80GB", 989e12, 3.35e12, 80e9),
    Accelerator("A100 SXM 80GB", 312e12, 2.039e12, 80e9),
    Accelerator("L40S 48GB", 362e12, 0.864e12, 48e9),
    Accelerator("L4 24GB", 121e12, 0.30e12, 24e9),
    Accelerator("H800 80GB fp8", 1979e12, 3.35e12, 80e9),
)


@dataclass(frozen=True)
class Shape:
    """What of a model decides its cost of serving.

    Attributes:
        active_params: read for a token; the input embedding of an untied model is not.
        total_params: in memory; equal to active for a dense model.
        kv_bytes_per_token: keys and values of all layers.
        bytes_per_param: 2 in bfloat16, 1 in fp8.
    """

    active_params: float
    total_params: float
    layers: int
    kv_bytes_per_token: float
    bytes_per_param: float = 2.0


@dataclass(frozen=True)
class Serving:
    """How it is served: sequences at once, their length, the share of the day that is used, and devices."""

    batch: int = 1
    context_tokens: int = 1024
    utilisation: float = 1.0
    accelerators: int = 1
    prefill_efficiency: float = PREFILL_EFFICIENCY


def touched_params(shape: Shape, batch: int) -> float:
    """Parameters read in one step of `batch` sequences."""
    if shape.active_params >= shape.total_params:
        return shape.total_params
    missed = (1.0 - shape.active_params / shape.total_params) ** max(batch - 1, 0)
    return shape.active_params + (shape.total_params - shape.active_params) * (1.0 - missed)


def prefill_tokens_per_s(shape: Shape, device: Accelerator, serving: Serving) -> float:
    """Tokens read per second."""
    return serving.accelerators * device.peak_flops * serving.prefill_efficiency / (2.0 * shape.active_params)


def decode_tokens_per_s(shape: Shape, device: Accelerator, serving: Serving) -> float:
    """Tokens written per second by all sequences together."""
    moved = touched_params(shape, serving.batch) * shape.bytes_per_param
    moved += serving.batch * serving.context_tokens * shape.kv_bytes_per_token
    memory_s = moved / (serving.accelerators * device.bandwidth_bytes_per_s * DECODE_BANDWIDTH)
    flops = 2.0 * shape.active_params * serving.batch
    arithmetic_s = flops / (serving.accelerators * device.peak_flops * serving.prefill_efficiency)
    return serving.batch / (shape.layers * OVERHEAD_S_PER_LAYER + max(memory_s, arithmetic_s))


def fits(shape: Shape, device: Accelerator, serving: Serving) -> bool:
    """Whether the weights and the keys and values of the batch fit in memory."""
    held = shape.total_params * shape.bytes_per_param
    held += serving.batch * serving.context_tokens * shape.kv_bytes_per_token
    return held <= serving.accelerators * device.memory_bytes


def serving_cost_usd_per_mtok(
    shape: Shape, device: Accelerator, serving: Serving, rent_usd_per_hour: float
) -> tuple[float, float]:
    """USD per million tokens read and written, at a rent per device and hour."""
    rent = rent_usd_per_hour * serving.accelerators
    return (
        usd_per_mtok(rent, prefill_tokens_per_s(shape, device, serving) * serving.utilisation),
        usd_per_mtok(rent, decode_tokens_per_s(shape, device, serving) * serving.utilisation),
    )


@dataclass(frozen=True)
class PublishedSpeed:
    """A published figure beside the roofline's; `error` is modelled over published less one.

    Attributes:
        fitted: whether a constant of the roofline was taken from it, so that it says little of others.
        assumed: what of the comparison is not published, in words; "" for nothing.
    """

    what: str
    source: str
    published: float
    modelled: float
    unit: str
    fitted: bool
    assumed: str = ""

    @property
    def basis(self) -> str:
        """Whether the roofline was fitted to it, and what is assumed, in words."""
        return ("fitted to it" if self.fitted else "not fitted to it") + (f"; {self.assumed}" if self.assumed else "")

    @property
    def error(self) -> float:
        """Relative error."""
        return self.modelled / self.published - 1.0


def published_speeds() -> list[PublishedSpeed]:
    """The rows against which the roofline is shown; `fitted` marks those that its constants were taken from."""
    by_name = {device.name: device for device in ACCELERATORS}
    a100, h800 = by_name["A100 SXM 80GB"], by_name["H800 80GB fp8"]
    qwen = "Qwen2.5 speed benchmark, vLLM 0.6.3, A100-80GB, batch 1, bfloat16"
    disclosure = "DeepSeek, disclosure of 27-28 February 2025, one node of 8 H800 at 2 USD a device and hour"
    small = Shape(1.54e9, 1.54e9, 28, 28672)
    large = Shape(7.07e9, 7.07e9, 28, 57344)  # its untied input embedding is not read
    deepseek = Shape(37e9, 671e9, 61, 70272, bytes_per_param=1.0)
    node = Serving(accelerators=8)
    uncached = 73.7e3 * (608 - 342) / 608
    # Writing is spread over 18 nodes, at 4,989 tokens of context and 20 to 22 tokens/s a sequence.
    written, nodes = 14.8e3, 18
    batch = round(written / 21.0)
    unit = Serving(batch=nodes * batch, context_tokens=4989, accelerators=8 * nodes)
    return [
        PublishedSpeed(
            "Qwen2.5-1.5B, writing", qwen, 183.3, decode_tokens_per_s(small, a100, Serving(context_tokens=6)),
            "tokens/s", True,
        ),
        PublishedSpeed(
            "Qwen2.5-7B, writing", qwen, 84.3, decode_tokens_per_s(large, a100, Serving(context_tokens=6)),
            "tokens/s", True,
        ),
        PublishedSpeed(
            "DeepSeek-V3, reading what is not cached", disclosure, uncached,
            prefill_tokens_per_s(deepseek, h800, node), "tokens/s", True,
        ),
        PublishedSpeed(
            "DeepSeek-V3, writing", disclosure, written, decode_tokens_per_s(deepseek, h800, unit) / nodes, "tokens/s",
            False, f"assumed: batch {batch} a node, its speed over 21 tokens/s a sequence; {nodes} nodes a model",
        ),
    ]  # fmt: skip
