"""efficiency: training from a trainer is faster and cheaper than capital-intensive frontier training."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sim.claims.claim import Arms, Cell, Claim, Control, Criterion, Evidence, Experiment, Measurement, Score
from sim.claims.measured import measured
from sim.shared.curves import SUPERVISED
from sim.shared.paths import data_dir

if TYPE_CHECKING:
    import pandas as pd

HALF = 0.5
NEAR_LOGITS = 0.3  # behind the leader: about as good

# -- cited: what students at scale cost, against the same student trained alone to the same loss ------------------

SCALING = "distillation_scaling_points.csv"
SCARCE, AMPLE = 30.0, 150.0  # tokens of the student's for one of its parameters: at most, at least
TEACHER_TOKENS_PER_PARAM = 20.0  # of its training, assumed: the teachers' sizes are not in the table
STUDENTS_PER_TEACHER = 10.0  # over which its training is spread, assumed
LOSS_ERROR = 0.0026  # of a loss: mean error of the refitted law
BISECTIONS = 80


def teacher_params(loss_nats: float) -> float:
    """Size of a teacher of that loss, trained on twenty tokens a parameter, by the supervised law."""
    low, high = 1e5, 1e14
    for _ in range(BISECTIONS):
        middle = math.sqrt(low * high)
        worse = SUPERVISED.loss_nats(middle, TEACHER_TOKENS_PER_PARAM * middle) > loss_nats
        low, high = (middle, high) if worse else (low, middle)
    return math.sqrt(low * high)


def tokens_alone(params: float, loss_nats: float) -> float:
    """Tokens on which a model of that size comes to that loss without a teacher; infinite where it never does."""
    law = SUPERVISED
    if loss_nats <= law.e:
        return math.inf
    left = (loss_nats - law.e) ** (1.0 / law.gamma) - law.a * params**-law.alpha
    return (law.b / left) ** (1.0 / law.beta) if left > 0.0 else math.inf


def cost_ratio(params: float, tokens: float, teacher_loss: float, student_loss: float, amortised: bool) -> float:
    """Arithmetic of a student over that of training it alone to the same loss.

    6 a parameter and token for training, 2 for the teacher's reading of the same tokens; with `amortised`, its share of
    the teacher's own training too.
    """
    size = teacher_params(teacher_loss)
    spent = (6.0 * params + 2.0 * size) * tokens
    if amortised:
        spent += 6.0 * size * TEACHER_TOKENS_PER_PARAM * size / STUDENTS_PER_TEACHER
    alone = tokens_alone(params, student_loss)
    return 0.0 if math.isinf(alone) else spent / (6.0 * params * alone)


def _scaling(amortised: bool, least: float, most: float) -> Sequence[Cell]:
    """One cell a size and dose, under the teacher whose student has the lowest loss."""
    import pandas as pd

    rows = pd.read_csv(data_dir() / SCALING)
    rows = rows.assign(ratio=rows["student_tokens"] / rows["student_params"]).query("@least <= ratio <= @most")
    cells = []
    for (params, tokens), group in rows.groupby(["student_params", "student_tokens"], sort=True):
        best = group.loc[group["student_loss_nats"].idxmin()]
        teacher, loss = float(best["teacher_loss_nats"]), float(best["student_loss_nats"])

        def at(shift: float, teacher: float = teacher, loss: float = loss, size: Any = (params, tokens)) -> float:
            return cost_ratio(float(size[0]), float(size[1]), teacher, loss * (1.0 + shift), amortised)

        low, value, high = sorted((at(-2.0 * LOSS_ERROR), at(0.0), at(2.0 * LOSS_ERROR)))
        name = f"{params / 1e6:.0f} million parameters, {tokens / 1e9:.1f} billion tokens"
        cells.append(Cell(name, value, low, high, f"best of {len(group)} teachers; interval of the law's error"))
    return cells


def marginal() -> Sequence[Cell]:
    """Where the student's data are scarce; the teacher is there."""
    return _scaling(False, 0.0, SCARCE)


def amortised() -> Sequence[Cell]:
    """The same with a tenth of the teacher's training."""
    return _scaling(True, 0.0, SCARCE)


def marginal_ample() -> Sequence[Cell]:
    """Where the student has more data than it can use; the teacher is there."""
    return _scaling(False, AMPLE, math.inf)


# -- measured: small worlds ---------------------------------------------------------------------------------------

TIMING_ERROR = 0.2  # of a ratio of seconds on a shared machine, assumed


def small_worlds() -> Sequence[Cell]:
    """Seconds of a student's training over those of the cheapest one from scratch that is at least as near the truth.

    None where all of a world were trained on as many tokens: what it costs is then equal by the rig.
    """
    rows = measured("small_worlds.csv")
    if not len(rows):
        return []
    cells = []
    for (world, study), there in rows.groupby(["world", "study"], sort=True):
        scratch = there[there["method"] == "scratch"]
        if scratch["training_tokens"].nunique() < 2:
            continue
        taught = there[there["method"].isin(["full", "outputs"])]
        cells += [_against_scratch(row, scratch, f"{world}, {study}") for row in taught.to_dict("records")]
    return [cell for cell in cells if cell is not None]


def _against_scratch(row: dict[Any, Any], scratch: pd.DataFrame, where: str) -> Cell | None:
    mine = scratch[(scratch["seed"] == row["seed"]) & (scratch["truth_kl_nats"] <= row["truth_kl_nats"])]
    if mine.empty:
        return None
    ratio = float(row["training_s"]) / float(mine["training_s"].min())
    name = f"{row['method']}, {where}, {row['queries']} queries, seed {row['seed']}"
    return Cell(name, ratio, ratio * (1.0 - TIMING_ERROR), ratio * (1.0 + TIMING_ERROR), "seconds of training")


# -- simulated: two blocs -----------------------------------------------------------------------------------------

DAYS, YEAR_ENDS = 1826, (1095, 1460, 1826)
STUDENT = "providers.copier.lab.students.student"
EXPORTED = [{"key": "providers.leader.access", "value": {"kind": "open"}}]
TEACHES_NOTHING = [{"key": f"{STUDENT}.worth", "value": {"text": 1e-9, "topk": 1e-9, "full": 1e-9}}]


def _books(name: str, provider: str, column: str) -> dict[str, Any]:
    return {
        "kind": "books", "name": name, "provider": provider, "column": column, "take": "sum", "window_days": DAYS,
    }  # fmt: skip


SWEEP: dict[str, Any] = {
    "scenario": "restricted_access",
    "changes": [
        {"key": "horizon_days", "value": DAYS},
        {"key": "population.nodes_per_class", "value": 64},
    ],
    "arms": [
        {"name": "exported", "says": "the second bloc may ask as much as it pays for", "changes": EXPORTED},
        {"name": "restricted", "says": "access is limited, and copiers are flagged and banned"},
        {"name": "nothing", "says": "exported, but a token teaches nothing", "changes": [*EXPORTED, *TEACHES_NOTHING]},
    ],
    "parameters": [
        {"name": "research_share", "paths": ["providers.leader.lab.research.rule.share"],
         "distribution": {"kind": "uniform", "low": 0.1, "high": 0.4}},
        {"name": "scale_mtok", "paths": [f"{STUDENT}.curve.scale_mtok"],
         "distribution": {"kind": "loguniform", "low": 10.0, "high": 2500.0}},
        {"name": "asymptote_logits", "paths": [f"{STUDENT}.curve.asymptote_logits"],
         "distribution": {"kind": "uniform", "low": -0.6, "high": 0.2}},
        {"name": "training_cost_usd", "paths": [f"{STUDENT}.training_cost_usd"],
         "distribution": {"kind": "loguniform", "low": 2e5, "high": 5e7}},
        {"name": "accounts", "paths": [f"{STUDENT}.source.accounts"],
         "distribution": {"kind": "loguniform", "low": 100.0, "high": 2500.0}},
        {"name": "price_sensitivity", "paths": ["population.price_sensitivity.median"],
         "distribution": {"kind": "loguniform", "low": 0.02, "high": 0.2}},
    ],
    "metrics": [
        _books("second_usd", "copier", "research_usd"),
        _books("first_usd", "leader", "research_usd"),
        _books("first_revenue", "leader", "revenue_usd"),
        {"kind": "flow", "name": "bought", "accounts": ["teacher_tokens"], "payer": "copier", "payee": "leader"},
        *(
            {"kind": "ability", "name": f"{offer}_{day}", "offer": offer, "days": [day]}
            for offer in ("leader", "student")
            for day in YEAR_ENDS
        ),
        {"kind": "lag", "name": "lag", "teacher": "leader", "student": "student", "window_days": 1096},
    ],
    "timeout_s": 300,
}  # fmt: skip


def cost(arm: str, amortised: bool = False) -> Any:
    """What the second bloc paid for its models over what the first one paid for its own.

    With `amortised`, the second bears the first one's research in the proportion of what it bought to all sales.
    """

    def of(arms: Arms) -> float:
        own, first = arms[f"second_usd@{arm}"], arms[f"first_usd@{arm}"]
        borne = first * arms[f"bought@{arm}"] / arms[f"first_revenue@{arm}"] if amortised else 0.0
        return (own + borne) / first

    return of


def behind(arm: str) -> Any:
    """Ability of the second bloc's model less the first one's, mean of three year ends."""

    def of(arms: Arms) -> float:
        return sum(arms[f"student_{day}@{arm}"] - arms[f"leader_{day}@{arm}"] for day in YEAR_ENDS) / len(YEAR_ENDS)

    return of


NOT_HALF = Criterion("half", "under half of the cost", "ratio", "below", HALF)
AMPLE_DATA = (
    Control("ample_data", "where the student has ample data it costs at least half",
            Criterion("no_saving", "at least half", "ratio", "above", HALF)),
    marginal_ample,
)  # fmt: skip

CLAIM = Claim(
    name="efficiency",
    sentence="Training from a trainer is faster and cheaper than capital-intensive frontier training.",
    hypothesis="Cost of a student over that of the same quality without a teacher, marginal and amortised.",
    criterion=(
        "The cost ratio is under .5 at equal quality, both marginal and with the teacher amortised: in published runs "
        "where data are scarce, in small worlds, and between two blocs of which the second stays within .3 logits of "
        "the first, in at least nine draws of ten."
    ),
    by_construction=(
        "Marginal accounting alone would decide it: a teacher that is there and paid for by others is cheap. So its "
        "training is charged too, a tenth of it to each student, or by what the second bloc buys of all that the first "
        "one sells. Quality is held: a cheap student that stays behind does not count. Where the student has ample "
        "data the saving must vanish, and where a token teaches nothing the second bloc must stay behind."
    ),
    experiments=(
        Experiment(
            name="two_blocs",
            says="A bloc rich in capital that researches, and one that distils; export free or restricted",
            sweep=SWEEP,
            scores=(
                Score("cost", "ratio", "what the second bloc paid over what the first one did", cost("exported")),
                Score("cost_amortised", "ratio", "the same, its share of the first one's research included",
                      cost("exported", amortised=True)),
                Score("behind", "logits", "the second bloc's ability less the first one's", behind("exported")),
                Score("lag", "days", "of the second bloc", lambda arms: arms["lag@exported"]),
                Score("cost_restricted", "ratio", "the cost where export is restricted", cost("restricted")),
                Score("behind_restricted", "logits", "the ability where export is restricted", behind("restricted")),
                Score("behind_nothing", "logits", "the ability where a token teaches nothing", behind("nothing")),
            ),
            criteria=(
                Criterion("marginal", "under half of the cost", "cost", "below", HALF),
                Criterion("amortised", "under half with the teacher amortised", "cost_amortised", "below", HALF),
                Criterion("near", "within .3 logits of the first bloc", "behind", "above", -NEAR_LOGITS),
            ),
            controls=(
                Control("teaches_nothing", "where a token teaches nothing the second bloc stays behind",
                        Criterion("far", "more than .3 logits behind", "behind_nothing", "below", -NEAR_LOGITS)),
            ),
        ),
    ),
    measurements=(
        Measurement(
            name="at_scale",
            says="Published students with scarce data, against the same student trained alone to the same loss",
            unit="ratio",
            cells=marginal,
            criterion=NOT_HALF,
            controls=(AMPLE_DATA,),
        ),
        Measurement(
            name="at_scale_amortised",
            says="The same with a tenth of the teacher's training",
            unit="ratio",
            cells=amortised,
            criterion=NOT_HALF,
            controls=(AMPLE_DATA,),
        ),
        Measurement(
            name="small_worlds",
            says="Seconds of training of a small student over those of one from scratch that is as near the truth",
            unit="ratio",
            cells=small_worlds,
            criterion=NOT_HALF,
            least_cells=4,
            missing=(
                "students from scratch at two training budgets or more; all shipped ones were trained on as many "
                "tokens, which makes their cost equal"
            ),
        ),
    ),
    evidence=(
        Evidence("cited", "data/distillation_scaling_points.csv and the supervised law of arXiv 2502.08606"),
        Evidence("assumed", "teachers' sizes (twenty tokens a parameter), ten students each; research and curves"),
        Evidence("measured", "data/measured/small_worlds.csv: small models on one machine"),
    ),
)  # fmt: skip
