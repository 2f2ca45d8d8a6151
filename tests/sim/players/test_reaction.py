"""Reaction tables are played as given, in turn, and their lotteries are drawn with their chances."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from conftest import raw_line

from sim.market import Market
from sim.scenario.load import parse_scenario
from sim.shared.catalog import Catalog
from sim.shared.errors import InputError, InputErrors

LEVELS = [point / 6 for point in range(7)]


def raw_turns(rows: list[dict[str, Any]], days: int = 400) -> dict[str, Any]:
    raw = raw_line([0.0, 0.0], [1.0, 1.0], {"kind": "value"})
    for index, provider in enumerate(raw["providers"]):
        provider["price"] = {
            "kind": "reaction_table", "rival": f"o{1 - index}", "levels": LEVELS, "responses": rows,
            "review_days": 2, "first_review_day": index,
        }  # fmt: skip
    raw["horizon_days"] = raw["report_days"] = days
    return raw


def posted(catalog: Catalog, raw: dict[str, Any], replication: int = 0) -> list[int]:
    """Grid points in the order of posting, without the two list prices."""
    prices = Market(parse_scenario(raw, "test"), catalog, replication=replication).run().tables["prices"]
    return [round(6 * price) for price in prices["price_input_usd_per_mtok"].iloc[2:]]


def sure(*points: int) -> list[dict[str, Any]]:
    return [{"points": [point]} for point in points]


def test_the_rivals_undercut_each_other_down_the_grid(empty_catalog: Catalog) -> None:
    """R(6) = 5, R(5) = 4, ... and from the bottom back to the top: an Edgeworth cycle."""
    found = posted(empty_catalog, raw_turns(sure(6, 0, 1, 2, 3, 4, 5), days=20))
    assert found[:9] == [5, 4, 3, 2, 1, 0, 6, 5, 4]


def test_a_lottery_is_drawn_with_its_chances(empty_catalog: Catalog) -> None:
    """At 5 the answer is 4 or 2, evens; both lead back to 5."""
    rows = sure(5, 5, 5, 5, 5, 0, 5)
    rows[5] = {"points": [4, 2], "probabilities": [0.5, 0.5]}
    raw = raw_turns(rows, days=2000)

    def answers(replication: int) -> np.ndarray:
        prices = Market(parse_scenario(raw, "test"), empty_catalog, replication=replication).run().tables["prices"]
        second = prices[prices["offer"] == "o1"].groupby("day")["price_input_usd_per_mtok"].last()
        return (6 * second.reindex(np.arange(0, 2000)).ffill().to_numpy()[1::2]).round()

    found = answers(0)
    assert set(found) == {2, 4}
    assert (found == 4).mean() == pytest.approx(0.5, abs=4 * 0.5 / np.sqrt(len(found)))
    assert (found != answers(1)).any()


@pytest.mark.parametrize(
    "change",
    [
        {"responses": sure(1, 2)},
        {"responses": [{"points": [9]}] * 7},
        {"responses": [{"points": [1, 2], "probabilities": [0.7, 0.7]}] * 7},
        {"rival": "o0"},
    ],
)
def test_a_table_that_cannot_be_played_is_refused(change: dict[str, Any]) -> None:
    raw = raw_turns(sure(6, 0, 1, 2, 3, 4, 5))
    raw["providers"][0]["price"] |= change
    with pytest.raises((InputError, InputErrors), match=r"price"):
        parse_scenario(raw, "test")
