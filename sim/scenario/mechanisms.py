"""Which mechanisms of demand a scenario switches on, beside plain choice with switching costs."""

from __future__ import annotations

from sim.scenario.population import Reviewing
from sim.scenario.scenario import Scenario

CHOICE = frozenset({"nests", "word", "growth", "bundles"})  # those that another choice than the plain one computes


def mechanisms(scenario: Scenario) -> frozenset[str]:
    """Names among `CHOICE`, "router" and "harm".

    Nests count where two offers that customers may buy serve the weights of one model, and their scale is not 1.
    """
    spec, on = scenario.population, set()
    retail = [model for _, model in scenario.nested_offers]
    if any(task.harm_log_sd for task in scenario.tasks):
        on.add("harm")
    if len(scenario.tasks) > 1 and any(provider.bundle_share for provider in scenario.providers):
        on.add("bundles")
    if isinstance(spec, Reviewing):
        if spec.nest_scale < 1.0 and len(set(retail)) < len(retail):
            on.add("nests")
        if spec.word_days:
            on.add("word")
        if spec.growth_per_year or spec.churn_per_year:
            on.add("growth")
        if spec.router is not None:
            on.add("router")
    return frozenset(on)
