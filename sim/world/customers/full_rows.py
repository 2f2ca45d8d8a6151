"""The compiled loops over sampled customers of `full_sampled`, which says how they choose."""

from __future__ import annotations

import numpy as np

from sim.shared.units import DAYS_PER_YEAR
from sim.world.compiled import kernel
from sim.world.customers.fastmath import exp_f32, exponential_f32, log_f32, mixed
from sim.world.customers.nests import choice_terms


@kernel
def _utilities(  # type: ignore[no-untyped-def]
    c, who, now, held, word, keys, released, word_days, owner_of, bundle_share, value, exp_d, harm,
    exp_minus_theta, quality, identity, fit_share, latency, on_sale, curved_price, reference, eta, u,
):  # fmt: skip
    """Write u (J,) of customer `who` in class c without switching, -inf for what it cannot take; in float32.

    `held` (C, N) is what it uses, which the bundle counts in the other classes.
    """
    one = np.float32(1.0)
    power = np.float32(1.0 + eta)
    scale = np.float32(reference[c] ** (-eta) / (1.0 + eta))
    classes = held.shape[0]
    for j in range(on_sale.shape[0]):
        u[j] = np.float32(-np.inf)
        if not on_sale[j]:
            continue
        if released[j] > 0.0 and word_days > 0.0:
            wait = exponential_f32(mixed(who, 0, word[0], word[1], keys[j + 1, 0], keys[j + 1, 1]))
            if now < released[j] + word_days * wait:
                continue
        success = np.float32(quality[c, j])
        if not identity[c]:
            success = one / (one + exp_d[c, who] * np.float32(exp_minus_theta[c, j]))
        worth = value[c, who]
        gross = worth * success - harm[c, who] * (one - success) + np.float32(fit_share[j]) * worth
        gross -= np.float32(latency[c, j])
        if bundle_share[j] > 0.0 and classes > 1:
            shared = 0
            for other in range(classes):
                if other != c and held[other, who] > 0 and owner_of[held[other, who] - 1] == owner_of[j]:
                    shared += 1
            gross += np.float32(bundle_share[j] * shared / (classes - 1)) * worth
        if eta != 0.0 and gross > np.float32(0.0):
            gross = scale * exp_f32(power * log_f32(max(gross, np.float32(1e-30))))
        u[j] = gross - np.float32(curved_price[c, j])


@kernel
def _choice(  # type: ignore[no-untyped-def]
    who, review, mu, outside, stream, hosts, keys, members, starts, nest_scale, u,
):  # fmt: skip
    """The choice (j+1, or 0 for none) at utilities u (J,), which hold the switching cost already."""
    noise = exponential_f32(mixed(who, review, stream[0], stream[1], keys[0, 0], keys[0, 1]))
    best, best_utility = 0, outside - mu * log_f32(noise)
    chosen = -1
    spread = nest_scale * mu
    for g in range(starts.shape[0] - 1):
        top = np.float32(-np.inf)
        for m in range(starts[g], starts[g + 1]):
            top = max(top, u[members[m]])
        if top == np.float32(-np.inf):
            continue
        inclusive = top
        if starts[g + 1] - starts[g] > 1:
            mass = 0.0
            for m in range(starts[g], starts[g + 1]):
                mass += np.exp((u[members[m]] - top) / spread)
            inclusive = np.float32(top + spread * np.log(mass))
        key = members[starts[g]] + 1
        noise = exponential_f32(mixed(who, review, stream[0], stream[1], keys[key, 0], keys[key, 1]))
        utility = inclusive - mu * log_f32(noise)
        if utility > best_utility:
            best_utility, chosen = utility, g
    if chosen < 0:
        return best
    if starts[chosen + 1] - starts[chosen] == 1:
        return members[starts[chosen]] + 1
    best_utility = np.float32(-np.inf)
    for m in range(starts[chosen], starts[chosen + 1]):
        j = members[m]
        if u[j] == np.float32(-np.inf):
            continue
        noise = exponential_f32(mixed(who, review, hosts[0], hosts[1], keys[j + 1, 0], keys[j + 1, 1]))
        utility = u[j] - np.float32(spread) * log_f32(noise)
        if utility > best_utility:
            best, best_utility = j + 1, utility
    return best


@kernel
def live_rows(  # type: ignore[no-untyped-def]
    first, end, start, stop, rate, streams, hosts, word, keys, times, members, starts, nest_scale, released, word_days,
    owner_of, bundle_share, value, mu, exp_d, harm, switching, outside, x0, exp_minus_theta, quality, identity,
    fit_share, latency, on_sale, curved_price, reference, eta, arrive, leave, held, next_review, reviews,
    request_days, switching_usd,
):  # fmt: skip
    """Customers [first, end) live from `start` to `stop`; adds to request_days (C, J+1); returns reviews."""
    classes, done = held.shape[0], 0
    u = np.empty(on_sale.shape[0], dtype=np.float32)
    for who in range(first, end):
        if leave[who] <= start or arrive[who] > stop:
            continue
        begin, until = max(start, arrive[who]), min(stop, leave[who])
        if arrive[who] > start:
            for c in range(classes):
                _utilities(
                    c, who, begin, held, word, keys, released, word_days, owner_of, bundle_share, value, exp_d, harm,
                    exp_minus_theta, quality, identity, fit_share, latency, on_sale, curved_price, reference, eta, u,
                )  # fmt: skip
                held[c, who] = _choice(
                    who, reviews[c, who], mu[c, who], outside[c, who], streams[c], hosts[c], keys, members, starts,
                    nest_scale, u,
                )  # fmt: skip
                wait = exponential_f32(
                    mixed(who, reviews[c, who], streams[c, 0], streams[c, 1], times[0], times[1])
                )  # fmt: skip
                next_review[c, who] = begin + wait / rate
                done += 1
        for c in range(classes):
            request_days[c, held[c, who]] += x0[c, who] * (until - begin)
        while True:
            c = 0
            for other in range(1, classes):
                if next_review[other, who] < next_review[c, who]:
                    c = other
            if next_review[c, who] >= until:
                break
            now = max(next_review[c, who], begin)
            reviews[c, who] += np.uint32(1)
            _utilities(
                c, who, now, held, word, keys, released, word_days, owner_of, bundle_share, value, exp_d, harm,
                exp_minus_theta, quality, identity, fit_share, latency, on_sale, curved_price, reference, eta, u,
            )  # fmt: skip
            before = held[c, who]
            for j in range(u.shape[0]):
                u[j] -= switching[c, who] if before != j + 1 else np.float32(0.0)
            after = _choice(
                who, reviews[c, who], mu[c, who], outside[c, who], streams[c], hosts[c], keys, members, starts,
                nest_scale, u,
            )  # fmt: skip
            done += 1
            if after != before:
                moved = x0[c, who] * (until - now)
                request_days[c, before] -= moved
                request_days[c, after] += moved
                if after != 0:
                    switching_usd[c] += switching[c, who] * x0[c, who] * DAYS_PER_YEAR
                held[c, who] = after
            wait = exponential_f32(mixed(who, reviews[c, who], streams[c, 0], streams[c, 1], times[0], times[1]))
            next_review[c, who] = now + wait / rate
        if leave[who] <= stop:
            for c in range(classes):
                held[c, who] = 0
    return done


@kernel
def choose_rows(  # type: ignore[no-untyped-def]
    first, end, day, again, rate, streams, hosts, word, keys, times, members, starts, nest_scale, released, word_days,
    owner_of, bundle_share, value, mu, exp_d, harm, outside, exp_minus_theta, quality, identity,
    fit_share, latency, on_sale, curved_price, reference, eta, arrive, leave, held, next_review, reviews,
):  # fmt: skip
    """A choice from nothing: by all who are there, or `again` by those whose offer is no longer on sale."""
    u = np.empty(on_sale.shape[0], dtype=np.float32)
    for who in range(first, end):
        if arrive[who] > day or leave[who] <= day:
            continue
        for c in range(held.shape[0]):
            if again:
                if held[c, who] == 0 or on_sale[held[c, who] - 1]:
                    continue
                reviews[c, who] += np.uint32(1)
                held[c, who] = 0
            _utilities(
                c, who, day, held, word, keys, released, word_days, owner_of, bundle_share, value, exp_d, harm,
                exp_minus_theta, quality, identity, fit_share, latency, on_sale, curved_price, reference, eta, u,
            )  # fmt: skip
            held[c, who] = _choice(
                who, reviews[c, who], mu[c, who], outside[c, who], streams[c], hosts[c], keys, members, starts,
                nest_scale, u,
            )  # fmt: skip
            wait = exponential_f32(mixed(who, reviews[c, who], streams[c, 0], streams[c, 1], times[0], times[1]))
            next_review[c, who] = day + wait / rate


@kernel
def rows_surplus(  # type: ignore[no-untyped-def]
    first, end, day, word, keys, members, starts, nest_scale, released, word_days, owner_of, bundle_share,
    value, mu, exp_d, harm, switching, outside, x0, exp_minus_theta, quality, identity, fit_share, latency, on_sale,
    curved_price, reference, eta, arrive, leave, held, group, by_group,
):  # fmt: skip
    """Adds to by_group (C, 3) the expected surplus of one review by each who is there, USD per day."""
    offers = on_sale.shape[0]
    u, exact = np.empty(offers, dtype=np.float32), np.empty(offers)
    within, reach, own = np.empty(offers), np.empty(offers), np.empty(offers)
    beside, self_more = np.empty(offers), np.empty(offers)
    for who in range(first, end):
        if arrive[who] > day or leave[who] <= day:
            continue
        for c in range(held.shape[0]):
            _utilities(
                c, who, day, held, word, keys, released, word_days, owner_of, bundle_share, value, exp_d, harm,
                exp_minus_theta, quality, identity, fit_share, latency, on_sale, curved_price, reference, eta, u,
            )  # fmt: skip
            exact[:] = u
            spread, none_usd, pays = float(mu[c, who]), float(outside[c, who]), float(switching[c, who])
            top, none, total = choice_terms(
                none_usd, exact, spread, members, starts, nest_scale, pays, within, reach, own, beside, self_more
            )
            inside = none + np.exp(-pays / spread) * total
            if held[c, who] > 0:
                inside += own[held[c, who] - 1]
            by_group[c, group[c, who]] += x0[c, who] * (top + spread * np.log(inside) - none_usd)
