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
    weights = np.random.default_rng(seed).multinomial(count, np.full(count, 1.0 / count), size=replicates)
    return (weights @ sums) / (weights @ sizes)[:, None]


def paired_difference(
    first: Sequence[float] | np.ndarray,
    second: Sequence[float] | np.ndarray,
    clusters: Sequence[object],
    seed: int,
    replicates: int = DEFAULT_REPLICATES,
    confidence: float = 0.95,
) -> Interval:
    """Mean of `second` minus `first`, values in [0, 1] on the same items, with a clustered bootstrap's interval."""
    one, other = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    difference = other - one
    draws = bootstrap_means(difference[:, None], clusters, seed, replicates)[:, 0]
    low, high = np.quantile(draws, [(1.0 - confidence) / 2.0, (1.0 + confidence) / 2.0])
    mean, spread = float(difference.mean()), float(draws.std(ddof=1))
    if float(np.ptp(difference)) == 0.0:
        # Resampling equal differences shows no spread. What C clusters leave open is the share of others: exactly
        # (Clopper and Pearson 1934) at most 1 - ((1-confidence)/2)^(1/C), each of which moves the mean by one.
        count = len(set(clusters))
        doubt = 1.0 - ((1.0 - confidence) / 2.0) ** (1.0 / count)
        share = 0.5 / (count + 1.0)
        return Interval(mean, math.sqrt(share * (1.0 - share) / count), max(mean - doubt, -1.0), min(mean + doubt, 1.0))
    return Interval(mean, spread, float(low), float(high))


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
