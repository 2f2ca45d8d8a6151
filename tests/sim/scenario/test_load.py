"""Wrong scenarios: every problem at once, each with its field, what was received and what is allowed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from conftest import raw_market

from sim.scenario.load import dump_scenario, load_scenario, parse_scenario, shipped_scenarios
from sim.shared.errors import InputError, InputErrors
from sim.shared.yaml import parse_yaml


def refused(raw: dict[str, Any]) -> str:
    with pytest.raises((InputError, InputErrors)) as caught:
        parse_scenario(raw, "mine.yaml")
    assert caught.value.exit_code == 2
    return str(caught.value)


@pytest.mark.parametrize("path", shipped_scenarios(), ids=lambda path: path.stem)
def test_shipped_scenarios_load_and_survive_a_round_trip(path: Path) -> None:
    scenario = load_scenario(path.stem)
    assert scenario.name == path.stem
    again = parse_scenario(parse_yaml(dump_scenario(scenario), "again"), "again")
    assert again == scenario
    assert again.sha256 == scenario.sha256


def test_an_unknown_field_names_those_that_are_known() -> None:
    raw = raw_market()
    raw["population"]["customer"] = 5
    message = refused(raw)
    assert "population.sampled.customer" in message
    assert "customers" in message.split("allowed:")[1]


def test_an_unknown_price_policy_lists_the_policies() -> None:
    raw = raw_market()
    raw["providers"][0]["price"] = {"kind": "dumping"}
    message = refused(raw)
    assert "dumping" in message
    assert "best_response" in message


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"models": [{"kind": "stated", "name": "best", "quality": 1.2}]}, "quality"),
        ({"models": [{"kind": "stated", "name": "best", "quality": float("nan")}]}, "quality"),
        ({"horizon_days": -1}, "horizon_days"),
        ({"horizon_days": float("inf")}, "horizon_days"),
    ],
)
def test_numbers_out_of_range_are_refused(change: dict[str, Any], field: str) -> None:
    assert field in refused(raw_market(**change))


def test_a_negative_price_is_refused() -> None:
    raw = raw_market()
    raw["providers"][0]["offers"][0]["list_price"] = {
        "kind": "stated", "input_usd_per_mtok": -1.0, "output_usd_per_mtok": 1.0,
    }  # fmt: skip
    message = refused(raw)
    assert "input_usd_per_mtok" in message
    assert "-1.0" in message


def test_a_provider_may_not_be_called_like_an_account_of_the_books() -> None:
    raw = raw_market()
    raw["providers"][0]["name"] = "compute"
    assert "rename the provider" in refused(raw)


def test_all_contradictions_are_told_at_once() -> None:
    raw = raw_market(entrant="nobody")
    raw["models"][2]["teacher"] = "unknown"
    raw["providers"][1]["price"]["rival"] = "second"
    raw["providers"][2]["lab"]["releases"][0]["teacher_offer"] = "missing"
    message = refused(raw)
    assert len(message.splitlines()) == 4
    for word in ("nobody", "unknown", "second", "missing"):
        assert word in message


def test_an_unknown_name_lists_the_shipped_scenarios() -> None:
    with pytest.raises(InputError, match="default"):
        load_scenario("defualt")
