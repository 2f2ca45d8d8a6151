"""The scenario: the whole of a market as one frozen value."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, JsonValue, model_validator

from sim.scenario.base import Name, NotNegative, Part, Positive
from sim.scenario.entry import EntrantGroup, HostGroup, with_potential_entrants
from sim.scenario.model import ModelSpec
from sim.scenario.population import Population
from sim.scenario.providers import Offer, Provider
from sim.scenario.tasks import TaskClass
from sim.shared.errors import InputError
from sim.shared.manifest import sha256_of_json


class Change(Part):
    """A field by its path, and its new value; see `sim.scenario.interventions` for the paths."""

    key: str = Field(min_length=1, max_length=300)
    value: JsonValue


class Intervention(Part):
    """Something that happens to the market on a day and that nobody foresaw."""

    day: NotNegative
    changes: tuple[Change, ...] = Field(min_length=1)


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
    interventions: tuple[Intervention, ...] = ()
    hosts: tuple[HostGroup, ...] = Field((), description="potential hosts of open weights")
    free_entry: tuple[EntrantGroup, ...] = Field((), description="potential newcomers with models of their own")

    @model_validator(mode="before")
    @classmethod
    def _with_potential_entrants(cls, raw: Any) -> Any:
        return with_potential_entrants(raw) if isinstance(raw, Mapping) else raw

    @property
    def waiting_offers(self) -> frozenset[str]:
        """Offers that are not on sale from day 0: a release, an entry, a build or a loss of supply brings them."""
        return frozenset().union(*(provider.waiting for provider in self.providers))

    @property
    def nested_offers(self) -> tuple[tuple[int, str], ...]:
        """Places and models of the offers that customers may buy and whose weights are their model's, in order.

        What a lab's decisions move is no longer what others serve under the model's name.
        """
        moved = frozenset().union(*(provider.lab.moved_offers for provider in self.providers))
        offers = enumerate(self.offers)
        return tuple((j, part.model) for j, part in offers if not part.wholesale and part.name not in moved)

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
