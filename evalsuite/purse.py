"""A budget in USD that is asked before each request, so that it stops before it is passed, not after.

A request reserves the most that it can cost. When its reply tells what it used, the reservation becomes that; when no
reply tells (a server that hung may have billed all the same), it stays as it was reserved.
"""

from __future__ import annotations

import asyncio


class BudgetReached(Exception):
    """A request was not sent, because it could pass the budget."""


class Purse:
    """USD spent and reserved, against a limit; None for no limit. Used inside one event loop."""

    def __init__(self, limit_usd: float | None) -> None:
        self.limit_usd = limit_usd
        self.spent_usd = 0.0
        self._reserved_usd = 0.0
        self._freed = asyncio.Condition()

    async def reserve(self, most_usd: float) -> None:
        """Set aside what a request can cost at most, waiting for requests under way where they may leave room.

        Raises:
            BudgetReached: if the request could pass the limit even so.
        """
        async with self._freed:
            while self.limit_usd is not None and self.spent_usd + self._reserved_usd + most_usd > self.limit_usd:
                if self._reserved_usd <= 0.0:
                    raise BudgetReached(f"the budget of {self.limit_usd:g} USD could be passed")
                await self._freed.wait()
            self._reserved_usd += most_usd

    async def settle(self, reserved_usd: float, used_usd: float) -> None:
        """Turn a reservation into what was used."""
        async with self._freed:
            # Exactly zero when nothing is under way: sums of floats would leave a grain, on which others would wait.
            self._reserved_usd = max(self._reserved_usd - reserved_usd, 0.0)
            if self._reserved_usd < 1e-12:
                self._reserved_usd = 0.0
            self.spent_usd += used_usd
            self._freed.notify_all()
