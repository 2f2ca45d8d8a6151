"""Word of releases: when a customer hears of an offer that came after day 0, and what is known at once.

    heard of j at release_j + word_days * E_ij        E_ij exponential, of mean 1; 0 for what was on sale on day 0

E is keyed by (customer, offer's name) and is the same in all of a customer's task classes. Of nodes it is the quantile
of a stratum, (k + U)/n with k a permutation keyed by the offer's name (Latin hypercube: McKay, Beckman and Conover
1979): the share who have heard is exact to 1/n at every time, and what is left is the error of the quadrature over who
they are, of order 1/sqrt(n).
"""

from __future__ import annotations

import numpy as np

from sim.world.streams import Streams


class Word:
    """When each offer was first on sale, as far as seen; `released_day` (J,), inf for what is still to come."""

    def __init__(self, offer_count: int) -> None:
        self.released_day = np.full(offer_count, np.inf)

    def see(self, on_sale: np.ndarray, day: float) -> None:
        """Offers on sale, shape (J,), at the start of what happens from `day` on."""
        self.released_day[on_sale & np.isinf(self.released_day)] = day


def node_waits(offers: list[str], nodes: int, streams: Streams) -> np.ndarray:
    """E of every node and offer, in units of `word_days`, shape (nodes, J)."""
    waits = np.empty((nodes, len(offers)))
    for j, name in enumerate(offers):
        generator = streams.generator(f"customers/word/{name}")
        waits[:, j] = -np.log1p(-(generator.permutation(nodes) + generator.random(nodes)) / nodes)
    return waits


def known_days(released_day: np.ndarray, waits: np.ndarray, word_days: float) -> np.ndarray:
    """The day on which each node hears of each offer, shape (nodes, J); `waits` as of `node_waits`."""
    return released_day + np.where(released_day > 0.0, word_days, 0.0) * waits
