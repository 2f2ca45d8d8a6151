"""What a supply side may not say is refused, with where it stands and what to do."""

from __future__ import annotations

from typing import Any

import pytest
from supply import SHAPE, raw_supply

from sim.scenario.load import dump_scenario, parse_scenario
from sim.scenario.scenario import Scenario
from sim.shared.errors import InputError, InputErrors
from sim.shared.yaml import parse_yaml

HOSTS = {
    "name": "host", "model": "alpha-model", "count_max": 3, "fixed_cost_usd_per_year": 1e5,
    "list_price": {"kind": "stated", "input_usd_per_mtok": 0.5, "output_usd_per_mtok": 2.0},
    "cost": {"kind": "stated", "input_usd_per_mtok": 0.1, "output_usd_per_mtok": 0.5},
    "price": {"kind": "posted"},
}  # fmt: skip


def refused(raw: dict[str, Any]) -> str:
    with pytest.raises((InputError, InputErrors)) as caught:
        parse_scenario(raw, "test")
    return str(caught.value)


def changed(key: str, value: Any, **more: Any) -> dict[str, Any]:
    return raw_supply() | more | {"interventions": [{"day": 50, "changes": [{"key": key, "value": value}]}]}


def with_groups(**changes: Any) -> dict[str, Any]:
    raw = raw_supply()
    raw["hosts"] = [HOSTS | changes]
    raw["free_entry"] = [
        {key: value for key, value in HOSTS.items() if key != "model"}
        | {"name": "newcomer", "model": {"kind": "stated", "name": "own", "theta": 0.9}}
    ]
    return raw


def test_an_unknown_accelerator_lists_those_that_are_known() -> None:
    assert "H100 SXM 80GB" in refused(raw_supply(accelerator="H9000"))


def test_a_rent_that_nobody_knew_yet_is_to_be_stated() -> None:
    raw = raw_supply(accelerator="L4 24GB", rent_usd_per_hour=None)
    raw["starts_on"] = "2025-01-01"
    assert "state rent_usd_per_hour" in refused(raw)


def test_a_model_that_does_not_fit_is_refused() -> None:
    assert "more accelerators a replica" in refused(raw_supply(batch=4000))


def test_a_cost_on_a_fleet_needs_the_fleet_and_the_shape() -> None:
    raw = raw_supply()
    raw["providers"][0]["fleet"] = None
    del raw["models"][1]["shape"]
    message = refused(raw)
    assert "give the provider alpha a fleet" in message
    assert "beta-offer is served on a fleet" in message


def test_a_rented_fleet_has_a_number_and_serves_no_wholesale() -> None:
    assert "number of replicas" in refused(raw_supply(replicas=None))
    raw = raw_supply()
    raw["providers"][0]["offers"][0]["wholesale"] = True
    assert "pay by use" in refused(raw)


def test_more_active_than_total_parameters_are_refused() -> None:
    raw = raw_supply()
    raw["models"][0]["shape"] = SHAPE | {"total_params": 1e9}
    assert "must not exceed" in refused(raw)


def test_a_mixture_needs_its_teachers_size() -> None:
    raw = raw_supply()
    raw["models"] = [
        {"kind": "stated", "name": "dense", "theta": 2.0},
        {"kind": "mixture", "name": "alpha-model", "teacher": "dense", "shape": SHAPE},
        raw["models"][1],
    ]
    assert "model dense: shape" in refused(raw)


def test_groups_become_waiting_providers_and_a_written_scenario_is_read_back_equal() -> None:
    scenario = parse_scenario(with_groups(), "test")
    assert [part.name for part in scenario.providers if part.group == "host"] == ["host-1", "host-2", "host-3"]
    assert [part.model for part in scenario.offers if part.name.startswith("newcomer")] == [
        "newcomer-1", "newcomer-2", "newcomer-3",
    ]  # fmt: skip
    assert scenario.waiting_offers == {f"{group}-{n}" for group in ("host", "newcomer") for n in (1, 2, 3)}
    again = parse_scenario(parse_yaml(dump_scenario(scenario), "test"), "test")
    assert again == scenario
    assert Scenario.model_validate(scenario.model_dump(mode="json")) == scenario


def test_a_group_is_changed_as_a_whole_and_its_providers_are_not() -> None:
    raw = with_groups()
    change = {"key": "hosts.host.price", "value": {"kind": "cost_plus", "markup": 0.1}}
    raw["interventions"] = [{"day": 5, "changes": [change]}]
    parse_scenario(raw, "test")
    change["key"] = "providers.host-2.price"
    assert "made from the group" in refused(raw)


def test_wrong_groups_are_refused() -> None:
    assert "name a model above" in refused(with_groups(model="nothing"))
    assert "needs no list price" in refused(with_groups(cost={"kind": "implied"}))
    assert "names that are unique" in refused(with_groups(name="newcomer"))
    raw = raw_supply()
    raw["providers"][0]["group"] = "nobody"
    assert "drop the field" in refused(raw)
    assert "hosts.0.count_max" in refused(with_groups(count_max=0))


def test_published_weights_stay_public() -> None:
    raw = changed("providers.alpha.lab.open_weights.alpha-offer.day", None)
    raw["providers"][0]["lab"] = {"open_weights": [{"offer": "alpha-offer", "day": 20}]}
    assert "stay public" in refused(raw)
    raw["providers"][0]["lab"]["open_weights"][0]["day"] = 70
    parse_scenario(raw, "test")
    raw["providers"][0]["lab"]["open_weights"][0]["offer"] = "beta-offer"
    assert "an own offer" in refused(raw)
