"""The platform's bundle: what a customer gains in one task class from using the same provider in its others.

    B_ij += bundle_share_f * v_i * (share of i's other classes in which it uses an offer of f)      f the provider of j

For nodes the share is its expectation (a mean field within the customer). That neglects how what one customer holds in
one class goes with what it holds in another, and the curvature of choice in the share; both vanish with the benefit.
"""

from __future__ import annotations

import numpy as np

from sim.world.board import Board
from sim.world.compiled import kernel


def used_by_provider(weights: np.ndarray, owner_of: np.ndarray, class_count: int) -> np.ndarray:
    """Probability that each node uses each provider, by class, shape (C, N, F); `weights` (C*N, J+1)."""
    providers = int(owner_of.max()) + 1
    sold_by = (owner_of[:, None] == np.arange(providers)).astype(float)
    return (weights[:, 1:] @ sold_by).reshape(class_count, -1, providers)


def bundle_benefit(used: np.ndarray, board: Board, value_usd: np.ndarray) -> np.ndarray:
    """The benefit at each offer, USD per request, shape (C*N, J); `used` as of `used_by_provider`, `value_usd` (C*N,).

    0 where there is no other task class.
    """
    others = (used.sum(axis=0) - used) / max(len(used) - 1, 1)
    shares = others.reshape(-1, used.shape[2])[:, board.owner_of] * board.bundle_share
    return np.asarray(shares * value_usd[:, None])


def providers_per_node(used: np.ndarray) -> tuple[float, float]:
    """Mean number of providers of a node, and the mean chance that it uses any; classes taken as independent."""
    unused = (1.0 - np.minimum(used, 1.0)).prod(axis=0)
    none = np.maximum(1.0 - used.sum(axis=2), 0.0).prod(axis=0)
    return float((1.0 - unused).sum(axis=1).mean()), float((1.0 - none).mean())


@kernel
def providers_per_row(held, owner_of, present):  # type: ignore[no-untyped-def]
    """Summed over customers that are there: distinct providers used, and 1 where any is; `held` (C, N), 0 for none."""
    distinct, users = 0, 0
    for i in range(held.shape[1]):
        if not present[i]:
            continue
        found = 0
        for c in range(held.shape[0]):
            if held[c, i] <= 0:
                continue
            fresh = True
            for earlier in range(c):
                if held[earlier, i] > 0 and owner_of[held[earlier, i] - 1] == owner_of[held[c, i] - 1]:
                    fresh = False
            found += fresh
        distinct += found
        users += found > 0
    return distinct, users
