"""Leaders, their tenure and the turnover of the top, on shares written by hand."""

from __future__ import annotations

import pandas as pd
import pytest

from sim.metrics.leaders import changes_per_year, days_led, leaders, turnover_per_year
from sim.shared.units import DAYS_PER_YEAR

RUN = {"catalog_draw": 0, "replication": 0}
# Ends of intervals of 7 days and one of 3; shares of tokens by offer, and all dollars with d.
TOKENS = {
    7.0: {"a": 0.5, "b": 0.3, "c": 0.2, "d": 0.0},
    14.0: {"a": 0.3, "b": 0.5, "c": 0.15, "d": 0.05},
    21.0: {"a": 0.2, "b": 0.5, "c": 0.0, "d": 0.3},
    24.0: {"a": 0.4, "b": 0.4, "c": 0.0, "d": 0.2},
}


def shares() -> pd.DataFrame:
    """a and d belong to one provider."""
    owner = {"a": "one", "b": "two", "c": "three", "d": "one"}
    return pd.DataFrame(
        [
            {**RUN, "day": day, "offer": offer, "provider": owner[offer], "share_of_tokens": share,
             "share_of_dollars": float(offer == "d")}
            for day, part in TOKENS.items() for offer, share in part.items()
        ]
    )  # fmt: skip


def rows(subject: str, measure: str) -> pd.DataFrame:
    table = leaders(shares())
    return table[(table["subject"] == subject) & (table["measure"] == measure)].reset_index(drop=True)


def test_the_largest_share_leads_and_ties_go_by_name() -> None:
    by_offer = rows("offer", "tokens")
    assert by_offer["leader"].tolist() == ["a", "b", "b", "a"]
    assert by_offer["share"].tolist() == [0.5, 0.5, 0.5, 0.4]
    assert rows("offer", "dollars")["leader"].tolist() == ["d"] * 4
    assert rows("provider", "tokens")["leader"].tolist() == ["one", "two", "one", "one"]


def test_tenure_counts_from_the_start_of_the_interval_in_which_the_lead_was_taken() -> None:
    assert rows("offer", "tokens")["tenure_days"].tolist() == [7.0, 7.0, 14.0, 3.0]
    assert rows("offer", "dollars")["tenure_days"].tolist() == [7.0, 14.0, 21.0, 24.0]


def test_entries_are_those_who_were_not_in_the_top_before() -> None:
    by_offer = rows("offer", "tokens")
    assert by_offer["entries"].tolist() == [0, 0, 1, 0]  # d replaces c, who sells nothing, on day 21
    assert by_offer["places"].tolist() == [3, 3, 3, 3]
    assert rows("offer", "dollars")["places"].tolist() == [1, 1, 1, 1]


def test_rates_are_per_year_of_what_was_observed() -> None:
    by_offer = rows("offer", "tokens")
    years = (24.0 - 7.0) / DAYS_PER_YEAR
    assert turnover_per_year(by_offer) == pytest.approx(1 / (3 * years))
    assert changes_per_year(by_offer) == pytest.approx(2 / years)
    assert days_led(by_offer) == pytest.approx({"a": 10 / 24, "b": 14 / 24})


def test_runs_are_kept_apart() -> None:
    one, two = shares(), shares().assign(replication=1)
    two["share_of_tokens"] = two["offer"].map({"a": 0.1, "b": 0.2, "c": 0.3, "d": 0.4})
    table = leaders(pd.concat([two, one]))
    second = table[(table["replication"] == 1) & (table["subject"] == "offer") & (table["measure"] == "tokens")]
    assert second["leader"].tolist() == ["d"] * 4
    assert second["tenure_days"].tolist() == [7.0, 14.0, 21.0, 24.0]
    assert second["entries"].tolist() == [0, 0, 0, 0]
    first = table[table["replication"] == 0].reset_index(drop=True)
    pd.testing.assert_frame_equal(first, leaders(one))
