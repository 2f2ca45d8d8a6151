from __future__ import annotations

import pytest

from dashboard import controls
from sim.scenario.model import RelativeStudent
from sim.scenario.prices import BestResponse, CostPlus, Match, Undercut
from sim.scenario.scenario import Scenario
from sim.shared.errors import InputError
from sim.shared.units import DAYS_PER_MONTH


def changed(base: Scenario, **values: float | str) -> Scenario:
    return controls.apply(base, {**controls.defaults(base), **values})


def student(scenario: Scenario) -> RelativeStudent:
    model = scenario.model_named("student")
    assert isinstance(model, RelativeStudent)
    return model


def test_untouched_controls_leave_the_scenario_as_it_is(small_expected: Scenario) -> None:
    assert changed(small_expected) is small_expected


def test_the_student_is_as_good_and_as_cheap_as_set(small_expected: Scenario) -> None:
    made = student(changed(small_expected, quality_percent=80.0, cost_percent=25.0))
    assert (made.quality_ratio, made.cost_ratio) == (0.8, 0.25)


def test_a_measured_student_becomes_a_stated_one(small_expected: Scenario) -> None:
    transferred = {"kind": "transferred", "name": "student", "teacher": "best", "measured_student": "tiny-student"}
    raw = small_expected.model_dump(mode="json")
    raw["models"][-1] = transferred
    base = Scenario.model_validate(raw)
    assert changed(base, quality_percent=70.0) is base
    made = student(changed(base, student="stated"))
    assert (made.quality_ratio, made.cost_ratio) == (0.95, 0.1)


def test_the_world_changes_in_the_controls_units(small_expected: Scenario) -> None:
    made = changed(
        small_expected, difficulty_shift=0.5, switching_percent=10.0, taste_percent=8.0, review_days=60.0,
        volume_elasticity=-0.5,
    )  # fmt: skip
    assert [task.difficulty_mean for task in made.tasks] == [
        task.difficulty_mean + 0.5 for task in small_expected.tasks
    ]
    tastes = made.population
    assert (tastes.switching_share, tastes.price_sensitivity.median) == (0.1, 0.08)
    assert (tastes.review_days, tastes.volume_elasticity) == (60.0, -0.5)


def test_the_release_moves_to_the_month(small_expected: Scenario) -> None:
    release = changed(small_expected, release_month=4.0).providers[-1].lab.releases[0]
    assert release.release_day == pytest.approx(4 * DAYS_PER_MONTH)


def test_policies_are_those_chosen_and_point_at_the_right_rival(small_expected: Scenario) -> None:
    made = changed(small_expected, student_policy="undercut", undercut_percent=30.0, teacher_policy="match")
    mine, theirs = made.providers[-1].price, made.providers[0].price
    assert isinstance(mine, Undercut)
    assert (mine.rival, mine.by) == ("best", 0.3)
    assert isinstance(theirs, Match)
    assert theirs.rival == "student"
    plus = changed(small_expected, student_policy="cost_plus", markup_percent=40.0).providers
    assert isinstance(plus[-1].price, CostPlus)
    assert plus[-1].price.markup == 0.4
    assert isinstance(plus[0].price, BestResponse)


def test_a_hidden_control_changes_nothing(small_expected: Scenario) -> None:
    assert changed(small_expected, markup_percent=200.0, undercut_percent=70.0) is small_expected


def test_a_changed_scenario_has_a_name_of_its_own(small_expected: Scenario) -> None:
    one, other = changed(small_expected, review_days=60.0), changed(small_expected, review_days=65.0)
    assert len({small_expected.name, one.name, other.name}) == 3


def test_a_value_that_the_scenario_refuses_is_one_message(small_expected: Scenario) -> None:
    with pytest.raises(InputError, match=r"quality_ratio.*allowed"):
        changed(small_expected, quality_percent=900.0)


def test_every_control_states_its_source_and_a_default_within_its_range(small_expected: Scenario) -> None:
    own = controls.defaults(small_expected)
    assert set(own) == set(controls.BY_NAME)
    for control in controls.CONTROLS:
        assert control.source
        assert control.help
        value = own[control.name]
        if control.choices is not None:
            assert value in control.choices
        else:
            assert control.low <= float(value) <= control.high
