"""Forks: everything before the change is the same bit by bit, and what comes after is the change's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from conftest import raw_market

from dashboard import cli
from sim.results import RunResult
from sim.runner import run
from sim.scenario.load import dump_scenario, parse_scenario
from sim.scenario.scenario import Scenario
from sim.shared.catalog import Catalog
from sim.shared.errors import InputError, InputErrors
from sim.study.fork import fork, forked_scenario

TABLES = ("demand", "prices", "events", "ledger", "treasury", "welfare")
DAY = 85.0

CHANGES = {
    "a price policy": "providers.beta.price={kind: cost_plus, markup: 0.1}",
    "a field of a policy": "providers.beta.price.by=0.1",
    "switching costs": "population.switching_share=0.5",
    "the rate of review": "population.review_days=3",
    "difficulty": "tasks.code.difficulty_mean=3",
    "a withdrawn offer": "providers.alpha.offers.best.on_sale=false",
    "a cost": "providers.beta.offers.second.cost={kind: share_of_list_price, share: 0.9}",
    "a student's quality": "models.student.quality_ratio=0.2",
    "a list price": "providers.beta.offers.second.list_price={kind: stated, input_usd_per_mtok: 9,"
    " output_usd_per_mtok: 9}",
    "a credit limit": "providers.alpha.treasury.credit_limit_usd=0",
}


@pytest.fixture
def base(small_catalog: Catalog) -> RunResult:
    return run(parse_scenario(raw_market(), "test"), small_catalog, seed=3, replications=2)


@pytest.mark.parametrize("kind", ["sampled", "expected"])
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_before_the_day_everything_is_identical_and_after_it_is_not(
    small_catalog: Catalog, kind: str, change: str
) -> None:
    raw = raw_market()
    if kind == "expected":
        raw["population"] = {k: v for k, v in raw["population"].items() if k != "customers"} | {
            "kind": "expected", "nodes_per_class": 64,
        }  # fmt: skip
    base = run(parse_scenario(raw, "test"), small_catalog, seed=3)
    forked = fork(base, small_catalog, DAY, [change])
    for name in TABLES:
        left, right = base.tables[name], forked.tables[name]
        pd.testing.assert_frame_equal(
            left[left["day"] < DAY].reset_index(drop=True), right[right["day"] < DAY].reset_index(drop=True),
            check_exact=True,
        )  # fmt: skip
    events = forked.tables["events"]
    assert set(events[events["event"] == "intervention"]["day"]) == {DAY}
    if "credit_limit" not in change:  # nobody comes near the limit
        assert not base.tables["demand"].equals(forked.tables["demand"])


def flows(result: RunResult, after: float = DAY) -> pd.Series:
    demand = result.tables["demand"]
    return demand[demand["day"] > after + 30].groupby("offer")["requests"].sum()


def test_changes_work_in_the_direction_that_they_say(base: RunResult, small_catalog: Catalog) -> None:
    withdrawn = fork(base, small_catalog, DAY, ["providers.alpha.offers.best.on_sale=false"])
    assert flows(withdrawn).get("best", 0.0) == 0.0
    assert flows(base)["best"] > 0
    worse = fork(base, small_catalog, DAY, ["models.student.quality_ratio=0.2"])
    assert flows(worse)["student"] < 0.5 * flows(base)["student"]
    stickier = fork(base, small_catalog, 61.0, ["population.switching_share=0.9"])
    assert flows(stickier)["student"] < flows(base)["student"]
    dear = fork(base, small_catalog, DAY, [CHANGES["a list price"], "providers.beta.price={kind: posted}"])
    posted = dear.tables["prices"].query("offer == 'second' and cause == 'intervention'")
    assert set(posted["price_output_usd_per_mtok"]) == {9.0}
    later = fork(base, small_catalog, 30.0, ["providers.gamma.lab.releases.student.release_day=120"])
    assert set(later.tables["events"].query("event == 'release'")["day"]) == {120.0}


def test_a_withdrawn_offer_comes_back(base: RunResult, small_catalog: Catalog) -> None:
    off = fork(base, small_catalog, 70.0, ["providers.alpha.offers.best.on_sale=false"])
    back = fork(off, small_catalog, 120.0, ["providers.alpha.offers.best.on_sale=true"])
    days = set(back.tables["demand"].query("offer == 'best' and requests > 0")["day"])
    assert max(day for day in days if day < 120) == 70.0
    assert 200.0 in days


def test_two_changes_on_two_days_leave_the_books_balanced(small_catalog: Catalog) -> None:
    raw = raw_market()
    raw["interventions"] = [
        {"day": 100, "changes": [{"key": "population.review_days", "value": 5}]},
        {"day": 50, "changes": [{"key": "providers.beta.price", "value": {"kind": "posted"}}]},
    ]
    scenario = parse_scenario(raw, "test")
    from sim.market import Market

    outcome = Market(scenario, small_catalog).run()
    assert outcome.imbalance < 1e-9
    events = outcome.tables["events"].query("event == 'intervention'")
    assert set(events[events["provider"] == "beta"]["day"]) == {50.0}
    assert list(events["day"])[-1] == 100.0
    prices = outcome.tables["prices"].query("offer == 'second' and day > 50")
    assert prices.empty


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("population.switching=0", "switching_share"),
        ("providers.nobody.price=1", "alpha, beta, gamma"),
        ("providers.beta.price.by=7", "less than or equal to 1"),
        ("providers.beta.name=other", "frame stays"),
        ("horizon_days=3", "frame stays"),
        ("population={kind: line}", "another number or order"),
        ("providers.gamma.lab.releases.student.release_day=10", "the past stays"),
        ("providers.alpha.offers.best.cost={kind: implied}", None),
        ("providers.beta.offers.second.cost={kind: implied}", "state the new cost"),
        ("nothing", "KEY=VALUE"),
    ],
)
def test_a_change_that_cannot_be_made_is_one_message(base: RunResult, change: str, said: str | None) -> None:
    if said is None:
        forked_scenario(base.scenario, 50.0, [change])  # it is implied already
        return
    with pytest.raises((InputError, InputErrors)) as caught:
        forked_scenario(base.scenario, 50.0, [change])
    assert said in str(caught.value)


@pytest.mark.parametrize("day", [-1.0, 200.0, float("nan")])
def test_a_day_outside_of_the_run_is_refused(base: RunResult, day: float) -> None:
    with pytest.raises((InputError, InputErrors), match="day"):
        forked_scenario(base.scenario, day, ["population.review_days=5"])


def test_another_catalog_is_refused(base: RunResult, empty_catalog: Catalog) -> None:
    with pytest.raises(InputError, match="catalog"):
        fork(base, empty_catalog, DAY, ["population.review_days=5"])


def scenario_file(folder: Path) -> tuple[Path, Scenario]:
    """A market of stated models, which the shipped catalog serves."""
    raw: dict[str, Any] = raw_market()
    raw["models"][:2] = [
        {"kind": "stated", "name": "best", "theta": 1.9}, {"kind": "stated", "name": "second", "theta": 1.2},
    ]  # fmt: skip
    for provider in raw["providers"][:2]:
        provider["offers"][0]["list_price"] = {
            "kind": "stated", "input_usd_per_mtok": 1.0, "output_usd_per_mtok": 8.0,
        }  # fmt: skip
    scenario = parse_scenario(raw, "test")
    path = folder / "mine.yaml"
    path.write_text(dump_scenario(scenario), encoding="utf-8")
    return path, scenario


def test_the_commands_fork_and_compare_folders(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, _ = scenario_file(tmp_path)
    folder = tmp_path / "run"
    assert cli.run(["sim", "run", str(path), "--out", str(folder), "--replications", "2", "--seed", "4"]) == 0
    capsys.readouterr()
    code = cli.run(["sim", "fork", str(folder), "--day", "90", "--set", "population.review_days=5", "--json"])
    assert code == 0
    assert json.loads(capsys.readouterr().out)["out"] == str(tmp_path / "run-fork")
    again = ["sim", "run", str(tmp_path / "run-fork" / "scenario.yaml"), "--out", str(tmp_path / "again")]
    assert cli.run([*again, "--replications", "2", "--seed", "4"]) == 0
    capsys.readouterr()
    first, second = (tmp_path / name / "demand.parquet" for name in ("run-fork", "again"))
    assert first.read_bytes() == second.read_bytes()
    assert cli.run(["sim", "compare", str(folder), str(tmp_path / "run-fork"), "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert any("interventions" in line for line in answer["changes"])
    assert all(row["low"] <= row["difference"] <= row["high"] for row in answer["rows"])
    assert any(row["difference"] != 0 for row in answer["rows"])
    assert cli.run(["sim", "compare", str(folder), str(tmp_path / "run-fork"), "--day", "80", "--json"]) == 0
    before = json.loads(capsys.readouterr().out)["rows"]
    assert all(row["difference"] == 0 for row in before)
    assert cli.run(["sim", "fork", str(folder), "--day", "90", "--set", "population.typo=5"]) == 2
