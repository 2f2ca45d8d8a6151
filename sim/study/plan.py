"""What a sweep is: a scenario, what varies in it and how, how often each point is run, and what is kept of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, JsonValue, ValidationError, model_validator

from sim.metrics import MARKET, RUN, SHARES
from sim.metrics.leaders import LEADERS
from sim.metrics.prices import PRICE_INDICES
from sim.scenario.base import Name, NotNegative, Part, Positive
from sim.scenario.load import load_scenario, parse_scenario, problems_of
from sim.scenario.paths import put_at, value_at
from sim.scenario.scenario import Change, Scenario
from sim.shared.errors import InputError, InputErrors, raise_all
from sim.shared.manifest import sha256_of_json
from sim.shared.paths import data_dir, shipped_or_path
from sim.shared.yaml import read_yaml
from sim.study.distributions import Distribution, Levelled, Ranged
from sim.world.tables import MULTIHOMING

SUMMED = ("mtok", "revenue_usd", "profit_usd", "share_of_tokens", "share_of_dollars")  # over the offers of a provider
OTHER_TABLES = {spec.name: spec for spec in (LEADERS, MULTIHOMING, PRICE_INDICES)}


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


class _Read(Part):
    """How a metric is read off a column of reports."""

    name: Name
    column: str
    days: tuple[NotNegative, ...] = Field((), description="read at the last report of each; none: at the horizon")
    window_days: NotNegative = Field(0.0, description="0: that report alone, else all of the days before")
    take: Literal["mean", "least", "most", "sum"] = Field("mean", description="of the reports in the window")
    compare: Literal["level", "change", "relative"] = Field(
        "level", description="change: less, relative: over and less 1, the same market without the entrant"
    )


class OfMarket(_Read):
    """A column of the table `market`."""

    kind: Literal["market"]


class OfOffer(_Read):
    """A column of the table `shares`, for one offer; while it is not on sale, nothing (shares and flows: 0)."""

    kind: Literal["offer"]
    offer: Name


class OfProvider(_Read):
    """A column of the table `shares`, summed over the offers of a provider."""

    kind: Literal["provider"]
    provider: Name


class Largest(_Read):
    """A column of the table `shares`, summed by provider: the largest of these sums."""

    kind: Literal["largest_provider"]


class OfTable(_Read):
    """A column of another table, summed over the rows of a day whose texts are those of `where`."""

    kind: Literal["table"]
    table: Literal["leaders", "multihoming", "price_indices"]
    where: dict[str, str] = Field(default_factory=dict, description="columns of text, such as level: economy")


Metric = Annotated[OfMarket | OfOffer | OfProvider | Largest | OfTable, Field(discriminator="kind")]


class Conclusion(Part):
    """A statement that holds where a metric lies on one side of a threshold."""

    name: Name
    statement: str = Field(max_length=300)
    metric: Name = Field(description="one of the sweep's; read at its last day")
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
        for what, items in (("parameters", self.parameters), ("metrics", self.metrics)):
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
    raise_all([*_wrong_parameters(plan), *_wrong_design(sweep, source), *_wrong_metrics(plan)])
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


def _wrong_metrics(plan: Plan) -> list[InputError]:
    scenario, problems = plan.scenario, []
    offers = [offer.name for offer in scenario.offers]
    providers = [provider.name for provider in scenario.providers]
    for number, metric in enumerate(plan.sweep.metrics):
        where = f"metrics.{number} ({metric.name})"

        def wrong(field: str, received: object, allowed: str, remedy: str, where: str = where) -> None:
            problems.append(InputError(plan.source, f"{where}: {field}", received, allowed, remedy))

        spec = MARKET if isinstance(metric, OfMarket) else SHARES
        if isinstance(metric, OfTable):
            spec = OTHER_TABLES[metric.table]
        columns = [
            column.name
            for column in spec.columns
            if column.kind in ("number", "integer") and column.name not in (*RUN, "day")
        ]
        known = [name for name in columns if metric.kind in ("market", "offer", "table") or name in SUMMED]
        if metric.column not in known:
            wrong("column", metric.column, ", ".join(known), "name a column of this table")
        if isinstance(metric, OfTable):
            texts = [column.name for column in spec.columns if column.kind == "text"]
            for column in metric.where:
                if column not in texts:
                    wrong("where", column, ", ".join(texts) or "nothing: it has no texts", "name a column of text")
        if isinstance(metric, OfOffer) and metric.offer not in offers:
            wrong("offer", metric.offer, ", ".join(offers), "name an offer of the scenario")
        if isinstance(metric, OfProvider) and metric.provider not in providers:
            wrong("provider", metric.provider, ", ".join(providers), "name a provider of the scenario")
        if metric.compare != "level" and scenario.entrant is None:
            wrong("compare", metric.compare, "level: this scenario has no entrant", "name one, or compare nothing")
        late = [day for day in metric.days if day > scenario.horizon_days or day < scenario.report_days]
        if late:
            reach = f"{scenario.report_days:g} to {scenario.horizon_days:g}"
            wrong("days", late[0], reach, "name days of the run, from its first report on")
    names = [metric.name for metric in plan.sweep.metrics]
    for number, conclusion in enumerate(plan.sweep.conclusions):
        if conclusion.metric not in names:
            problems.append(
                InputError(plan.source, f"conclusions.{number}.metric", conclusion.metric, ", ".join(names), "name one")
            )
    return problems


def with_values(plan: Plan, values: Mapping[str, JsonValue], source: str) -> dict[str, Any]:
    """The base with the values of some parameters, by name; a copy.

    Raises:
        InputError: for a path that leads nowhere.
    """
    raw: dict[str, Any] = _copy(plan.base)
    for parameter in plan.sweep.parameters:
        if parameter.name in values:
            for path in parameter.paths:
                put_at(raw, path, values[parameter.name], source)
    return raw


def _copy(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: _copy(value) for key, value in node.items()}
    return [_copy(value) for value in node] if isinstance(node, list) else node
