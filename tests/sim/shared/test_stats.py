import math

import numpy as np
import pytest
from scipy import stats as scipy_stats

from sim.shared.stats import (
    Interval,
    accuracy_draws,
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


def test_draws_in_blocks_are_those_of_one_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    from sim.shared import stats as module

    x = np.random.default_rng(0).random((120, 2))
    whole = bootstrap_means(x, [n // 3 for n in range(120)], seed=0, replicates=203)
    weights = np.random.default_rng(0).multinomial(40, np.full(40, 1 / 40), size=203)
    sums = x.reshape(40, 3, 2).sum(axis=1)
    # Cluster names are sorted as texts.
    order = np.argsort([str(n) for n in range(40)])
    assert whole == pytest.approx(weights @ sums[order] / 120, rel=1e-12)
    monkeypatch.setattr(module, "BLOCK_BYTES", 16 * 40 * 16)
    assert (bootstrap_means(x, [n // 3 for n in range(120)], seed=0, replicates=203) == whole).all()


def test_draws_of_an_accuracy_keep_doubt_at_the_ends_and_stay_paired_between() -> None:
    draws = accuracy_draws(np.tile([1.0, 0.0], (6, 1)), range(6), seed=0, replicates=20_000)
    assert draws.mean(axis=0) == pytest.approx([6.5 / 7, 0.5 / 7], abs=3e-3)
    wanted = scipy_stats.beta(6.5, 0.5).ppf([0.05, 0.5])
    assert np.quantile(draws[:, 0], [0.05, 0.5]) == pytest.approx(wanted, abs=0.01)
    rng = np.random.default_rng(3)
    clusters = np.repeat(np.arange(80), 3)
    x = (rng.normal(size=80)[clusters] + rng.normal(size=240) > 0).astype(float)
    both = accuracy_draws(np.column_stack([x, x]), clusters, seed=0)
    assert both[:, 0].std() == pytest.approx(cluster_stderr(x, clusters), rel=0.1)
    assert (both[:, 0] - both[:, 1]).std() < 0.3 * both[:, 0].std()


def test_the_draws_of_many_clusters_hold_little_memory() -> None:
    import tracemalloc

    x = np.zeros((20_000, 1))
    tracemalloc.start()
    bootstrap_means(x, range(20_000), seed=0, replicates=600)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 120e6  # 600 draws at once would be 192 MB


@pytest.mark.parametrize("items", [8, 40, 200])
def test_an_item_that_differs_moves_the_interval_its_way_and_never_narrows_it(items: int) -> None:
    def interval(gained: int, lost: int) -> Interval:
        first = [0.0] * gained + [1.0] * lost + [1.0] * (items - gained - lost)
        second = [1.0] * gained + [0.0] * lost + [1.0] * (items - gained - lost)
        return paired_difference(first, second, range(items))

    none = interval(0, 0)
    assert none.low == pytest.approx(-none.high)
    for gained in range(4):
        for lost in range(4):
            here = interval(gained, lost)
            better, worse = interval(gained + 1, lost), interval(gained, lost + 1)
            assert worse.low < here.low < better.low
            assert worse.high < here.high < better.high
            assert here.high - here.low >= none.high - none.low - 1e-12
    assert non_inferior(interval(1, 0), 0.05) is (items >= 200)


def test_the_score_interval_is_tangos() -> None:
    """His equation at both ends: the difference lies 1.96 constrained standard errors away."""
    gained, lost, items = 8, 3, 50
    found = paired_difference([0] * gained + [1] * 42, [1] * gained + [0] * lost + [1] * 39, range(items))
    for end in (found.low, found.high):
        grid = np.linspace(max(0, -end), (1 - end) / 2, 400_001)[1:-1]
        likelihood = gained * np.log(grid + end) + lost * np.log(grid) + 39 * np.log(1 - 2 * grid - end)
        losing = grid[likelihood.argmax()]
        stderr = math.sqrt(items * (2 * losing + end - end**2))
        assert abs(gained - lost - items * end) / stderr == pytest.approx(1.959964, abs=1e-3)


def test_items_of_one_mind_in_a_cluster_count_once() -> None:
    first, second = np.tile([0.0, 1.0, 1.0], 14), np.tile([1.0, 1.0, 0.0, 1.0, 1.0, 1.0], 7)
    once = paired_difference(first, second, range(42))
    copied = paired_difference(np.repeat(first, 10), np.repeat(second, 10), np.repeat(np.arange(42), 10))
    assert copied.estimate == pytest.approx(once.estimate)
    assert copied.high - copied.low >= once.high - once.low


def test_the_paired_interval_covers_the_truth_about_as_often_as_it_says():
    rng = np.random.default_rng(4)
    trials, covered = 200, 0
    for _ in range(trials):
        ability = rng.normal(size=60)[np.repeat(np.arange(60), 2)]
        first = (ability + rng.normal(size=120) > 0).astype(float)
        second = (ability + rng.normal(size=120) > 0).astype(float)
        interval = paired_difference(first, second, np.repeat(np.arange(60), 2))
        covered += interval.low <= 0.0 <= interval.high
    assert 0.88 <= covered / trials <= 0.99


def test_differences_that_are_all_equal_still_leave_doubt():
    interval = paired_difference([1.0] * 8, [0.0] * 8, range(8))
    assert (interval.estimate, interval.low) == (-1.0, -1.0)
    assert -0.7 < interval.high < -0.3
    assert interval.stderr > 0
    assert paired_difference([1.0] * 300, [0.0] * 300, range(300)).high < -0.97


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
    for _ in range(rounds):
        difficulty = np.repeat(rng.normal(size=clusters), size)
        first = (rng.random(clusters * size) < 1 / (1 + np.exp(difficulty - 1.0))).astype(float)
        second = (rng.random(clusters * size) < 1 / (1 + np.exp(difficulty - 0.4))).astype(float)
        interval = paired_difference(first, second, list(names))
        covered += interval.low <= truth <= interval.high
    assert 0.93 <= covered / rounds <= 0.97


def test_mcnemar_agrees_with_scipys_binomial_and_with_symmetry() -> None:
    from scipy.stats import binomtest

    first = np.array([1.0] * 12 + [0.0] * 3 + [1.0] * 20)
    second = np.array([0.0] * 12 + [1.0] * 3 + [1.0] * 20)
    assert mcnemar_exact(first, second) == pytest.approx(binomtest(3, 15, 0.5).pvalue)
    assert mcnemar_exact(first, second) == mcnemar_exact(second, first)


@pytest.mark.slow
@pytest.mark.parametrize(("clusters", "size"), [(14, 5), (14, 20), (40, 1), (67, 5)])
def test_intervals_over_few_clusters_that_differ_among_themselves_cover_the_truth(clusters: int, size: int) -> None:
    """The student's difference is another in each cluster, as from one grammatical phenomenon to the next."""
    rng = np.random.default_rng(clusters + size)
    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    truth = float(weights @ (1 / (1 + np.exp(-0.4 - nodes))) / weights.sum()) - 1 / (1 + math.exp(-1.0))
    names = np.repeat(np.arange(clusters), size)
    covered, rounds = 0, 2000
    for _ in range(rounds):
        ability = 0.4 + np.repeat(rng.normal(size=clusters), size)
        first = (rng.random(clusters * size) < 1 / (1 + math.exp(-1.0))).astype(float)
        second = (rng.random(clusters * size) < 1 / (1 + np.exp(-ability))).astype(float)
        interval = paired_difference(first, second, list(names))
        covered += interval.low <= truth <= interval.high
    assert 0.93 <= covered / rounds <= 0.98


@pytest.mark.slow
@pytest.mark.parametrize(
    ("clusters", "size", "accuracy", "spread"),
    [(280, 1, 0.9, 0.0), (280, 1, 0.5, 0.0), (100, 1, 0.9, 0.0), (70, 4, 0.8, 1.0), (14, 20, 0.8, 1.0)],
)
def test_quantiles_of_drawn_accuracies_cover_the_truth(
    clusters: int, size: int, accuracy: float, spread: float
) -> None:
    """Of tasks as large as the mini suite's, with and without clusters that differ among themselves (logits)."""
    rng = np.random.default_rng(clusters)
    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    middle = math.log(accuracy / (1.0 - accuracy))
    truth = float(weights @ (1 / (1 + np.exp(-middle - spread * nodes))) / weights.sum())
    names = list(np.repeat(np.arange(clusters), size))
    covered, rounds = 0, 2000
    for seed in range(rounds):
        ability = middle + spread * np.repeat(rng.normal(size=clusters), size)
        correct = (rng.random(clusters * size) < 1 / (1 + np.exp(-ability))).astype(float)
        low, high = np.quantile(accuracy_draws(correct[:, None], names, seed, 1000), [0.025, 0.975])
        covered += low <= truth <= high
    assert 0.93 <= covered / rounds <= 0.975


@pytest.mark.slow
@pytest.mark.parametrize("discordant", [0.01, 0.02, 0.05])
@pytest.mark.parametrize("gaining", [0.5, 0.75, 1.0])
def test_intervals_where_few_items_differ_cover_at_least_what_they_say(discordant: float, gaining: float) -> None:
    """So few counts are possible that coverage moves in steps: here it may be above 97 per cent, never below 93."""
    rng = np.random.default_rng(int(1000 * discordant + gaining))
    gains, losses = discordant * gaining, discordant * (1 - gaining)
    covered, rounds = 0, 1500
    for gained, lost, _ in rng.multinomial(100, [gains, losses, 1 - discordant], size=rounds):
        first, second = np.ones(100), np.ones(100)
        first[:gained], second[gained : gained + lost] = 0.0, 0.0
        interval = paired_difference(first, second, range(100))
        covered += interval.low <= gains - losses <= interval.high
    assert covered / rounds >= 0.93
