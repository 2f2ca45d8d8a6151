"""Sweeps from YAML: wrong ones are refused with all their problems, at once and before anything runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sweeps import plan_of, write_sweep

from sim.shared.errors import InputError, InputErrors
from sim.study.plan import load_plan, shipped_sweeps, with_values


def parameter(path: str, **distribution: Any) -> list[dict[str, Any]]:
    return [{"name": "x", "paths": [path], "distribution": distribution}]


PRICE = "providers.firm0.offers.o0.list_price.input_usd_per_mtok"
UNIFORM = {"kind": "uniform", "low": 1.0, "high": 2.0}
METRIC = {"kind": "offer", "name": "share", "offer": "o1", "column": "share_of_tokens"}


def test_a_sweep_finds_its_scenario_beside_itself(tmp_path: Path) -> None:
    plan = load_plan(write_sweep(tmp_path))
    assert plan.scenario.name == "tiny"
    assert plan.base_value(plan.sweep.parameters[0]) == 1.5


def test_values_are_put_at_every_path_of_a_parameter_and_nowhere_else(tmp_path: Path) -> None:
    both = [{"name": "x", "paths": [PRICE, PRICE.replace("0", "1")], "distribution": UNIFORM}]
    plan = plan_of(tmp_path, parameters=both, design={"kind": "random", "points": 2})
    raw = with_values(plan, {"x": 1.25}, "here")
    prices = [offer["offers"][0]["list_price"]["input_usd_per_mtok"] for offer in raw["providers"]]
    assert prices == [1.25, 1.25]
    assert with_values(plan, {}, "here") == plan.base


def test_changes_may_touch_what_an_intervention_may_not(tmp_path: Path) -> None:
    model = {"kind": "stated", "name": "m1", "theta": 2.0}
    changes = [{"key": "horizon_days", "value": 60}, {"key": "models.m1", "value": model}]
    scenario = plan_of(tmp_path, changes=changes).scenario
    assert scenario.horizon_days == 60
    assert scenario.model_named("m1").kind == "stated"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"parameters": parameter("providers.firm7.price", **UNIFORM)}, "instead of firm7: firm0, firm1"),
        ({"parameters": parameter("population.nowhere", **UNIFORM)}, "after population: price_sensitivity"),
        ({"parameters": parameter(PRICE, kind="uniform", low=2, high=2)}, "the range is empty"),
        ({"parameters": parameter(PRICE, kind="uniform", low=-1, high=2)}, "greater than or equal to 0"),
        ({"parameters": parameter(PRICE, kind="grid", low=0, high=1, count=3, spacing="log")}, "positive low"),
        ({"parameters": parameter(PRICE, kind="loguniform", low=0, high=1)}, "greater than 0"),
        ({"parameters": parameter(PRICE, kind="choice", values=[])}, "at least 1 item"),
        ({"parameters": parameter(PRICE, kind="unifrom", low=1, high=2)}, "uniform"),
        ({"parameters": parameter(PRICE, **UNIFORM)}, "grid or choice, in a factorial design"),
        ({"metrics": [METRIC | {"offer": "o9"}]}, "o0, o1"),
        ({"metrics": [METRIC | {"column": "shares"}]}, "share_of_tokens"),
        ({"metrics": [METRIC | {"days": [41]}]}, "20 to 40"),
        ({"metrics": [METRIC, METRIC]}, "must be unique"),
        ({"changes": [{"key": "entrant", "value": None}]}, "no entrant"),
        ({"changes": [{"key": "horizon", "value": 1}]}, "horizon_days"),
        ({"scenario": "nowhere"}, "default"),
        ({"desing": {}}, "remove the field"),
        (
            {"conclusions": [{"name": "c", "statement": "s", "metric": "x", "comparison": "above", "threshold": 0}]},
            "share, margin",
        ),
    ],
)  # fmt: skip
def test_a_wrong_sweep_is_refused_with_what_is_allowed(changes: dict[str, Any], said: str, tmp_path: Path) -> None:
    with pytest.raises((InputError, InputErrors)) as caught:
        plan_of(tmp_path, **changes)
    assert said in str(caught.value)


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    nowhere = {"name": "y", "paths": ["nowhere"], "distribution": {"kind": "choice", "values": [1]}}
    wrong = [*parameter("models.m9.quality", **UNIFORM), nowhere]
    with pytest.raises(InputErrors) as caught:
        plan_of(tmp_path, parameters=wrong, design={"kind": "random", "points": 3})
    assert len(caught.value.problems) == 2


def test_the_hash_is_of_what_decides_the_numbers(tmp_path: Path) -> None:
    plan = plan_of(tmp_path)
    assert plan_of(tmp_path, title="another", timeout_s=1, memory_mb=900).sha256 == plan.sha256
    assert plan_of(tmp_path, seed=1).sha256 != plan.sha256
    assert plan_of(tmp_path, changes=[{"key": "horizon_days", "value": 41}]).sha256 != plan.sha256


@pytest.mark.parametrize("path", shipped_sweeps(), ids=lambda path: path.stem)
def test_shipped_sweeps_can_be_read(path: Path) -> None:
    assert load_plan(path.stem).sweep.name == path.stem
