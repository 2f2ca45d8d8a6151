"""Customers on a line: shares are the lengths of the cells, ties are split, and the books know nothing of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from conftest import raw_line

from sim.market import Market
from sim.scenario.load import parse_scenario
from sim.shared.catalog import Catalog
from sim.shared.errors import InputErrors
from sim.world.customers.line import cells

POSTED = {"kind": "posted"}


def run(catalog: Catalog, raw: dict[str, Any]) -> dict[str, Any]:
    return dict(Market(parse_scenario(raw, "test"), catalog).run().tables)


def shares(catalog: Catalog, raw: dict[str, Any]) -> dict[str, float]:
    demand = run(catalog, raw)["demand"]
    last = demand[demand["day"] == demand["day"].max()]
    return dict(zip(last["offer"], last["share_of_customers"], strict=True))


def test_of_equal_offers_the_lower_price_takes_all_and_demand_is_one_minus_it(empty_catalog: Catalog) -> None:
    raw = raw_line([0.0, 0.0], [0.3, 0.4], {"kind": "value"}, price=POSTED)
    assert shares(empty_catalog, raw) == pytest.approx({"o0": 0.7, "o1": 0.0}, abs=1e-12)


def test_offers_that_tie_share_equally(empty_catalog: Catalog) -> None:
    raw = raw_line([0.0] * 3, [0.4, 0.4, 0.5], {"kind": "value"}, price=POSTED)
    assert shares(empty_catalog, raw) == pytest.approx({"o0": 0.3, "o1": 0.3, "o2": 0.0}, abs=1e-12)


def test_on_a_segment_the_indifferent_customer_parts_the_two(empty_catalog: Catalog) -> None:
    """x = 1/2 + (p1 - p0)/(2 t), at prices 1 and 1.2 and t = 1."""
    column = {"kind": "place", "travel_usd": 1.0, "places": [{"offer": "o0", "at": 0.0}, {"offer": "o1", "at": 1.0}]}
    raw = raw_line([0.0] * 2, [1.0, 1.2], column, value_usd=5.0, outside_share=None, price=POSTED)
    assert shares(empty_catalog, raw) == pytest.approx({"o0": 0.6, "o1": 0.4}, abs=1e-12)


def test_on_a_circle_each_neighbour_counts(empty_catalog: Catalog) -> None:
    column = {
        "kind": "place", "shape": "circle", "travel_usd": 1.0,
        "places": [{"offer": f"o{i}", "at": 0.9 * (i / 3) + 0.05} for i in range(3)],
    }  # fmt: skip
    raw = raw_line([0.0] * 3, [1.0, 1.0, 1.0], column, value_usd=5.0, outside_share=None, price=POSTED)
    # Gaps of .3, .3 and .4 around the circle: each takes half of the gaps on both sides.
    assert shares(empty_catalog, raw) == pytest.approx({"o0": 0.35, "o1": 0.3, "o2": 0.35}, abs=1e-12)


def test_surplus_is_the_area_under_the_envelope(empty_catalog: Catalog) -> None:
    raw = raw_line([0.0], [0.4], {"kind": "value"}, price=POSTED)
    welfare = run(empty_catalog, raw)["welfare"]
    assert welfare["consumer_surplus_usd_per_day"].to_numpy() == pytest.approx(0.6**2 / 2, abs=1e-12)


def test_the_cells_agree_with_a_fine_grid_of_customers() -> None:
    """Lengths against counting the best choice at a million points, for random straight utilities."""
    generator = np.random.default_rng(0)
    x = (np.arange(200_000) + 0.5) / 200_000
    for _ in range(20):
        left, slope = generator.normal(size=(1, 6)), generator.normal(size=(1, 6))
        on_sale = generator.random(5) < 0.8
        price = generator.random(5)
        lengths = np.zeros(6)
        area = cells(left, slope, np.array([1.0]), True, on_sale, price, lengths)
        utility = left[0][:, None] + slope[0][:, None] * x - np.concatenate([[0.0], price])[:, None]
        utility[1:][~on_sale] = -np.inf
        counted = np.bincount(utility.argmax(axis=0), minlength=6) / len(x)
        assert lengths == pytest.approx(counted, abs=2e-5)
        assert lengths.sum() == pytest.approx(1.0, abs=1e-14)
        assert area == pytest.approx(float(utility.max(axis=0).mean()), abs=1e-6)


def test_an_exit_leaves_the_line_to_the_rest(empty_catalog: Catalog) -> None:
    raw = raw_line([2.0, 0.0], [0.3, 0.4], {"kind": "value"}, price=POSTED)
    raw["providers"][0]["treasury"] = {"cash_usd": 0, "credit_limit_usd": 0}
    tables = run(empty_catalog, raw)
    assert list(tables["events"].query("event == 'exit'")["provider"]) == ["firm0"]
    last = tables["demand"][tables["demand"]["day"] == tables["demand"]["day"].max()]
    assert dict(zip(last["offer"], last["share_of_customers"], strict=True)) == pytest.approx({"o1": 0.6}, abs=1e-12)


def test_everything_that_contradicts_a_line_is_told_at_once(empty_catalog: Catalog) -> None:
    column = {"kind": "place", "travel_usd": 1.0, "places": [{"offer": "o0", "at": 0.0}, {"offer": "nobody", "at": 1}]}
    raw = raw_line([0.0] * 2, [1.0, 1.2], column)
    raw["tasks"][0] |= {"difficulty_sd": 1.0, "value_usd": {"median": 1.0, "log_sd": 0.5}}
    with pytest.raises(InputErrors) as caught:
        parse_scenario(raw, "test")
    told = str(caught.value)
    assert len(told.splitlines()) == 4
    for word in ("difficulty_sd", "log_sd", "'nobody'", "'o1'"):
        assert word in told
