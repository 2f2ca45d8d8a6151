"""Pinned scenarios and the steps of a change."""

from __future__ import annotations

import numpy as np
import pytest

from dashboard import compare_charts, pins
from dashboard.controls import CONTROLS, opening
from dashboard.load import expected
from dashboard.pins import Pin
from sim.scenario.scenario import Scenario
from sim.shared.errors import InputError


@pytest.fixture
def first(small_scenario: Scenario) -> Pin:
    return Pin("small", opening(expected(small_scenario)))


def changed(pin: Pin, **values: float | str) -> Pin:
    return Pin(pin.base, {**pin.values, **values})


def test_a_pin_is_called_by_what_it_changes(first: Pin) -> None:
    assert first.title(first.values) == "as it opens"
    other = changed(first, quality_percent=80.0, switching_percent=10.0, seed=3.0, markup_percent=99.0)
    assert other.title(first.values) == "its quality: 80%, cost of switching: 10%"


def test_four_scenarios_are_pinned_and_none_twice(first: Pin) -> None:
    mine: list[Pin] = []
    for quality in (95.0, 90.0, 85.0, 80.0):
        mine = pins.with_pin(mine, changed(first, quality_percent=quality))
    with pytest.raises(InputError, match="at most 4"):
        pins.with_pin(mine, changed(first, quality_percent=70.0))
    with pytest.raises(InputError, match="not pinned yet"):
        pins.with_pin(mine[:2], mine[0])


def test_a_mixture_has_one_pins_world_and_the_others_players(first: Pin) -> None:
    other = changed(first, quality_percent=80.0, switching_percent=10.0)
    mixed = pins.mixed(other, first)
    assert (mixed.values["quality_percent"], mixed.values["switching_percent"]) == (95.0, 10.0)
    assert set(mixed.values) == {control.name for control in CONTROLS}


def test_steps_add_up_and_tell_an_interaction() -> None:
    draws = np.arange(3.0)
    found = pins.steps(draws, draws + 1.0, draws + 2.0, draws * 2.0 + 4.0)
    assert [step.value for step in found] == pytest.approx([1.0, 2.0, 2.0])
    assert sum(step.value for step in found) == pytest.approx(float((draws * 2.0 + 4.0 - draws).mean()))
    assert (found[2].low, found[2].high) == (1.0, 3.0)


def test_the_waterfall_starts_each_bar_where_the_last_one_ended() -> None:
    steps = [pins.Step("a", 2.0, 1.0, 3.0), pins.Step("b", -5.0, -6.0, -4.0)]
    figure = compare_charts.waterfall(10.0, steps, 7.0, "x", "USD", "$.3~s")
    assert figure.table["start"].tolist() == [0.0, 10.0, 12.0, 0.0]
    assert figure.table["end"].tolist() == [10.0, 12.0, 7.0, 7.0]
    assert "b -5" in figure.alt
