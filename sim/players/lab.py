"""A lab that releases distilled students on their day: it pays for the training and for the teacher's tokens."""

from __future__ import annotations

from collections.abc import Callable, Generator

import simpy

from sim.scenario.providers import Distillation

Release = Callable[[Distillation], None]


def releases(
    env: simpy.Environment, plan: tuple[Distillation, ...], release: Release
) -> Generator[simpy.Event, None, None]:
    """The lab as a SimPy process: waits for each release day in turn and hands the release to the market."""
    dated = [(item.release_day, item) for item in plan if item.release_day is not None]
    for day, item in sorted(dated, key=lambda pair: pair[0]):
        yield env.timeout(day - env.now)
        release(item)
