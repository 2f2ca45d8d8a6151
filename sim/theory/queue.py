"""The queue M/M/c: Poisson arrivals, exponential service, c servers, one line (Erlang 1917; Gross et al. 2008, 3.3).

P(wait) = C(c, a) = (a^c/c!) / ((1 - rho) sum_{k<c} a^k/k! + a^c/c!)        a = lambda/mu, rho = a/c
mean wait in the queue = C(c, a) / (c mu - lambda)
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Waiting:
    """Of an arrival in the long run; the mean wait is in the unit of time of the rates and counts those who do not."""

    probability: float
    mean: float


def waiting(arrival_rate: float, service_rate: float, servers: int) -> Waiting:
    """The long run of a stable queue.

    Raises:
        ValueError: if arrivals outrun the servers.
    """
    offered = arrival_rate / service_rate
    if not 0.0 <= offered < servers:
        raise ValueError(f"{offered:g} servers' work is offered to {servers}: the queue has no long run")
    blocked = 1.0  # Erlang's B by its recursion, which neither overflows nor cancels
    for count in range(1, servers + 1):
        blocked = offered * blocked / (count + offered * blocked)
    busy = offered / servers
    probability = blocked / (1.0 - busy * (1.0 - blocked))
    return Waiting(probability, probability / (servers * service_rate - arrival_rate))
