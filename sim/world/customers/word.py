"""Word of releases: when a customer hears of an offer that came after day 0, and what is known at once.

    heard of j at release_j + word_days * E_ij        E_ij exponential, of mean 1; 0 for what was on sale on day 0

E is keyed by (customer, offer's name) and is the same in all of a customer's task classes. Of nodes it is one further
dimension of their Sobol sequence for each offer, scrambled by the offer's name, since dimensions are scrambled one by
one (Matousek 1998): the share who have heard is exact to 1/n at every time, and what is left is the quadrature's error
over who they are. An offer at the end of a scenario changes no other's.
"""

from __future__ import annotations

import numpy as np

from sim.world.customers.columns import sobol_points
from sim.world.streams import Streams


class Word:
    """When each offer was first on sale, as far as seen; `released_day` (J,), inf for what is still to come."""

    def __init__(self, offer_count: int) -> None:
        self.released_day = np.full(offer_count, np.inf)

    def see(self, on_sale: np.ndarray, day: float) -> None:
        """Offers on sale, shape (J,), at the start of what happens from `day` on."""
        self.released_day[on_sale & np.isinf(self.released_day)] = day


def node_waits(offers: list[str], nodes: int, used: int, streams: Streams) -> np.ndarray:
    """E of every node and offer, in units of `word_days`, shape (nodes, J); `used` dimensions are the nodes' own."""
    waits = np.empty((nodes, len(offers)))
    for j, name in enumerate(offers):
        quantile = sobol_points(used + j + 1, nodes, streams, f"customers/word/{name}")[:, -1]
        waits[:, j] = -np.log1p(-np.minimum(quantile, 1.0 - 1e-12))
    return waits


def known_days(released_day: np.ndarray, waits: np.ndarray, word_days: float) -> np.ndarray:
    """The day on which each node hears of each offer, shape (nodes, J); `waits` as of `node_waits`."""
    return released_day + np.where(released_day > 0.0, word_days, 0.0) * waits
