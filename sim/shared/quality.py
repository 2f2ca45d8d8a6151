"""Quality on two scales: latent ability theta, unbounded, on which the frontier moves, and q in (0, 1), which is shown.

Item response theory with one parameter: a task of difficulty d succeeds with probability 1/(1+exp(d-theta)); a
benchmark's difficulties are d ~ N(0, tau), tau in logits. q is the success rate over the benchmark.
"""

from __future__ import annotations

import functools
import math

import numpy as np

BENCHMARK_TAU = 1.0  # spread of a benchmark's difficulties, in logits; assumed
QUALITY_FLOOR, QUALITY_CEILING = 0.01, 0.99  # outside of these a benchmark says only "below" or "above"


@functools.cache
def _hermite_nodes() -> tuple[np.ndarray, np.ndarray]:
    nodes, weights = np.polynomial.hermite_e.hermegauss(61)
    return nodes, weights / weights.sum()


def quality_of_theta(theta: float, tau: float = BENCHMARK_TAU) -> float:
    """Mean success of ability `theta` over difficulties N(0, tau)."""
    nodes, weights = _hermite_nodes()
    return float(weights @ (1.0 / (1.0 + np.exp(tau * nodes - theta))))


def quality_slope(theta: float, tau: float = BENCHMARK_TAU) -> float:
    """Derivative of `quality_of_theta` in theta."""
    nodes, weights = _hermite_nodes()
    success = 1.0 / (1.0 + np.exp(tau * nodes - theta))
    return float(weights @ (success * (1.0 - success)))


def theta_of_quality(quality: float, tau: float = BENCHMARK_TAU) -> float:
    """The ability whose mean success is `quality`, clipped to [0.01, 0.99] first.

    Raises:
        ValueError: if `quality` is not in [0, 1].
    """
    if not 0.0 <= quality <= 1.0:
        raise ValueError(f"quality must lie in [0, 1], received {quality!r}")
    from scipy.optimize import brentq

    target = min(max(quality, QUALITY_FLOOR), QUALITY_CEILING)
    return float(brentq(lambda theta: quality_of_theta(theta, tau) - target, -40.0, 40.0, xtol=1e-12))


def corrected_quality(correct: float, items: int, chance: float) -> float:
    """Chance-corrected accuracy: the posterior mean (k+1/2)/(n+1), moved so that chance is 0, clipped to [.01, .99]."""
    return clipped(above_chance((correct + 0.5) / (items + 1.0), chance))


def above_chance(accuracy: float, chance: float) -> float:
    """Accuracy moved so that chance is 0 and all right is 1; negative below chance."""
    return (accuracy - chance) / (1.0 - chance)


def clipped(quality: float) -> float:
    """Quality held to what a benchmark can tell, [.01, .99]."""
    return min(max(quality, QUALITY_FLOOR), QUALITY_CEILING)


def theta_stderr(accuracy_stderr: float, theta: float, chance: float, tau: float = BENCHMARK_TAU) -> float:
    """Standard error of theta from that of the accuracy, by the delta method."""
    return accuracy_stderr / (1.0 - chance) / max(quality_slope(theta, tau), 1e-6)


def binomial_stderr(correct: float, items: int) -> float:
    """Standard error of an accuracy of independent items, from the posterior mean so that it is never 0."""
    accuracy = (correct + 0.5) / (items + 1.0)
    return math.sqrt(accuracy * (1.0 - accuracy) / items)
