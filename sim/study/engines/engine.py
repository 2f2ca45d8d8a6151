"""What an engine does: it takes points as it has room for them and gives back what became of each."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import Protocol

from sim.study.design import Point
from sim.study.point import Context, Outcome


class Engine(Protocol):
    """A place where points are run."""

    @property
    def name(self) -> str:
        """As the option names it: local, ray."""
        ...

    @property
    def workers(self) -> int:
        """Points that run beside each other."""
        ...

    def outcomes(self, context: Context, points: Iterator[Point]) -> Generator[Outcome, None, None]:
        """What became of every point, in the order in which they end.

        Takes a point only when a worker will soon have room for it. A point that dies or passes its time is one outcome
        with a reason. Closing the iterator drops what is unfinished.

        Raises:
            InputError: if the place cannot be reached or used.
        """
        ...

    def close(self) -> None:
        """End what was started; workers are kept until then, since several batches of one sweep may come."""
        ...
