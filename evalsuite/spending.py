"""A budget that holds over runs: what was or may have been spent at an endpoint, kept before each request is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from evalsuite.wire import Wire
    from sim.shared.store import Store


def remember_spending(wire: Wire, store: Store) -> None:
    """Let a wire go on from what was spent before, and keep what it spends while the store is open."""
    key = f"spent/{wire.endpoint.identity}"
    before = store.recall([key])
    wire.spent_usd = float(before[0]["usd"]) if before else 0.0
    wire.on_spent = lambda usd: store.keep({key: {"usd": usd}})
