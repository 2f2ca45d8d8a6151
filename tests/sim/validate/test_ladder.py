"""The ladder's rows hold, and each market's rows fail once the market is another one.

The quick markets run with every test; all of them in the slow ones.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from dashboard import cli
from sim.scenario.load import parse_scenario
from sim.scenario.scenario import Scenario
from sim.shared.catalog import Catalog, shipped_catalog
from sim.validate import bargaining, bertrand, customers, ladder, learning, pressure, queue, sequential, spatial, urn
from sim.validate.case import Check
from sim.validate.row import Row, mean_row

QUICK = (
    "logit Nash, 2 firms, costs 1 and .75",
    "logit joint optimum, 2 firms",
    "logit at Nash, 3 firms that differ in quality and cost",
    "Hotelling, costs 0.5 and 0.8, t 1",
    "Salop, 3 shops, cost 0.5, t 1",
    "two qualities, 1 and 0.5",
    "double margin, cost 0.2",
    "integrated chain, cost 0",
    "bargaining, weight 0.5, cost 0.2",
    "two-part, weight 0.5, cost 0",
)
MODULES = (bertrand, spatial, bargaining, sequential, learning, urn, customers, pressure)


def is_quick(check: Check) -> bool:
    return check.scenario.title in QUICK or isinstance(
        check, learning.Played | learning.Alone | sequential.PlayedInTurns
    )


CHECKS = [
    pytest.param(
        check,
        id=f"{type(check).__name__}-{check.scenario.title}",
        marks=() if is_quick(check) else pytest.mark.slow,
    )
    for module in MODULES
    for check in module.checks()
]


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return shipped_catalog()


def changed(check: Check) -> Scenario:
    """The check's market with one thing altered that its theory is about."""
    raw: dict[str, Any] = check.scenario.model_dump(mode="json")
    if isinstance(check, urn.Urn):
        raw["population"]["network"] = 1.6 if check.limit == "random" else 1.0
    elif isinstance(check, customers.Convergence):
        raw["population"]["price_sensitivity"]["median"] *= 2.0
    elif isinstance(check, customers.Nodes):
        raw["tasks"][0] |= {"difficulty_sd": 4.0, "value_usd": {"median": 4.0, "log_sd": 3.0}}
    else:
        for provider in raw["providers"]:
            for offer in provider["offers"]:
                if offer["cost"]["kind"] == "stated":
                    offer["cost"]["input_usd_per_mtok"] += 0.3
    return parse_scenario(raw, "the altered market")


@pytest.mark.parametrize("check", CHECKS)
def test_the_rows_hold(check: Check, catalog: Catalog) -> None:
    rows = check.rows(catalog, full=False)
    assert rows
    assert all(row.holds for row in rows), [row.line() for row in rows if not row.holds]


@pytest.mark.parametrize("check", CHECKS)
def test_another_market_fails(check: Check, catalog: Catalog) -> None:
    other = check.with_scenario(changed(check)).rows(catalog, full=False)
    assert not all(row.holds for row in other), [row.line() for row in other]


def test_a_queue_with_other_arrivals_fails() -> None:
    fleet = replace(queue.checks()[0], arrival_rate=1.3)
    assert not any(row.holds for row in fleet.rows(full=False))


@pytest.mark.slow
@pytest.mark.parametrize("fleet", queue.checks(), ids=lambda fleet: f"{fleet.servers} servers")
def test_the_queues_hold(fleet: queue.Queue) -> None:
    assert all(row.holds for row in fleet.rows(full=True))


def test_every_check_is_on_the_ladder() -> None:
    assert ladder.check_count() == len(CHECKS) + len(queue.checks())
    titles = [check.values[0].scenario.title for check in CHECKS]
    assert set(QUICK) <= set(titles)


def test_a_number_that_is_none_does_not_hold() -> None:
    assert not Row("a", "b", "exact", 1.0, float("nan"), 1e9).holds
    assert Row("a", "b", "exact", 1.0, 1.1, 0.2).holds
    assert mean_row("a", "b", 2.0, [1.0, 2.0, 3.0], 0.0).tolerance == pytest.approx(3.0 / 3**0.5)


def test_the_command_prints_the_contract_and_exits_1_where_a_row_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    case = bertrand.checks()[1]
    monkeypatch.setattr(ladder, "_markets", lambda: [case])
    monkeypatch.setattr(queue, "checks", list)
    assert cli.run(["sim", "validate", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert [set(row) for row in rows] == [
        {"name", "source", "kind", "expected", "simulated", "tolerance", "holds"}
    ] * len(rows)
    assert all(row["holds"] is True for row in rows)
    monkeypatch.setattr(ladder, "_markets", lambda: [case.with_scenario(changed(case))])
    assert cli.run(["sim", "validate"]) == 1
    shown = capsys.readouterr()
    assert "DOES NOT HOLD" in shown.out
    assert "do not hold: logit Nash, 2 firms" in shown.err
