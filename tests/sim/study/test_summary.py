"""A run in figures: each is what its table says, with the interval of the runs."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from dashboard import cli
from sim.metrics.prices import decline
from sim.results import RunResult, write_result
from sim.runner import run
from sim.scenario.scenario import Scenario
from sim.shared.catalog import Catalog
from sim.study.intervals import estimate
from sim.study.summary import figures


@pytest.fixture
def result(small_scenario: Scenario, small_catalog: Catalog) -> RunResult:
    return run(small_scenario, small_catalog, replications=3)


def keyed(table: pd.DataFrame) -> pd.DataFrame:
    return table.set_index(["metric", "subject", "task_class"])


def test_figures_are_those_of_the_tables(result: RunResult) -> None:
    table = keyed(figures(result.tables))
    assert table.index.is_unique
    shares = result.tables["shares"]
    last = shares[(shares["day"] > 172) & (shares["provider"] == "alpha")]
    by_run = last.groupby(["replication", "day"])["share_of_tokens"].sum().groupby("replication").mean()
    wanted = estimate("share", "fraction", by_run.to_numpy()[None, :])
    row = table.loc[("share_of_tokens", "alpha", "all")]
    assert (row["value"], row["low"], row["high"]) == pytest.approx((wanted.value, wanted.low, wanted.high))
    assert row["runs"] == 3
    led = [value for (metric, *_), value in table["value"].items() if metric == "share_of_days_led_by_tokens"]
    assert sum(led) == pytest.approx(2.0), "once among providers and once among offers"
    spent = result.tables["providers"].groupby("replication")["research_usd"].sum().mean()
    assert table.loc[("research_usd_of_run", "gamma", "all"), "value"] == pytest.approx(spent)
    prices = result.tables["price_indices"].query("level == 'all' and replication == 1")
    first = keyed(figures({name: one[one["replication"] == 1] for name, one in result.tables.items()}))
    fall = decline(prices["day"], prices["price_usd_per_mtok"]).factor_per_year
    assert first.loc[("price_fall_per_year", "matched: all", "all"), "value"] == pytest.approx(fall)
    assert first.loc[("lag_cut", "market", "chat"), "value"] == 1.0


def test_a_figure_that_no_run_has_is_empty(result: RunResult) -> None:
    row = keyed(figures(result.tables)).loc[("research_recouped_on", "student", "all")]
    recouped = result.tables["recouped"]
    paid = recouped[recouped["recouped"] >= 1].groupby("replication")["day"].min()
    assert row["runs"] == len(paid)
    unpaid = dict(result.tables) | {"recouped": recouped.assign(recouped=0.5)}
    empty = keyed(figures(unpaid)).loc[("research_recouped_on", "student", "all")]
    assert (empty["runs"], pd.isna(empty["value"])) == (0, True)


def test_surplus_is_told_by_group_where_a_run_has_groups(result: RunResult) -> None:
    welfare = result.tables["welfare"]
    groups = pd.concat(
        welfare[["catalog_draw", "replication", "day", "task_class"]].assign(
            value_group=name, consumer_surplus_usd_per_day=welfare["consumer_surplus_usd_per_day"] * share
        )
        for name, share in (("low", 0.2), ("high", 0.8))
    )
    table = keyed(figures(dict(result.tables) | {"welfare_by_group": groups}))["value"]
    for task in ("chat", "code"):
        whole = table["consumer_surplus_usd_per_day", "market", task]
        assert table["consumer_surplus_usd_per_day", "high", task] == pytest.approx(0.8 * whole)
        assert table["consumer_surplus_usd_per_day", "low", task] == pytest.approx(0.2 * whole)


def test_the_command_prints_figures_and_tables(
    result: RunResult, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_result(result, tmp_path / "run")
    assert cli.run(["sim", "metrics", str(tmp_path / "run"), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert {"metric", "subject", "task_class", "unit", "value", "low", "high", "runs"} == set(told["rows"][0])
    assert len(told["rows"]) == len(figures(result.tables))
    assert cli.run(["sim", "metrics", str(tmp_path / "run")]) == 0
    assert "hhi_tokens" in capsys.readouterr().out
    assert cli.run(["sim", "metrics", str(tmp_path / "run"), "--table", "leaders"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(result.tables["leaders"]) + 1
    assert lines[0].startswith("catalog_draw,replication,day,subject")
    assert cli.run(["sim", "metrics", str(tmp_path / "run"), "--table", "nothing"]) == 2
    assert "price_indices" in capsys.readouterr().err
