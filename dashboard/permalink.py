"""The state of a session in its address: a link opens the same scenario, controls, seed and page anywhere.

The only reader and writer of the address. It is read once, at a session's first run and before any widget, and written
at the end of every run. Every value that was ever set stands in it, those that equal the default included, so that a
link means the same when defaults change. Rejected: widgets bound to the address, which drop what equals the default
and remove in silence what they do not like.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import streamlit as st

from dashboard.controls import BY_NAME, Control, Value, Values
from sim.scenario.scenario import Scenario

VERSION = "1"
VERSION_KEY, SCENARIO_KEY = "v", "scenario"
_READ = "the address as it was read"


@dataclass(frozen=True)
class Link:
    """What an address says.

    Attributes:
        scenario: name of the base scenario; "" where the address names none that is known.
        values: of the controls that it names.
        problems: parts that are invalid or ignored, each in words.
    """

    scenario: str = ""
    values: dict[str, Value] = field(default_factory=dict)
    problems: tuple[str, ...] = ()


def parse(address: Mapping[str, str], scenarios: Collection[str]) -> Link:
    """What an address says; nothing in it raises."""
    problems: list[str] = []
    version = address.get(VERSION_KEY, VERSION)
    if version != VERSION:
        return Link(problems=(f"{VERSION_KEY}={_short(version)}: a link of another version; all of it is ignored",))
    scenario = address.get(SCENARIO_KEY, "")
    if scenario and scenario not in scenarios:
        problems.append(f"{SCENARIO_KEY}={_short(scenario)}: no such scenario; known are {', '.join(scenarios)}")
        scenario = ""
    values: dict[str, Value] = {}
    for name, text in address.items():
        if name in (VERSION_KEY, SCENARIO_KEY):
            continue
        control = BY_NAME.get(name)
        if control is None:
            problems.append(f"{_short(name)}={_short(text)}: no control of this name; ignored")
            continue
        value = _value(control, text)
        if value is None:
            problems.append(f"{name}={_short(text)}: not {_allowed(control)}; ignored")
        else:
            values[name] = value
    return Link(scenario, values, tuple(problems))


def address_of(scenario: str, values: Values, touched: Collection[str]) -> dict[str, str]:
    """The address of a scenario with the values that were ever set, and its seed; in the order of the controls."""
    named = {VERSION_KEY: VERSION, SCENARIO_KEY: scenario}
    return named | {name: _text(values[name]) for name in BY_NAME if name in touched or name == "seed"}


def read(scenarios: Mapping[str, Scenario]) -> Link:
    """What the address said at the session's first run."""
    if _READ not in st.session_state:
        st.session_state[_READ] = parse(st.query_params.to_dict(), scenarios)
    found: Link = st.session_state[_READ]
    return found


def write(scenario: str, values: Values, touched: Collection[str]) -> None:
    """Put the state into the address; the browser shows it without loading the page again."""
    wanted = address_of(scenario, values, touched)
    if st.query_params.to_dict() != wanted:
        st.query_params.from_dict(wanted)


def address() -> str:
    """The whole address of this page as it stands, to be given away."""
    import urllib.parse

    page = str(st.context.url or "").split("?")[0]
    return f"{page}?{urllib.parse.urlencode(st.query_params.to_dict())}"


def _value(control: Control, text: str) -> Value | None:
    if control.choices is not None:
        return text if text in control.choices else None
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) and control.low <= number <= control.high else None


def _allowed(control: Control) -> str:
    if control.choices is not None:
        return f"one of {', '.join(control.choices)}"
    return f"a number from {control.low:g} to {control.high:g}"


def _text(value: Value) -> str:
    return value if isinstance(value, str) else repr(float(value)).removesuffix(".0")


def _short(text: str) -> str:
    """Somebody else's text, as far as a message shows it."""
    plain = "".join(letter if letter.isprintable() and letter not in "`*_[]<>$\\" else "?" for letter in text)
    return plain if len(plain) <= 40 else f"{plain[:40]}..."
