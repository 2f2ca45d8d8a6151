"""Dated changes that nobody foresees: the scenario as it stands from each of their days on.

A change names a field by its path and gives the new value. Items of a list are named by their own name, a release by
its offer, a place by its offer, anything by its number:

    providers.openai.price                        {kind: cost_plus, markup: 0.2}
    providers.newcomer.lab.releases.student.release_day       365
    population.switching_share                    0
    tasks.code.difficulty_mean                    1.5

What a market consists of (its task classes, models, providers and offers, the rows of its customers, its dates) stays.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sim.scenario.mechanisms import mechanisms
from sim.scenario.paths import item_index
from sim.scenario.providers import Distillation
from sim.scenario.scenario import Change, Intervention, Scenario
from sim.scenario.supply_contradictions import closed_again
from sim.shared.errors import InputError

# Fields that are the market's frame: a path ending in, or leading through, one of these stays as it is.
_FRAME = {
    "": ("version", "name", "title", "description", "starts_on", "horizon_days", "report_days", "entrant",
         "belief_nodes_per_class", "interventions"),
    "tasks": ("name", "input_tokens", "cached_input_tokens", "output_tokens", "success"),
    "population": ("kind", "customers", "nodes_per_class", "arrivals_per_day", "first_customers",
                   "growth_per_year", "churn_per_year"),
    "models": ("name", "kind"),
    "providers": ("name",),
    "offers": ("name", "model", "wholesale"),
    "treasury": ("cash_usd",),
    "releases": ("offer",),
    "open_weights": ("offer",),
    "hosts": ("name", "model", "count_max"),
    "free_entry": ("name", "count_max"),
    "students": ("offer", "waits"),
    "reinforcement": ("offer",),
    "research": ("successors",),
}  # fmt: skip


@dataclass(frozen=True)
class Stage:
    """What a scenario's market is from `day` on, and which intervention made it so."""

    day: float
    number: int
    intervention: Intervention
    raw: dict[str, Any]


def stages(scenario: Scenario, source: str) -> list[Stage]:
    """The raw scenario after each intervention, by day; equal days in the order given.

    Raises:
        InputError: for a path that leads nowhere, or to the market's frame.
    """
    raw = scenario.model_dump(mode="json")
    raw["interventions"] = []
    out = []
    for number, item in sorted(enumerate(scenario.interventions), key=lambda pair: pair[1].day):
        raw = _copy(raw)
        for index, change in enumerate(item.changes):
            _put(raw, change, f"{source}: interventions.{number}.changes.{index}")
        out.append(Stage(item.day, number, item, raw))
    return out


def broken_past(before: Scenario, after: Scenario, day: float, source: str) -> list[InputError]:
    """What a change on `day` would have to change before that day: frames, and releases that are past."""
    problems = []
    if _shape(before) != _shape(after):
        problems.append(
            InputError(
                source, "changes", "another number or order of task classes, models, providers, offers or releases",
                "changes of what is there", "change fields of these, not the lists",
            )
        )  # fmt: skip
        return problems
    switched = mechanisms(before) ^ mechanisms(after)
    if switched:
        problems.append(
            InputError(
                source, "changes", f"{', '.join(sorted(switched))} switched on or off",
                "mechanisms of demand that are on from day 0 to the end", "give it a very small value instead of 0",
            )
        )  # fmt: skip
    for old, new in zip(_releases(before), _releases(after), strict=True):
        if old == new:
            continue
        if old.release_day is not None and old.release_day <= day:
            problems.append(
                InputError(source, "day", day, f"a day before {old.offer} is released on day {old.release_day:g}",
                           "change the release before it happens")
            )  # fmt: skip
        elif new.release_day is not None and new.release_day < day:
            problems.append(
                InputError(source, f"{new.offer}: release_day", new.release_day, f"day {day:g} or later, or null",
                           "the past stays as it was")
            )  # fmt: skip
    problems += closed_again(before, after, day, source)
    for old_offer, new_offer in zip(before.offers, after.offers, strict=True):
        if new_offer.cost != old_offer.cost and new_offer.cost.kind in ("implied", "wholesale"):
            problems.append(
                InputError(source, f"offer {new_offer.name}: cost.kind", new_offer.cost.kind,
                           "stated, share_of_list_price, catalog, teacher or fleet", "state the new cost")
            )  # fmt: skip
    return problems


def _put(raw: dict[str, Any], change: Change, source: str) -> None:
    steps = change.key.split(".")
    node: Any = raw
    within = ""
    place = 0
    while place < len(steps):
        step = steps[place]
        last = place == len(steps) - 1
        if isinstance(node, list):
            found, length = item_index(node, steps[place:], change.key, source)
            place += length
            if place == len(steps):
                raise InputError(source, "key", change.key, "a field of one item of the list", "name a field")
            node = node[found]
            if isinstance(node, dict) and node.get("group"):
                raise InputError(source, "key", change.key, f"fields of the group {node['group']}",
                                 "it is made from the group: change that")  # fmt: skip
            continue
        if not isinstance(node, dict) or step not in node:
            known = ", ".join(node) if isinstance(node, dict) else "nothing: this is no part with fields"
            raise InputError(source, "key", change.key, f"after {'.'.join(steps[:place]) or 'the start'}: {known}",
                             "correct the path")  # fmt: skip
        if step in _FRAME.get(within, ()):
            raise InputError(source, "key", change.key, f"fields but {', '.join(_FRAME[within])}",
                             "the market's frame stays; write another scenario")  # fmt: skip
        if last:
            node[step] = change.value
            return
        # Items of a list belong to the list's name; parts without a frame of their own have none.
        within = step
        node = node[step]
        place += 1


def _copy(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: _copy(value) for key, value in node.items()}
    return [_copy(value) for value in node] if isinstance(node, list) else node


def _releases(scenario: Scenario) -> Iterator[Distillation]:
    for provider in scenario.providers:
        yield from provider.lab.releases


def _shape(scenario: Scenario) -> list[object]:
    """Names and kinds that a change may not touch, wherever they stand."""
    return [
        [task.name for task in scenario.tasks],
        [(model.name, model.kind) for model in scenario.models],
        [(part.name, [(offer.name, offer.model, offer.wholesale) for offer in part.offers],
          [release.offer for release in part.lab.releases], [opened.offer for opened in part.lab.open_weights],
          [student.offer for student in part.lab.students], [trained.offer for trained in part.lab.reinforcement],
          part.treasury.cash_usd) for part in scenario.providers],
         sorted(scenario.waiting_offers),
        scenario.population.kind,
        scenario.population.model_dump(include=set(_FRAME["population"])),
        [task.model_dump(include=set(_FRAME["tasks"])) for task in scenario.tasks],
    ]  # fmt: skip
