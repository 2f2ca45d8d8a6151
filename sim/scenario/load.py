"""Scenarios from YAML: read safely, validated whole, every problem named at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from sim.scenario.contradictions import contradictions
from sim.scenario.interventions import broken_past, stages
from sim.scenario.scenario import Scenario
from sim.shared.errors import InputError, raise_all
from sim.shared.paths import data_dir, shipped_or_path
from sim.shared.yaml import read_yaml


def load_scenario(argument: str | Path) -> Scenario:
    """The scenario of a YAML file, or of a shipped name ("default").

    Raises:
        InputError, InputErrors: all problems of the file at once.
    """
    path = shipped_or_path(str(argument), "scenarios", ".yaml")
    return parse_scenario(read_yaml(path), str(path))


def parse_scenario(raw: Mapping[str, Any], source: str) -> Scenario:
    """A scenario from plain data; `source` names it in messages.

    Raises:
        InputError, InputErrors: all problems at once.
    """
    try:
        scenario = Scenario.model_validate(raw)
    except ValidationError as error:
        raise_all(problems_of(error, source))
        raise AssertionError("a validation error without problems") from error
    raise_all(contradictions(scenario, source))
    later(scenario, source)
    return scenario


def later(scenario: Scenario, source: str = "the scenario") -> list[tuple[float, Scenario]]:
    """The days of the interventions, each with the scenario as it stands from then on; as valid as the first.

    Raises:
        InputError, InputErrors: all problems of the first intervention that has any.
    """
    out: list[tuple[float, Scenario]] = []
    if not scenario.interventions:
        return out
    before = scenario
    for stage in stages(scenario, source):
        where = f"{source}: interventions.{stage.number}"
        if stage.day >= scenario.horizon_days:
            raise InputError(where, "day", stage.day, f"below {scenario.horizon_days:g}", "choose an earlier day")
        try:
            after = Scenario.model_validate(stage.raw)
        except ValidationError as error:
            raise_all(problems_of(error, where))
            raise AssertionError("a validation error without problems") from error
        raise_all([*contradictions(after, where), *broken_past(before, after, stage.day, where)])
        out.append((stage.day, after))
        before = after
    return out


def dump_scenario(scenario: Scenario) -> str:
    """The scenario as YAML that `load_scenario` reads back to an equal value."""
    import yaml

    return yaml.safe_dump(scenario.model_dump(mode="json"), sort_keys=False, allow_unicode=True, width=100)


def shipped_scenarios() -> list[Path]:
    """The scenario files that ship with Undercut, by name."""
    return sorted((data_dir() / "scenarios").glob("*.yaml"))


def problems_of(error: ValidationError, source: str, described: type[BaseModel] = Scenario) -> list[InputError]:
    """What pydantic found wrong with a value of `described`, as errors of ours."""
    found = error.errors(include_url=False)
    places = [item["loc"] for item in found]
    # A list whose items are wrong is reported as too short too; the items' own problems say it.
    return [
        _problem(item, source, described)
        for item in found
        if not (
            item["type"] == "too_short"
            and any(len(place) > len(item["loc"]) and place[: len(item["loc"])] == item["loc"] for place in places)
        )
    ]


def _problem(item: Any, source: str, described: type[BaseModel]) -> InputError:
    field = ".".join(str(step) for step in item["loc"])
    context: Mapping[str, Any] = item.get("ctx", {})
    received = item.get("input", "")
    if item["type"] == "extra_forbidden":
        allowed, remedy = _known_fields(item["loc"], described), "remove the field or correct its spelling"
    elif item["type"] == "missing":
        received, allowed, remedy = "nothing", "a value", "add the field"
    elif item["type"] == "union_tag_invalid":
        received, allowed = context.get("tag", received), str(context.get("expected_tags", ""))
        field, remedy = f"{field}.kind", "use one of the kinds"
    else:
        allowed, remedy = item["msg"], "correct the value"
    if isinstance(received, Mapping | Sequence) and not isinstance(received, str):
        received = f"{type(received).__name__} of {len(received)}"
    return InputError(source, field, received, allowed, remedy)


def _known_fields(location: tuple[int | str, ...], described: type[BaseModel]) -> str:
    """The fields of the part in which an unknown field stands, read from the JSON schema by walking the location."""
    schema = described.model_json_schema()
    node: Any = schema
    for step in location[:-1]:
        node = _resolved(node, schema)
        if isinstance(step, int):
            node = node.get("items", node.get("prefixItems", [{}])[0])
        elif "properties" in node and step in node["properties"]:
            node = node["properties"][step]
        elif "discriminator" in node:
            node = {"$ref": node["discriminator"]["mapping"].get(step, "")}
    return ", ".join(_resolved(node, schema).get("properties", {})) or "the fields of the documentation"


def _resolved(node: Any, schema: Any) -> Any:
    while isinstance(node, Mapping) and "$ref" in node:
        node = schema["$defs"].get(str(node["$ref"]).rsplit("/", 1)[-1], {})
    return node
