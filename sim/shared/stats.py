"""Statistics of means and of paired differences, with items that share a fact or a template clustered.

The clustered standard error is the cluster-robust one of a mean (Liang and Zeger 1986; for evaluations of language
models: Miller 2024, arXiv 2411.00640, equation 4), with the small-sample factor C/(C-1):

    se^2 = C/(C-1) * (1/n^2) * sum over clusters c of (sum over i in c of (x_i - mean))^2
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

DEFAULT_REPLICATES = 2000
BLOCK_BYTES = 2**26


@dataclass(frozen=True)
class Interval:
    """An estimate with its standard error and a confidence interval, all in the unit of the data."""

    estimate: float
    stderr: float
    low: float
    high: float


def cluster_stderr(values: Sequence[float] | np.ndarray, clusters: Sequence[object]) -> float:
    """Cluster-robust standard error of the mean of `values`, shape (n,); `clusters` names each value's cluster.

    With every value in a cluster of its own this is the standard error of independent values.

    Raises:
        ValueError: if the lengths differ, or there are fewer than two clusters.
    """
    x = np.asarray(values, dtype=float)
    sums, _ = _by_cluster(x - x.mean(), clusters)
    count = len(sums)
    if count < 2:
        raise ValueError(f"a clustered standard error needs at least two clusters, received {count}")
    return math.sqrt(count / (count - 1) * float(sums @ sums)) / len(x)


def accuracy_stderr(correct: Sequence[float] | np.ndarray, clusters: Sequence[object]) -> float:
    """Clustered standard error of an accuracy, never 0.

    Where all items or none are right (or one cluster is all there is) the clustered formula knows no spread; then it
    is the binomial one at the posterior mean (k+1/2)/(C+1), over the C clusters.
    """
    x = np.asarray(correct, dtype=float)
    count = len(set(clusters))
    if count >= 2:
        found = cluster_stderr(x, clusters)
        if found > 0:
            return found
    accuracy = (float(x.mean()) * count + 0.5) / (count + 1.0)
    return math.sqrt(accuracy * (1.0 - accuracy) / count)


def mean_interval(values: Sequence[float] | np.ndarray, confidence: float = 0.95) -> Interval:
    """Mean of independent values with Student's interval.

    Raises:
        ValueError: for fewer than two values.
    """
    from scipy.stats import t

    x = np.asarray(values, dtype=float)
    if len(x) < 2:
        raise ValueError(f"an interval needs at least two values, received {len(x)}")
    mean, stderr = float(x.mean()), float(x.std(ddof=1)) / math.sqrt(len(x))
    half = float(t.ppf((1.0 + confidence) / 2.0, len(x) - 1)) * stderr
    return Interval(mean, stderr, mean - half, mean + half)


def bootstrap_means(
    values: np.ndarray, clusters: Sequence[object], seed: int, replicates: int = DEFAULT_REPLICATES
) -> np.ndarray:
    """Means of `values`, shape (n, k), over resampled clusters; shape (replicates, k).

    Whole clusters are drawn with replacement, so what items of a cluster share stays shared; all k columns see the
    same draws, so differences between columns are paired.
    """
    sums, sizes = _by_cluster(np.asarray(values, dtype=float), clusters)
    count = len(sizes)
    rng, share = np.random.default_rng(seed), np.full(count, 1.0 / count)
    out = np.empty((replicates, sums.shape[1]))
    at_once = max(BLOCK_BYTES // (16 * count), 8)  # a draw is held twice, as whole numbers and as floats
    for start in range(0, replicates, at_once):
        weights = rng.multinomial(count, share, size=min(at_once, replicates - start)).astype(float)
        out[start : start + len(weights)] = (weights @ sums) / (weights @ sizes)[:, None]
    return out


def accuracy_draws(
    correct: np.ndarray, clusters: Sequence[object], seed: int, replicates: int = DEFAULT_REPLICATES
) -> np.ndarray:
    """Draws of accuracies given `correct`, shape (n, k), that keep doubt at 0 and 1; shape (replicates, k).

    A Bayesian bootstrap (Rubin 1981) weighs whole clusters, alike in all k columns, so that they stay paired. Half a
    right and half a wrong cluster of mean size join each column, on their own: over items that are each a cluster and
    are all right a draw is Beta(n + 1/2, 1/2), whose mean is (k + 1/2) / (n + 1).
    """
    sums, sizes = _by_cluster(np.asarray(correct, dtype=float), clusters)
    count, columns = sums.shape
    rng = np.random.default_rng(seed)
    prior = rng.standard_gamma(0.5, size=(2, replicates, columns)) * sizes.mean()
    out = np.empty((replicates, columns))
    at_once = max(BLOCK_BYTES // (8 * count), 8)
    for start in range(0, replicates, at_once):
        right, wrong = prior[:, start : start + at_once]
        weights = rng.standard_exponential((len(right), count))
        out[start : start + at_once] = (weights @ sums + right) / ((weights @ sizes)[:, None] + right + wrong)
    return out


def paired_difference(
    first: Sequence[float] | np.ndarray,
    second: Sequence[float] | np.ndarray,
    clusters: Sequence[object],
    confidence: float = 0.95,
) -> Interval:
    """Mean of `second` minus `first`, values in [0, 1] on the same items, with a score interval over clusters.

    The interval is Tango's for paired proportions (1998, Statistics in Medicine 17, 891-908), which keeps doubt where
    few items or none differ: its variance at a trial difference is the constrained maximum likelihood's, not that of
    the sample. Items that share clusters count as fewer: gains, losses and items are divided by the design effect, and
    the normal quantile is Student's with C-1 degrees. The design effect is the clustered variance over the independent
    one, at least 1; where k clusters hold a difference, that of clusters which are all of one mind, sum(m_c^2)/n, has
    a weight of 1/(k+1)^2 in it, so that no difference at all counts each cluster once. An interval over items that are
    each a cluster is Tango's own.
    """
    from scipy.stats import norm, t

    one, other = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    difference = other - one
    count, effect = len(set(clusters)), design_effect(difference, clusters)
    items = len(difference) / effect
    gained, lost = float(difference.clip(min=0).sum()) / effect, float((-difference).clip(min=0).sum()) / effect
    upper = (1.0 + confidence) / 2.0
    quantile = float(norm.ppf(upper) if count == len(difference) else t.ppf(upper, max(count - 1, 1)))
    mean = float(difference.mean())
    low, high = _tango(gained, lost, items, quantile)
    share = (gained + lost + 0.5) / (items + 1.0)  # half an item more that differs: never without doubt
    return Interval(mean, math.sqrt(max(share - mean * mean, share * (1.0 - share)) / items), low, high)


def design_effect(difference: np.ndarray, clusters: Sequence[object]) -> float:
    """By how much items that share clusters count as fewer, in a mean of paired differences; see there."""
    _, sizes = _by_cluster(difference, clusters)
    count, items = len(sizes), len(difference)
    if count == items:
        return 1.0
    most = float(sizes @ sizes) / items
    variance = float(difference.var(ddof=1)) / items
    if count < 2 or variance == 0.0:
        return most
    found = cluster_stderr(difference, clusters) ** 2 / variance
    differing = len({code for code, value in zip(clusters, difference, strict=True) if value != 0.0})
    return max(found + (most - found) / (differing + 1) ** 2, 1.0)


def _tango(gained: float, lost: float, items: float, quantile: float) -> tuple[float, float]:
    """Both ends of the score interval of (gained - lost) / items; counts need not be whole."""
    from scipy.optimize import brentq

    def deviation(trial: float) -> float:
        a = 2.0 * items
        b = -gained - lost + (2.0 * items - gained + lost) * trial
        c = -lost * trial * (1.0 - trial)
        losing = (math.sqrt(max(b * b - 4.0 * a * c, 0.0)) - b) / (2.0 * a)
        return quantile * math.sqrt(max(items * (2.0 * losing + trial * (1.0 - trial)), 0.0))

    def over(trial: float) -> float:
        return gained - lost - items * trial

    # Where nothing differs the deviation is 0 at the estimate itself, which is no end of the interval.
    middle = (gained - lost) / items
    left, right = middle - 1e-9, middle + 1e-9
    low = -1.0 if over(-1.0) <= 0 else float(brentq(lambda trial: over(trial) - deviation(trial), -1.0, left))
    high = 1.0 if over(1.0) >= 0 else float(brentq(lambda trial: over(trial) + deviation(trial), right, 1.0))
    return low, high


def mcnemar_exact(first: Sequence[float] | np.ndarray, second: Sequence[float] | np.ndarray) -> float:
    """Two-sided exact p-value of McNemar's test on paired right or wrong answers.

    It takes items as independent: where items share clusters, read the bootstrap's interval instead.
    """
    from scipy.stats import binomtest

    one, other = np.asarray(first) > 0, np.asarray(second) > 0
    gained, lost = int((~one & other).sum()), int((one & ~other).sum())
    if gained + lost == 0:
        return 1.0
    return float(binomtest(gained, gained + lost, 0.5).pvalue)


def _by_cluster(values: np.ndarray, clusters: Sequence[object]) -> tuple[np.ndarray, np.ndarray]:
    """Sums of the values by cluster, and the clusters' sizes."""
    if len(values) != len(clusters):
        raise ValueError(f"{len(values)} values but {len(clusters)} cluster names")
    _, codes = np.unique(np.asarray([str(cluster) for cluster in clusters]), return_inverse=True)
    sums = np.zeros((int(codes.max()) + 1, *values.shape[1:]))
    np.add.at(sums, codes, values)
    return sums, np.bincount(codes).astype(float)


def holm(p_values: Sequence[float]) -> list[float]:
    """P-values adjusted for many tests at once (Holm 1979), in the order given; capped at 1."""
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    out = [1.0] * len(p_values)
    largest = 0.0
    for place, index in enumerate(order):
        largest = max(largest, min((len(order) - place) * p_values[index], 1.0))
        out[index] = largest
    return out


def non_inferior(interval: Interval, margin: float) -> bool:
    """Whether a difference (new less old) lies above minus `margin` with all of its interval."""
    return interval.low > -margin


def detectable_difference(items: float, discordant_share: float, power: float = 0.8, confidence: float = 0.95) -> float:
    """Least paired difference of accuracies that McNemar's test finds with the given power.

    Solves n = (z_a * sqrt(d) + z_b * sqrt(d - x^2))^2 / x^2 for x (Connor 1987), d the share of items on which the two
    differ; items that share clusters count as fewer. NaN where not even all discordant items on one side would do.
    """
    from scipy.optimize import brentq
    from scipy.stats import norm

    if not items > 0 or not 0 < discordant_share <= 1:
        return math.nan
    z_a, z_b = float(norm.ppf((1.0 + confidence) / 2.0)), float(norm.ppf(power))

    def missing(x: float) -> float:
        root = math.sqrt(max(discordant_share - x * x, 0.0))
        return (z_a * math.sqrt(discordant_share) + z_b * root) ** 2 / (x * x) - items

    if missing(discordant_share) > 0:
        return math.nan
    return float(brentq(missing, 1e-9, discordant_share))
