"""attack: a central model can be copied cheaply by querying it, and the market ends decentralised and open."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sim.claims.asymptotes import Z, asymptote
from sim.claims.claim import Arms, Cell, Claim, Control, Criterion, Evidence, Experiment, Measurement, Score
from sim.claims.measured import measured

GAP, COST_SHARE, OPEN_SHARE = 0.9, 0.1, 0.5
DAYS, YEAR_ENDS = 1825, (1095, 1460, 1825)
REGIMES = {"outputs": "text", "topk": "topk", "full": "full"}  # what the teacher gave, by the method of small worlds
STUDENT = "providers.copier.lab.students.copy"


# -- measured: how much of the gap endless queries close ----------------------------------------------------------


def gaps_closed() -> Sequence[Cell]:
    """Share of the way from an untrained student to its teacher, at endless queries, by world or recipe and regime."""
    return [*_worlds(), *_language()]


def _worlds() -> list[Cell]:
    """Of small worlds, whose untrained student solves none."""
    rows = measured("small_worlds.csv")
    if not len(rows):
        return []
    cells = []
    rows = rows[rows["method"].isin(REGIMES)]
    for (world, study, method), group in rows.groupby(["world", "study", "method"], sort=True):
        teacher = group["teacher_sampled_share"]
        errors = (group["sampled_high"] - group["sampled_low"]) / (2.0 * Z)
        name = f"{REGIMES[str(method)]}, {world}, {study}"
        rests = f"{int(group['items'].iloc[0])} problems, {group['seed'].nunique()} seeds"
        value = (group["sampled_share"] / teacher).to_list()
        found = asymptote(name, group["queries"].to_list(), value, (errors / teacher).to_list(), rests)
        cells += [found] if found is not None else []
    return cells


def _language() -> list[Cell]:
    """Of the language model's students, whose start is what was left of the teacher before any training."""
    rows = measured("doses_language.csv")
    if not len(rows):
        return []
    cells = []
    for (recipe, regime), group in rows[rows["accuracy"].notna()].groupby(["recipe", "regime"], sort=True):
        start = group[group["distinct_teacher_tokens"] == 0]["accuracy"]
        if start.empty:
            continue
        way = group["own_accuracy"] - start.mean()
        value = ((group["accuracy"] - start.mean()) / way).to_list()
        errors = ((group["accuracy"] * (1.0 - group["accuracy"]) / group["items"]) ** 0.5 / way).to_list()
        doses = group["distinct_teacher_tokens"].to_list()
        found = asymptote(f"{regime}, {recipe}", doses, value, errors, f"{group['items'].iloc[0]:g} items")
        cells += [found] if found is not None else []
    return cells


# -- simulated: an attack, its defence, and what becomes of the market --------------------------------------------

UNDEFENDED = [{"key": "providers.victim.access", "value": {"kind": "open", "returns": "topk"}}]
TEACHES_NOTHING = [{"key": f"{STUDENT}.worth", "value": {"text": 1e-9, "topk": 1e-9, "full": 1e-9}}]


def _books(name: str, provider: str, column: str, rate: float = 0.0) -> dict[str, Any]:
    return {
        "kind": "books", "name": name, "provider": provider, "column": column, "take": "sum", "window_days": DAYS,
        "discount_per_year": rate,
    }  # fmt: skip


def _abilities(name: str, offer: str) -> list[dict[str, Any]]:
    """At the ends of years three, four and five."""
    return [{"kind": "ability", "name": f"{name}_{day}", "offer": offer, "days": [day]} for day in YEAR_ENDS]


SWEEP: dict[str, Any] = {
    "scenario": "open_attack",
    "arms": [
        {"name": "defended", "says": "the provider detects, limits and changes what it returns, as it pays"},
        {"name": "undefended", "says": "anybody is served, with top probabilities", "changes": UNDEFENDED},
        {"name": "nothing", "says": "a token teaches nothing (kappa = 0)", "changes": TEACHES_NOTHING},
    ],
    "parameters": [
        {"name": "kappa_text", "paths": [f"{STUDENT}.worth.text"],
         "distribution": {"kind": "loguniform", "low": 0.02, "high": 1.0}},
        {"name": "account_usd", "paths": [f"{STUDENT}.source.account_usd"],
         "distribution": {"kind": "loguniform", "low": 1.0, "high": 300.0}},
        {"name": "scale_mtok", "paths": [f"{STUDENT}.curve.scale_mtok"],
         "distribution": {"kind": "loguniform", "low": 100.0, "high": 20000.0}},
        {"name": "asymptote_logits", "paths": [f"{STUDENT}.curve.asymptote_logits"],
         "distribution": {"kind": "uniform", "low": -0.6, "high": 0.2}},
        {"name": "research_share", "paths": ["providers.victim.lab.research.rule.share"],
         "distribution": {"kind": "uniform", "low": 0.05, "high": 0.5}},
        {"name": "closed_fit_share", "paths": ["providers.victim.offers.frontier.fit_share"],
         "distribution": {"kind": "uniform", "low": 0.0, "high": 0.3}},
        {"name": "price_sensitivity", "paths": ["population.price_sensitivity.median"],
         "distribution": {"kind": "loguniform", "low": 0.01, "high": 0.2}},
    ],
    "metrics": [
        {"kind": "ability", "name": "start", "offer": "copy", "days": [91.25]},
        *_abilities("copy", "copy"),
        *_abilities("frontier", "frontier"),
        *(
            {"kind": "provider", "name": f"share_{name}", "provider": name, "column": "share_of_tokens",
             "window_days": 365}
            for name in ("copier", "host-a", "host-b")
        ),
        _books("attack_usd", "copier", "research_usd"),
        _books("teacher_usd", "victim", "research_usd"),
        _books("copier_npv", "copier", "profit_usd", 0.15),
        _books("victim_npv", "victim", "profit_usd", 0.15),
        {"kind": "market", "name": "surplus", "column": "consumer_surplus_usd_per_day", "window_days": DAYS},
    ],
    "timeout_s": 300,
}  # fmt: skip


def gap_closed(arm: str) -> Any:
    """Share of the gap from the copier's own model to the frontier that the copy closes, mean of three year ends."""

    def of(arms: Arms) -> float:
        start = arms[f"start@{arm}"]
        shares = [(arms[f"copy_{day}@{arm}"] - start) / (arms[f"frontier_{day}@{arm}"] - start) for day in YEAR_ENDS]
        return sum(shares) / len(shares)

    return of


def open_share(arms: Arms) -> float:
    """Share of tokens at those who serve the copy, year five, the provider defending itself."""
    return sum(arms[f"share_{name}@defended"] for name in ("copier", "host-a", "host-b"))


CLAIM = Claim(
    name="attack",
    sentence="A central model can be copied cheaply by querying it, and the market ends decentralised and open.",
    hypothesis="Share of the gap that a copy closes; its cost over the teacher's research; tokens of open supply.",
    criterion=(
        "A copier closes 90% of the gap for under 10% of what the teacher's training costs, against a provider that "
        "defends itself, and open supply has over 50% of the tokens in year five; all in at least nine draws of ten. "
        "Measured: endless queries close over 90% of the gap in most cells."
    ),
    by_construction=(
        "How much a token teaches (kappa) and the curve are inputs and decide much: both vary widely and their flips "
        "are shown. The number of accounts is the copier's choice, detection and regime the provider's. Hosts are near "
        "cost and two, so that open supply is not made to win by their number. What the teacher of day 0 cost is not "
        "known and not charged, which speaks against the claim. Where a token teaches nothing there must be no copy."
    ),
    experiments=(
        Experiment(
            name="attack_and_defence",
            says="A provider that defends itself, a copier that publishes its copies, two hosts; five years",
            sweep=SWEEP,
            scores=(
                Score("gap_closed", "fraction", "of the gap to the frontier, three year ends", gap_closed("defended")),
                Score("cost_share", "ratio", "paid for copying over the teacher's research, five years",
                      lambda arms: arms["attack_usd@defended"] / arms["teacher_usd@defended"]),
                Score("open_share", "fraction", "of tokens at open supply, year five", open_share),
                Score("return_on_attack", "ratio", "discounted profit of the copier over what it paid for copying",
                      lambda arms: arms["copier_npv@defended"] / arms["attack_usd@defended"]),
                Score("victim_loses", "10^6 USD", "discounted profit lost to copying, what copiers paid it deducted",
                      lambda arms: (arms["victim_npv@nothing"] - arms["victim_npv@defended"]) / 1e6),
                Score("defence_gains", "10^6 USD", "discounted profit of the provider with its defence over without",
                      lambda arms: (arms["victim_npv@defended"] - arms["victim_npv@undefended"]) / 1e6),
                Score("surplus_lost", "fraction", "of customers' surplus, to the defence",
                      lambda arms: 1.0 - arms["surplus@defended"] / arms["surplus@undefended"]),
                Score("gap_undefended_less", "fraction", "gap closed without a defence less that with it",
                      lambda arms: gap_closed("undefended")(arms) - gap_closed("defended")(arms)),
                Score("gap_closed_nothing", "fraction", "where a token teaches nothing", gap_closed("nothing")),
            ),
            criteria=(
                Criterion("copied", "the copy closes 90% of the gap", "gap_closed", "above", GAP),
                Criterion("cheap", "for under 10% of the teacher's research", "cost_share", "below", COST_SHARE),
                Criterion("open", "open supply has over half of the tokens", "open_share", "above", OPEN_SHARE),
            ),
            controls=(
                Control("defence_off", "without a defence the copy is no worse",
                        Criterion("no_worse", "no worse than by 5% of the gap", "gap_undefended_less", "above", -0.05)),
                Control("kappa_0", "where a token teaches nothing there is no copy",
                        Criterion("no_copy", "under 10% of the gap", "gap_closed_nothing", "below", 0.1)),
            ),
        ),
    ),
    measurements=(
        Measurement(
            name="doses",
            says="How far endless queries bring an untrained student to its teacher, by what the teacher gave",
            unit="share of the gap",
            cells=gaps_closed,
            criterion=Criterion("most", "over 90% of the gap", "gap", "above", GAP),
            wants="most",
            least_cells=4,
            missing="a second world, or the language model at three doses: undercut distill worlds --study doses",
        ),
    ),
    evidence=(
        Evidence("measured", "data/measured/small_worlds.csv and doses_language.csv: small models on one machine"),
        Evidence("assumed", "kappa, the curve, accounts, detection, research, the preference for the closed provider"),
        Evidence("cited", "an alleged campaign of February 2026: 24,000 accounts, over 16 million exchanges"),
    ),
)  # fmt: skip
