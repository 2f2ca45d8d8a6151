"""What a sweep is: a scenario, what varies in it and how, how often each point is run, and what is kept of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, JsonValue, ValidationError, model_validator

from sim.scenario.base import Name, Part, Positive
from sim.scenario.load import load_scenario, parse_scenario, problems_of
from sim.scenario.paths import put_at, value_at
from sim.scenario.scenario import Change, Scenario
from sim.shared.errors import InputError, InputErrors, raise_all
from sim.shared.manifest import sha256_of_json
from sim.shared.paths import data_dir, shipped_or_path
from sim.shared.yaml import read_yaml
from sim.study.distributions import Distribution, Levelled, Ranged
from sim.study.readings import Metric, metric_problems


class Parameter(Part):
    """One assumption that varies: the same value is put at all its paths."""

    name: Name
    paths: tuple[str, ...] = Field(min_length=1, description="see sim.scenario.paths")
    distribution: Distribution


class Factorial(Part):
    """Every combination of the parameters' levels, the last parameter fastest."""

    kind: Literal["factorial"]


class Random(Part):
    """Independent draws."""

    kind: Literal["random"]
    points: Annotated[int, Field(ge=1, le=10_000_000)]


class LatinHypercube(Part):
    """One point in each of `points` equal slices of every parameter."""

    kind: Literal["latin_hypercube"]
    points: Annotated[int, Field(ge=1, le=1_000_000)]


class Sobol(Part):
    """The first `points` of a scrambled Sobol sequence; a power of two is best."""

    kind: Literal["sobol"]
    points: Annotated[int, Field(ge=1, le=10_000_000)]


class Morris(Part):
    """Trajectories that change one parameter at a time (Morris 1991), for screening."""

    kind: Literal["morris"]
    trajectories: Annotated[int, Field(ge=2, le=10_000)] = 10
    levels: Annotated[int, Field(ge=2, le=64)] = 4


class Saltelli(Part):
    """`samples` * (parameters + 2) points for first and total Sobol indices (Saltelli 2002); a power of two is best."""

    kind: Literal["saltelli"]
    samples: Annotated[int, Field(ge=2, le=1_000_000)] = 64


Design = Annotated[Factorial | Random | LatinHypercube | Sobol | Morris | Saltelli, Field(discriminator="kind")]


class Arm(Part):
    """One of several markets that are run at every point, on the same values and random numbers, to be compared."""

    name: Name
    says: str = Field("", max_length=300)
    changes: tuple[Change, ...] = Field((), description="made after the parameters' values are put")


class Conclusion(Part):
    """A statement that holds where a metric lies on one side of a threshold."""

    name: Name
    statement: str = Field(max_length=300)
    metric: str = Field(description="one of the sweep's, with arms METRIC@ARM; read at its last day")
    comparison: Literal["above", "below"]
    threshold: float


class Sweep(Part):
    """An experiment: `scenario` with `changes`, run at every point of the design."""

    version: Literal[1] = 1
    name: Name
    title: str = Field(max_length=120)
    description: str = Field("", max_length=4000)
    scenario: str = Field(description="a YAML file (from the sweep's folder) or the name of a shipped scenario")
    changes: tuple[Change, ...] = Field((), description="made before anything varies; may touch any part")
    arms: tuple[Arm, ...] = Field((), description="none: the scenario as it stands")
    parameters: tuple[Parameter, ...] = Field(min_length=1)
    design: Design
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    replications: Annotated[int, Field(ge=1, le=100_000)] = 1
    catalog_draws: Annotated[int, Field(ge=0, le=100_000)] = 0
    metrics: tuple[Metric, ...] = Field(min_length=1)
    conclusions: tuple[Conclusion, ...] = ()
    morris: Morris = Morris(kind="morris")
    saltelli: Saltelli = Saltelli(kind="saltelli")
    timeout_s: Positive = Field(600.0, description="after which a point counts as failed")
    memory_mb: Positive | None = Field(None, description="of a worker; null: its part of the machine's memory")

    @model_validator(mode="after")
    def _names_are_unique(self) -> Sweep:
        for what, items in (("parameters", self.parameters), ("metrics", self.metrics), ("arms", self.arms)):
            names = [item.name for item in items]
            if len(set(names)) < len(names):
                raise ValueError(f"names of {what} must be unique: {', '.join(names)}")
        return self

    @property
    def paired(self) -> bool:
        """Whether points are run a second time, without the entrant."""
        return any(metric.compare != "level" for metric in self.metrics)


@dataclass(frozen=True)
class Plan:
    """A sweep and the scenario that it varies, checked against each other.

    Attributes:
        base: the scenario with the sweep's changes, as plain data.
    """

    sweep: Sweep
    base: dict[str, Any]
    source: str

    @property
    def scenario(self) -> Scenario:
        """The base, before anything varies."""
        return parse_scenario(self.base, self.source)

    @property
    def sha256(self) -> str:
        """Hash of what decides the numbers, not of how they are computed."""
        beside = {"title", "description", "conclusions", "morris", "saltelli", "timeout_s", "memory_mb"}
        sweep = self.sweep.model_dump(mode="json", exclude=beside)
        return sha256_of_json([sweep, self.base])

    def base_value(self, parameter: Parameter) -> JsonValue:
        """What the base has where the parameter is put."""
        value: JsonValue = value_at(self.base, parameter.paths[0], self.source)
        return value


def load_plan(argument: str | Path) -> Plan:
    """The sweep of a YAML file, or of a shipped name ("regime_map"), with its scenario.

    Raises:
        InputError, InputErrors: all problems of the file at once, then those between it and the scenario.
    """
    path = shipped_or_path(str(argument), "sweeps", ".yaml")
    return parse_plan(read_yaml(path), str(path), path.parent)


def shipped_sweeps() -> list[Path]:
    """The sweeps that ship with Undercut, by name."""
    return sorted((data_dir() / "sweeps").glob("*.yaml"))


def parse_plan(raw: Mapping[str, Any], source: str, folder: Path = Path()) -> Plan:
    """A sweep from plain data; `source` names it in messages, `folder` is where paths of scenarios start.

    Raises:
        InputError, InputErrors: see `load_plan`.
    """
    try:
        sweep = Sweep.model_validate(raw)
    except ValidationError as error:
        raise_all(problems_of(error, source, Sweep))
        raise AssertionError("a validation error without problems") from error
    beside = folder / sweep.scenario
    scenario = load_scenario(beside if beside.is_file() else sweep.scenario)
    base = scenario.model_dump(mode="json")
    for number, change in enumerate(sweep.changes):
        put_at(base, change.key, change.value, f"{source}: changes.{number}")
    plan = Plan(sweep, parse_scenario(base, f"{source}, with its changes").model_dump(mode="json"), source)
    raise_all([*_wrong_parameters(plan), *_wrong_design(sweep, source), *_wrong_arms(plan), *_wrong_metrics(plan)])
    return plan


def _wrong_parameters(plan: Plan) -> list[InputError]:
    """Paths that lead nowhere, and values at the ends of a range that the scenario refuses."""
    problems: list[InputError] = []
    for number, parameter in enumerate(plan.sweep.parameters):
        where = f"{plan.source}: parameters.{number} ({parameter.name})"
        part = parameter.distribution
        for value in part.ends if isinstance(part, Ranged) else part.levels:
            try:
                raw = with_values(plan, {parameter.name: value}, where)
                parse_scenario(raw, f"{where} at {value!r}")
            except InputError as error:
                problems.append(error)
            except InputErrors as error:
                problems += error.problems
            else:
                continue
            break
    return problems


def _wrong_design(sweep: Sweep, source: str) -> list[InputError]:
    if not isinstance(sweep.design, Factorial):
        return []
    problems = []
    for number, parameter in enumerate(sweep.parameters):
        if not isinstance(parameter.distribution, Levelled):
            where = f"parameters.{number} ({parameter.name}): distribution.kind"
            allowed = "grid or choice, in a factorial design"
            problems.append(InputError(source, where, parameter.distribution.kind, allowed, "give levels"))
    return problems


def _wrong_arms(plan: Plan) -> list[InputError]:
    """Arms whose changes lead nowhere, or make a scenario that is refused."""
    problems: list[InputError] = []
    for arm in plan.sweep.arms:
        where = f"{plan.source}: arms ({arm.name})"
        try:
            parse_scenario(with_values(plan, {}, where, arm), where)
        except InputError as error:
            problems.append(error)
        except InputErrors as error:
            problems += error.problems
    return problems


def _wrong_metrics(plan: Plan) -> list[InputError]:
    problems = metric_problems(plan.sweep.metrics, plan.scenario, plan.source)
    names = list(metric_names(plan.sweep))
    for number, conclusion in enumerate(plan.sweep.conclusions):
        if conclusion.metric not in names:
            problems.append(
                InputError(plan.source, f"conclusions.{number}.metric", conclusion.metric, ", ".join(names), "name one")
            )
    return problems


def with_values(plan: Plan, values: Mapping[str, JsonValue], source: str, arm: Arm | None = None) -> dict[str, Any]:
    """The base with the values of some parameters, by name, and then the changes of an arm; a copy.

    Raises:
        InputError: for a path that leads nowhere.
    """
    raw: dict[str, Any] = _copy(plan.base)
    for parameter in plan.sweep.parameters:
        if parameter.name in values:
            for path in parameter.paths:
                put_at(raw, path, values[parameter.name], source)
    for change in arm.changes if arm is not None else ():
        put_at(raw, change.key, _copy(change.value), source)
    return raw


def metric_names(sweep: Sweep) -> dict[str, tuple[str, str]]:
    """What conclusions call a metric, and which one of which arm it is: `lag`, or with arms `lag@open`."""
    return {
        f"{metric.name}@{arm}" if arm else metric.name: (metric.name, arm)
        for metric in sweep.metrics
        for arm in ([arm.name for arm in sweep.arms] or [""])
    }


def _copy(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: _copy(value) for key, value in node.items()}
    return [_copy(value) for value in node] if isinstance(node, list) else node
