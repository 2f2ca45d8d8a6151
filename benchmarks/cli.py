"""How long `undercut --help` takes, from the start of the process to its end.

The peer is the interpreter alone, `python -c pass`: what no command in Python can be faster than.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path

from dashboard.bench import BenchRow

RUNS = 15
TARGET_MS = 250.0


def rows() -> list[BenchRow]:
    """One row: the median of several runs, after one that warms the disk's cache."""
    command = [str(Path(sys.executable).with_name("undercut")), "--help"]
    value, peer = _median_ms(command), _median_ms([sys.executable, "-c", "pass"])
    return [BenchRow("undercut --help", value, "ms", "python -c pass", peer, TARGET_MS)]


def _median_ms(command: list[str]) -> float:
    times = []
    for _ in range(RUNS + 1):
        started = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        times.append(time.perf_counter() - started)
    return 1000.0 * statistics.median(times[1:])
