"""judge: as a judge in reinforcement learning, a frontier model lets the student pass its teacher."""

from __future__ import annotations

from collections.abc import Sequence

from sim.claims.claim import Cell, Claim, Control, Criterion, Evidence, Measurement
from sim.claims.measured import differences, measured

TABLE = "judge_rl.csv"
SEEDS = 3
LEAST_PROBLEMS = 2_000


def _cells(*conditions: str) -> Sequence[Cell]:
    rows = measured(TABLE)
    if not len(rows):
        return []
    return differences(rows[rows["condition"].isin(conditions) & (rows["items"] >= LEAST_PROBLEMS)])


def judged_by_the_teacher() -> Sequence[Cell]:
    """Student less teacher in sampled pass@1, the teacher having judged; one cell a seed."""
    return _cells("teacher")


def shuffled() -> Sequence[Cell]:
    """The same with rewards that were shuffled among answers."""
    return _cells("shuffled rewards")


def beside() -> Sequence[Cell]:
    """What else was trained as long: by an exact verifier, by imitation, and the teacher itself."""
    rows = measured(TABLE)
    decide = ("teacher", "shuffled rewards")
    return differences(rows[~rows["condition"].isin(decide)]) if len(rows) else []


CLAIM = Claim(
    name="judge",
    sentence=(
        "Used as a judge in reinforcement learning, a frontier model lets the student develop within its own "
        "distribution and pass its teacher."
    ),
    hypothesis="Sampled pass@1 of the student less the teacher's, after reinforcement with the teacher as its judge.",
    criterion=(
        "The difference is above 0 with its whole 95% interval in each of three seeds, on at least 2,000 held-out "
        "problems."
    ),
    by_construction=(
        "A weak or unfinished teacher is passed by anything, and problems that were seen are memorised: problems are "
        "held out, the same reinforcement is given to the teacher itself, and rewards shuffled among answers must "
        "teach nothing. No model is capped at another, either way."
    ),
    measurements=(
        Measurement(
            name="countdown",
            says="A small teacher and its student on Countdown, sampled answers, paired by problem; a verifier beside",
            unit="difference of shares",
            cells=judged_by_the_teacher,
            criterion=Criterion("passes", "the student's pass@1 is above the teacher's", "difference", "above", 0.0),
            wants="all",
            least_cells=SEEDS,
            missing="fewer than three seeds: undercut distill worlds --study judge --seeds 3",
            controls=(
                (
                    Control("shuffled", "with shuffled rewards the student stays below the teacher",
                            Criterion("below", "below the teacher", "difference", "below", 0.0)),
                    shuffled,
                ),
            ),
            beside=beside,
        ),
    ),
    evidence=(
        Evidence("measured", "data/measured/judge_rl.csv: small worlds on one machine; nothing about models of size"),
    ),
)  # fmt: skip
