"""winner: cheap near-frontier models do not dent demand for the best, and the third best is worth little."""

from __future__ import annotations

from typing import Any

from sim.claims.claim import Arms, Claim, Control, Criterion, Evidence, Experiment, Score

EASY = [{"key": "tasks.work.difficulty_mean", "value": -4.0}, {"key": "tasks.work.harm_share", "value": 0.0}]


LIST_PRICE = {"input_usd_per_mtok": 2.5, "cached_usd_per_mtok": 0.25, "output_usd_per_mtok": 12.0}
POSTED = [
    {"key": "providers.lab-second.price", "value": {"kind": "posted"}},
    {"key": "providers.lab-best.price", "value": {"kind": "posted"}},
    {"key": "providers.lab-third.price", "value": {"kind": "posted"}},
]


def _posted(second_ratio: float) -> list[dict[str, Any]]:
    """Everybody posts the list price, the second a share of it, so that one price alone differs."""
    lower = {"kind": "stated"} | {name: value * second_ratio for name, value in LIST_PRICE.items()}
    return [*POSTED, {"key": "providers.lab-second.offers.second.list_price", "value": lower}]


SWEEP: dict[str, Any] = {
    "scenario": "three_models",
    "arms": [
        {"name": "level", "says": "all post the same price", "changes": _posted(1.0)},
        {"name": "halved", "says": "the second asks half of it", "changes": _posted(0.5)},
        {"name": "competing", "says": "all post best responses", "changes": []},
        {"name": "easy_level", "says": "easy work, all post the same price", "changes": [*EASY, *_posted(1.0)]},
        {"name": "easy_halved", "says": "easy work, the second asks half", "changes": [*EASY, *_posted(0.5)]},
    ],
    "parameters": [
        {"name": "difficulty_mean", "paths": ["tasks.work.difficulty_mean"],
         "distribution": {"kind": "uniform", "low": -1.0, "high": 2.5}},
        {"name": "harm_share", "paths": ["tasks.work.harm_share"],
         "distribution": {"kind": "uniform", "low": 0.0, "high": 0.6}},
        {"name": "price_sensitivity", "paths": ["population.price_sensitivity.median"],
         "distribution": {"kind": "loguniform", "low": 0.01, "high": 0.2}},
        {"name": "switching_share", "paths": ["population.switching_share"],
         "distribution": {"kind": "uniform", "low": 0.0, "high": 0.05}},
        {"name": "second_theta", "paths": ["models.second.theta"],
         "distribution": {"kind": "uniform", "low": 1.4, "high": 1.9}},
        {"name": "third_theta", "paths": ["models.third.theta"],
         "distribution": {"kind": "uniform", "low": 0.8, "high": 1.4}},
    ],
    "metrics": [
        {"kind": "offer", "name": "best_tokens", "offer": "best", "column": "mtok", "window_days": 365, "take": "sum"},
        {"kind": "place", "name": "third_share", "task_class": "work", "rank": 3, "column": "share_of_tokens",
         "window_days": 365},
        {"kind": "place", "name": "third_dollars", "task_class": "work", "rank": 3, "column": "share_of_dollars",
         "window_days": 365},
    ],
    "timeout_s": 300,
}  # fmt: skip


def lost(arms: Arms) -> float:
    """Share of its tokens that the best loses when the second halves its price."""
    return 1.0 - arms["best_tokens@halved"] / arms["best_tokens@level"]


def lost_easy(arms: Arms) -> float:
    """The same for easy work."""
    return 1.0 - arms["best_tokens@easy_halved"] / arms["best_tokens@easy_level"]


CLAIM = Claim(
    name="winner",
    sentence="Cheap near-frontier models do not dent demand for the best, and the third best is worth little.",
    hypothesis="Share of its demand that the best model loses when the second halves its price; share of the third.",
    criterion=(
        "When the second model halves its price the best loses under 5% of its tokens, and the third by ability "
        "serves at most 5% of its class's tokens; both in at least nine draws of ten."
    ),
    by_construction=(
        "Nothing switches winner-take-all on: difficulty, cost of errors and price sensitivity make it. Easy work is "
        "the control: there the best must lose at least 5% to a second at half its price."
    ),
    experiments=(
        Experiment(
            name="three_models",
            says="Three models of falling ability, one kind of work; only the second's price differs between two arms",
            sweep=SWEEP,
            scores=(
                Score("best_loses", "fraction", "of its tokens, when the second halves its price", lost),
                Score("third_share", "fraction", "of tokens, all at best responses",
                      lambda arms: arms["third_share@competing"]),
                Score("third_dollars", "fraction", "of dollars, all at best responses",
                      lambda arms: arms["third_dollars@competing"]),
                Score("best_loses_easy", "fraction", "of its tokens, when work is easy", lost_easy),
            ),
            criteria=(
                Criterion("undented", "the best loses under 5% of its tokens", "best_loses", "below", 0.05),
                Criterion("third_little", "the third has at most 5% of tokens", "third_share", "below", 0.05),
            ),
            controls=(
                Control("easy", "where work is easy the best loses at least 5%",
                        Criterion("dented", "at least 5%", "best_loses_easy", "above", 0.05)),
            ),
        ),
    ),
    evidence=(
        Evidence("assumed", "difficulty, cost of errors, price sensitivity, switching and the three abilities"),
    ),
)  # fmt: skip
