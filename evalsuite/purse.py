"""A budget in USD that is asked before each request, so that it stops before it is passed, not after.

A request reserves the most that it can cost. When its reply tells what it used, the reservation becomes that; when no
reply tells (a server that hung may have billed all the same), it stays as it was reserved. A server that counts more
than a request can hold is believed: from then on reservations grow by as much.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class BudgetReached(Exception):
    """A request was not sent, because it could pass the budget."""


class Purse:
    """USD spent and reserved, against a limit; None for no limit. Used inside one event loop.

    Args:
        limit_usd: of all that is spent.
        spent_usd: before.
        on_change: called with all that is or may be spent, before a request is sent and when it has ended.
    """

    def __init__(
        self,
        limit_usd: float | None,
        spent_usd: float = 0.0,
        on_change: Callable[[float], None] = lambda usd: None,
    ) -> None:
        self.limit_usd = limit_usd
        self.spent_usd = spent_usd
        self._reserved_usd = 0.0
        self._counted_over_bound = 1.0
        self._freed = asyncio.Condition()
        self._on_change = on_change

    async def reserve(self, most_usd: float) -> float:
        """Set aside what a request can cost at most, waiting for requests under way where they may leave room.

        Returns:
            USD set aside.

        Raises:
            BudgetReached: if the request could pass the limit even so.
        """
        async with self._freed:
            while True:
                wanted_usd = most_usd * self._counted_over_bound
                if self.limit_usd is None or self.spent_usd + self._reserved_usd + wanted_usd <= self.limit_usd:
                    break
                if self._reserved_usd <= 0.0:
                    raise BudgetReached(
                        f"the budget of {self.limit_usd:g} USD could be passed ({self.spent_usd:.4g} USD are spent)"
                    )
                await self._freed.wait()
            self._reserved_usd += wanted_usd
            self._on_change(self.spent_usd + self._reserved_usd)
            return wanted_usd

    async def settle(self, reserved_usd: float, used_usd: float) -> None:
        """Turn a reservation into what was used."""
        async with self._freed:
            # Exactly zero when nothing is under way: sums of floats would leave a grain, on which others would wait.
            self._reserved_usd = max(self._reserved_usd - reserved_usd, 0.0)
            if self._reserved_usd < 1e-12:
                self._reserved_usd = 0.0
            self.spent_usd += used_usd
            if used_usd > reserved_usd > 0.0:
                self._counted_over_bound *= used_usd / reserved_usd
            self._on_change(self.spent_usd + self._reserved_usd)
            self._freed.notify_all()
