"""Whether a posterior says how sure it may be: checks on synthetic data of known truth.

For each synthetic data set with truth z* the posterior is drawn L times. The rank of z* among the draws is uniform if
the posterior is right (simulation-based calibration, Talts et al. 2018), and an equal-tailed interval of level q holds
z* in q of the data sets. A posterior too narrow covers too little, and its ranks heap up at both ends; one that has
learned nothing covers well and contracts by nothing. So three things are told: coverage, contraction, and how near the
posterior's mean comes to the truth.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from sim.shared.tables import Column, TableSpec

if TYPE_CHECKING:
    import pandas as pd

LEVELS = (0.5, 0.8, 0.9, 0.95)
JUDGED, LEAST_COVERED, MOST_COVERED = 0.9, 0.86, 0.94
BINS = 20  # of ranks, for the test of uniformity
IDENTIFIED, PARTLY = 0.75, 0.25  # contraction from which on a parameter counts as such

COVERAGE = TableSpec(
    "coverage",
    "one parameter at one level, over synthetic data sets of known truth",
    (
        Column("parameter", "text", "", "as the sweep names it"),
        Column("level", "number", "fraction", "nominal, of an equal-tailed interval"),
        Column("covered", "number", "fraction", "of the data sets whose interval holds the truth"),
        Column("covered_low", "number", "fraction", "95% of what the number of data sets leaves open, lower end"),
        Column("covered_high", "number", "fraction", "upper end"),
        Column("uniformity_p", "number", "fraction", "p-value of uniform ranks (chi-square, 20 bins)"),
        Column("data_sets", "integer", "", "synthetic data sets"),
    ),
)

RECOVERY = TableSpec(
    "recovery",
    "one parameter, over synthetic data sets of known truth; a unit is the prior's standard deviation",
    (
        Column("parameter", "text", "", "as the sweep names it"),
        Column("correlation", "number", "ratio", "of posterior mean and truth"),
        Column("bias_prior_sd", "number", "prior sd", "mean of posterior mean less truth"),
        Column(
            "rmse_prior_sd", "number", "prior sd", "root mean square of posterior mean less truth; nothing learned: 1"
        ),
        Column("posterior_sd_prior_sd", "number", "prior sd", "mean over data sets"),
        Column("contraction", "number", "fraction", "1 less posterior over prior variance, mean over data sets"),
        Column("verdict", "text", "", "identified, in part, or not identified"),
        Column("data_sets", "integer", "", "synthetic data sets"),
    ),
)


def coverage(names: Sequence[str], draws: np.ndarray, truth: np.ndarray) -> pd.DataFrame:
    """The table `coverage`.

    Args:
        names: of the P parameters.
        draws: of the posterior of each of B data sets, shape (L, B, P).
        truth: shape (B, P).
    """
    import pandas as pd
    from scipy.stats import chisquare

    count = truth.shape[0]
    below = ranks(draws, truth)
    rows = []
    for column, name in enumerate(names):
        bins = np.minimum(below[:, column] * BINS // (len(draws) + 1), BINS - 1)
        uniform = float(chisquare(np.bincount(bins, minlength=BINS)).pvalue)
        for level in LEVELS:
            low, high = np.quantile(draws[:, :, column], [(1 - level) / 2, (1 + level) / 2], axis=0)
            held = int(((truth[:, column] >= low) & (truth[:, column] <= high)).sum())
            rows.append((name, level, held / count, *_binomial(held, count), uniform, count))
    return COVERAGE.conform(pd.DataFrame(rows, columns=COVERAGE.column_names), "coverage")


def recovery(names: Sequence[str], draws: np.ndarray, truth: np.ndarray) -> pd.DataFrame:
    """The table `recovery`; arguments as those of `coverage`, on the scale on which priors are N(0, 1)."""
    import pandas as pd

    mean, spread = draws.mean(axis=0), draws.std(axis=0, ddof=1)
    rows = []
    for column, name in enumerate(names):
        away = mean[:, column] - truth[:, column]
        shrunk = float((1.0 - spread[:, column] ** 2).mean())
        related = float(np.corrcoef(mean[:, column], truth[:, column])[0, 1])
        rows.append(
            (
                name, related, float(away.mean()), float(np.sqrt((away**2).mean())), float(spread[:, column].mean()),
                shrunk, verdict(shrunk), len(truth),
            )
        )  # fmt: skip
    return RECOVERY.conform(pd.DataFrame(rows, columns=RECOVERY.column_names), "recovery")


def ranks(draws: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """How many of the L draws lie below the truth, shape (B, P), 0 to L; shapes as those of `coverage`."""
    return np.asarray((draws < truth[None]).sum(axis=0))


def miscovered(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of `coverage` at 90% that lie outside of 86% to 94%."""
    judged = table[table["level"] == JUDGED]
    return judged[(judged["covered"] < LEAST_COVERED) | (judged["covered"] > MOST_COVERED)]


def verdict(contraction: float) -> str:
    """What a contraction of the variance means in words."""
    if contraction >= IDENTIFIED:
        return "identified"
    return "in part" if contraction >= PARTLY else "not identified"


def _binomial(held: int, count: int) -> tuple[float, float]:
    """Clopper and Pearson's 95% interval of a share."""
    from scipy.stats import beta

    low = float(beta.ppf(0.025, held, count - held + 1)) if held else 0.0
    high = float(beta.ppf(0.975, held + 1, count - held)) if held < count else 1.0
    return low, high
