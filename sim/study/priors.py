"""Priors as standard normals: the one way between a parameter's value and the scale on which posteriors are learned.

z = Phi^-1(F(value)) with F the prior's distribution function, so that a prior is N(0, 1), no draw can lie outside of
a range, and spreads of different parameters compare: the prior's is 1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from sim.study.distributions import Distribution, LogNormal, LogUniform, Normal, Uniform
from sim.study.plan import Parameter

_EDGE = 1e-12  # a value at the very end of its range is taken this far inside


def normal_of(part: Distribution, values: np.ndarray) -> np.ndarray:
    """Standard normal scores of values of a prior with a density, of the same shape."""
    from scipy.special import ndtri

    values = np.asarray(values, dtype=float)
    if isinstance(part, Normal):
        return (values - part.mean) / part.sd
    if isinstance(part, LogNormal):
        return np.log(values / part.median) / part.log_sd
    if isinstance(part, LogUniform):
        share = np.log(values / part.low) / math.log(part.high / part.low)
    else:
        assert isinstance(part, Uniform), "levels have no density; a calibration refuses them"
        share = (values - part.low) / (part.high - part.low)
    return np.asarray(ndtri(np.clip(share, _EDGE, 1.0 - _EDGE)), dtype=float)


def value_of(part: Distribution, scores: np.ndarray) -> np.ndarray:
    """Values of a prior at standard normal scores, of the same shape."""
    from scipy.special import ndtr

    shares = np.clip(ndtr(np.asarray(scores, dtype=float)), _EDGE, 1.0 - _EDGE)
    return np.array([part.at(float(share)) for share in shares.ravel()], dtype=float).reshape(shares.shape)


def values_of(parameters: Sequence[Parameter], scores: np.ndarray) -> np.ndarray:
    """Values of several parameters at their scores, shape (N, P)."""
    columns = [value_of(part.distribution, scores[:, column]) for column, part in enumerate(parameters)]
    return np.stack(columns, axis=1)
