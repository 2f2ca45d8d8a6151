"""The market: labs, hosts, platforms and customers competing under distillation.

Public names are imported when they are first used, so that `import sim` is quick.
"""

from __future__ import annotations

import importlib
from typing import Any

_PLACES = {
    "Catalog": "sim.shared.catalog",
    "EntryAnswer": "sim.study.entry",
    "Estimate": "sim.study.intervals",
    "RunResult": "sim.results",
    "Scenario": "sim.scenario.scenario",
    "differences": "sim.study.paired",
    "entry_answer": "sim.study.entry",
    "fork": "sim.study.fork",
    "load_scenario": "sim.scenario.load",
    "parse_scenario": "sim.scenario.load",
    "read_catalog": "sim.shared.catalog",
    "read_result": "sim.results",
    "run": "sim.runner",
    "run_entry": "sim.study.entry",
    "shipped_catalog": "sim.shared.catalog",
    "write_result": "sim.results",
}

__all__ = [
    "Catalog", "EntryAnswer", "Estimate", "RunResult", "Scenario", "differences", "entry_answer", "fork",
    "load_scenario", "parse_scenario", "read_catalog", "read_result", "run", "run_entry", "shipped_catalog",
    "write_result",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module 'sim' has no attribute {name!r}")
    return getattr(importlib.import_module(_PLACES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
