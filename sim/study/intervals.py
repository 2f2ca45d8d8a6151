"""Intervals over two sources of uncertainty, told apart: which customers were drawn, and how well the models are known.

For values y[d, r] over catalog draws d and replications r, a one-way random-effects analysis of variance gives the
variance within draws (Monte Carlo; falls with more replications) and that between them (ignorance; does not).
Searle, Casella, McCulloch, Variance Components (1992), section 3.5.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

LEVEL = 0.95


@dataclass(frozen=True)
class Estimate:
    """A number with two intervals at 95%.

    Attributes:
        value: mean over draws and replications.
        low, high: where the quantity may lie for all we know: catalog and Monte Carlo together.
        simulation_low, simulation_high: the Monte Carlo part alone; closes with more replications.
        catalog_sd: standard deviation that the catalog's errors cause.
    """

    name: str
    unit: str
    value: float
    low: float
    high: float
    simulation_low: float
    simulation_high: float
    catalog_sd: float


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
    if draws > 1:
        spread = math.sqrt(catalog_variance * (1.0 + 1.0 / draws) + simulation**2)
        whole = float(t.ppf(0.5 + LEVEL / 2, draws - 1)) * spread
    else:
        whole = reach
    return Estimate(
        name, unit, mean, mean - whole, mean + whole, mean - reach, mean + reach, math.sqrt(catalog_variance)
    )


def estimate_ratio(name: str, ratios: np.ndarray) -> Estimate:
    """The relative change of a positive quantity, ratio - 1, from ratios (D, R); a fraction.

    Mean and intervals are taken on the logarithm, so that no end lies below -100%. `value` is the geometric mean's
    change.
    """
    logs = estimate(name, "fraction", np.log(ratios))
    ends = (logs.value, logs.low, logs.high, logs.simulation_low, logs.simulation_high)
    value, low, high, simulation_low, simulation_high = (math.expm1(min(end, 700.0)) for end in ends)
    return Estimate(name, "fraction", value, low, high, simulation_low, simulation_high, logs.catalog_sd)


def estimate_share(name: str, values: np.ndarray) -> Estimate:
    """A share, from values (D, R); its intervals are cut at 0 and 1."""
    found = estimate(name, "fraction", values)
    cut = {end: min(max(getattr(found, end), 0.0), 1.0) for end in ("low", "high", "simulation_low", "simulation_high")}
    return replace(found, **cut)
