"""The queue M/M/c, request by request in SimPy, against the closed form that fleets are planned with."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

import simpy

from sim.theory.queue import waiting
from sim.validate.row import Row
from sim.world.streams import Streams

_SOURCE = "Erlang 1917; Gross, Shortle, Thompson and Harris 2008, 3.3"
REPLICATIONS = 20
_ARRIVALS, _FULL_ARRIVALS = 40_000, 200_000
_BLOCK = 4096  # random numbers drawn at a time


@dataclass(frozen=True)
class Queue:
    """A fleet of `servers` machines; rates per unit of time; `expected_rate` is the arrival rate of the closed form."""

    arrival_rate: float
    service_rate: float
    servers: int
    expected_rate: float

    def rows(self, full: bool) -> list[Row]:
        """The probability of waiting and the mean wait, over replications."""
        arrivals = _FULL_ARRIVALS if full else _ARRIVALS
        wanted = waiting(self.expected_rate, self.service_rate, self.servers)
        runs = [simulate(self, arrivals, Streams(0, replication)) for replication in range(REPLICATIONS)]
        name = f"M/M/{self.servers}, arrivals {self.expected_rate:g}, service {self.service_rate:g}"
        return [
            self._row(f"{name}: chance to wait", wanted.probability, [run[0] for run in runs], arrivals),
            self._row(f"{name}: mean wait", wanted.mean, [run[1] for run in runs], arrivals),
        ]

    def _row(self, name: str, expected: float, values: list[float], arrivals: int) -> Row:
        """Within 2% at the full length; three standard errors at shorter ones, where these are more."""
        mean = math.fsum(values) / len(values)
        spread = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1))
        stderr = spread / math.sqrt(len(values))
        tolerance = 0.02 * expected if arrivals >= _FULL_ARRIVALS else max(0.02 * expected, 3.0 * stderr)
        low, high = mean - 1.96 * stderr, mean + 1.96 * stderr
        detail = f"95% [{low:.4f}, {high:.4f}] over {len(values)} runs of {arrivals:,} arrivals"
        return Row(name, _SOURCE, "stochastic", expected, mean, tolerance, detail)


def checks() -> list[Queue]:
    """The targets' queue, one server, and a larger fleet."""
    return [Queue(1.5, 1.0, 2, 1.5), Queue(0.6, 1.0, 1, 0.6), Queue(6.4, 0.8, 10, 6.4)]


def simulate(queue: Queue, arrivals: int, streams: Streams) -> tuple[float, float]:
    """Share of arrivals that waited, and the mean wait of all, after the first tenth; SimPy events, one a step."""
    env = simpy.Environment()
    gaps, services = streams.generator("queue/gaps"), streams.generator("queue/services")
    gap_list: list[float] = []
    service_list: list[float] = []
    line: deque[float] = deque()
    waits: list[float] = []
    free = queue.servers
    come = 0

    def gap() -> float:
        if not gap_list:
            gap_list.extend(gaps.exponential(1.0 / queue.arrival_rate, _BLOCK).tolist())
        return gap_list.pop()

    def service() -> float:
        if not service_list:
            service_list.extend(services.exponential(1.0 / queue.service_rate, _BLOCK).tolist())
        return service_list.pop()

    def serve(arrived: float) -> None:
        waits.append(env.now - arrived)
        simpy.Timeout(env, service()).callbacks.append(leave)

    def arrive(_: simpy.Event) -> None:
        nonlocal come, free
        come += 1
        if free:
            free -= 1
            serve(env.now)
        else:
            line.append(env.now)
        if come < arrivals:
            simpy.Timeout(env, gap()).callbacks.append(arrive)

    def leave(_: simpy.Event) -> None:
        nonlocal free
        if line:
            serve(line.popleft())
        else:
            free += 1

    simpy.Timeout(env, gap()).callbacks.append(arrive)
    env.run()
    counted = waits[arrivals // 10 :]
    return sum(wait > 0.0 for wait in counted) / len(counted), math.fsum(counted) / len(counted)
