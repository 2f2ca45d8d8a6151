"""Addresses: what was set comes back, defaults included; what is wrong is told and harms nothing."""

from __future__ import annotations

import pytest

from dashboard.controls import CONTROLS
from dashboard.permalink import address_of, parse

KNOWN = ("small", "default")
VALUES = {control.name: next(iter(control.choices)) if control.choices else control.low for control in CONTROLS}


def test_an_address_says_what_was_set_and_the_seed_and_nothing_else() -> None:
    values = {**VALUES, "quality_percent": 87.5, "seed": 12.0}
    address = address_of("small", values, {"quality_percent", "student"})
    assert address == {"v": "1", "scenario": "small", "student": "stated", "quality_percent": "87.5", "seed": "12"}


def test_every_control_comes_back_as_it_was() -> None:
    link = parse(address_of("default", VALUES, set(VALUES)), KNOWN)
    assert link.problems == ()
    assert link.scenario == "default"
    assert link.values == VALUES


@pytest.mark.parametrize("value", [0.1 + 0.2, 1e-3, 39.99999999999999])
def test_numbers_come_back_to_the_last_bit(value: float) -> None:
    link = parse(address_of("small", {**VALUES, "switching_percent": value % 20}, {"switching_percent"}), KNOWN)
    assert link.values["switching_percent"] == value % 20


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("quality_percent", "nan"), ("quality_percent", "1e400"), ("quality_percent", "49"), ("quality_percent", ""),
        ("quality_percent", "ninety"), ("student", "other"), ("nothing", "1"), ("scenario", "../etc/passwd"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_listed_and_the_rest_is_kept(name: str, text: str) -> None:
    link = parse({"v": "1", name: text, "review_days": "60"}, KNOWN)
    assert link.values == {"review_days": 60.0}
    assert link.scenario == ""
    assert len(link.problems) == 1
    assert name in link.problems[0]


def test_a_link_of_another_version_is_ignored_whole() -> None:
    link = parse({"v": "2", "scenario": "small", "review_days": "60"}, KNOWN)
    assert (link.scenario, link.values) == ("", {})
    assert "another version" in link.problems[0]


def test_messages_hold_no_markup_of_strangers() -> None:
    link = parse({"nothing": "[click](javascript:alert(1))<script>" * 9}, KNOWN)
    assert not set("[]<>`*$") & set(link.problems[0])
    assert len(link.problems[0]) < 120
