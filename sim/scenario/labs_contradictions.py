"""What contradicts itself in the labs of a scenario and in how they get their tokens."""

from __future__ import annotations

from sim.scenario.access import Accounts, OpenWeights, Own, Scraped
from sim.scenario.providers import Provider
from sim.scenario.scenario import Scenario
from sim.scenario.students import Student
from sim.shared.errors import InputError


def wrong_labs(scenario: Scenario, source: str) -> list[InputError]:
    """Problems of research, students and reinforcement; none where labs only make dated releases."""
    problems = []
    moving = False
    for provider in scenario.providers:
        lab = provider.lab
        moving |= lab.research is not None or bool(lab.students) or bool(lab.reinforcement)
        problems += _not_own(provider, source)
        for student in lab.students:
            problems += _wrong_teacher(scenario, provider, student, source)
            problems += _wrong_reseller(scenario, provider, student, source)
        every = [offer.name for offer in scenario.offers]
        for part in lab.reinforcement:
            if part.judge_offer is not None and part.judge_offer not in every:
                where = f"provider {provider.name}: lab.reinforcement.judge_offer"
                problems.append(InputError(source, where, part.judge_offer, ", ".join(every), "an offer, or null"))
    if moving:
        problems += [
            InputError(
                source, f"task {task.name}: success", task.success, "irt, where labs move abilities",
                "use irt, or leave out research, students and reinforcement",
            )
            for task in scenario.tasks
            if task.success != "irt"
        ]  # fmt: skip
    return problems


def _not_own(provider: Provider, source: str) -> list[InputError]:
    """Offers that a part names must be the provider's own, for sale to customers, and one part's alone."""
    lab, own = provider.lab, [offer.name for offer in provider.offers if not offer.wholesale]
    named = {
        "lab.research.offer": [lab.research.offer] if lab.research else [],
        "lab.research.successors": list(lab.research.successors) if lab.research else [],
        "lab.students.offer": [student.offer for student in lab.students],
        "lab.reinforcement.offer": [part.offer for part in lab.reinforcement],
    }
    problems = [
        InputError(source, f"provider {provider.name}: {field}", name, ", ".join(own), "an own offer at retail")
        for field, names in named.items()
        for name in names
        if name not in own
    ]
    made = [release.offer for release in lab.releases]
    made += [name for field, names in named.items() if field != "lab.reinforcement.offer" for name in names]
    for names, field in ((made, "lab"), (named["lab.reinforcement.offer"], "lab.reinforcement")):
        problems += [
            InputError(
                source, f"provider {provider.name}: {field}", name, "an offer that one part makes",
                "name it in one of releases, research and students, once",
            )
            for name in sorted({name for name in names if names.count(name) > 1})
        ]  # fmt: skip
    return problems


def _wrong_teacher(scenario: Scenario, provider: Provider, student: Student, source: str) -> list[InputError]:
    where = f"provider {provider.name}: lab.students.{student.offer}"
    own = [offer.name for offer in provider.offers if offer.name != student.offer]
    others = [offer.name for part in scenario.providers if part is not provider for offer in part.offers]
    if isinstance(student.source, Own):
        allowed, remedy = own, "name another own offer, on sale or off, or take the tokens elsewhere"
    elif isinstance(student.source, OpenWeights):
        allowed, remedy = [*own, *others], "name an offer"
    else:
        assert isinstance(student.source, Accounts | Scraped)
        allowed, remedy = others, "name a rival's offer, or use the source own"
    if student.teacher_offer in allowed:
        return []
    listed = ", ".join(allowed) or f"there is none for source.kind {student.source.kind}"
    return [InputError(source, f"{where}.teacher_offer", student.teacher_offer, listed, remedy)]


def _wrong_reseller(scenario: Scenario, provider: Provider, student: Student, source: str) -> list[InputError]:
    lent = student.source.lent if isinstance(student.source, Accounts | Scraped) else None
    if lent is None:
        return []
    victims = [part.name for part in scenario.providers for offer in part.offers if offer.name == student.teacher_offer]
    others = [part.name for part in scenario.providers if part.name not in (*victims, provider.name)]
    if lent.reseller in others:
        return []
    where = f"provider {provider.name}: lab.students.{student.offer}.source.lent.reseller"
    allowed = ", ".join(others) or "a third provider (there is none)"
    return [InputError(source, where, lent.reseller, allowed, "name who lends the accounts, or leave lent out")]
