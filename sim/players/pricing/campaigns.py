"""Subsidised starts: who sells below cost, what it has cost so far, and when it ends."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sim.scenario.promotion import Penetration
from sim.scenario.providers import Provider
from sim.world.floor import Floor


@dataclass
class _Campaign:
    """One owner's campaign.

    Attributes:
        looked_day: day of the last look.
        earned_usd: what its offers had earned when it last looked, by class and offer.
        spent_usd: what sales below cost have cost since the start.
        last_usd: of that, between the last two looks.
        over: true once the share was reached or the budget spent.
    """

    policy: Penetration
    looked_day: float
    earned_usd: np.ndarray
    spent_usd: float = 0.0
    last_usd: float = 0.0
    over: bool = False


class Campaigns:
    """The campaigns of all owners whose policy is `penetration`."""

    def __init__(self, floor: Floor) -> None:
        self._floor = floor
        self._campaigns: dict[str, _Campaign] = {}

    def runs(self, provider: Provider, policy: Penetration) -> bool:
        """Look at share and spending now, write down what was spent, and say whether the campaign goes on."""
        floor, name = self._floor, provider.name
        campaign = self._campaigns.get(name)
        if campaign is None or campaign.policy is not policy:
            campaign = self._campaigns[name] = _Campaign(policy, -1.0, floor.earned_usd.copy())
        if campaign.over or campaign.looked_day == floor.day:
            return not campaign.over
        campaign.looked_day = floor.day
        own = floor.own(name)
        spent = -float((floor.earned_usd - campaign.earned_usd)[:, own].sum())
        campaign.earned_usd = floor.earned_usd.copy()
        next_usd = spent + max(spent - campaign.last_usd, 0.0)  # growing as it last grew
        campaign.spent_usd += spent
        campaign.last_usd = spent
        share = self._share(own)
        left = policy.subsidy_budget_usd - campaign.spent_usd
        reason = ""
        if share >= policy.target_share:
            reason = f"share {share:.3f} of {policy.target_share:g} reached"
        elif left <= 0.0 or next_usd > left:
            reason = f"budget spent at share {share:.3f}"
        campaign.over = bool(reason)
        kind = "subsidy_ended" if campaign.over else "subsidy"
        floor.event(
            kind, name, usd=spent, detail=f"{campaign.spent_usd:.0f} USD so far, {reason or f'share {share:.3f}'}"
        )
        return not campaign.over

    def ended(self, name: str) -> bool:
        """Whether the owner's campaign is over."""
        return name in self._campaigns and self._campaigns[name].over

    def _share(self, own: list[int]) -> float:
        """Share of the tokens that customers hold, of all who use any model."""
        tokens = self._floor.board.tokens.sum(axis=1)
        held = tokens @ self._floor.population.occupancy()[:, 1:]
        total = float(held.sum())
        return float(held[own].sum()) / total if total > 0.0 else 0.0
