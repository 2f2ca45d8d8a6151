"""access: a copier's progress is bounded by its ability to query the leaders' interfaces."""

from __future__ import annotations

from typing import Any

from sim.claims.claim import Arms, Claim, Control, Criterion, Evidence, Experiment, Score

SIX_MONTHS = 182.5  # days
ABOUT_NOTHING = 30.0  # days: a tenth of the shortest lag that is reported of open weights
OPEN = {"key": "providers.leader.access", "value": {"kind": "open"}}
WEIGHTS = {
    "key": "providers.copier.lab.students.student.source",
    "value": {"kind": "open_weights", "output_mtok": 1000},
}
OWN_LEARNING = {
    "key": "providers.copier.lab.reinforcement",
    "value": [
        {
            "offer": "student", "judge_error": 0.05, "gain_logits": 3.0, "scale_usd": 6e7, "round_usd": 1e7,
            "every_days": 45.0, "round_days": 30.0,
        }
    ],
}  # fmt: skip

SWEEP: dict[str, Any] = {
    "scenario": "restricted_access",
    "changes": [
        {"key": "population.nodes_per_class", "value": 32},
        {"key": "belief_nodes_per_class", "value": 32},
        {"key": "report_days", "value": 60},
    ],
    "arms": [
        {"name": "enforced", "says": "the leader limits requests, flags and bans"},
        {"name": "none", "says": "anybody may ask as much as it pays for", "changes": [OPEN]},
        {"name": "enforced_weights", "says": "enforced, but the leader's weights are open", "changes": [WEIGHTS]},
        {"name": "none_weights", "says": "not enforced, and the leader's weights are open", "changes": [WEIGHTS, OPEN]},
        {"name": "enforced_own", "says": "enforced, but the copier learns on its own", "changes": [OWN_LEARNING]},
        {"name": "none_own", "says": "not enforced, and the copier learns on its own", "changes": [OWN_LEARNING, OPEN]},
    ],
    "parameters": [
        {"name": "requests_per_account_day", "paths": ["providers.leader.access.requests_per_account_day"],
         "distribution": {"kind": "loguniform", "low": 1.5, "high": 24.0}},
        {"name": "tau", "paths": ["providers.leader.access.tau"],
         "distribution": {"kind": "uniform", "low": 1.5, "high": 3.5}},
        {"name": "accounts", "paths": ["providers.copier.lab.students.student.source.accounts"],
         "distribution": {"kind": "loguniform", "low": 100.0, "high": 2500.0}},
        {"name": "scale_mtok", "paths": ["providers.copier.lab.students.student.curve.scale_mtok"],
         "distribution": {"kind": "loguniform", "low": 10.0, "high": 250.0}},
        {"name": "asymptote_logits", "paths": ["providers.copier.lab.students.student.curve.asymptote_logits"],
         "distribution": {"kind": "uniform", "low": -0.3, "high": 0.0}},
        {"name": "research_share", "paths": ["providers.leader.lab.research.rule.share"],
         "distribution": {"kind": "uniform", "low": 0.1, "high": 0.4}},
    ],
    "metrics": [
        {"kind": "lag", "name": "lag", "teacher": "leader", "student": "student", "window_days": 1096},
    ],
    "timeout_s": 300,
}  # fmt: skip


def added(suffix: str = "") -> Any:
    """Days of lag that enforcement adds, in the pair of arms with this suffix."""

    def of(arms: Arms) -> float:
        return arms[f"lag@enforced{suffix}"] - arms[f"lag@none{suffix}"]

    return of


CLAIM = Claim(
    name="access",
    sentence="A copier's progress is bounded by its ability to query the leaders' interfaces.",
    hypothesis="Days by which full enforcement of limits and bans lengthens the copier's lag behind the leader.",
    criterion=(
        "Enforcement adds at least six months to the copier's mean lag, years two to four, in at least nine draws of ten."
    ),
    by_construction=(
        "If tokens of the leader were the only input, enforcement would have to bind. Two controls give the copier another "
        "one: open weights, and learning on its own; there enforcement must change the lag by less than 30 days."
    ),
    experiments=(
        Experiment(
            name="enforcement",
            says="A leader that improves two or three times a year, its copier, and how strictly access is enforced",
            sweep=SWEEP,
            scores=(
                Score("lag_added", "days", "lag with enforcement less lag without", added()),
                Score("lag_free", "days", "lag without enforcement", lambda arms: arms["lag@none"]),
                Score("lag_added_weights", "days", "the same, weights open", added("_weights")),
                Score("lag_added_own", "days", "the same, the copier learning on its own", added("_own")),
                Score(
                    "lag_moved_otherwise", "days", "the larger of the two controls' changes",
                    lambda arms: max(abs(added("_weights")(arms)), abs(added("_own")(arms))),
                ),
            ),
            criteria=(
                Criterion("six_months", "enforcement adds at least six months", "lag_added", "above", SIX_MONTHS),
            ),
            controls=(
                Control(
                    "another_way",
                    "with open weights, or learning on its own, enforcement changes the lag by less than 30 days",
                    Criterion("about_0", "less than 30 days", "lag_moved_otherwise", "below", ABOUT_NOTHING),
                ),
            ),
        ),
    ),
    evidence=(
        Evidence("assumed", "limits, detection, the copier's accounts, its curve and the leader's research"),
        Evidence("cited", "open weights lag by three to four months (Epoch AI), for comparison"),
    ),
)  # fmt: skip
