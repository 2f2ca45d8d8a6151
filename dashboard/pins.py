"""Pinned scenarios: the values that the controls had, under a name in words. Pure.

A change between two pins is split in two: what is assumed about the world, and what the players do.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from dashboard.controls import BY_NAME, CONTROLS, Rail, Value, Values
from sim.shared.errors import InputError

MOST_PINS = 4
UNSPLIT = ("draws", "seed")  # how exactly a question is answered is no part of it


@dataclass(frozen=True)
class Pin:
    """One pinned scenario: the base it started from and the value of every control."""

    base: str
    values: Mapping[str, Value]

    def title(self, own: Values) -> str:
        """What it changes against the base's own values, in words."""
        told = [_told(name, self.values[name]) for name in BY_NAME if _differs(self.values, own, name)]
        return ", ".join(told) or "as it opens"


@dataclass(frozen=True)
class Step:
    """One step of a change, with its ends over the draws of what is not known."""

    name: str
    value: float
    low: float
    high: float


def with_pin(pins: list[Pin], pin: Pin) -> list[Pin]:
    """The pins with one more.

    Raises:
        InputError: if it is pinned already, or there are as many as may be.
    """
    if pin in pins:
        raise InputError("compare", "pin", "this scenario", "a scenario that is not pinned yet", "move a control first")
    if len(pins) >= MOST_PINS:
        raise InputError("compare", "pin", f"{len(pins) + 1} scenarios", f"at most {MOST_PINS}", "remove one first")
    return [*pins, pin]


def mixed(world: Pin, players: Pin) -> Pin:
    """One pin's world with the other's players; both start from one base."""
    assert world.base == players.base
    values = {
        control.name: (world if control.rail == "world" else players).values[control.name] for control in CONTROLS
    }
    return Pin(world.base, values)


def changed(before: Pin, after: Pin, rail: Rail) -> list[str]:
    """What differs on one rail, in words."""
    names = [control.name for control in CONTROLS if control.rail == rail and control.name not in UNSPLIT]
    return [_told(name, after.values[name]) for name in names if before.values[name] != after.values[name]]


def steps(before: np.ndarray, world: np.ndarray, players: np.ndarray, after: np.ndarray) -> list[Step]:
    """The change of an outcome split in three that add up, from its values (D,) over the same draws.

    Args:
        before: in the first scenario.
        world: with the second one's world alone.
        players: with the second one's players alone.
        after: in the second scenario.
    """
    parts = {
        "What is assumed": world - before,
        "What players do": players - before,
        "Both together": after - world - players + before,
    }
    return [Step(name, float(part.mean()), float(part.min()), float(part.max())) for name, part in parts.items()]


def _differs(values: Values, own: Values, name: str) -> bool:
    control = BY_NAME[name]
    relevant = control.shown_if is None or values[control.shown_if[0]] in control.shown_if[1]
    return name not in UNSPLIT and relevant and values[name] != own[name]


def _told(name: str, value: Value) -> str:
    control = BY_NAME[name]
    shown = control.choices[str(value)] if control.choices is not None else control.format % value
    unit = control.unit if control.unit and not control.unit.startswith("%") else ""
    return f"{control.title.lower()}: {shown} {unit}".strip()
