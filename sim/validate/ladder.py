"""The whole ladder: every check in order, each row handed on as it is found."""

from __future__ import annotations

from collections.abc import Callable

from sim.shared.catalog import Catalog
from sim.validate import bargaining, bertrand, customers, learning, pressure, queue, sequential, spatial, urn
from sim.validate.case import Check
from sim.validate.row import Row


def check_count() -> int:
    """How many markets are run."""
    return len(_markets()) + len(queue.checks())


def climb(catalog: Catalog, full: bool = False, on_check: Callable[[list[Row]], None] = lambda rows: None) -> list[Row]:
    """All rows. `full` takes the number of draws that the sources took; `on_check` sees the rows of each market."""
    found: list[Row] = []
    for check in _markets():
        rows = check.rows(catalog, full)
        on_check(rows)
        found += rows
    for fleet in queue.checks():
        rows = fleet.rows(full)
        on_check(rows)
        found += rows
    return found


def _markets() -> list[Check]:
    return [
        *bertrand.checks(), *spatial.checks(), *bargaining.checks(), *sequential.checks(), *learning.checks(),
        *urn.checks(), *customers.checks(), *pressure.checks(),
    ]  # fmt: skip
