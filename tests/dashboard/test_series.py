from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from dashboard import series
from dashboard.load import Pair
from sim.scenario.scenario import Scenario
from sim.shared.catalog import Catalog
from sim.study.entry import run_entry
from sim.study.intervals import estimate


@pytest.fixture
def pair(small_expected: Scenario, small_catalog: Catalog) -> Pair:
    return Pair(*run_entry(small_expected, small_catalog, seed=1, catalog_draws=3), 3)


@pytest.mark.parametrize(("draws", "replications"), [(1, 1), (1, 4), (5, 1), (4, 3)])
def test_bands_are_the_intervals_of_the_study(draws: int, replications: int) -> None:
    values = np.random.default_rng(5).normal(10.0, 1.0, (draws, replications))
    frame = pd.DataFrame(
        [(d, r, 7.0, values[d, r]) for d in range(draws) for r in range(replications)],
        columns=["catalog_draw", "replication", "day", "x"],
    )
    row = series.banded(frame, "x", ["day"]).iloc[0]
    wanted = estimate("x", "", values)
    assert (row["value"], row["low"], row["high"]) == pytest.approx((wanted.value, wanted.low, wanted.high))


def test_bands_of_shares_stay_between_nothing_and_all() -> None:
    frame = pd.DataFrame(
        {"catalog_draw": [1, 2], "replication": [0, 0], "day": [7.0, 7.0], "share_of_tokens": [0.01, 0.99]}
    )
    row = series.banded(frame, "share_of_tokens", ["day"]).iloc[0]
    assert (row["low"], row["high"]) == (0.01, 0.99)


def test_the_three_parties_serve_everything(pair: Pair) -> None:
    frame = series.three_parties(pair, "share_of_tokens", "student", "best", 60.0)
    whole = frame.groupby(["world", "day"])["value"].sum()
    assert whole.to_numpy() == pytest.approx(1.0)


def test_the_paired_change_is_nothing_before_the_release_and_something_after(pair: Pair) -> None:
    frame = series.paired_change(pair, "shares", "profit_usd_per_day", "alpha", 60.0, "alpha")
    entered = frame[frame["world"] == series.WITH]
    assert entered[entered["month"] <= 0]["value"].to_numpy() == pytest.approx(0.0, abs=1e-12)
    assert entered[entered["month"] > 2]["value"].abs().max() > 0.01


def test_profit_is_a_rate_whatever_the_length_of_the_interval(pair: Pair) -> None:
    frame = series.providers_profit(pair, 60.0)
    shares = pair.with_entry.tables["shares"]
    days = shares["day"].unique()
    mine = frame[(frame["name"] == "alpha") & (frame["world"] == series.WITH)].set_index("day")["value"]
    total = shares[shares["provider"] == "alpha"]["profit_usd"].sum() / 3
    lengths = np.diff([0.0, *sorted(days)])
    assert float((mine.sort_index().to_numpy() * lengths).sum()) == pytest.approx(total)
