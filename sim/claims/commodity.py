"""commodity: students mimic cheaply, so that a model of given quality loses its price and its margin."""

from __future__ import annotations

import math
from typing import Any

from sim.claims.claim import Arms, Claim, Control, Criterion, Evidence, Experiment, Score

YEARS = 5
DAYS = 365 * YEARS + 1
SETTLED = 180  # days in which owners find their prices from the stated ones; no fall before counts
HALF, QUARTER = 0.5, 0.25

NOBODY_DISTILS = [
    {"key": "providers.follower.lab.students.follower.first_day", "value": None},
    {"key": "providers.host.lab.students.hosted.first_day", "value": None},
]
COSTS = {  # USD per Mtok in and out, as the scenario has them
    "lab.offers.frontier": (0.3, 1.5),
    "follower.offers.follower": (0.15, 0.75),
    "host.offers.hosted": (0.15, 0.75),
}


def _costs_of_year(year: int) -> dict[str, Any]:
    """Every cost of serving halves on the first day of each year."""
    changes = [
        {
            "key": f"providers.{offer}.cost",
            "value": {
                "kind": "stated", "input_usd_per_mtok": input_usd * 0.5**year,
                "output_usd_per_mtok": output_usd * 0.5**year,
            },
        }
        for offer, (input_usd, output_usd) in COSTS.items()
    ]  # fmt: skip
    return {"day": 365 * year, "changes": changes}


COSTS_FALL = {"key": "interventions", "value": [_costs_of_year(year) for year in range(1, YEARS)]}

SWEEP: dict[str, Any] = {
    "scenario": "commoditisation",
    "changes": [
        {"key": "horizon_days", "value": DAYS},
        {"key": "population.nodes_per_class", "value": 64},
        # The follower sells its own weaker model from the start, so that nobody is alone where nobody distils.
        {"key": "providers.follower.lab.students.follower.waits", "value": False},
    ],
    "arms": [
        {"name": "copied", "says": "two rivals distil each model of the lab's, cheaper and faster every year"},
        {"name": "alone", "says": "nobody distils", "changes": NOBODY_DISTILS},
        {"name": "cheaper", "says": "nobody distils, and costs of serving halve every year",
         "changes": [*NOBODY_DISTILS, COSTS_FALL]},
    ],
    "parameters": [
        {"name": "price_sensitivity", "paths": ["population.price_sensitivity.median"],
         "distribution": {"kind": "loguniform", "low": 0.01, "high": 0.2}},
        {"name": "switching_share", "paths": ["population.switching_share"],
         "distribution": {"kind": "uniform", "low": 0.0, "high": 0.05}},
        {"name": "difficulty_mean", "paths": ["tasks.code.difficulty_mean"],
         "distribution": {"kind": "uniform", "low": -1.0, "high": 3.0}},
        {"name": "research_share", "paths": ["providers.lab.lab.research.rule.share"],
         "distribution": {"kind": "uniform", "low": 0.05, "high": 0.4}},
        {"name": "asymptote_logits", "paths": ["providers.follower.lab.students.follower.curve.asymptote_logits"],
         "distribution": {"kind": "uniform", "low": -0.6, "high": 0.2}},
        {"name": "dose_factor_per_year",
         "paths": ["providers.follower.lab.students.follower.dose_factor_per_year",
                   "providers.host.lab.students.hosted.dose_factor_per_year"],
         "distribution": {"kind": "loguniform", "low": 1.0, "high": 4.0}},
    ],
    "metrics": [
        {"kind": "market", "name": "margin", "column": "margin", "window_days": 365},
        {"kind": "market", "name": "fixed_quality", "column": "fixed_quality_price_index"},
        {"kind": "fall", "name": "fall", "column": "posted_price_index", "within_days": 90,
         "window_days": DAYS - SETTLED},
    ],
    "timeout_s": 300,
}  # fmt: skip


def kept(arm: str) -> Any:
    """Margin of year five over that of the market in which nobody distils."""

    def of(arms: Arms) -> float:
        alone = arms["margin@alone"]
        return arms[f"margin@{arm}"] / alone if alone > 0.0 else math.nan  # half of a loss says nothing

    return of


CLAIM = Claim(
    name="commodity",
    sentence="Students mimic cheaply, so differentiation moves to integration and price, and a price war follows.",
    hypothesis="Year-five margin with distillation over that without; largest fall of posted prices within 90 days.",
    criterion=(
        "The year-five margin is at most half of that without distillation, and the posted prices of the offers of day "
        "0 fall by at least 25% within some 90 days while their costs stand still; both in at least nine draws of ten."
    ),
    by_construction=(
        "Where nobody distils a rival still sells its own weaker model, so that the lab is no monopolist by "
        "construction. Prices are those of the offers of day 0, whose costs do not move: that a student is cheaper to "
        "serve is no fall. The first 180 days, in which owners find their prices, do not count. That the difference "
        "moves to integration is not tested: the share of what is left rises mechanically where margins on models "
        "fall."
    ),
    experiments=(
        Experiment(
            name="price_war",
            says="A lab that researches, two rivals who distil or do not, and costs of serving that stand or fall",
            sweep=SWEEP,
            scores=(
                Score("margin_kept", "ratio", "year-five margin with distillation over that without", kept("copied")),
                Score("largest_fall", "fraction", "of posted prices within 90 days, with distillation",
                      lambda arms: arms["fall@copied"]),
                Score("fixed_quality_price", "ratio",
                      "cheapest price at the middle quality of day 0 in the end, with distillation over without",
                      lambda arms: arms["fixed_quality@copied"] / arms["fixed_quality@alone"]),
                Score("margin_alone", "fraction", "year-five margin where nobody distils",
                      lambda arms: arms["margin@alone"]),
                Score("margin_kept_cheaper", "ratio", "the same where costs fall alone", kept("cheaper")),
                Score("largest_fall_alone", "fraction", "of posted prices within 90 days where nobody distils",
                      lambda arms: arms["fall@alone"]),
            ),
            criteria=(
                Criterion("halved", "at most half of the margin without distillation", "margin_kept", "below", HALF),
                Criterion("war", "posted prices fall by a quarter within 90 days", "largest_fall", "above", QUARTER),
            ),
            controls=(
                Control("cost_decline", "where costs fall and nobody distils the margin stays above half",
                        Criterion("kept", "above half", "margin_kept_cheaper", "above", HALF)),
                Control("nobody_distils", "where nobody distils posted prices fall by less than a quarter in 90 days",
                        Criterion("peace", "less than a quarter", "largest_fall_alone", "below", QUARTER)),
            ),
        ),
    ),
    evidence=(
        Evidence("assumed", "research, students' curves and how they get cheaper, difficulty, tastes and costs"),
        Evidence("cited", "a fixed quality's price fell by 9 to 900 times a year (Epoch AI), costs included"),
    ),
)  # fmt: skip
