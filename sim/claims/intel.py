"""intel: the lab that only supplies becomes the commodity, and the integrator keeps the margin."""

from __future__ import annotations

import math
from typing import Any

from sim.claims.claim import Arms, Claim, Control, Criterion, Evidence, Experiment, Score

SUPPLIERS = ("first", "second", "third", "fourth")
INTEGRATORS = ("north", "south", "west")
PROVIDERS = ("integrator", *INTEGRATORS, *(f"lab-{name}" for name in SUPPLIERS))


def _behind(gap: float) -> list[dict[str, Any]]:
    """The first supplier leads; all others stand `gap` logits behind it."""
    return [{"key": f"models.{name}.theta", "value": 1.9 - gap} for name in SUPPLIERS[1:]]


MIRRORED = [
    *({"key": f"providers.integrator.offers.editor-{name}.on_sale", "value": False} for name in SUPPLIERS[1:]),
    *({"key": f"providers.{name}.offers.editor-{name}.on_sale", "value": True} for name in INTEGRATORS),
]

SWEEP: dict[str, Any] = {
    "scenario": "four_suppliers",
    "arms": [
        {"name": "substitutes", "says": "four equal suppliers, one integrator"},
        {"name": "near", "says": "the others half a logit behind the first", "changes": _behind(0.5)},
        {"name": "apart", "says": "the others a logit behind the first", "changes": _behind(1.0)},
        {"name": "mirror", "says": "one supplier, four integrators", "changes": MIRRORED},
    ],
    "parameters": [
        {"name": "beta",
         "paths": [*(f"providers.lab-{name}.offers.{name}-wholesale.bargain.beta" for name in SUPPLIERS),
                   *(f"providers.lab-first.offers.first-{name}.bargain.beta" for name in INTEGRATORS)],
         "distribution": {"kind": "uniform", "low": 0.3, "high": 0.7}},
        {"name": "fit_share",
         "paths": [*(f"providers.integrator.offers.editor-{name}.fit_share" for name in SUPPLIERS),
                   *(f"providers.{name}.offers.editor-{name}.fit_share" for name in INTEGRATORS)],
         "distribution": {"kind": "uniform", "low": 0.0, "high": 0.25}},
        {"name": "price_sensitivity", "paths": ["population.price_sensitivity.median"],
         "distribution": {"kind": "loguniform", "low": 0.03, "high": 0.2}},
        {"name": "difficulty_mean", "paths": ["tasks.code.difficulty_mean"],
         "distribution": {"kind": "uniform", "low": -0.5, "high": 1.5}},
        {"name": "switching_share", "paths": ["population.switching_share"],
         "distribution": {"kind": "uniform", "low": 0.0, "high": 0.03}},
    ],
    "metrics": [
        {"kind": "books", "name": name, "provider": name, "column": "profit_usd", "window_days": 365,
         "take": "sum"}
        for name in PROVIDERS
    ],
    "timeout_s": 300,
}  # fmt: skip


def integrators_share(arm: str) -> Any:
    """The part of all profit of the channel that integrators have, fees of contracts counted, over the last year."""

    def of(arms: Arms) -> float:
        profit = {name: arms[f"{name}@{arm}"] for name in PROVIDERS}
        if min(profit.values()) < 0.0:
            return math.nan  # a share of losses says nothing
        return sum(profit[name] for name in ("integrator", *INTEGRATORS)) / sum(profit.values())

    return of


CLAIM = Claim(
    name="intel",
    sentence="The lab that only supplies becomes the commodity, and the integrator keeps the margin.",
    hypothesis="The integrator's share of the channel's profit, as suppliers become substitutes.",
    criterion=(
        "The integrator has more than half of the channel's profit with four equal suppliers, and less than half "
        "when one supplier leads by a logit; both in at least nine draws of ten."
    ),
    by_construction=(
        "An integrator could win because of how bargaining is modelled. The mirror turns the market around: with one "
        "supplier and four integrators that can all be replaced, integrators must have less than half."
    ),
    experiments=(
        Experiment(
            name="channel",
            says="Suppliers that sell at wholesale alone, and integrators that bargain with them every year",
            sweep=SWEEP,
            scores=(
                Score("share_substitutes", "fraction", "integrator's, four equal suppliers",
                      integrators_share("substitutes")),
                Score("share_near", "fraction", "integrator's, one supplier half a logit ahead",
                      integrators_share("near")),
                Score("share_apart", "fraction", "integrator's, one supplier a logit ahead",
                      integrators_share("apart")),
                Score("share_mirror", "fraction", "integrators', one supplier and four integrators",
                      integrators_share("mirror")),
            ),
            criteria=(
                Criterion("keeps", "more than half with four equal suppliers", "share_substitutes", "above", 0.5),
                Criterion("loses_to_the_best", "less than half when one supplier leads by a logit", "share_apart",
                          "below", 0.5),
            ),
            controls=(
                Control("mirror", "with one supplier and four integrators, integrators have less than half",
                        Criterion("reversed", "less than half", "share_mirror", "below", 0.5)),
            ),
        ),
    ),
    evidence=(
        Evidence("assumed", "bargaining power, the worth of integration, price sensitivity, difficulty, switching"),
    ),
)  # fmt: skip
