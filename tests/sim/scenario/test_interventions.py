"""Paths into a scenario: names that hold dots are found."""

from __future__ import annotations

from conftest import raw_market

from sim.scenario.interventions import stages
from sim.scenario.load import parse_scenario


def test_names_with_dots_are_found_and_the_longest_counts() -> None:
    raw = raw_market()
    provider = raw["providers"][0]
    first = provider["offers"][0]
    longer = f"{first['name']}.5-pro"
    provider["offers"].append(first | {"name": longer})
    raw["interventions"] = [
        {"day": 5, "changes": [{"key": f"providers.{provider['name']}.offers.{longer}.fit_share", "value": 0.25}]}
    ]
    stage = stages(parse_scenario(raw, "test"), "test")[0]
    assert [offer["fit_share"] for offer in stage.raw["providers"][0]["offers"]] == [0.0, 0.25]
