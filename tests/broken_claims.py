"""Shared by the tests of claims: one of their parts, judged on few draws, as stated or with something broken."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from sweeps import InThisProcess

from sim.claims.claim import Claim
from sim.claims.run import Judged, judge
from sim.shared.catalog import shipped_catalog

Changes = Sequence[Mapping[str, Any]]


def simulated(claim: Claim) -> Claim:
    """The claim without its measured parts."""
    return replace(claim, measurements=())


def measured_part(claim: Claim, name: str) -> Claim:
    """The claim with one of its measured parts alone."""
    return replace(claim, experiments=(), measurements=tuple(part for part in claim.measurements if part.name == name))


def with_changes(claim: Claim, changes: Changes = (), arms: Sequence[str] = (), **by_arm: Changes) -> Claim:
    """The simulated part of a claim with changes made to its base, and more changes to some arms after their own.

    A parameter whose path a change touches varies no more. With `arms`, the others are not run: quicker, and what is
    made of them has no score.
    """
    (part,) = claim.experiments
    sweep = dict(part.sweep)
    sweep["changes"] = [*sweep.get("changes", []), *changes]
    fixed = {str(change["key"]) for change in changes}
    sweep["parameters"] = [item for item in sweep["parameters"] if not fixed & set(item["paths"])]
    names = {arm["name"] for arm in sweep["arms"]}
    assert set(by_arm) <= names, f"no such arm: {set(by_arm) - names}"
    sweep["arms"] = [
        {**arm, "changes": [*arm.get("changes", []), *by_arm.get(arm["name"], [])]}
        for arm in sweep["arms"]
        if arm["name"] in (arms or names)
    ]
    return replace(simulated(claim), experiments=(replace(part, sweep=sweep),))


def judged(claim: Claim, folder: Path, draws: int = 3) -> Judged:
    """Judged in the tests' own process, without flips."""
    return judge(claim, draws, shipped_catalog(), InThisProcess(), folder, with_flips=False)


def medians(found: Judged) -> dict[str, float]:
    """Median of every score over the draws of the one simulated part."""
    (part,) = found.played
    assert part.failed == 0, part.first_reason
    names = set.intersection(*(set(draw.means) for draw in part.scored))
    return {name: float(np.median([draw.means[name] for draw in part.scored])) for name in names}
