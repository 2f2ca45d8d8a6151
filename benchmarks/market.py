"""How long one replication of the default scenario takes, its kernels compiled and its files read."""

from __future__ import annotations

import statistics
import time

from dashboard.bench import BenchRow
from sim.runner import run
from sim.scenario.load import load_scenario
from sim.shared.catalog import shipped_catalog

RUNS = 5
TARGET_S = 1.5


def rows() -> list[BenchRow]:
    """One row: the median of several replications, after one that compiles."""
    scenario, catalog = load_scenario("default"), shipped_catalog()
    times = []
    for seed in range(RUNS + 1):
        started = time.perf_counter()
        run(scenario, catalog, seed=seed, replications=1)
        times.append(time.perf_counter() - started)
    return [BenchRow("one replication of default", statistics.median(times[1:]), "s", target=TARGET_S)]
