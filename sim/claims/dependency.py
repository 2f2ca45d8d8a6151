"""dependency: a platform on a partner's model must build its own before the partner enters its business."""

from __future__ import annotations

from typing import Any

from sim.claims.claim import Arms, Claim, Control, Criterion, Evidence, Experiment, Score

DAYS, RATE_PER_YEAR = 2190, 0.15
ENTRY_DAY = 910  # decided on day 730, 180 days before
BUILD_DAYS = 180
BEFORE, AFTER = ENTRY_DAY - 365, ENTRY_DAY + BUILD_DAYS  # days on which the own model comes on sale

OWN = "providers.platform.lab.releases.editor-own"
NO_ENTRY = [{"key": "providers.lab.forward_entry", "value": None}]
LONG_CONTRACT = [
    {"key": "providers.lab.forward_entry.may_cut", "value": False},
    {"key": "providers.lab.offers.frontier-wholesale.bargain.every_days", "value": 10.0 * 365},
]
FROM_SCRATCH = [
    {"key": "models.own.theta", "value": 1.9},
    {"key": f"{OWN}.training_cost_usd", "value": 2e8},
    {"key": f"{OWN}.teacher_output_mtok", "value": 0.0},
]


def _built(day: int | None) -> list[dict[str, Any]]:
    return [{"key": f"{OWN}.release_day", "value": day}]


SWEEP: dict[str, Any] = {
    "scenario": "platform_dates",
    "arms": [
        {"name": "before", "says": "the own model is on sale a year before the entry", "changes": _built(BEFORE)},
        {"name": "after", "says": "it is begun on the day of the entry", "changes": _built(AFTER)},
        {"name": "never", "says": "there is no own model", "changes": _built(None)},
        {"name": "scratch", "says": "trained from scratch, a year before the entry",
         "changes": [*_built(BEFORE), *FROM_SCRATCH]},
        {"name": "before_no_entry", "says": "the supplier never thinks of entering",
         "changes": [*_built(BEFORE), *NO_ENTRY]},
        {"name": "after_no_entry", "changes": [*_built(AFTER), *NO_ENTRY]},
        {"name": "before_contract", "says": "supply cannot be cut, and its price is that of day 0",
         "changes": [*_built(BEFORE), *LONG_CONTRACT]},
        {"name": "after_contract", "changes": [*_built(AFTER), *LONG_CONTRACT]},
    ],
    "parameters": [
        {"name": "own_theta", "paths": ["models.own.theta"],
         "distribution": {"kind": "uniform", "low": 0.6, "high": 1.9}},
        {"name": "second_theta", "paths": ["models.second.theta"],
         "distribution": {"kind": "uniform", "low": -0.5, "high": 1.5}},
        {"name": "build_usd", "paths": [f"{OWN}.training_cost_usd"],
         "distribution": {"kind": "loguniform", "low": 5e6, "high": 3e8}},
        {"name": "beta", "paths": ["providers.lab.offers.frontier-wholesale.bargain.beta"],
         "distribution": {"kind": "uniform", "low": 0.05, "high": 0.6}},
        {"name": "price_sensitivity", "paths": ["population.price_sensitivity.median"],
         "distribution": {"kind": "loguniform", "low": 0.02, "high": 0.2}},
        {"name": "switching_share", "paths": ["population.switching_share"],
         "distribution": {"kind": "uniform", "low": 0.0, "high": 0.05}},
    ],
    "metrics": [
        {"kind": "books", "name": "npv", "provider": "platform", "column": "profit_usd", "take": "sum",
         "window_days": DAYS, "discount_per_year": RATE_PER_YEAR},
        {"kind": "offer", "name": "resold", "offer": "editor", "column": "mtok", "take": "sum", "window_days": 365},
        {"kind": "offer", "name": "entered", "offer": "frontier-editor", "column": "share_of_tokens",
         "window_days": 365},
    ],
    "timeout_s": 300,
}  # fmt: skip


def gain(early: str = "before", late: str = "after") -> Any:
    """Net present value of the one less that of the other, 10^6 USD."""

    def of(arms: Arms) -> float:
        return (arms[f"npv@{early}"] - arms[f"npv@{late}"]) / 1e6

    return of


CLAIM = Claim(
    name="dependency",
    sentence="A platform on a partner's model must build its own before the partner enters its business.",
    hypothesis="Net present value of an own model a year before the supplier's entry, less that of one after.",
    criterion=(
        "NPV(build a year before the supplier's entry) - NPV(build after) is above 0 (15% a year, six years), in at "
        "least nine draws of ten."
    ),
    by_construction=(
        "A platform without another source would have to build, so public weights stand by as a second source, of an "
        "ability that is drawn. Entry and cut are the supplier's own decisions by net present value, and may not come. "
        "An own model may pay for other reasons than the entry: without entry, and with a long contract, building "
        "early must not pay."
    ),
    experiments=(
        Experiment(
            name="dates",
            says="A coding platform and its supplier, which may enter and cut; the platform's model at several dates",
            sweep=SWEEP,
            scores=(
                Score("gain", "10^6 USD", "of building a year before the entry over building after", gain()),
                Score("gain_over_never", "10^6 USD", "of a year before over never building", gain("before", "never")),
                Score("gain_scratch", "10^6 USD", "of training from scratch a year before over never building",
                      gain("scratch", "never")),
                Score("gain_no_entry", "10^6 USD", "of the earlier date where nobody enters",
                      gain("before_no_entry", "after_no_entry")),
                Score("gain_contract", "10^6 USD", "of the earlier date under a long contract",
                      gain("before_contract", "after_contract")),
                Score("cut", "1 or 0", "whether the supplier has cut an unprepared platform off",
                      lambda arms: float(arms["resold@never"] <= 0.0)),
                Score("entered", "fraction", "of tokens at the supplier's editor, unprepared platform, last year",
                      lambda arms: arms["entered@never"]),
            ),
            criteria=(
                Criterion("before", "building a year before the entry is worth more than after", "gain", "above", 0.0),
            ),
            controls=(
                Control("no_entry", "where nobody enters the earlier date is worth less",
                        Criterion("later", "the earlier date is worth less", "gain_no_entry", "below", 0.0)),
                Control("long_contract", "under a long contract the earlier date is worth less",
                        Criterion("later", "the earlier date is worth less", "gain_contract", "below", 0.0)),
            ),
        ),
    ),
    evidence=(
        Evidence("assumed", "the own model, the second source, costs of building, bargaining, tastes and the market"),
        Evidence("cited", "that suppliers cut: the supply of Windsurf in June 2025 (scenario windsurf_2025)"),
    ),
)  # fmt: skip
