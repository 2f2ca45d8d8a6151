"""Groups of potential entrants: hosts of open weights, and newcomers with a student of their own.

Arrays have one column an offer for the whole run, so a group is expanded into its `count_max` providers when a scenario
is read: `host-1`, `host-2`, ... each with one offer of the same name, waiting until the mechanism puts it on sale. They
stand in the scenario like any other provider, marked with the group's name, and are made anew from the group whenever
it changes: an intervention changes the group, never one of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, ValidationError

from sim.scenario.base import Name, NotNegative, Part, Positive
from sim.scenario.fleet import Fleet
from sim.scenario.model import ModelSpec
from sim.scenario.prices import ListPrice, PricePolicy, ServingCost
from sim.scenario.providers import Offer, Provider, Treasury

_LARGEST_GROUP = 64


class EntryGroup(Part):
    """Equal potential entrants, who enter one after the other while the next one's expected profit allows it.

    At a review the next one enters if a year's expected profit, everybody's prices having answered, exceeds the fixed
    cost and the interest on what entering costs; the last one leaves if it is below the fixed cost.
    """

    name: Name
    count_max: Annotated[int, Field(ge=1, le=_LARGEST_GROUP)] = Field(description="how many there may be at once")
    fixed_cost_usd_per_year: NotNegative = Field(description="F: paid while it is in the market")
    entry_cost_usd: NotNegative = Field(0.0, description="paid once, at its first entry, as training")
    review_days: Positive = Field(91.25, description="days between two decisions of the group")
    list_price: ListPrice
    cost: ServingCost
    price: PricePolicy
    fit_share: float = Field(0.0, description="taste for these offers, as a share of value")
    fleet: Fleet | None = None
    treasury: Treasury = Treasury()

    @property
    def members(self) -> tuple[str, ...]:
        """Names of the providers, and of their offers, in the order in which they enter."""
        return tuple(f"{self.name}-{number}" for number in range(1, self.count_max + 1))

    def made(self, model_of: Mapping[str, str]) -> tuple[Provider, ...]:
        """The providers, each with one offer of the model `model_of[its name]`."""
        return tuple(
            Provider(
                name=name,
                group=self.name,
                offers=(
                    Offer(
                        name=name, model=model_of[name], list_price=self.list_price, cost=self.cost,
                        fit_share=self.fit_share, on_sale=True, wholesale=False,
                    ),
                ),
                price=self.price,
                fleet=self.fleet,
                treasury=self.treasury,
            )
            for name in self.members
        )  # fmt: skip


class HostGroup(EntryGroup):
    """Hosts of one model's open weights, from the day on which a lab publishes them.

    Weights that no lab of the scenario publishes have been public before day 0.
    """

    model: Name


class EntrantGroup(EntryGroup):
    """Newcomers, each with a model of its own, made after `model`."""

    model: ModelSpec = Field(description="a model of every entrant; its name is replaced by the entrant's")
    from_day: NotNegative = Field(0.0, description="day of the first decision")


def with_potential_entrants(raw: Mapping[str, Any]) -> Mapping[str, Any]:
    """A raw scenario with the providers and models of its groups made anew.

    A group that is not valid is left to the scenario's own validation.
    """
    groups: list[HostGroup | EntrantGroup] = []
    for field, kind in (("hosts", HostGroup), ("free_entry", EntrantGroup)):
        parts = raw.get(field)
        for part in parts if isinstance(parts, list | tuple) else ():
            try:
                groups.append(kind.model_validate(part))
            except ValidationError:
                continue
    if not groups:
        return raw
    names = {group.name for group in groups}
    models, providers = _declared(raw.get("models"), names), _declared(raw.get("providers"), names)
    for group in groups:
        if isinstance(group, HostGroup):
            providers += group.made(dict.fromkeys(group.members, group.model))
        else:
            template = group.model
            models += [template.model_copy(update={"name": name, "group": group.name}) for name in group.members]
            providers += group.made({name: name for name in group.members})
    return {**raw, "models": models, "providers": providers}


def _declared(items: Any, groups: set[str]) -> list[Any]:
    """What a file declares itself, without what was made from a group."""

    def group_of(item: Any) -> str:
        return str(item.get("group", "") if isinstance(item, Mapping) else getattr(item, "group", ""))

    return [item for item in items or () if group_of(item) not in groups] if isinstance(items, list | tuple) else []
