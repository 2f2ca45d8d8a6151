"""What a calibration is: a sweep whose parameters are unknown, and the figures of the real market that tell of them.

A *summary* is one number of a run, made of the sweep's metrics, on a scale where errors are about normal. What the real
market shows of it is stated with its source, its date and `error`: the standard deviation, on that scale, of what was
observed around what the market would show. The errors are the observation model: they are added to every simulated
market from which the posterior is learned, and to every synthetic one on which it is checked. A summary is *fitted*, or
*held out*: predicted by the posterior and then laid beside what happened.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from sim.scenario.base import Name, Part, Positive
from sim.shared.errors import InputError, raise_all
from sim.shared.manifest import sha256_of_json
from sim.shared.paths import data_dir, shipped_or_path
from sim.shared.yaml import read_yaml
from sim.study.design import point_count
from sim.study.distributions import Choice, Grid
from sim.study.on_sweep import parse_on_sweep, unknown_metrics
from sim.study.plan import Plan

MOST_PARAMETERS = 6  # more cannot be told apart by so few figures
LEAST_POINTS = 150
LEAST_SHARE = 1e-4  # shares are held inside of this and 1 less this before their logit is taken

Values = Mapping[str, float | None]


class Observed(Part):
    """What the real market shows, on its natural scale."""

    value: float
    unit: str = Field(max_length=60)
    date: str = Field(max_length=60, description="day or span that it is from")
    source: str = Field(min_length=1, max_length=400)
    note: str = Field("", max_length=600)


class _Summary(Part):
    """A figure that is fitted or held out.

    `error` is the standard deviation of the observation on the summary's own scale.
    """

    name: Name
    role: Literal["fitted", "held_out"]
    observed: Observed
    error: Positive


class Level(_Summary):
    """Metrics, summed."""

    kind: Literal["level"]
    metrics: tuple[Name, ...] = Field(min_length=1)
    scale: Literal["linear", "log", "logit"]

    @property
    def names(self) -> tuple[str, ...]:
        """The metrics that it is made of."""
        return self.metrics

    def natural(self, values: Values) -> float:
        """The figure of a run on its natural scale; NaN where a metric is missing."""
        return sum(_number(values, name) for name in self.metrics)


class Ratio(_Summary):
    """One metric over another, in logs."""

    kind: Literal["ratio"]
    metric: Name
    over: Name
    scale: Literal["log"] = "log"

    @property
    def names(self) -> tuple[str, ...]:
        """The metrics that it is made of."""
        return self.metric, self.over

    def natural(self, values: Values) -> float:
        """The figure of a run on its natural scale; NaN where a metric is missing."""
        return _over(_number(values, self.metric), _number(values, self.over))


class Fall(_Summary):
    """By what a price is divided in a year: (first / last)^(1/years), in logs."""

    kind: Literal["fall"]
    first: Name
    last: Name
    years: Positive
    scale: Literal["log"] = "log"

    @property
    def names(self) -> tuple[str, ...]:
        """The metrics that it is made of."""
        return self.first, self.last

    def natural(self, values: Values) -> float:
        """The figure of a run on its natural scale; NaN where a metric is missing."""
        whole = _over(_number(values, self.first), _number(values, self.last))
        return whole ** (1.0 / self.years) if whole > 0 else math.nan


class Elasticity(_Summary):
    """Change of a quantity over the change of a price between two days, both in logs; its scale is asinh.

    An error of observation is then about the same part of a large elasticity, and the same amount of a small one.
    """

    kind: Literal["elasticity"]
    before: Name
    after: Name
    price_before: Name
    price_after: Name
    scale: Literal["asinh"] = "asinh"

    @property
    def names(self) -> tuple[str, ...]:
        """The metrics that it is made of."""
        return self.before, self.after, self.price_before, self.price_after

    def natural(self, values: Values) -> float:
        """The figure of a run on its natural scale; NaN where a metric is missing or the price stood still."""
        quantity = _over(_number(values, self.after), _number(values, self.before))
        price = _over(_number(values, self.price_after), _number(values, self.price_before))
        if not (quantity > 0 and price > 0) or price == 1.0:
            return math.nan
        return math.log(quantity) / math.log(price)


Summary = Annotated[Level | Ratio | Fall | Elasticity, Field(discriminator="kind")]


def scaled(summary: Summary, natural: float) -> float:
    """A natural value on the summary's own scale; NaN where there is none."""
    if summary.scale == "linear" or math.isnan(natural):
        return natural
    if summary.scale == "log":
        return math.log(natural) if natural > 0 else math.nan
    if summary.scale == "asinh":
        return math.asinh(natural)
    share = min(max(natural, LEAST_SHARE), 1.0 - LEAST_SHARE)
    return math.log(share / (1.0 - share))


def natural_of(summary: Summary, value: float) -> float:
    """The natural value of one on the summary's own scale."""
    if summary.scale == "linear":
        return value
    if summary.scale == "asinh":
        return math.sinh(value)
    return math.exp(value) if summary.scale == "log" else 1.0 / (1.0 + math.exp(-value))


class Calibration(Part):
    """A calibration: the sweep, in how many parts its points are checked, and the summaries."""

    version: Literal[1] = 1
    name: Name
    title: str = Field(max_length=120)
    description: str = Field("", max_length=4000)
    sweep: str = Field(description="a YAML file (from the calibration's folder) or the name of a shipped sweep")
    folds: Annotated[
        int, Field(ge=2, le=20, description="parts of the points; each is checked with what the others teach")
    ] = 4
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    draws: Annotated[int, Field(ge=100, le=1_000_000, description="of the posterior")] = 2000
    predictive_draws: Annotated[int, Field(ge=10, le=10_000, description="of them, run through the market")] = 64
    summaries: tuple[Summary, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _names_are_unique(self) -> Calibration:
        names = [summary.name for summary in self.summaries]
        if len(set(names)) < len(names):
            raise ValueError(f"names of summaries must be unique: {', '.join(names)}")
        if not self.fitted:
            raise ValueError("give at least one summary the role fitted")
        return self

    @property
    def fitted(self) -> tuple[Summary, ...]:
        """The summaries that the posterior is conditioned on."""
        return tuple(summary for summary in self.summaries if summary.role == "fitted")


@dataclass(frozen=True)
class Study:
    """A calibration and the plan of its sweep, checked against each other."""

    calibration: Calibration
    plan: Plan
    source: str

    @property
    def sha256(self) -> str:
        """Hash of what decides the posterior."""
        beside = {"title", "description"}
        return sha256_of_json([self.calibration.model_dump(mode="json", exclude=beside), self.plan.sha256])


def load_study(argument: str | Path) -> Study:
    """The calibration of a YAML file, or of a shipped name ("real_market"), with its sweep.

    Raises:
        InputError, InputErrors: all problems of the file at once, then those between it and the sweep.
    """
    path = shipped_or_path(str(argument), "calibrations", ".yaml")
    return parse_study(read_yaml(path), str(path), path.parent)


def with_draws(study: Study, draws: int | None) -> Study:
    """The same study with another number of draws of the posterior; None leaves the file's.

    Raises:
        InputError: for fewer than its predictive draws or 100, or more than a million.
    """
    if draws is None:
        return study
    least = max(100, study.calibration.predictive_draws)
    if not least <= draws <= 1_000_000:
        raise InputError("--draws", "", draws, f"a whole number from {least} to 1000000", "correct the option")
    return replace(study, calibration=study.calibration.model_copy(update={"draws": draws}))


def shipped_calibrations() -> list[Path]:
    """The calibrations that ship with Undercut, by name."""
    return sorted((data_dir() / "calibrations").glob("*.yaml"))


def parse_study(raw: Mapping[str, Any], source: str, folder: Path = Path()) -> Study:
    """A calibration from plain data; `source` names it in messages, `folder` is where paths of sweeps start.

    Raises:
        InputError, InputErrors: see `load_study`.
    """
    calibration, plan = parse_on_sweep(Calibration, raw, source, folder)
    raise_all(_contradictions(calibration, plan, source))
    return Study(calibration, plan, source)


def _contradictions(calibration: Calibration, plan: Plan, source: str) -> list[InputError]:
    sweep, problems = plan.sweep, []
    if len(sweep.parameters) > MOST_PARAMETERS:
        allowed = f"at most {MOST_PARAMETERS}: more cannot be told apart"
        problems.append(
            InputError(plan.source, "parameters", len(sweep.parameters), allowed, "keep some at their value")
        )
    for parameter in sweep.parameters:
        if isinstance(parameter.distribution, Choice | Grid):
            where = f"parameters ({parameter.name}): distribution.kind"
            allowed = "uniform, loguniform, normal or lognormal: a prior with a density"
            problems.append(InputError(plan.source, where, parameter.distribution.kind, allowed, "give a prior"))
    if sweep.design.kind != "random":
        remedy = "let points be independent draws from the prior"
        problems.append(InputError(plan.source, "design.kind", sweep.design.kind, "random", remedy))
    elif point_count(sweep) < LEAST_POINTS:
        allowed = f"{LEAST_POINTS} or more: so many are learned from in each part"
        problems.append(InputError(plan.source, "design.points", point_count(sweep), allowed, "draw more points"))
    dated = [metric.name for metric in sweep.metrics if len(metric.days) > 1]
    if dated:
        problems.append(InputError(plan.source, "metrics: days", dated[0], "one day a metric", "name one metric a day"))
    for summary in calibration.summaries:
        problems += unknown_metrics(source, "summaries", [(summary.name, summary.names)], plan)
        if math.isnan(scaled(summary, summary.observed.value)):
            where = f"summaries ({summary.name}): observed.value"
            problems.append(InputError(source, where, summary.observed.value, "above 0", "correct the value"))
    return problems


def _number(values: Values, name: str) -> float:
    value = values.get(name)
    return math.nan if value is None else float(value)


def _over(part: float, whole: float) -> float:
    return part / whole if whole > 0 else math.nan
