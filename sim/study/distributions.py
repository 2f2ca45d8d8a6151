"""What a parameter of a sweep may be: distributions by their quantile functions, and levels. A tagged union.

`at(u)` is the value at the probability u in [0, 1): the one way from a design in the unit cube to values, so that every
design serves every distribution. `ends` is the range inside which one-at-a-time searches stay.
"""

from __future__ import annotations

import math
from typing import Annotated, Literal, TypeVar

import numpy as np
from pydantic import Field, JsonValue, model_validator

from sim.scenario.base import Part, Positive

TAIL = 0.025  # probability beyond each end of the range of a distribution that has no ends of its own


class _Between(Part):
    low: float
    high: float

    @model_validator(mode="after")
    def _in_order(self) -> _Between:
        if self.low >= self.high:
            raise ValueError(f"the range is empty: low ({self.low:g}) must lie below high ({self.high:g})")
        return self

    @property
    def ends(self) -> tuple[float, float]:
        """Lowest and highest value."""
        return self.low, self.high


class Uniform(_Between):
    """Equally likely from `low` to `high`."""

    kind: Literal["uniform"]

    def at(self, probability: float) -> float:
        """The value at a probability."""
        return self.low + probability * (self.high - self.low)


class LogUniform(_Between):
    """The logarithm is equally likely from that of `low` to that of `high`; both positive."""

    kind: Literal["loguniform"]
    low: Positive
    high: Positive

    def at(self, probability: float) -> float:
        """The value at a probability."""
        return self.low * (self.high / self.low) ** probability


class Normal(Part):
    """Normal, without bounds: 95% of the values make its range."""

    kind: Literal["normal"]
    mean: float
    sd: Positive

    def at(self, probability: float) -> float:
        """The value at a probability; that of 0 is taken as the least positive one."""
        return self.mean + self.sd * _normal_quantile(probability)

    @property
    def ends(self) -> tuple[float, float]:
        """The quantiles at 2.5% and 97.5%."""
        return self.at(TAIL), self.at(1.0 - TAIL)


class LogNormal(Part):
    """The logarithm is normal around that of `median`; 95% of the values make its range."""

    kind: Literal["lognormal"]
    median: Positive
    log_sd: Positive

    def at(self, probability: float) -> float:
        """The value at a probability; that of 0 is taken as the least positive one."""
        return self.median * math.exp(self.log_sd * _normal_quantile(probability))

    @property
    def ends(self) -> tuple[float, float]:
        """The quantiles at 2.5% and 97.5%."""
        return self.at(TAIL), self.at(1.0 - TAIL)


class Choice(Part):
    """One of some values of any kind, all equally likely."""

    kind: Literal["choice"]
    values: tuple[JsonValue, ...] = Field(min_length=1)

    @property
    def levels(self) -> tuple[JsonValue, ...]:
        """The values in their order."""
        return self.values

    def at(self, probability: float) -> JsonValue:
        """The value at a probability."""
        return _level(self.levels, probability)


class Grid(_Between):
    """`count` values from `low` to `high`, equally spaced or in equal ratios."""

    kind: Literal["grid"]
    count: Annotated[int, Field(ge=2, le=10_000)]
    spacing: Literal["linear", "log"] = "linear"

    @model_validator(mode="after")
    def _logs_exist(self) -> Grid:
        if self.spacing == "log" and self.low <= 0:
            raise ValueError("equal ratios need a positive low")
        return self

    @property
    def levels(self) -> tuple[float, ...]:
        """The values, rising."""
        if self.spacing == "log":
            return tuple(float(value) for value in np.geomspace(self.low, self.high, self.count))
        return tuple(float(value) for value in np.linspace(self.low, self.high, self.count))

    def at(self, probability: float) -> float:
        """The value at a probability."""
        return _level(self.levels, probability)


Distribution = Annotated[Uniform | LogUniform | Normal | LogNormal | Choice | Grid, Field(discriminator="kind")]
Ranged = Uniform | LogUniform | Normal | LogNormal | Grid
Levelled = Choice | Grid


T = TypeVar("T")


def _level(levels: tuple[T, ...], probability: float) -> T:
    return levels[min(int(probability * len(levels)), len(levels) - 1)]


def _normal_quantile(probability: float) -> float:
    from scipy.special import ndtri

    least = np.finfo(float).tiny
    return float(ndtri(min(max(probability, least), 1.0 - np.finfo(float).epsneg)))
