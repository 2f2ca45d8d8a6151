"""What a tariff in tiers makes of the posted price: the average that an account pays, over the posted price.

An account is one customer in one task class, with a monthly volume V of all tokens at the class's mean requests. Its
bill, in units of the posted price, is the smallest of

    pay as you go:  integral from 0 to V of (1 - discount of the block) * (1 - off-peak discount * share that can wait)
    subscription:   included * (1 - discount) + max(V - included, 0)
    commitment:     max(V, committed) * (1 - discount)

and the tariff is the bill over V. So bills are what the tariff says, and choices compare what accounts really pay.
Simplified: every account of a class has the class's mean volume, volumes are those at reference prices, and work
that can wait saves its customer the discount and nobody capacity.
"""

from __future__ import annotations

import numpy as np

from sim.scenario.promotion import Tiers
from sim.scenario.tasks import TaskClass
from sim.shared.units import DAYS_PER_MONTH, TOKENS_PER_MTOK


def tariff_by_class(policy: Tiers, tasks: tuple[TaskClass, ...]) -> np.ndarray:
    """The average price that an account pays over the posted price, by class; shape (C,)."""
    waits = {part.task: part.share for part in policy.off_peak.can_wait} if policy.off_peak else {}
    discount = policy.off_peak.discount if policy.off_peak else 0.0
    return np.array(
        [_account(policy, monthly_mtok(task), 1.0 - discount * waits.get(task.name, 0.0)) for task in tasks]
    )


def account_tariff(policy: Tiers, mtok_per_month: float) -> float:
    """The same of one account of that monthly volume, in millions of tokens, all of whose work waits for off-peak."""
    return _account(policy, mtok_per_month, 1.0 - (policy.off_peak.discount if policy.off_peak else 0.0))


def monthly_mtok(task: TaskClass) -> float:
    """Fresh input, cached input and output tokens of an account in a month, in millions."""
    tokens = task.input_tokens + task.cached_input_tokens + task.output_tokens
    return task.requests_per_day * DAYS_PER_MONTH * tokens / TOKENS_PER_MTOK


def _account(policy: Tiers, volume: float, off_peak: float) -> float:
    if volume <= 0.0:
        return 1.0
    starts = [block.from_mtok_per_month for block in policy.blocks]
    ends = [*starts, np.inf][1:]
    bill = volume
    for block, start, end in zip(policy.blocks, starts, ends, strict=True):
        bill -= block.discount * max(min(volume, end) - start, 0.0)
    bill *= off_peak
    plan = policy.subscription
    if plan is not None:
        included = plan.included_mtok_per_month
        bill = min(bill, included * (1.0 - plan.discount) + max(volume - included, 0.0))
    if policy.commitment is not None:
        committed = max(volume, policy.commitment.mtok_per_month)
        bill = min(bill, committed * (1.0 - policy.commitment.discount))
    return float(bill / volume)
