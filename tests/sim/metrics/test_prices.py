"""Price indices against menus worked out by hand, and on a market against its own table."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from sim.metrics.prices import cheapest, decline, matched, overall_factor, tiers
from sim.runner import run
from sim.scenario.scenario import Scenario
from sim.shared.catalog import Catalog
from sim.shared.units import DAYS_PER_YEAR


def panel(days: dict[float, dict[str, float]], **columns: object) -> pd.DataFrame:
    """Prices by day and offer."""
    rows = [(day, offer, price) for day, menu in days.items() for offer, price in menu.items()]
    return pd.DataFrame(rows, columns=["day", "offer", "price_usd_per_mtok"]).assign(**columns)


def by_day(table: pd.DataFrame) -> dict[float, float]:
    return dict(zip(table["day"], table["price_usd_per_mtok"], strict=True))


def test_tiers_are_the_thirds_of_a_menu() -> None:
    menu = {"e": 16.0, "a": 1.0, "c": 4.0, "b": 2.0, "d": 8.0}
    found = tiers(panel({0.0: menu, 1.0: {"a": 1.0, "b": 2.0}})).set_index(["day", "tier"])["price_usd_per_mtok"]
    assert set(found.index.get_level_values("day")) == {0.0}, "two offers have no thirds"
    assert found[0.0, "economy"] == pytest.approx(math.sqrt(2.0))
    assert found[0.0, "mid"] == pytest.approx(4.0)
    assert found[0.0, "flagship"] == pytest.approx(math.sqrt(8.0 * 16.0))


def test_the_cheapest_good_enough_offer_is_the_price_of_a_quality() -> None:
    menus = panel({0.0: {"bad": 1.0, "good": 9.0}, 5.0: {"bad": 1.0, "good": 9.0, "copy": 3.0}, 9.0: {"bad": 1.0}})
    quality = menus["offer"].map({"bad": 0.2, "good": 0.8, "copy": 0.7})
    assert by_day(cheapest(menus.assign(quality=quality, least_quality=0.7))) == {0.0: 9.0, 5.0: 3.0}


def test_matched_models_move_with_changed_prices_alone() -> None:
    menus = panel(
        {0.0: {"a": 1.0, "b": 4.0}, 10.0: {"a": 0.5, "b": 4.0, "new": 100.0}, 20.0: {"new": 50.0}, 30.0: {"a": 0.1}}
    )
    found = by_day(matched(menus))
    assert found[0.0] == pytest.approx(2.0)
    assert found[10.0] == pytest.approx(2.0 * math.sqrt(0.5))
    assert found[20.0] == pytest.approx(math.sqrt(0.5))
    assert found[30.0] == pytest.approx(found[20.0]), "an offer that was away has no price to compare with"


def test_indices_of_several_runs_are_those_of_each() -> None:
    one = panel({0.0: {"a": 1.0, "b": 2.0, "c": 4.0}, 7.0: {"a": 1.0, "b": 1.0, "c": 3.0}}, replication=0)
    two = one.assign(replication=1, price_usd_per_mtok=one["price_usd_per_mtok"] ** 2)
    both = pd.concat([two, one])
    for index in (tiers, matched):
        joint = index(both, ["replication"])
        for replication, part in ((0, one), (1, two)):
            mine = joint[joint["replication"] == replication].drop(columns="replication").reset_index(drop=True)
            pd.testing.assert_frame_equal(mine, index(part).reset_index(drop=True))


def test_an_exponential_fall_is_told_by_its_rate() -> None:
    days = np.array([0.0, 100.0, 170.0, 900.0])
    price = 80.0 * 10.0 ** (-days / DAYS_PER_YEAR)
    assert decline(days, price).factor_per_year == pytest.approx(10.0)
    assert decline(days, price).half_life_years == pytest.approx(math.log(2) / math.log(10))
    assert overall_factor(days, price) == pytest.approx(10.0)
    still = decline(days, np.ones(4))
    assert (still.factor_per_year, still.half_life_years) == (1.0, math.inf)
    assert decline(days, 1.0 / price).half_life_years < 0
    assert math.isnan(decline([3.0], [1.0]).factor_per_year)
    assert math.isnan(overall_factor([3.0], [1.0]))


def test_a_markets_indices_agree_with_its_table(small_scenario: Scenario, small_catalog: Catalog) -> None:
    tables = run(small_scenario, small_catalog, replications=2).tables
    indices, market = tables["price_indices"], tables["market"]
    fixed = indices[(indices["level"] == "median of day 0") & (indices["day"] > 0)]
    assert fixed["change"].tolist() == pytest.approx(market["fixed_quality_price_index"].tolist())
    assert set(indices["index"]) == {"fixed_quality", "tier", "matched"}
    # Three offers from day 60 on: each is a tier of its own.
    first = indices[indices["index"] == "tier"].groupby("level")["day"].min()
    assert dict(first) == {"economy": 60.0, "mid": 60.0, "flagship": 60.0}
    last = tables["shares"].query("day == 200 and replication == 0")["price_usd_per_mtok"].sort_values()
    ended = indices.query("index == 'tier' and day == 200 and replication == 0")["price_usd_per_mtok"].sort_values()
    assert ended.tolist() == pytest.approx(last.tolist())
