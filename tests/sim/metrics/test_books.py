"""Providers' figures sum to their cash, in markets with copiers and with suppliers; research recouped by hand."""

from __future__ import annotations

import pandas as pd
import pytest
from conftest import raw_market

from sim.metrics.books import gross_profits
from sim.metrics.research import recouped
from sim.metrics.tables import METRIC_TABLES
from sim.runner import run
from sim.scenario.load import load_scenario, parse_scenario
from sim.scenario.scenario import Scenario
from sim.shared.catalog import Catalog, shipped_catalog

RUN = ["catalog_draw", "replication"]


def markets(small_catalog: Catalog) -> list[tuple[Scenario, Catalog]]:
    resold = load_scenario("supply_cut").model_copy(update={"horizon_days": 60.0, "interventions": ()})
    return [(parse_scenario(raw_market(report_days=7), "test"), small_catalog), (resold, shipped_catalog())]


def test_profits_sum_to_the_change_of_cash(small_catalog: Catalog) -> None:
    for scenario, catalog in markets(small_catalog):
        tables = run(scenario, catalog, replications=2).tables
        profit = tables["providers"].groupby([*RUN, "provider"])["profit_usd"].sum()
        cash = tables["treasury"].groupby([*RUN, "provider"])["cash_usd"].agg(["first", "last"])
        moved = cash["last"] - cash["first"]
        assert profit.to_numpy() == pytest.approx(moved.reindex(profit.index).to_numpy(), rel=1e-6, abs=1e-3)
        gross = tables["providers"].groupby([*RUN, "day"])["gross_profit_usd"].sum()
        sold_to_copiers = tables["ledger"].query("account == 'teacher_tokens'")["usd"].sum()
        if not sold_to_copiers:
            assert gross.to_numpy() == pytest.approx(tables["market"]["profit_usd"].to_numpy())


def test_what_a_copier_pays_is_one_providers_research_and_anothers_revenue(small_catalog: Catalog) -> None:
    tables = run(parse_scenario(raw_market(report_days=7), "test"), small_catalog).tables
    books = tables["providers"].set_index(["day", "provider"])
    tokens = tables["ledger"].query("account == 'teacher_tokens'")["usd"].sum()
    # Released on day 60: in the interval that ends on day 63.
    assert books.loc[(63.0, "gamma"), "research_usd"] == pytest.approx(1000.0 + tokens)
    assert books["research_usd"].sum() == pytest.approx(1000.0 + tokens)
    retail = tables["shares"].query("day == 63 and provider == 'alpha'")["revenue_usd"].sum()
    assert books.loc[(63.0, "alpha"), "revenue_usd"] == pytest.approx(retail + tokens)
    assert tables["providers"].groupby("day")["share_of_tokens"].sum().to_numpy() == pytest.approx(1.0)


def test_research_is_recouped_by_the_gross_profit_since_the_release() -> None:
    run_columns = {"catalog_draw": 0, "replication": 0}
    events = pd.DataFrame(
        [
            {**run_columns, "day": 8.0, "event": "release", "offer": "copy", "usd": 40.0},
            {**run_columns, "day": 8.0, "event": "release", "offer": "gift", "usd": 0.0},
            {**run_columns, "day": 0.0, "event": "on_sale", "offer": "old", "usd": 0.0},
        ]
    )
    shares = pd.DataFrame(
        [
            {**run_columns, "day": day, "offer": offer, "provider": "lab", "profit_usd": profit}
            for day in (7.0, 14.0, 21.0) for offer, profit in (("old", 100.0), ("copy", 30.0), ("gift", 1.0))
        ]
    )  # fmt: skip
    table = recouped({"events": events}, shares).set_index(["offer", "day"])
    assert table.loc["copy"]["recouped"].tolist() == [0.75, 1.5]
    assert table.loc[("copy", 21.0), "earned_usd"] == 60.0
    assert table.loc["gift"]["recouped"].isna().all()
    assert set(table.index.get_level_values("offer")) == {"copy", "gift"}


def test_every_table_of_metrics_comes_with_a_run(small_scenario: Scenario, small_catalog: Catalog) -> None:
    tables = run(small_scenario, small_catalog).tables
    for spec in METRIC_TABLES:
        assert list(tables[spec.name].columns) == spec.column_names
        assert len(tables[spec.name]) > 0


def test_gross_profit_is_the_same_by_interval_and_over_all_days(small_catalog: Catalog) -> None:
    for scenario, catalog in markets(small_catalog):
        tables = run(scenario, catalog, replications=2).tables
        keys = [*RUN, "provider"]
        by_interval = tables["providers"].groupby(keys)["gross_profit_usd"].sum()
        whole = gross_profits(tables["ledger"], -1.0, scenario.horizon_days).set_index(keys)["gross_profit_usd"]
        assert whole.to_numpy() == pytest.approx(by_interval.reindex(whole.index).to_numpy(), rel=1e-12)
        assert (by_interval.drop(whole.index) == 0.0).all()


def test_gross_profit_from_a_day_on_counts_what_was_bought_that_day_and_no_interval_that_ends_on_it() -> None:
    columns = [*RUN, "day", "account", "payer", "payee", "task_class", "offer", "usd"]
    flows = [
        (10.0, "retail", "customers", "lab", "code", 100.0), (10.0, "serving", "lab", "compute", "code", 30.0),
        (10.0, "rent", "lab", "compute", "", 7.0), (10.0, "fee", "shop", "lab", "", 5.0),
        (10.0, "teacher_tokens", "shop", "lab", "", 40.0), (10.0, "serving", "lab", "compute", "", 10.0),
        (20.0, "retail", "customers", "lab", "code", 200.0), (20.0, "rent", "lab", "compute", "", 9.0),
        (20.0, "training", "lab", "compute", "", 1000.0), (30.0, "retail", "customers", "lab", "code", 400.0),
    ]  # fmt: skip
    ledger = pd.DataFrame(
        [(0, 0, day, account, payer, payee, task, "x", usd) for day, account, payer, payee, task, usd in flows],
        columns=columns,
    )
    found = gross_profits(ledger, 10.0, 20.0).set_index("provider")["gross_profit_usd"]
    assert found.to_dict() == {"lab": 40.0 - 10.0 + 200.0 - 9.0}
    before = gross_profits(ledger, 0.0, 10.0).set_index("provider")["gross_profit_usd"]
    assert before["lab"] == 100.0 - 30.0 - 7.0 + 5.0 + 40.0 - 10.0
    assert before["shop"] == -5.0
