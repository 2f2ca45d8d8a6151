"""What contradicts itself between the parts of a scenario that is valid part by part; everything is told at once.

What belongs to one area stands in `<area>_contradictions`, as one function `wrong_<area>` that is called here.
"""

from __future__ import annotations

import math

from sim.scenario.conduct_contradictions import wrong_conduct
from sim.scenario.labs_contradictions import wrong_labs
from sim.scenario.mechanisms import mechanisms
from sim.scenario.model import MixtureStudent, RelativeStudent, StatedModel, TransferredStudent
from sim.scenario.population import Arrivals, Line, PlaceColumn, Sampled
from sim.scenario.prices import (
    CatalogCost,
    CatalogPrice,
    Joint,
    Leader,
    Match,
    QLearning,
    ReactionTable,
    TeacherCost,
    TeacherPrice,
    Undercut,
    WholesaleCost,
)
from sim.scenario.reviewed import BestResponse
from sim.scenario.scenario import Scenario
from sim.scenario.supply_contradictions import wrong_supply
from sim.shared.errors import InputError
from sim.shared.units import DAYS_PER_YEAR

# Payers and payees of the books that are no provider.
RESERVED_NAMES = ("customers", "compute", "deadweight", "investors", "others", "brokers")
MOST_CUSTOMERS = 5_000_000  # sampled, those who come later counted
MOST_LEARNED_STATES = 100_000  # joint prices of all learners of a market


def contradictions(scenario: Scenario, source: str) -> list[InputError]:
    """All problems between the parts of a scenario that is valid part by part."""
    return [
        *_repeated_names(scenario, source),
        *_unknown_models(scenario, source),
        *_unknown_leanings(scenario, source),
        *_unknown_offers(scenario, source),
        *_wrong_kinds(scenario, source),
        *_wrong_line(scenario, source),
        *_wrong_wholesale(scenario, source),
        *_wrong_policies(scenario, source),
        *wrong_supply(scenario, source),
        *wrong_conduct(scenario, source),
        *wrong_labs(scenario, source),
        *_wrong_demand(scenario, source),
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
    for name in groups["providers"]:
        if name in RESERVED_NAMES:
            allowed = f"any name but {', '.join(RESERVED_NAMES)}, which the books use"
            problems.append(InputError(source, "providers", name, allowed, "rename the provider"))
    return problems


def _unknown_models(scenario: Scenario, source: str) -> list[InputError]:
    names = [model.name for model in scenario.models]
    listed = ", ".join(names)
    problems = []
    for offer in scenario.offers:
        if offer.model not in names:
            problems.append(InputError(source, f"offer {offer.name}: model", offer.model, listed, "name a model above"))
    for index, model in enumerate(scenario.models):
        if isinstance(model, RelativeStudent | TransferredStudent | MixtureStudent) and (
            model.teacher not in names[:index]
        ):
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


def _unknown_leanings(scenario: Scenario, source: str) -> list[InputError]:
    classes = [task.name for task in scenario.tasks]
    return [
        InputError(source, f"model {model.name}: leanings", leaning.task, ", ".join(classes), "name a task class")
        for model in scenario.models
        if isinstance(model, StatedModel)
        for leaning in model.leanings
        if leaning.task not in classes
    ]


def _unknown_offers(scenario: Scenario, source: str) -> list[InputError]:
    every = [offer.name for offer in scenario.offers]
    problems = []
    for provider in scenario.providers:
        own = [offer.name for offer in provider.offers]
        rivals = ", ".join(name for name in every if name not in own)
        if isinstance(provider.price, Match | Undercut | ReactionTable) and (
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


def _wrong_wholesale(scenario: Scenario, source: str) -> list[InputError]:
    problems = []
    sold = {
        offer.name: provider.name for provider in scenario.providers for offer in provider.offers if offer.wholesale
    }
    released = {release.offer for provider in scenario.providers for release in provider.lab.releases}
    for provider in scenario.providers:
        for offer in provider.offers:
            where = f"offer {offer.name}"
            if isinstance(offer.cost, WholesaleCost):
                others = ", ".join(name for name, owner in sold.items() if owner != provider.name)
                if offer.wholesale or sold.get(offer.cost.offer, provider.name) == provider.name:
                    problems.append(
                        InputError(
                            source, f"{where}: cost.offer", offer.cost.offer,
                            others or "another provider's offer with wholesale: true (there is none)",
                            "buy a retail offer's service from another provider",
                        )
                    )  # fmt: skip
            if offer.wholesale and offer.name in released:
                problems.append(
                    InputError(source, f"{where}: wholesale", True, "false for an offer that a lab releases", "drop it")
                )
    return problems


def _wrong_policies(scenario: Scenario, source: str) -> list[InputError]:
    """Partners and followers that exist; learners with one offer each, and not more states than memory."""
    problems = []
    names = [provider.name for provider in scenario.providers]
    states = 1
    for provider in scenario.providers:
        policy, where = provider.price, f"provider {provider.name}: price"
        others = ", ".join(name for name in names if name != provider.name)
        if isinstance(policy, Joint):
            problems += [
                InputError(source, f"{where}.partners", name, ", ".join(names), "name providers of the scenario")
                for name in policy.partners
                if name not in names
            ]
            if policy.partners and provider.name not in policy.partners:
                problems.append(
                    InputError(
                        source, f"{where}.partners", ", ".join(policy.partners), f"{provider.name} among them",
                        "name the provider itself too",
                    )
                )  # fmt: skip
        if isinstance(policy, Leader):
            problems += [
                InputError(source, f"{where}.followers", name, others, "name other providers")
                for name in policy.followers
                if name not in names or name == provider.name
            ]
        if isinstance(policy, ReactionTable | QLearning) and len(provider.offers) > 1:
            problems.append(
                InputError(source, f"{where}.kind", policy.kind, "this policy for one offer", "split the provider")
            )
        if isinstance(policy, QLearning):
            states *= policy.points
    learners = [part.price for part in scenario.providers if isinstance(part.price, QLearning)]
    if any(policy.turns for policy in learners) and [policy.turns for policy in learners] != [True, True]:
        problems.append(
            InputError(
                source, "providers: price.turns", f"{len(learners)} learners, {sum(p.turns for p in learners)} in turn",
                "two learners, both with turns: true", "let two learn, both in turn",
            )
        )  # fmt: skip
    if states > MOST_LEARNED_STATES:
        problems.append(
            InputError(
                source, "providers: price.points", f"{states} states of all learners together",
                f"at most {MOST_LEARNED_STATES}", "let fewer providers learn, or on coarser grids",
            )
        )  # fmt: skip
    return problems


def _wrong_line(scenario: Scenario, source: str) -> list[InputError]:
    """On a line one column differs and nothing else; every offer that customers may buy has one place."""
    if not isinstance(scenario.population, Line):
        return []
    problems = []
    for task in scenario.tasks:
        spreads = {
            "value_usd.log_sd": task.value_usd.log_sd, "difficulty_sd": task.difficulty_sd,
            "harm_log_sd": task.harm_log_sd,
        }  # fmt: skip
        for field, spread in spreads.items():
            if spread:
                problems.append(
                    InputError(
                        source, f"task {task.name}: {field}", spread, "0 with a population of kind line",
                        "set it to 0; customers differ in population.varies alone",
                    )
                )  # fmt: skip
    if isinstance(scenario.population.varies, PlaceColumn):
        every = [offer.name for offer in scenario.offers if not offer.wholesale]
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


def _wrong_demand(scenario: Scenario, source: str) -> list[InputError]:
    """Bundles where a customer has several classes, growth that has a present value, and rows that fit into memory."""
    problems = []
    spec, bundled = scenario.population, [part for part in scenario.providers if part.bundle_share]
    if bundled and (isinstance(spec, Line | Arrivals) or len(scenario.tasks) == 1):
        problems.append(
            InputError(
                source, f"provider {bundled[0].name}: bundle_share", bundled[0].bundle_share,
                "0, unless the population is sampled or expected and there are two task classes",
                "a bundle ties the task classes of one customer",
            )
        )  # fmt: skip
    if isinstance(spec, Line | Arrivals) or "growth" not in mechanisms(scenario):
        return problems
    for provider in scenario.providers:
        policy = provider.price
        if isinstance(policy, BestResponse) and policy.mode == "discounted":
            most = scenario.discount_rate_per_year + DAYS_PER_YEAR / policy.horizon_days + spec.churn_per_year
            if spec.growth_per_year >= most:
                problems.append(
                    InputError(
                        source, "population.growth_per_year", spec.growth_per_year,
                        f"below {most:g}, the discount rate, 1/horizon and churn of {provider.name}'s outlook together",
                        "else what it expects to earn has no bound: let it look less far",
                    )
                )  # fmt: skip
    years = scenario.horizon_days / DAYS_PER_YEAR
    net = spec.growth_per_year - spec.churn_per_year
    growing = math.expm1(min(net * years, 700.0)) / net if net else years
    come = spec.customers * (1.0 + spec.growth_per_year * growing) if isinstance(spec, Sampled) else 0.0
    if come > MOST_CUSTOMERS:
        problems.append(
            InputError(
                source, "population.growth_per_year", spec.growth_per_year,
                f"so that at most {MOST_CUSTOMERS:,} sampled customers come within the horizon (here {come:,.0f})",
                "sample fewer customers",
            )
        )  # fmt: skip
    return problems
