"""The controls: what each is, its unit, range and the source of its default; and values -> Scenario. No widgets.

Two rails: how the world works, and what the players do. Values equal to a scenario's own leave it as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from sim.scenario.load import parse_scenario
from sim.scenario.model import RelativeStudent, TransferredStudent
from sim.scenario.population import Expected, Sampled
from sim.scenario.providers import Provider
from sim.scenario.scenario import Scenario
from sim.shared.errors import InputError
from sim.shared.units import DAYS_PER_MONTH

Rail = Literal["world", "players"]
Value = float | str


@dataclass(frozen=True)
class Control:
    """One control.

    Attributes:
        name: key of the value.
        title: what a person reads; `unit` follows it.
        low, high, step: range of a number, in `unit`; unused where there are `choices`.
        choices: value -> what a person reads.
        source: where the default comes from: measured, cited or assumed, and by what.
        help: what it does, in a sentence.
        advanced: folded away at first.
        shown_if: another control and the values of it under which this one matters.
    """

    name: str
    rail: Rail
    title: str
    unit: str
    help: str
    source: str
    low: float = 0.0
    high: float = 1.0
    step: float = 0.01
    format: str = "%g"
    choices: Mapping[str, str] | None = None
    advanced: bool = False
    shown_if: tuple[str, tuple[str, ...]] | None = None


ASSUMED = "assumed by the scenario"
TEACHER_POLICIES = {
    "as_is": "As in the scenario",
    "posted": "Keep the list price",
    "match": "Match the student",
    "undercut": "Undercut the student by 10%",
}
STUDENT_POLICIES = {
    "as_is": "As in the scenario",
    "posted": "Keep the list price",
    "cost_plus": "Cost plus a markup",
    "undercut": "Undercut the teacher",
    "match": "Match the teacher",
}

CONTROLS: tuple[Control, ...] = (
    Control("student", "players", "The student", "", "How good and how cheap the student is, relative to its teacher.",
            "the question this page opens with; the measured student, carried over to the teacher, is the other choice",
            choices={"stated": "As set below", "measured": "As measured, transferred"}),
    Control("quality_percent", "players", "Its quality", "% of the teacher's",
            "Share of tasks that the student solves, over the share that its teacher solves.",
            "the question this page opens with: 95%", 50, 110, 1, "%g%%", shown_if=("student", ("stated",))),
    Control("cost_percent", "players", "Its cost of serving", "% of the teacher's",
            "Cost per token of the student, over its teacher's.",
            "the question this page opens with: a tenth", 1, 100, 1, "%g%%", shown_if=("student", ("stated",))),
    Control("release_month", "players", "The student is released in month", "", "Months after the scenario's start.",
            ASSUMED, 1, 22, 1),
    Control("student_policy", "players", "Price policy of the student", "",
            "How the newcomer sets its price at each review.", ASSUMED, choices=STUDENT_POLICIES),
    Control("markup_percent", "players", "Markup over cost", "%", "Price = cost of serving x (1 + markup).",
            "a round number", 0, 300, 5, "%g%%", shown_if=("student_policy", ("cost_plus",))),
    Control("undercut_percent", "players", "Undercut the teacher by", "%",
            "Price = the teacher's price less this share, never below own cost.",
            "a round number", 1, 90, 1, "%g%%", shown_if=("student_policy", ("undercut",))),
    Control("teacher_policy", "players", "Price policy of the teacher's provider", "",
            "How the provider that sells the teacher answers; it prices all that it sells by one policy.",
            ASSUMED, choices=TEACHER_POLICIES),
    Control("training_musd", "players", "Cost of training the student", "USD million",
            "Paid by the newcomer on the day of release.", ASSUMED, 0, 200, 1, advanced=True),
    Control("difficulty_shift", "world", "Tasks are harder by", "logits",
            "Added to the difficulty of every task: hard tasks favour the best model.",
            "0: difficulties as assumed by the scenario", -3, 3, 0.25, "%+g"),
    Control("switching_percent", "world", "Cost of switching", "% of a year's value",
            "One-off cost of changing the offer.", ASSUMED, 0, 20, 0.5, "%g%%"),
    Control("taste_percent", "world", "Spread of taste", "% of a task's value",
            "Unobserved taste. Smaller: customers follow price and quality more closely.", ASSUMED, 1, 40, 1, "%g%%"),
    Control("review_days", "world", "Customers review every", "days", "Mean time between two looks at the market.",
            ASSUMED, 5, 365, 5),
    Control("volume_elasticity", "world", "Elasticity of volume", "",
            "How much more a customer uses when its price falls, in logs.", ASSUMED, -0.9, 0, 0.05, advanced=True),
    Control("draws", "world", "Draws for the intervals", "draws",
            "How often the errors of the measured and cited figures are drawn anew. 0: no intervals.",
            "a compromise: about a second each", 0, 32, 4, advanced=True),
    Control("seed", "world", "Seed", "", "Entropy of all random streams.", "0", 0, 9999, 1, advanced=True),
)  # fmt: skip
BY_NAME: Mapping[str, Control] = {control.name: control for control in CONTROLS}
Values = Mapping[str, Value]


def defaults(scenario: Scenario) -> dict[str, Value]:
    """The values that leave `scenario` as it is.

    Raises:
        InputError: if the scenario has no entrant that is a student, or customers without the tastes of the controls.
    """
    model = _student(scenario)
    release_day = next(
        release.release_day
        for release in _owner(scenario, _entrant(scenario)).lab.releases
        if release.offer == scenario.entrant
    )
    stated = isinstance(model, RelativeStudent)
    tastes = scenario.population
    if not isinstance(tastes, Sampled | Expected):
        raise InputError(
            f"scenario {scenario.name}", "population.kind", tastes.kind, "sampled or expected",
            "the controls are those of customers who review; run it from the command line: undercut sim run",
        )  # fmt: skip
    return {
        "student": "stated" if stated else "measured",
        "quality_percent": 100 * model.quality_ratio if isinstance(model, RelativeStudent) else 95.0,
        "cost_percent": 100 * model.cost_ratio if isinstance(model, RelativeStudent) else 10.0,
        "release_month": float(round((release_day or 0.0) / DAYS_PER_MONTH)),
        "student_policy": "as_is",
        "markup_percent": 50.0,
        "undercut_percent": 20.0,
        "teacher_policy": "as_is",
        "training_musd": _training_usd(scenario) / 1e6,
        "difficulty_shift": 0.0,
        "switching_percent": 100 * tastes.switching_share,
        "taste_percent": 100 * tastes.price_sensitivity.median,
        "review_days": tastes.review_days,
        "volume_elasticity": tastes.volume_elasticity,
        "draws": 8.0,
        "seed": 0.0,
    }


def opening(scenario: Scenario) -> dict[str, Value]:
    """The values that the dashboard opens with: a student at 95% of the quality and a tenth of the cost."""
    return {**defaults(scenario), "student": "stated"}


def apply(base: Scenario, values: Values) -> Scenario:
    """The scenario with the values that differ from its own put in; its name changes with its content.

    Raises:
        InputError, InputErrors: for a value that the scenario refuses.
    """
    own = defaults(base)
    new = {**own, **values}
    changed = {name for name, value in new.items() if value != own[name] and name not in ("draws", "seed")}
    if new["student"] == "measured":
        changed -= {"quality_percent", "cost_percent"}
    elif own["student"] == "measured":
        changed |= {"quality_percent", "cost_percent"}
    if new["student_policy"] != "cost_plus":
        changed.discard("markup_percent")
    if new["student_policy"] != "undercut":
        changed.discard("undercut_percent")
    if not changed:
        return base
    raw = base.model_dump(mode="json")
    _put_world(raw, new, changed)
    _put_student(raw, base, new, changed)
    _put_policies(raw, base, new)
    scenario = parse_scenario(raw, "the controls")
    return scenario.model_copy(update={"name": f"{base.name[:50]}-{scenario.sha256[:8]}"})


def _put_world(raw: dict[str, Any], values: Values, changed: set[str]) -> None:
    if "difficulty_shift" in changed:
        for task in raw["tasks"]:
            task["difficulty_mean"] += values["difficulty_shift"]
    population = raw["population"]
    if "switching_percent" in changed:
        population["switching_share"] = _number(values, "switching_percent") / 100
    if "taste_percent" in changed:
        population["price_sensitivity"]["median"] = _number(values, "taste_percent") / 100
    for name in ("review_days", "volume_elasticity"):
        if name in changed:
            population[name] = values[name]


def _put_student(raw: dict[str, Any], base: Scenario, values: Values, changed: set[str]) -> None:
    model = _student(base)
    for index, part in enumerate(raw["models"]):
        if (
            part["name"] == model.name
            and values["student"] == "stated"
            and changed & {"quality_percent", "cost_percent"}
        ):
            raw["models"][index] = {
                "kind": "relative",
                "name": model.name,
                "teacher": model.teacher,
                "quality_ratio": _number(values, "quality_percent") / 100,
                "cost_ratio": _number(values, "cost_percent") / 100,
            }
    for provider in raw["providers"]:
        for release in provider["lab"]["releases"]:
            if release["offer"] == base.entrant:
                if "release_month" in changed:
                    release["release_day"] = _number(values, "release_month") * DAYS_PER_MONTH
                if "training_musd" in changed:
                    release["training_cost_usd"] = _number(values, "training_musd") * 1e6


def _put_policies(raw: dict[str, Any], base: Scenario, values: Values) -> None:
    entrant = _entrant(base)
    teacher_offer = teacher_offer_of(base)
    owner, teacher_owner = _owner(base, entrant).name, _owner(base, teacher_offer).name
    for provider in raw["providers"]:
        reviewed = {
            key: provider["price"][key] for key in ("review_days", "first_review_day") if key in provider["price"]
        }
        policy: dict[str, Any] | None = None
        if provider["name"] == owner:
            policy = {
                "posted": {"kind": "posted"},
                "cost_plus": {"kind": "cost_plus", "markup": _number(values, "markup_percent") / 100, **reviewed},
                "undercut": {
                    "kind": "undercut", "rival": teacher_offer, "by": _number(values, "undercut_percent") / 100,
                    **reviewed,
                },
                "match": {"kind": "match", "rival": teacher_offer, **reviewed},
            }.get(str(values["student_policy"]))  # fmt: skip
        elif provider["name"] == teacher_owner:
            policy = {
                "posted": {"kind": "posted"},
                "match": {"kind": "match", "rival": entrant, **reviewed},
                "undercut": {"kind": "undercut", "rival": entrant, "by": 0.1, **reviewed},
            }.get(str(values["teacher_policy"]))
        if policy is not None:
            # A rule that does not look ahead acts on the first day it can; the student's acts on its release.
            provider["price"] = (
                {**policy, "first_review_day": 0.0}
                if provider["name"] == owner and reviewed and policy["kind"] != "posted"
                else policy
            )


def teacher_offer_of(scenario: Scenario) -> str:
    """The offer of the entrant's teacher.

    Raises:
        InputError: if nobody sells it.
    """
    teacher = _student(scenario).teacher
    for offer in scenario.offers:
        if offer.model == teacher:
            return offer.name
    raise InputError(
        f"scenario {scenario.name}", "providers", teacher, "an offer of the teacher", "let somebody sell it"
    )


def _student(scenario: Scenario) -> RelativeStudent | TransferredStudent:
    entrant = _entrant(scenario)
    offer = next(offer for offer in scenario.offers if offer.name == entrant)
    model = scenario.model_named(offer.model)
    if isinstance(model, RelativeStudent | TransferredStudent):
        return model
    raise InputError(
        f"scenario {scenario.name}",
        f"model {model.name}",
        model.kind,
        "relative or transferred",
        "choose a scenario whose entrant is a student of another model",
    )


def _entrant(scenario: Scenario) -> str:
    if scenario.entrant is None:
        raise InputError(
            f"scenario {scenario.name}", "entrant", "nothing", "an offer that a lab releases", "choose another scenario"
        )
    return scenario.entrant


def _owner(scenario: Scenario, offer: str) -> Provider:
    return next(provider for provider in scenario.providers if offer in [own.name for own in provider.offers])


def _training_usd(scenario: Scenario) -> float:
    releases = _owner(scenario, _entrant(scenario)).lab.releases
    return next(release.training_cost_usd for release in releases if release.offer == scenario.entrant)


def _number(values: Values, name: str) -> float:
    return float(values[name])
