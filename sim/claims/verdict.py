"""From scores and cells to a verdict. The rules were written before any run.

A simulated part: *supported* if its criteria hold together in at least nine draws of ten of the assumptions, *not
supported* if in at most one of ten, else *inconclusive*. That share is about assumptions: more replications of a draw
sharpen its score and do not make more draws. Beside it stand its exact (Clopper-Pearson) interval for the number of
draws, and the draws whose Monte Carlo error alone leaves their side open.

A measured part: a cell is on a side if its interval is, at 95% after Holm's correction over the cells. *All* cells on
the criterion's side: supported. One of them on the other side (with `most`: half of them or more): not supported.

A part whose control shows the effect too is not supported by its own test: *inconclusive* at best. So is one that more
than a tenth of its draws could not run.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from sim.claims.claim import Cell, Criterion
from sim.shared.stats import holm

Verdict = Literal["supported", "not supported", "inconclusive"]
SUPPORTED: Verdict = "supported"
NOT_SUPPORTED: Verdict = "not supported"
INCONCLUSIVE: Verdict = "inconclusive"
MOST, LEAST = 0.9, 0.1  # shares of draws
LEVEL = 0.95
MOST_FAILED = 0.1  # of the draws
Z = 1.959963984540054


@dataclass(frozen=True)
class Scored:
    """The scores of one draw of the assumptions: means over its runs and their standard errors, by score."""

    point: int
    means: dict[str, float]
    stderrs: dict[str, float]


@dataclass(frozen=True)
class Share:
    """In how many draws something holds.

    Attributes:
        low, high: exact interval of the share, for the number of draws.
        open_draws: draws whose score lies within its Monte Carlo error of a threshold.
    """

    holds: int
    draws: int
    low: float
    high: float
    open_draws: int

    @property
    def share(self) -> float:
        """Of the draws; NaN for none."""
        return self.holds / self.draws if self.draws else math.nan


def share_of(criteria: Sequence[Criterion], draws: Sequence[Scored]) -> Share:
    """In how many draws all criteria hold; draws without one of the scores are left out."""
    from scipy.stats import binomtest

    names = {criterion.score for criterion in criteria}
    whole = [draw for draw in draws if names <= draw.means.keys()]
    holds = sum(all(criterion.holds(draw.means[criterion.score]) for criterion in criteria) for draw in whole)
    unsure = sum(
        any(
            abs(draw.means[criterion.score] - criterion.threshold) < Z * draw.stderrs[criterion.score]
            for criterion in criteria
        )
        for draw in whole
    )
    low, high = binomtest(holds, len(whole)).proportion_ci(LEVEL, "exact") if whole else (0.0, 1.0)
    return Share(holds, len(whole), float(low), float(high), unsure)


def of_share(share: Share, asked: int, controls: Sequence[bool] = ()) -> Verdict:
    """The verdict of a simulated part.

    Args:
        share: in how many draws the criteria hold.
        asked: draws that were to be run.
        controls: whether each came out as it must.
    """
    if not share.draws or share.draws < (1.0 - MOST_FAILED) * asked:
        return INCONCLUSIVE
    if share.share <= LEAST:
        return NOT_SUPPORTED
    return SUPPORTED if share.share >= MOST and all(controls) else INCONCLUSIVE


def sides(criterion: Criterion, cells: Sequence[Cell]) -> list[int]:
    """Each cell's side after Holm's correction over all: 1 where the criterion holds, -1 where it does not, 0 open.

    A cell is on a side only if the nearer end of its interval is, too: intervals may be skewed.
    """
    from scipy.stats import norm

    def p_values(sign: float) -> list[float]:
        out = []
        for cell in cells:
            stderr = (cell.high - cell.low) / (2.0 * Z)
            distance = sign * (cell.value - criterion.threshold)
            out.append(float(norm.sf(distance / stderr)) if stderr > 0 else float(distance <= 0))
        return holm(out) if out else []

    sign = 1.0 if criterion.comparison == "above" else -1.0
    alpha = (1.0 - LEVEL) / 2.0
    with_claim, against = p_values(sign), p_values(-sign)
    out = []
    for cell, first, second in zip(cells, with_claim, against, strict=True):
        clear = cell.low > criterion.threshold or cell.high < criterion.threshold or cell.low == cell.high
        out.append(0 if not clear else 1 if first < alpha else -1 if second < alpha else 0)
    return out


def of_sides(found: Sequence[int], wants: str, least_cells: int, controls: Sequence[bool] = ()) -> Verdict:
    """The verdict of a measured part, from the sides of its cells."""
    most = wants == "most"
    against = sum(side < 0 for side in found)
    if not most and against:
        return NOT_SUPPORTED  # however many cells are still to be measured
    if len(found) < max(least_cells, 1):
        return INCONCLUSIVE
    if most and 2 * against >= len(found):
        return NOT_SUPPORTED
    agree = sum(side > 0 for side in found)
    enough = 2 * agree > len(found) if most else agree == len(found)
    return SUPPORTED if enough and all(controls) else INCONCLUSIVE


def together(parts: Sequence[Verdict]) -> Verdict:
    """The verdict of a claim from those of its parts."""
    if NOT_SUPPORTED in parts:
        return NOT_SUPPORTED
    return SUPPORTED if parts and all(part == SUPPORTED for part in parts) else INCONCLUSIVE
