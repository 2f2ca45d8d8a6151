"""The compiled loops over nodes of `full_expected`, which gives the equations."""

from __future__ import annotations

import numpy as np

from sim.shared.units import DAYS_PER_YEAR
from sim.world.compiled import kernel
from sim.world.customers.nests import choice_terms, offer_utilities, reviewed

_MOST_EVENTS = 200.0  # expected reviews and arrivals of one sum: exp(-200) is far from underflow
_MOST_TERMS = 1000  # of it: far beyond where the tail ends
_TAIL = 1e-14  # of the sums, cut off and given back in proportion


@kernel
def _pass_time(  # type: ignore[no-untyped-def]
    w, days, rate, growth, churn, none, total, stay, members, starts, within, reach, own, beside, self_more,
    mean, now, after,
):  # fmt: skip
    """Move w (J+1,), which sums to 1, by `days` at constant choice; mean (J+1,) becomes the integral of n, n(0) = w.

    Returns exp((growth - churn) days).
    """
    choices = w.shape[0]
    mean[:] = 0.0
    mass = 1.0
    pieces = int(np.ceil((rate + max(growth, churn)) * days / _MOST_EVENTS))
    step = days / max(pieces, 1)
    alone = none + total
    for _ in range(pieces):
        first, second = (rate + growth) * step, (rate + churn) * step
        chance, other = np.exp(-first), np.exp(-second)
        left, beyond = 1.0 - chance, 1.0 - other
        power = 1.0
        now[:] = w
        w[:] = 0.0
        whole, span = 0.0, 0.0
        part = np.zeros(choices)
        m = 0
        while True:
            for k in range(choices):
                w[k] += chance * now[k]
                part[k] += power * beyond * now[k]
            whole += chance
            span += power * beyond
            m += 1
            if m > max(first, second) and left < _TAIL and power * beyond < _TAIL:
                break
            if m > _MOST_TERMS:
                break
            reviewed(now, none, total, stay, members, starts, within, reach, own, beside, self_more, after)
            if growth > 0.0:
                share = growth / (rate + growth)
                after[0] = (1.0 - share) * after[0] + share * none / alone
                for k in range(1, choices):
                    after[k] = (1.0 - share) * after[k] + share * reach[k - 1] / alone
            now[:] = after
            chance *= first / m
            other *= second / m
            left = max(left - chance, 0.0)
            beyond = max(beyond - other, 0.0)
            power *= (rate + growth) / (rate + churn)
        net = growth - churn
        length = step if net == 0.0 else np.expm1(net * step) / net
        held, spent = 0.0, 0.0
        for k in range(choices):
            held += w[k]
            spent += part[k]
        for k in range(choices):
            w[k] /= held
            mean[k] += mass * part[k] * length / spent
        mass *= np.exp(net * step)
    return mass


@kernel
def advance_nodes(  # type: ignore[no-untyped-def]
    first, end, offset, start, stop, rate, growth, churn, members, starts, scale, extra, known,
    value, mu, exp_d, harm, switching, outside, x0, exp_minus_theta, quality, identity, fit_share, latency, on_sale,
    curved_price, reference, eta, occupancy, request_days, switching_usd,
):  # fmt: skip
    """Nodes [first, end) live from `start` to `stop`; adds to request_days (J+1,) and switching_usd (1,)."""
    choices = occupancy.shape[1]
    offers = choices - 1
    u = np.empty(offers)
    within, reach, own = np.empty(offers), np.empty(offers), np.empty(offers)
    beside, self_more = np.empty(offers), np.empty(offers)
    mean, now, after = np.empty(choices), np.empty(choices), np.empty(choices)
    for i in range(first, end):
        day, mass = start, 1.0
        stay = np.exp(-switching[i] / mu[i])
        while day < stop:
            until = stop
            for j in range(offers):
                heard = known[i - offset, j]
                if on_sale[j] and day < heard < until:
                    until = heard
            offer_utilities(
                value[i], exp_d[i], harm[i], exp_minus_theta, quality, identity, fit_share, latency, on_sale,
                curved_price, reference, eta, extra[i], known[i - offset], day, u,
            )  # fmt: skip
            _, none, total = choice_terms(
                outside[i], u, mu[i], members, starts, scale, switching[i], within, reach, own, beside, self_more
            )
            grown = _pass_time(
                occupancy[i], until - day, rate, growth, churn, none, total, stay, members, starts, within, reach,
                own, beside, self_more, mean, now, after,
            )  # fmt: skip
            for k in range(choices):
                request_days[k] += x0[i] * mass * mean[k]
            reviewed(mean, none, total, stay, members, starts, within, reach, own, beside, self_more, after)
            moved = 0.0
            base = none + stay * total
            for j in range(offers):
                # Of those who choose j, some held it before and pay nothing.
                kept = mean[j + 1] * (within[j] * beside[j] + self_more[j]) / (base + own[j])
                moved += after[j + 1] - kept
            switching_usd[0] += rate * moved * mass * switching[i] * x0[i] * DAYS_PER_YEAR
            mass *= grown
            day = until


@kernel
def choose_nodes(  # type: ignore[no-untyped-def]
    first, end, offset, day, again, members, starts, scale, extra, known,
    value, mu, exp_d, harm, outside, exp_minus_theta, quality, identity, fit_share, latency, on_sale,
    curved_price, reference, eta, occupancy,
):  # fmt: skip
    """A choice from nothing: by everybody, or `again` by those whose offer is no longer on sale."""
    offers = occupancy.shape[1] - 1
    u = np.empty(offers)
    within, reach, own = np.empty(offers), np.empty(offers), np.empty(offers)
    beside, self_more = np.empty(offers), np.empty(offers)
    for i in range(first, end):
        free = 1.0
        if again:
            free = 0.0
            for j in range(offers):
                if not on_sale[j]:
                    free += occupancy[i, j + 1]
                    occupancy[i, j + 1] = 0.0
            if free == 0.0:
                continue
        else:
            occupancy[i] = 0.0
        offer_utilities(
            value[i], exp_d[i], harm[i], exp_minus_theta, quality, identity, fit_share, latency, on_sale,
            curved_price, reference, eta, extra[i], known[i - offset], day, u,
        )  # fmt: skip
        _, none, total = choice_terms(
            outside[i], u, mu[i], members, starts, scale, 0.0, within, reach, own, beside, self_more
        )
        occupancy[i, 0] += free * none / (none + total)
        for j in range(offers):
            occupancy[i, j + 1] += free * reach[j] / (none + total)


@kernel
def notice_nodes(  # type: ignore[no-untyped-def]
    first, end, offset, day, offer, members, starts, scale, extra, known,
    value, mu, exp_d, harm, switching, outside, x0, exp_minus_theta, quality, identity, fit_share, latency, on_sale,
    curved_price, reference, eta, occupancy,
):  # fmt: skip
    """One review by those who hold `offer`; returns the switching costs of those who leave it, USD."""
    choices = occupancy.shape[1]
    offers = choices - 1
    u = np.empty(offers)
    within, reach, own = np.empty(offers), np.empty(offers), np.empty(offers)
    beside, self_more = np.empty(offers), np.empty(offers)
    holders, after = np.zeros(choices), np.empty(choices)
    borne = 0.0
    for i in range(first, end):
        offer_utilities(
            value[i], exp_d[i], harm[i], exp_minus_theta, quality, identity, fit_share, latency, on_sale,
            curved_price, reference, eta, extra[i], known[i - offset], day, u,
        )  # fmt: skip
        _, none, total = choice_terms(
            outside[i], u, mu[i], members, starts, scale, switching[i], within, reach, own, beside, self_more
        )
        holders[offer + 1] = occupancy[i, offer + 1]
        occupancy[i, offer + 1] = 0.0
        stay = np.exp(-switching[i] / mu[i])
        reviewed(holders, none, total, stay, members, starts, within, reach, own, beside, self_more, after)
        for k in range(choices):
            occupancy[i, k] += after[k]
            if k > 0 and k != offer + 1:
                borne += after[k] * switching[i] * x0[i] * DAYS_PER_YEAR
    return borne


@kernel
def nodes_surplus(  # type: ignore[no-untyped-def]
    first, end, offset, day, members, starts, scale, extra, known, group,
    value, mu, exp_d, harm, switching, outside, x0, exp_minus_theta, quality, identity, fit_share, latency, on_sale,
    curved_price, reference, eta, occupancy, by_group,
):  # fmt: skip
    """Adds to by_group (3,) the expected surplus of one review over using none, USD per day."""
    offers = occupancy.shape[1] - 1
    u = np.empty(offers)
    within, reach, own = np.empty(offers), np.empty(offers), np.empty(offers)
    beside, self_more = np.empty(offers), np.empty(offers)
    for i in range(first, end):
        offer_utilities(
            value[i], exp_d[i], harm[i], exp_minus_theta, quality, identity, fit_share, latency, on_sale,
            curved_price, reference, eta, extra[i], known[i - offset], day, u,
        )  # fmt: skip
        top, none, total = choice_terms(
            outside[i], u, mu[i], members, starts, scale, switching[i], within, reach, own, beside, self_more
        )
        base = none + np.exp(-switching[i] / mu[i]) * total
        inclusive = occupancy[i, 0] * np.log(base)
        for j in range(offers):
            if occupancy[i, j + 1] > 0.0:
                inclusive += occupancy[i, j + 1] * np.log(base + own[j])
        by_group[group[i]] += x0[i] * (top + mu[i] * inclusive - outside[i])
