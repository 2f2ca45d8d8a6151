import math

import numpy as np
import pytest
from scipy import stats as scipy_stats

from sim.shared.stats import (
    Interval,
    accuracy_stderr,
    bootstrap_means,
    cluster_stderr,
    detectable_difference,
    holm,
    mcnemar_exact,
    mean_interval,
    non_inferior,
    paired_difference,
)


def test_clusters_of_one_give_the_standard_error_of_independent_values():
    x = np.random.default_rng(0).normal(size=50)
    assert cluster_stderr(x, range(50)) == pytest.approx(scipy_stats.sem(x), rel=1e-12)


def test_copying_every_item_does_not_shrink_the_clustered_standard_error():
    x = np.random.default_rng(1).integers(0, 2, 60).astype(float)
    doubled = cluster_stderr(np.repeat(x, 2), np.repeat(np.arange(60), 2))
    assert doubled == pytest.approx(scipy_stats.sem(x), rel=1e-12)
    assert doubled > 1.3 * cluster_stderr(np.repeat(x, 2), range(120))


def test_an_accuracy_of_one_still_has_an_error():
    assert 0 < accuracy_stderr([1.0] * 100, range(100)) < 0.02
    assert accuracy_stderr([1.0, 1.0], ["a", "a"]) > 0.2


def test_wrong_lengths_and_a_single_cluster_are_refused():
    with pytest.raises(ValueError, match="cluster names"):
        cluster_stderr([1.0, 0.0], ["a"])
    with pytest.raises(ValueError, match="two clusters"):
        cluster_stderr([1.0, 0.0], ["a", "a"])


def test_mean_interval_agrees_with_scipy():
    x = np.random.default_rng(2).normal(3.0, 2.0, 12)
    low, high = scipy_stats.t.interval(0.9, 11, loc=x.mean(), scale=scipy_stats.sem(x))
    found = mean_interval(x, 0.9)
    assert (found.low, found.high) == pytest.approx((low, high), rel=1e-9)


def test_mcnemar_agrees_with_the_binomial_test_on_the_discordant_pairs():
    first = [1] * 10 + [0] * 3 + [1] * 20
    second = [0] * 10 + [1] * 3 + [1] * 20
    assert mcnemar_exact(first, second) == pytest.approx(scipy_stats.binomtest(3, 13).pvalue)
    assert mcnemar_exact(first, first) == 1.0


def test_the_bootstrap_agrees_with_the_clustered_formula():
    rng = np.random.default_rng(3)
    clusters = np.repeat(np.arange(80), 3)
    x = (rng.normal(size=80)[clusters] + rng.normal(size=240) > 0).astype(float)
    spread = bootstrap_means(x[:, None], clusters, seed=0).std()
    assert spread == pytest.approx(cluster_stderr(x, clusters), rel=0.1)
    assert spread > 1.2 * cluster_stderr(x, range(240))


def test_the_same_seed_gives_the_same_interval_and_seed_zero_is_a_seed():
    x, y = np.tile([0.0, 1.0], 30), np.tile([1.0, 1.0, 0.0], 20)
    assert paired_difference(x, y, range(60), 0) == paired_difference(x, y, range(60), 0)
    assert paired_difference(x, y, range(60), 0) != paired_difference(x, y, range(60), 1)


def test_the_paired_interval_covers_the_truth_about_as_often_as_it_says():
    rng = np.random.default_rng(4)
    trials, covered = 200, 0
    for trial in range(trials):
        ability = rng.normal(size=60)[np.repeat(np.arange(60), 2)]
        first = (ability + rng.normal(size=120) > 0).astype(float)
        second = (ability + rng.normal(size=120) > 0).astype(float)
        interval = paired_difference(first, second, np.repeat(np.arange(60), 2), trial, replicates=300)
        covered += interval.low <= 0.0 <= interval.high
    assert 0.88 <= covered / trials <= 0.99


def test_differences_that_are_all_equal_still_leave_doubt():
    interval = paired_difference([1.0] * 8, [0.0] * 8, range(8), 0)
    assert (interval.estimate, interval.low) == (-1.0, -1.0)
    assert -0.7 < interval.high < -0.3
    assert interval.stderr > 0
    assert paired_difference([1.0] * 300, [0.0] * 300, range(300), 0).high < -0.98


def test_holm_is_that_of_the_textbook_and_keeps_the_order() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.6]) == [1.0, 1.0]
    assert holm([]) == []


def test_non_inferiority_needs_the_whole_interval_above_the_margin() -> None:
    assert non_inferior(Interval(-0.01, 0.01, -0.029, 0.01), 0.03)
    assert not non_inferior(Interval(0.01, 0.02, -0.031, 0.05), 0.03)


def test_the_detectable_difference_is_found_as_often_as_its_power_says() -> None:
    items, discordant = 400, 0.3
    difference = detectable_difference(items, discordant)
    rng = np.random.default_rng(0)
    gains, losses = (discordant + difference) / 2, (discordant - difference) / 2
    found = 0
    rounds = 1500
    for _ in range(rounds):
        gained, lost, _ = rng.multinomial(items, [gains, losses, 1 - discordant])
        first = np.array([1.0] * lost + [0.0] * (items - lost))
        second = np.array([0.0] * lost + [1.0] * gained + [0.0] * (items - lost - gained))
        found += mcnemar_exact(first, second) < 0.05
    # The exact test is a little conservative beside the normal formula.
    assert 0.72 < found / rounds < 0.84
    assert math.isnan(detectable_difference(10, 0.05))


@pytest.mark.slow
@pytest.mark.parametrize("size", [1, 4])
def test_intervals_of_paired_differences_cover_the_truth(size: int) -> None:
    """95 per cent intervals over clusters of `size` items that share a difficulty cover between 93 and 97 per cent."""
    rng = np.random.default_rng(size)
    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    truth = float(weights @ (1 / (1 + np.exp(nodes - 0.4)) - 1 / (1 + np.exp(nodes - 1.0))) / weights.sum())
    clusters = 200
    names = np.repeat(np.arange(clusters), size)
    covered, rounds = 0, 2000
    for round_ in range(rounds):
        difficulty = np.repeat(rng.normal(size=clusters), size)
        first = (rng.random(clusters * size) < 1 / (1 + np.exp(difficulty - 1.0))).astype(float)
        second = (rng.random(clusters * size) < 1 / (1 + np.exp(difficulty - 0.4))).astype(float)
        interval = paired_difference(first, second, list(names), round_, replicates=600)
        covered += interval.low <= truth <= interval.high
    assert 0.93 <= covered / rounds <= 0.97


def test_mcnemar_agrees_with_scipys_binomial_and_with_symmetry() -> None:
    from scipy.stats import binomtest

    first = np.array([1.0] * 12 + [0.0] * 3 + [1.0] * 20)
    second = np.array([0.0] * 12 + [1.0] * 3 + [1.0] * 20)
    assert mcnemar_exact(first, second) == pytest.approx(binomtest(3, 15, 0.5).pvalue)
    assert mcnemar_exact(first, second) == mcnemar_exact(second, first)
