"""Every figure of the tables `shares` and `market` against numbers worked out by hand."""

from __future__ import annotations

import pandas as pd
import pytest
from conftest import raw_market

from sim import metrics
from sim.market import Market
from sim.scenario.load import parse_scenario
from sim.scenario.scenario import Scenario
from sim.shared.catalog import Catalog
from sim.study.entry import entry_answer, run_entry
from sim.world.tables import LEDGER


def by_hand() -> dict[str, pd.DataFrame]:
    """Two sellers, two weeks: a sells 3 and 2 Mtok at 10 and 5, b sells 1 and 6 at 2 and 2; quality .8 and .4."""
    run = {"catalog_draw": 0, "replication": 0}
    demand = pd.DataFrame(
        [
            {
                **run, "day": day, "task_class": "chat", "offer": offer, "provider": offer.upper(), "requests": mtok,
                "input_mtok": mtok, "cached_mtok": 0.0, "output_mtok": 0.0, "revenue_usd": revenue,
                "serving_cost_usd": cost, "share_of_customers": 0.5,
            }
            for day, offer, mtok, revenue, cost in (
                (0.0, "a", 0.0, 0.0, 0.0), (0.0, "b", 0.0, 0.0, 0.0),
                (7.0, "a", 3.0, 30.0, 6.0), (7.0, "b", 1.0, 2.0, 1.0),
                (14.0, "a", 2.0, 10.0, 4.0), (14.0, "b", 6.0, 12.0, 6.0),
            )
        ]
    )  # fmt: skip
    prices = pd.DataFrame(
        [
            {
                **run, "day": day, "offer": offer, "provider": offer.upper(), "price_input_usd_per_mtok": price,
                "price_cached_usd_per_mtok": 0.0, "price_output_usd_per_mtok": 0.0, "cause": "list",
            }
            for day, offer, price in ((0.0, "a", 10.0), (0.0, "b", 2.0), (8.0, "a", 5.0))
        ]
    )  # fmt: skip
    offers = pd.DataFrame(
        [
            {**run, "offer": name, "task_class": "chat", "quality": quality, "theta": 0.0}
            for name, quality in (("a", 0.8), ("b", 0.4))
        ]
    )
    welfare = pd.DataFrame(
        [
            {**run, "day": day, "task_class": "chat", "consumer_surplus_usd_per_day": 9.0, "switching_usd": 1.5}
            for day in (7.0, 14.0)
        ]
    )
    ledger = pd.DataFrame(columns=[*run, *LEDGER.column_names[2:]])
    return {"demand": demand, "prices": prices, "offers": offers, "welfare": welfare, "ledger": ledger}


def test_shares_and_margins_are_those_of_the_sales() -> None:
    table = metrics.shares(by_hand()).set_index(["day", "offer"])
    assert table.loc[(7.0, "a"), "share_of_tokens"] == pytest.approx(0.75)
    assert table.loc[(14.0, "b"), "share_of_tokens"] == pytest.approx(0.75)
    assert table.loc[(7.0, "a"), "share_of_dollars"] == pytest.approx(30 / 32)
    assert table.loc[(14.0, "b"), "profit_usd"] == pytest.approx(6.0)
    assert table.loc[(14.0, "a"), "margin"] == pytest.approx(0.6)
    assert table.loc[(14.0, "a"), "price_usd_per_mtok"] == pytest.approx(5.0)


def test_the_market_is_the_sum_of_its_sellers() -> None:
    tables = by_hand()
    table = metrics.market(tables, metrics.shares(tables)).set_index("day")
    assert table.loc[7.0, "hhi_tokens"] == pytest.approx(0.75**2 + 0.25**2)
    assert table.loc[7.0, "hhi_dollars"] == pytest.approx((30 / 32) ** 2 + (2 / 32) ** 2)
    assert table.loc[14.0, "margin"] == pytest.approx(12 / 22)
    assert table.loc[14.0, "price_paid_usd_per_mtok"] == pytest.approx(22 / 8)
    assert table.loc[7.0, "posted_price_index"] == pytest.approx(1.0)
    # Weighted by the first week's dollars: a halves, b stays.
    assert table.loc[14.0, "posted_price_index"] == pytest.approx(0.5 ** (30 / 32))
    # The median quality of day 0 is .6, which only a reaches: 10, then 5.
    assert table.loc[14.0, "fixed_quality_price_index"] == pytest.approx(0.5)
    assert table.loc[14.0, "consumer_surplus_usd_per_day"] == pytest.approx(9.0)


def test_customers_pay_the_posted_price_for_every_request(small_scenario: Scenario, small_catalog: Catalog) -> None:
    """Revenue over tokens lies between the lowest and the highest price posted in the interval."""
    raw = raw_market()
    for provider in raw["providers"]:
        provider["price"] = {"kind": "posted"}
    tables = Market(parse_scenario(raw, "test"), small_catalog).run().tables
    price = tables["prices"].groupby("offer").last()
    for row in tables["demand"].to_dict("records"):
        posted = price.loc[row["offer"]]
        wanted = (
            row["input_mtok"] * posted["price_input_usd_per_mtok"]
            + row["cached_mtok"] * posted["price_cached_usd_per_mtok"]
            + row["output_mtok"] * posted["price_output_usd_per_mtok"]
        )
        assert row["revenue_usd"] == pytest.approx(wanted, rel=1e-9)


def test_what_the_copier_pays_is_the_teachers_profit_less_its_serving(small_catalog: Catalog) -> None:
    changes = []
    for mtok in (0, 50_000):
        raw = raw_market()
        raw["providers"][2]["lab"]["releases"][0]["teacher_output_mtok"] = mtok
        scenario = parse_scenario(raw, "test")
        with_entry, without = run_entry(scenario, small_catalog)
        answer = entry_answer(with_entry, without, 3)
        changes.append(answer.estimates["teacher_profit_change_usd"].value)
        ledger = with_entry.tables["ledger"]
        bought = ledger[(ledger["account"] == "teacher_tokens")]["usd"].sum()
        served = ledger[(ledger["account"] == "serving") & (ledger["task_class"] == "")]["usd"].sum()
        if mtok:
            assert changes[1] - changes[0] == pytest.approx(bought - served, rel=1e-6)
            assert 0 < served < bought


def test_a_window_without_a_report_is_refused(small_scenario: Scenario, small_catalog: Catalog) -> None:
    from sim.shared.errors import InputError

    pair = run_entry(small_scenario, small_catalog)
    with pytest.raises(InputError, match="--months"):
        entry_answer(*pair, months=0.1)
