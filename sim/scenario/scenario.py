"""The scenario: the whole of a market as one frozen value, and the rules that hold between its parts."""

from __future__ import annotations

import datetime
from typing import Annotated, Literal

from pydantic import Field

from sim.scenario.base import Name, NotNegative, Part, Positive
from sim.scenario.model import ModelSpec, RelativeStudent, TransferredStudent
from sim.scenario.population import Line, PlaceColumn, Population
from sim.scenario.prices import CatalogCost, CatalogPrice, Match, TeacherCost, TeacherPrice, Undercut
from sim.scenario.providers import Offer, Provider
from sim.scenario.tasks import TaskClass
from sim.shared.errors import InputError
from sim.shared.manifest import sha256_of_json


class Scenario(Part):
    """A market.

    Days count from `starts_on`. `report_days` is the step of the tables. The entry that a paired comparison removes is
    `entrant`, the name of an offer that a lab releases.
    """

    version: Literal[1] = 1
    name: Name
    title: str = Field(max_length=120)
    description: str = Field("", max_length=4000)
    starts_on: datetime.date
    horizon_days: Annotated[float, Field(gt=0, le=36_500)] = 1095.0
    report_days: Positive = 7.0
    discount_rate_per_year: NotNegative = 0.15
    entrant: Name | None = None
    tasks: tuple[TaskClass, ...] = Field(min_length=1)
    population: Population
    models: tuple[ModelSpec, ...] = Field(min_length=1)
    providers: tuple[Provider, ...] = Field(min_length=1)
    belief_nodes_per_class: Annotated[int, Field(ge=1, le=65_536)] = Field(
        128, description="nodes of the owners' beliefs about demand, per task class"
    )

    @property
    def offers(self) -> tuple[Offer, ...]:
        """All offers, in the order of their providers."""
        return tuple(offer for provider in self.providers for offer in provider.offers)

    @property
    def sha256(self) -> str:
        """Hash of the content; equal scenarios have equal hashes however their files are laid out."""
        return sha256_of_json(self.model_dump(mode="json"))

    def model_named(self, name: str) -> ModelSpec:
        """The model of that name; the scenario is known to hold it."""
        return next(model for model in self.models if model.name == name)

    def without_entry(self, offer: str) -> Scenario:
        """The same market in which `offer` is never released; nothing else differs.

        Raises:
            InputError: if no lab releases that offer.
        """
        releases = [release.offer for provider in self.providers for release in provider.lab.releases]
        if offer not in releases:
            raise InputError(
                source=f"scenario {self.name}",
                field="entrant",
                received=offer,
                allowed=", ".join(releases) or "an offer that a lab releases (this scenario has none)",
                remedy="name an offer that stands in a lab's releases",
            )
        providers = tuple(
            provider.model_copy(
                update={
                    "lab": provider.lab.model_copy(
                        update={
                            "releases": tuple(
                                release.model_copy(update={"release_day": None}) if release.offer == offer else release
                                for release in provider.lab.releases
                            )
                        }
                    )
                }
            )
            for provider in self.providers
        )
        return self.model_copy(update={"providers": providers})


def contradictions(scenario: Scenario, source: str) -> list[InputError]:
    """All problems between the parts of a scenario that is valid part by part."""
    return [
        *_repeated_names(scenario, source),
        *_unknown_models(scenario, source),
        *_unknown_offers(scenario, source),
        *_wrong_kinds(scenario, source),
        *_wrong_line(scenario, source),
    ]


def _repeated_names(scenario: Scenario, source: str) -> list[InputError]:
    problems = []
    groups = {
        "tasks": [task.name for task in scenario.tasks],
        "models": [model.name for model in scenario.models],
        "providers": [provider.name for provider in scenario.providers],
        "providers.offers": [offer.name for offer in scenario.offers],
    }
    for field, names in groups.items():
        for name in sorted({name for name in names if names.count(name) > 1}):
            problems.append(InputError(source, field, name, "names that are unique", "rename one of them"))
    return problems


def _unknown_models(scenario: Scenario, source: str) -> list[InputError]:
    names = [model.name for model in scenario.models]
    listed = ", ".join(names)
    problems = []
    for offer in scenario.offers:
        if offer.model not in names:
            problems.append(InputError(source, f"offer {offer.name}: model", offer.model, listed, "name a model above"))
    for index, model in enumerate(scenario.models):
        if isinstance(model, RelativeStudent | TransferredStudent) and model.teacher not in names[:index]:
            problems.append(
                InputError(
                    source,
                    f"models.{index}.teacher",
                    model.teacher,
                    ", ".join(names[:index]) or "a model that stands above it",
                    "a student stands below its teacher",
                )
            )
    return problems


def _unknown_offers(scenario: Scenario, source: str) -> list[InputError]:
    every = [offer.name for offer in scenario.offers]
    problems = []
    for provider in scenario.providers:
        own = [offer.name for offer in provider.offers]
        rivals = ", ".join(name for name in every if name not in own)
        if isinstance(provider.price, Match | Undercut) and (
            provider.price.rival not in every or provider.price.rival in own
        ):
            problems.append(
                InputError(source, f"provider {provider.name}: price.rival", provider.price.rival, rivals, "a rival's")
            )
        for release in provider.lab.releases:
            where = f"provider {provider.name}: lab.releases"
            if release.offer not in own:
                problems.append(InputError(source, f"{where}.offer", release.offer, ", ".join(own), "an own offer"))
            if release.teacher_offer is not None and release.teacher_offer not in every:
                problems.append(
                    InputError(source, f"{where}.teacher_offer", release.teacher_offer, ", ".join(every), "an offer")
                )
    released = {release.offer for provider in scenario.providers for release in provider.lab.releases}
    if scenario.entrant is not None and scenario.entrant not in released:
        problems.append(
            InputError(
                source,
                "entrant",
                scenario.entrant,
                ", ".join(sorted(released)) or "an offer that a lab releases",
                "let a lab release it, or leave the field out",
            )
        )
    return problems


def _wrong_kinds(scenario: Scenario, source: str) -> list[InputError]:
    problems = []
    by_name = {model.name: model for model in scenario.models}
    for offer in scenario.offers:
        model = by_name.get(offer.model)
        if model is None:
            continue
        student = isinstance(model, RelativeStudent | TransferredStudent)
        for field, part, wants in (
            ("list_price", offer.list_price, TeacherPrice),
            ("cost", offer.cost, TeacherCost),
        ):
            if isinstance(part, wants) and not student:
                problems.append(
                    InputError(source, f"offer {offer.name}: {field}.kind", part.kind, "a student's offer", "state it")
                )
            if isinstance(part, CatalogPrice | CatalogCost) and model.kind != "catalog":
                problems.append(
                    InputError(
                        source,
                        f"offer {offer.name}: {field}.kind",
                        part.kind,
                        "stated or teacher, for a model that is not in the catalog",
                        "state the figure",
                    )
                )
    return problems


def _wrong_line(scenario: Scenario, source: str) -> list[InputError]:
    """On a line one column differs and nothing else; every offer that customers may buy has one place."""
    if not isinstance(scenario.population, Line):
        return []
    problems = []
    for task in scenario.tasks:
        spreads = {"value_usd.log_sd": task.value_usd.log_sd, "difficulty_sd": task.difficulty_sd}
        for field, spread in spreads.items():
            if spread:
                problems.append(
                    InputError(
                        source, f"task {task.name}: {field}", spread, "0 with a population of kind line",
                        "set it to 0; customers differ in population.varies alone",
                    )
                )  # fmt: skip
    if isinstance(scenario.population.varies, PlaceColumn):
        every = [offer.name for offer in scenario.offers]
        placed = [place.offer for place in scenario.population.varies.places]
        wrong = {name: "a place for an offer of the scenario" for name in placed if name not in every}
        wrong |= {name: "one place" for name in placed if placed.count(name) > 1}
        wrong |= {name: "a place" for name in every if name not in placed}
        for name, allowed in wrong.items():
            problems.append(
                InputError(
                    source, "population.varies.places", name, f"{allowed}, for each of {', '.join(every)}",
                    "place every offer once",
                )
            )  # fmt: skip
    return problems
