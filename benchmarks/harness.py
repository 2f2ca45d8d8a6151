"""What lm-eval and the harness around it add to the model's own time, on a thousand items of four choices or fewer.

The items are those of the mini suite's choice tasks, so prompts are short and the model's time is little: longer ones
make the share smaller. Nothing is kept or recalled. Loading the model and lm-eval is not in it: a warm-up does both.
"""

from __future__ import annotations

import statistics
import time
from dataclasses import replace

from dashboard.bench import BenchRow
from sim.shared.console import Progress

ITEMS = 1000
REPEATS = 3
MOST_SHARE = 0.05


def rows() -> list[BenchRow]:
    """The share that is not the model's, median over repeats."""
    from evalsuite.harness import evaluate
    from evalsuite.models import DEFAULT_TEACHER, load, resolve
    from evalsuite.suites.files import write_suite
    from evalsuite.suites.mini import mini

    choice = [task for task in mini() if task.kind == "choice" and not task.shots]
    items = [replace(item, item=f"{task.name}/{item.item}") for task in choice for item in task.items][:ITEMS]
    suite = write_suite("bench-harness", (replace(choice[0], name="thousand", items=tuple(items)),))
    loaded = load(resolve(DEFAULT_TEACHER))
    evaluate(loaded, suite.tasks, 10)
    shares, seconds = [], []
    with Progress("harness", REPEATS * len(items), "items") as progress:
        for _ in range(REPEATS):
            started_s = time.perf_counter()
            scored = evaluate(loaded, suite.tasks)
            whole_s = time.perf_counter() - started_s
            seconds.append(scored.work.seconds)
            shares.append(whole_s / scored.work.seconds - 1.0)
            progress.advance(len(items), f"{shares[-1]:.1%} on top of {seconds[-1]:.1f} s")
    name = f"harness, {len(items)} items: on top of the model's {statistics.median(seconds):.1f} s"
    return [
        BenchRow(
            f"{name} ({min(shares):.1%} to {max(shares):.1%})",
            statistics.median(shares),
            "fraction",
            target=MOST_SHARE,
        )
    ]
