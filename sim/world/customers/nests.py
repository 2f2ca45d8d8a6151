"""Nested logit of one customer, with inertia: offers of identical weights are a nest of scale lambda * mu.

With e_j = exp((u_j - t_g)/(lambda mu)), t_g the nest's best utility, A_g the sum of e over the nest, and everything
over exp(top/mu) (McFadden 1978; Cardell 1997 for the two draws that give the same):

    V_g = exp((t_g - top)/mu) * A_g^lambda        P(g) = V_g / (a_0 + sum V)        P(j | g) = e_j / A_g

A holder of k pays S for all but k. With s = exp(-S/mu), r = exp(-S/(lambda mu)), N_k = r A_g + (1-r) e_k, its own
nest weighs Q_k = exp((t_g - top)/mu) * N_k^lambda, every other one s V_h, so Z_k = a_0 + s sum V + (Q_k - s V_g), and

    P_kj = s V_h e_j / (A_h Z_k)    j in another nest h          P_kj = Q_k r e_j / (N_k Z_k)    j beside k in g
    P_kk = Q_k e_k / (N_k Z_k)                                    P_k0 = a_0 / Z_k

which is diagonal plus one rank a nest plus one: a product with it costs O(J). `nest_terms` writes what does not depend
on Z. With one offer a nest, or lambda = 1, this is plain logit. Logarithms are kept where r underflows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sim.world.compiled import inlined, kernel
from sim.world.customers.choice import benefit, curved

HIGHEST_EXPONENT = 600.0  # exponents above are held: exp(709) is the largest double


@dataclass(frozen=True)
class Nests:
    """Offers by nest.

    Attributes:
        members: offers, nest by nest, in the scenario's order, shape (J,).
        starts: where each nest begins in `members`, and the end, shape (G+1,).
        of: nest of each offer, shape (J,).
        scale: lambda.
    """

    members: np.ndarray
    starts: np.ndarray
    of: np.ndarray
    scale: float


def make_nests(first_of_model: np.ndarray, scale: float) -> Nests:
    """Nests from the board's `nest`, shape (J,), the first offer of each offer's model; with scale 1 each is alone."""
    first = np.arange(len(first_of_model)) if scale == 1.0 else first_of_model
    heads, of = np.unique(first, return_inverse=True)
    members = np.argsort(of, kind="stable")
    return Nests(members, np.searchsorted(of[members], np.arange(len(heads) + 1)), of, scale)


@inlined
def offer_utilities(  # type: ignore[no-untyped-def]
    value, exp_d, harm, exp_minus_theta, quality, identity, fit_share, latency, on_sale, curved_price, reference, eta,
    extra, known_day, day, out,
):  # fmt: skip
    """Write u (J,) without switching into out: -inf for what is not on sale or not heard of by `day`.

    `extra` (J,) is a benefit of this customer at each offer, USD per request; `known_day` (J,) when it hears of it.
    """
    for j in range(on_sale.shape[0]):
        if on_sale[j] and known_day[j] <= day:
            gross = benefit(
                value, harm, exp_d, exp_minus_theta[j], quality[j], identity, fit_share[j], latency[j]
            )  # fmt: skip
            out[j] = curved(gross + extra[j], reference, eta) - curved_price[j]
        else:
            out[j] = -np.inf


@kernel
def nest_terms(  # type: ignore[no-untyped-def]
    first, last, members, u, mu, scale, switching, top, within, reach, own, beside, self_more,
):  # fmt: skip
    """The terms of one nest, `members[first:last]`; returns V. All arrays are by offer, shape (J,).

    within = e_j, reach = V e_j/A, own = Q_j - s V (so that Z_j = base + own_j), beside = Q_j r/N_j and
    self_more = Q_j (1-r) e_j/N_j (so that P_kj = e_j beside_k/Z_k, and P_jj = (e_j beside_j + self_more_j)/Z_j).
    """
    best = -np.inf
    for m in range(first, last):
        best = max(best, u[members[m]])
    if best == -np.inf:
        for m in range(first, last):
            j = members[m]
            within[j] = reach[j] = own[j] = beside[j] = self_more[j] = 0.0
        return 0.0
    spread = scale * mu
    total = 0.0
    for m in range(first, last):
        j = members[m]
        within[j] = np.exp((u[j] - best) / spread)
        total += within[j]
    height = np.exp(min((best - top) / mu, HIGHEST_EXPONENT))
    weight = height * total**scale
    stay, log_inner = np.exp(-switching / mu), -switching / spread
    inner, log_total = np.exp(log_inner), np.log(total)
    for m in range(first, last):
        j = members[m]
        reach[j] = weight * within[j] / total
        # N_j = exp(high) * rest, with rest between 1 and 2.
        log_within = (u[j] - best) / spread
        high = max(log_inner + log_total, log_within)
        mine = (1.0 - inner) * np.exp(log_within - high)
        rest = np.exp(log_inner + log_total - high) + mine
        held = height * np.exp(scale * high) * rest**scale
        own[j] = held - stay * weight
        beside[j] = held / rest * np.exp(log_inner - high)
        self_more[j] = held / rest * mine
    return weight


@kernel
def choice_terms(  # type: ignore[no-untyped-def]
    outside, u, mu, members, starts, scale, switching, within, reach, own, beside, self_more,
):  # fmt: skip
    """The terms of all nests; returns (top, a_0, sum of V)."""
    top = outside
    for j in range(u.shape[0]):
        top = max(top, u[j])
    total = 0.0
    for g in range(starts.shape[0] - 1):
        total += nest_terms(
            starts[g], starts[g + 1], members, u, mu, scale, switching, top, within, reach, own, beside, self_more
        )
    return top, np.exp((outside - top) / mu), total


@kernel
def reviewed(w, none, total, stay, members, starts, within, reach, own, beside, self_more, out):  # type: ignore[no-untyped-def]
    """out = w P, both (J+1,), column 0 for none; `none` is a_0, `total` the sum of V, `stay` is s."""
    base = none + stay * total
    everybody = w[0] / base
    for j in range(own.shape[0]):
        everybody += w[j + 1] / (base + own[j])
    out[0] = none * everybody
    for g in range(starts.shape[0] - 1):
        here, moving = 0.0, 0.0
        for m in range(starts[g], starts[g + 1]):
            j = members[m]
            part = w[j + 1] / (base + own[j])
            here += part
            moving += part * beside[j]
        for m in range(starts[g], starts[g + 1]):
            j = members[m]
            out[j + 1] = (
                stay * reach[j] * (everybody - here)
                + within[j] * moving
                + self_more[j] * w[j + 1] / (base + own[j])
            )  # fmt: skip
    # everybody - here is a difference of like numbers where one nest holds all: never below 0.
    for j in range(out.shape[0]):
        out[j] = max(out[j], 0.0)
