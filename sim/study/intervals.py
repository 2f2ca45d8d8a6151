"""Intervals over two sources of uncertainty, told apart: which customers were drawn, and how well the models are known.

For values y[d, r] over catalog draws d and replications r, a one-way random-effects analysis of variance gives the
variance within draws (Monte Carlo; falls with more replications) and that between them (ignorance; does not).
Searle, Casella, McCulloch, Variance Components (1992), section 3.5.

The whole interval is made of order statistics of the draws, not of a variance: what follows from a catalog's errors is
skewed, and a symmetric interval would claim signs that no draw shows. The smallest and the largest of D draws hold a
further one with probability (D-1)/(D+1); from 39 draws on, quantiles hold it with 95 per cent.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

LEVEL = 0.95


@dataclass(frozen=True)
class Estimate:
    """A number with two intervals.

    Attributes:
        value: mean over draws and replications.
        low, high: where the quantity may lie for all we know: catalog and Monte Carlo together; `coverage` of it.
        simulation_low, simulation_high: the Monte Carlo part alone; closes with more replications.
        catalog_sd: standard deviation that the catalog's errors cause.
        median: of the draws.
        below_zero: share of the draws whose mean over replications lies below 0.
        coverage: probability with which `low` to `high` holds the mean of a further draw; the Monte Carlo part alone is
            at 95%.
        draws: of the catalog.
    """

    name: str
    unit: str
    value: float
    low: float
    high: float
    simulation_low: float
    simulation_high: float
    catalog_sd: float
    median: float = math.nan
    below_zero: float = math.nan
    coverage: float = LEVEL
    draws: int = 1


def lower_tail(draws: int) -> float:
    """Probability below the lower end of the whole interval: 2.5%, or what the smallest of few draws leaves."""
    return max((1.0 - LEVEL) / 2.0, 1.0 / (draws + 1.0))


def estimate(name: str, unit: str, values: np.ndarray) -> Estimate:
    """The estimate of a quantity from its values, shape (D, R); D draws of the catalog, R replications each.

    With one draw the catalog's part is unknown and taken as 0; with a single value there is no interval and both ends
    are the value.
    """
    from scipy.stats import t

    draws, replications = values.shape
    mean = float(values.mean())
    by_draw = values.mean(axis=1)
    degrees = draws * (replications - 1)
    within = float(((values - by_draw[:, None]) ** 2).sum() / degrees) if degrees else 0.0
    between = float(by_draw.var(ddof=1)) if draws > 1 else 0.0
    # A single replication cannot tell the two apart; its noise then counts as the catalog's.
    catalog_variance = max(between - within / replications, 0.0)
    simulation = math.sqrt(within / (draws * replications))
    reach = float(t.ppf(0.5 + LEVEL / 2, degrees)) * simulation if degrees else 0.0
    low, high, coverage = mean - reach, mean + reach, LEVEL
    if draws > 1:
        tail = lower_tail(draws)
        low, high = (float(end) for end in np.quantile(by_draw, [tail, 1.0 - tail], method="weibull"))
        coverage = 1.0 - 2.0 * tail
    return Estimate(
        name=name,
        unit=unit,
        value=mean,
        low=low,
        high=high,
        simulation_low=mean - reach,
        simulation_high=mean + reach,
        catalog_sd=math.sqrt(catalog_variance),
        median=float(np.median(by_draw)),
        below_zero=float((by_draw < 0).mean()),
        coverage=coverage,
        draws=draws,
    )


def estimate_ratio(name: str, ratios: np.ndarray) -> Estimate:
    """The relative change of a positive quantity, ratio - 1, from ratios (D, R); a fraction.

    Mean and intervals are taken on the logarithm, so that no end lies below -100%. `value` is the geometric mean's
    change.
    """
    logs = estimate(name, "fraction", np.log(ratios))
    ends = ("value", "low", "high", "simulation_low", "simulation_high", "median")
    changes: dict[str, Any] = {end: math.expm1(min(getattr(logs, end), 700.0)) for end in ends}
    return replace(logs, **changes)


def estimate_share(name: str, values: np.ndarray) -> Estimate:
    """A share, from values (D, R); its intervals are cut at 0 and 1."""
    found = estimate(name, "fraction", values)
    cut = {end: min(max(getattr(found, end), 0.0), 1.0) for end in ("low", "high", "simulation_low", "simulation_high")}
    return replace(found, **cut)
