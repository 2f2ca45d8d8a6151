"""What was learned of the parameters, and every figure of the real market beside what the posterior predicts of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from sim.shared.tables import Column, TableSpec
from sim.study.calibration import Summary, natural_of, scaled
from sim.study.coverage import verdict
from sim.study.plan import Parameter
from sim.study.priors import value_of
from sim.world.streams import Streams

if TYPE_CHECKING:
    import pandas as pd

ENDS = (0.05, 0.5, 0.95)  # of all intervals of these tables
NORMAL_END = 1.6448536269514722  # the standard normal's quantile at 95%

IDENTIFICATION = TableSpec(
    "identification",
    "one parameter, before and after the real data; intervals of 90%",
    (
        Column("parameter", "text", "", "as the sweep names it"),
        Column("prior_low", "number", "the parameter's", "5% of the prior"),
        Column("prior_median", "number", "the parameter's", "of the prior"),
        Column("prior_high", "number", "the parameter's", "95% of the prior"),
        Column("posterior_low", "number", "the parameter's", "5% of the posterior"),
        Column("posterior_median", "number", "the parameter's", "of the posterior"),
        Column("posterior_high", "number", "the parameter's", "95% of the posterior"),
        Column("posterior_sd_prior_sd", "number", "prior sd", "posterior over prior standard deviation"),
        Column("contraction", "number", "fraction", "1 less posterior over prior variance; below 0 it is wider"),
        Column("verdict", "text", "", "identified, in part, or not identified"),
    ),
)

FIT = TableSpec(
    "fit",
    "one figure of the real market, with what the prior and the posterior say of it; intervals of 90%",
    (
        Column("summary", "text", "", "the figure"),
        Column("role", "text", "", "fitted or held_out"),
        Column("unit", "text", "", "of all numbers of the row"),
        Column("observed", "number", "see unit", "of the real market"),
        Column("observed_low", "number", "see unit", "its assumed error, lower end"),
        Column("observed_high", "number", "see unit", "upper end"),
        Column("prior_low", "number", "see unit", "5% of the market under the prior", missing=True),
        Column("prior_median", "number", "see unit", "median of it", missing=True),
        Column("prior_high", "number", "see unit", "95% of it", missing=True),
        Column("predicted_low", "number", "see unit", "5% of the market under the posterior", missing=True),
        Column("predicted_median", "number", "see unit", "median of it", missing=True),
        Column("predicted_high", "number", "see unit", "95% of it", missing=True),
        Column("verdict", "text", "", "reproduced, missed, or no prediction; see `reproduced`"),
        Column("date", "text", "", "of what was observed"),
        Column("source", "text", "", "of what was observed"),
        Column("note", "text", "", "what a reader should know", missing=True),
    ),
)


def identification(parameters: Sequence[Parameter], scores: np.ndarray) -> pd.DataFrame:
    """The table `identification`, from the posterior's draws as standard normal scores, shape (N, P)."""
    import pandas as pd

    before = np.array([-NORMAL_END, 0.0, NORMAL_END])
    rows = []
    for column, part in enumerate(parameters):
        mine = scores[:, column]
        prior, after = (value_of(part.distribution, ends) for ends in (before, np.quantile(mine, ENDS)))
        spread = float(mine.std(ddof=1))
        shrunk = 1.0 - spread**2
        rows.append((part.name, *prior, *after, spread, shrunk, verdict(shrunk)))
    return IDENTIFICATION.conform(pd.DataFrame(rows, columns=IDENTIFICATION.column_names), "identification")


def fit_table(summaries: Sequence[Summary], seed: int, prior: np.ndarray, predicted: np.ndarray) -> pd.DataFrame:
    """The table `fit`.

    Args:
        summaries: what was observed of each, and its error.
        seed: of the errors of observation.
        prior: summaries of runs from the prior, on their own scales, shape (N, S); NaN where a run has none.
        predicted: the same under the posterior, shape (M, S).
    """
    import pandas as pd

    streams, rows = Streams(seed, 0), []
    for place, part in enumerate(summaries):
        value = scaled(part, part.observed.value)
        ends = [value - NORMAL_END * part.error, value + NORMAL_END * part.error]
        known = predicted[np.isfinite(predicted[:, place]), place]
        errors = part.error * streams.generator(f"calibration/fit/{part.name}").standard_normal(len(known))
        rows.append(
            (
                part.name, part.role, part.observed.unit, part.observed.value, *(natural_of(part, end) for end in ends),
                *(natural_of(part, end) for end in _ends(prior[:, place])),
                *(natural_of(part, end) for end in _ends(known)), _reproduced(value, known + errors),
                part.observed.date, part.observed.source, part.observed.note,
            )
        )  # fmt: skip
    return FIT.conform(pd.DataFrame(rows, columns=FIT.column_names), "fit")


def _reproduced(value: float, replicated: np.ndarray) -> str:
    """Whether an observed value lies in the central 90% of what would be observed under the posterior, error added."""
    if not len(replicated):
        return "no prediction"
    low, high = np.quantile(replicated, [ENDS[0], ENDS[-1]])
    return "reproduced" if low <= value <= high else "missed"


def _ends(values: np.ndarray) -> tuple[float, float, float]:
    known = values[np.isfinite(values)]
    if not len(known):
        return (np.nan, np.nan, np.nan)
    low, middle, high = np.quantile(known, ENDS)
    return float(low), float(middle), float(high)
