"""The shared-prefix scorer beside lm-eval's own model: same weights, type of number, items and machine, in turns.

lm-eval's model runs at the fastest of the batch sizes tried. Each case is repeated after a warm-up, the two taking
turns; a repeat asks the same requests as often as it takes to last its time. The ratio is stock over shared, its median
over the repeats; the spread is told in the name of the row.
"""

from __future__ import annotations

import os
import random
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from dashboard.bench import BenchRow
from sim.shared.console import Progress, note

REPEATS = int(os.environ.get("UNDERCUT_BENCH_REPEATS", "5"))
LEAST_S = float(os.environ.get("UNDERCUT_BENCH_SECONDS", "20"))
ONLY = os.environ.get("UNDERCUT_BENCH_CASE", "")  # a part of the name of a case; all for none
BATCHES = (1, 4, 16, 64)
WARM_UP = 64  # requests, which also tell the best batch
WORDS = """
    river stone lamp cloud bread horse piano glass tiger paper sugar chair metal ocean apple knife wheel garden silver
    candle window forest bottle mirror button planet engine rabbit winter shadow house street letter doctor
"""


@dataclass(frozen=True)
class Case:
    """Requests of one shape, and the least ratio that is wanted of it."""

    name: str
    requests: list[Any]
    target: float


def rows() -> list[BenchRow]:
    """One row a case."""
    from evalsuite.models import DEFAULT_TEACHER, load, resolve
    from evalsuite.scorer import SharedPrefixLM

    loaded = load(resolve(DEFAULT_TEACHER))
    shared = SharedPrefixLM(loaded)
    out = []
    chosen = [case for case in cases() if ONLY in case.name]
    with Progress("scorer", len(chosen) * REPEATS * 2, "rounds") as progress:
        for case in chosen:
            out += _case(case, loaded, shared, progress)
            for row in out[-2:]:
                note(row.line())
    return out


def _case(case: Case, loaded: Any, shared: Any, progress: Progress) -> list[BenchRow]:
    """The case's ratio with its spread, and the seconds of both; everything in the same alternated repeats."""
    from evalsuite.scorer import StockLM

    # Each size warms itself up; the second time counts.
    trials = {size: StockLM(loaded, batch_size=size) for size in BATCHES}
    for model in trials.values():
        _seconds(model, case.requests[:WARM_UP])
    best = min(BATCHES, key=lambda size: _seconds(trials[size], case.requests[:WARM_UP]))
    stock = StockLM(loaded, batch_size=best)
    order: list[tuple[str, Any]] = [("shared", shared), ("stock", stock)]
    for _, model in order:
        _seconds(model, case.requests[:WARM_UP])
    pairs: list[dict[str, float]] = []
    for repeat in range(REPEATS):
        pair: dict[str, float] = {}
        for name, model in order if repeat % 2 else reversed(order):
            pair[name] = _seconds(model, case.requests, LEAST_S)
            progress.advance(1, f"{case.name}, {name} {pair[name]:.1f} s")
        pairs.append(pair)
    ratios = [pair["stock"] / pair["shared"] for pair in pairs]
    title = f"scorer, {case.name}: times as fast as hf at batch {best}, {loaded.dtype}"
    return [
        BenchRow(
            f"{title} ({min(ratios):.2f} to {max(ratios):.2f})",
            statistics.median(ratios),
            "x",
            target=case.target,
            bound="at least",
        ),
        BenchRow(
            f"scorer, {case.name}: {len(case.requests)} requests",
            statistics.median(pair["shared"] for pair in pairs),
            "s",
            "hf",
            statistics.median(pair["stock"] for pair in pairs),
        ),
    ]


def cases() -> list[Case]:
    """Four choices over one context; five fixed examples with four and with two; nothing shared."""
    draw = random.Random(0)

    words = WORDS.split()

    def text(count: int) -> str:
        return " ".join(draw.choice(words) for _ in range(count))

    def items(contexts: int, context_words: int, choices: int, choice_words: int, before: str = "") -> list[Any]:
        found = []
        for _ in range(contexts):
            context = f"{before}{text(context_words)}"
            found += [_request(context, f" {text(choice_words)}") for _ in range(choices)]
        return found

    shots = "".join(f"Question: {text(40)}\nAnswer: {text(10)}\n\n" for _ in range(5))
    return [
        Case("4 choices, 80-token context", items(128, 75, 4, 15), 2.5),
        Case("5 shots, 4 choices", items(128, 30, 4, 10, shots), 6.0),
        Case("5 shots, 2 choices", items(256, 30, 2, 10, shots), 4.5),
        Case("nothing shared", items(512, 60, 1, 10), 0.97),
    ]


def _request(context: str, continuation: str) -> Any:
    return SimpleNamespace(args=(context, continuation), task_name="bench")


def _seconds(model: Any, requests: list[Any], least_s: float = 0.0) -> float:
    """Seconds to answer the requests once, the mean over as many rounds as last `least_s`."""
    answer: Callable[..., Any] = model.loglikelihood
    started_s = time.perf_counter()
    rounds = 0
    while True:
        answer(requests)
        rounds += 1
        spent_s = time.perf_counter() - started_s
        if spent_s >= least_s:
            return spent_s / rounds
