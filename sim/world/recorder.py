"""Rows of the market's tables while it runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sim.world.tables import MARKET_TABLES


@dataclass
class Recorder:
    """Rows of the market's tables, kept as columns until the run ends."""

    rows: dict[str, list[tuple[Any, ...]]] = field(
        default_factory=lambda: {spec.name: [] for spec in MARKET_TABLES if spec.name != "ledger"}
    )

    def add(self, table: str, *values: Any) -> None:
        """Append one row; the values follow the table's columns after the run's own."""
        self.rows[table].append(values)
