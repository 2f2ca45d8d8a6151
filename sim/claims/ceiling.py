"""ceiling: a student never surpasses its teacher, and a lab that only distils is overtaken."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sim.claims.asymptotes import Z, asymptote
from sim.claims.claim import Arms, Cell, Claim, Control, Criterion, Evidence, Experiment, Measurement, Score
from sim.claims.measured import measured
from sim.shared.curves import SUPERVISED
from sim.shared.paths import data_dir

if TYPE_CHECKING:
    import pandas as pd

ONE_POINT = 0.01
RATE_PER_YEAR, DAYS = 0.15, 3650
IMITATIONS = ("outputs", "outputs_greedy", "topk", "full", "full_greedy", "born_again", "on_policy")
LANGUAGE, WORLDS, SCALING = "doses_language.csv", "small_worlds.csv", "distillation_scaling_points.csv"


# -- measured: what endless tokens would give ---------------------------------------------------------------------


def _worlds(greedy_teacher: bool) -> Sequence[Cell]:
    """Asymptotes of student less teacher, by world, method and decoding of the student.

    A teacher that wrote with its best token each time is compared as such; one that sampled, as the student decodes.
    """
    rows = measured(WORLDS)
    if not len(rows):
        return []
    cells = []
    rows = rows[rows["method"].isin(IMITATIONS) & (rows["method"].str.endswith("_greedy") == greedy_teacher)]
    for (world, study, method), group in rows.groupby(["world", "study", "method"], sort=True):
        for decoding in ("sampled", "greedy"):
            value, stderr = _differences(group, decoding, "greedy" if greedy_teacher else decoding)
            name = f"{method}, {world}, {study}, student {decoding}"
            rests = f"{int(group['items'].iloc[0])} problems, {group['seed'].nunique()} seeds"
            found = asymptote(name, group["queries"].to_list(), value, stderr, rests)
            cells += [found] if found is not None else []
    return cells


def _differences(group: pd.DataFrame, student: str, teacher: str) -> tuple[list[float], list[float]]:
    """Student less teacher of every row and its standard error; that of the rows where both sampled is paired."""
    value = (group[f"{student}_share"] - group[f"teacher_{teacher}_share"]).to_list()
    if student == teacher == "sampled":
        return value, ((group["difference_high"] - group["difference_low"]) / (2.0 * Z)).to_list()
    errors = []
    for row in group.to_dict("records"):
        shares = (row[f"{student}_share"], row[f"teacher_{teacher}_share"])
        errors.append(math.sqrt(sum((p * (1.0 - p) + 0.25 / row["items"]) / row["items"] for p in shares)))
    return value, errors


def sampled_teachers() -> Sequence[Cell]:
    """Of teachers that sampled what they wrote."""
    return _worlds(greedy_teacher=False)


def greedy_teachers() -> Sequence[Cell]:
    """Of teachers that wrote with their best token each time."""
    return _worlds(greedy_teacher=True)


def language() -> Sequence[Cell]:
    """Asymptotes of accuracy less the teacher's, of the language model's students, by recipe."""
    rows = measured(LANGUAGE)
    if not len(rows):
        return []
    cells = []
    rows = rows[rows["accuracy"].notna() & rows["own_accuracy"].notna()]
    for recipe, group in rows.groupby("recipe", sort=True):
        value = (group["accuracy"] - group["own_accuracy"]).to_list()
        errors = [
            math.sqrt(sum(p * (1.0 - p) / row["items"] for p in (row["accuracy"], row["own_accuracy"])))
            for row in group.to_dict("records")
        ]
        rests = f"{group['items'].iloc[0]:g} items, {group['seed'].nunique()} seeds"
        found = asymptote(str(recipe), group["distinct_teacher_tokens"].to_list(), value, errors, rests)
        cells += [found] if found is not None else []
    return cells


def weak_teachers() -> Sequence[Cell]:
    """Loss of the teacher less that of its student, nats, in runs whose student would pass its teacher alone.

    So it would by the supervised law: the teacher's loss lies above the law's for the student's size and tokens.
    """
    import numpy as np
    import pandas as pd

    path = data_dir() / SCALING
    rows = pd.read_csv(path)
    alone = SUPERVISED.loss_nats(rows["student_params"].to_numpy(), rows["student_tokens"].to_numpy())
    weak = rows[rows["teacher_loss_nats"].to_numpy() > alone]
    if len(weak) < 2:
        return []
    passed = (weak["teacher_loss_nats"] - weak["student_loss_nats"]).to_numpy()
    value, reach = float(passed.mean()), Z * float(passed.std(ddof=1)) / math.sqrt(len(passed))
    below = int(np.count_nonzero(passed > 0.0))
    rests = f"{len(passed)} published runs, {below} of them with the student's loss below its teacher's"
    return [Cell("weak teachers at scale, nats", value, value - reach, value + reach, rests)]


PASSES_A_WEAK_ONE = (
    Control("weak_teacher", "a weak teacher is passed by its students, on average",
            Criterion("passed", "the teacher's loss is above its student's", "difference", "above", 0.0)),
    weak_teachers,
)  # fmt: skip
NOT_ABOVE = Criterion("not_above", "at most a point above the teacher", "asymptote", "below", ONE_POINT)


# -- simulated: a lab that only distils, beside one that trains from scratch --------------------------------------

NOTHING_TO_TEACH = [{"key": "providers.trainer.lab.research.ability_per_log_usd", "value": 0.0}]
NO_STUDENTS = [{"key": "providers.distiller.lab.students.distilled.first_day", "value": None}]


def _npv(name: str, provider: str, day: int) -> dict[str, Any]:
    """Profit after all that was spent, discounted to day 0, up to a day."""
    return {
        "kind": "books", "name": name, "provider": provider, "column": "profit_usd", "take": "sum", "days": [day],
        "window_days": day, "discount_per_year": RATE_PER_YEAR,
    }  # fmt: skip


SWEEP: dict[str, Any] = {
    "scenario": "distil_or_train",
    "arms": [
        {"name": "distils", "says": "one lab trains from scratch, the other distils its models"},
        {"name": "weak", "says": "training from scratch gives nothing better", "changes": NOTHING_TO_TEACH},
        {"name": "neither", "says": "one lab trains from scratch, the other does nothing", "changes": NO_STUDENTS},
    ],
    "parameters": [
        {"name": "reference_usd", "paths": ["providers.trainer.lab.research.reference_usd"],
         "distribution": {"kind": "loguniform", "low": 1e7, "high": 3e9}},
        {"name": "ability_per_log_usd", "paths": ["providers.trainer.lab.research.ability_per_log_usd"],
         "distribution": {"kind": "uniform", "low": 0.2, "high": 1.0}},
        {"name": "research_share", "paths": ["providers.trainer.lab.research.rule.share"],
         "distribution": {"kind": "uniform", "low": 0.05, "high": 0.5}},
        {"name": "asymptote_logits", "paths": ["providers.distiller.lab.students.distilled.curve.asymptote_logits"],
         "distribution": {"kind": "uniform", "low": -0.6, "high": 0.4}},
        {"name": "scale_mtok", "paths": ["providers.distiller.lab.students.distilled.curve.scale_mtok"],
         "distribution": {"kind": "loguniform", "low": 30.0, "high": 3000.0}},
        {"name": "price_sensitivity", "paths": ["population.price_sensitivity.median"],
         "distribution": {"kind": "loguniform", "low": 0.01, "high": 0.2}},
    ],
    "metrics": [
        _npv("distiller", "distiller", DAYS),
        _npv("trainer", "trainer", DAYS),
        _npv("distiller_2", "distiller", 730),
        _npv("trainer_2", "trainer", 730),
        {"kind": "provider", "name": "distiller_share", "provider": "distiller", "column": "share_of_dollars",
         "window_days": 365},
        {"kind": "ability", "name": "distilled_theta", "offer": "distilled"},
        {"kind": "ability", "name": "trained_theta", "offer": "trained"},
    ],
    "timeout_s": 300,
}  # fmt: skip


def ahead(arm: str, years: str = "") -> Any:
    """Discounted profit of the lab that distils less that of the one that trains, 10^9 USD."""

    def of(arms: Arms) -> float:
        return (arms[f"distiller{years}@{arm}"] - arms[f"trainer{years}@{arm}"]) / 1e9

    return of


CLAIM = Claim(
    name="ceiling",
    sentence=(
        "Imitation gives short-term gains, but a student never surpasses its teacher, and a lab that only distils is "
        "overtaken."
    ),
    hypothesis=(
        "Asymptote of the student's share of solved problems less the teacher's; discounted profit of a lab that only "
        "distils less that of one that trains from scratch, after ten years."
    ),
    criterion=(
        "The upper bound of the asymptote of student less teacher is at most one point in every measured cell, greedy "
        "and sampled teachers apart; and the discounted profit (15% a year) of distilling alone less that of training "
        "from scratch is negative after ten years, in at least nine draws of ten."
    ),
    by_construction=(
        "No curve is capped at the teacher: measured asymptotes are fitted freely, and the simulated one is drawn from "
        ".6 logits below to .4 above. Both labs are alike on day 0, so that neither leads by how the market begins. "
        "Asymptotes rest on an assumed exponent of one half. A weak teacher must be passed, else the test could not "
        "see a student above its teacher."
    ),
    experiments=(
        Experiment(
            name="ten_years",
            says="Two labs that are alike on day 0: one trains every model from scratch, the other distils them",
            sweep=SWEEP,
            scores=(
                Score("ahead", "10^9 USD", "profit of distilling less training, ten years", ahead("distils")),
                Score("ahead_two_years", "10^9 USD", "the same after two years", ahead("distils", "_2")),
                Score("ability_ahead", "logits", "student less teacher in the end",
                      lambda arms: arms["distilled_theta@distils"] - arms["trained_theta@distils"]),
                Score("distiller_share", "fraction", "of dollars, year ten",
                      lambda arms: arms["distiller_share@distils"]),
                Score("distilling_pays", "10^9 USD", "discounted profit of distilling over doing nothing",
                      lambda arms: (arms["distiller@distils"] - arms["distiller@neither"]) / 1e9),
                Score("ahead_weak", "10^9 USD", "distilling less training where training gives nothing", ahead("weak")),
            ),
            criteria=(
                Criterion("overtaken", "distilling alone earns less over ten years", "ahead", "below", 0.0),
            ),
            controls=(
                Control("weak_teacher", "where training from scratch gives nothing, who distils is not behind",
                        Criterion("not_behind", "distilling earns more", "ahead_weak", "above", 0.0)),
            ),
        ),
    ),
    measurements=(
        Measurement(
            name="sampled_teachers",
            says="Students of small teachers that sampled what they wrote, at endless queries; both decodings",
            unit="difference of shares",
            cells=sampled_teachers,
            criterion=NOT_ABOVE,
            least_cells=6,
            missing="three doses of each method in two seeds or more: undercut distill worlds --study doses",
            controls=(PASSES_A_WEAK_ONE,),
        ),
        Measurement(
            name="greedy_teachers",
            says="The same of teachers that wrote with their best token each time",
            unit="difference of shares",
            cells=greedy_teachers,
            criterion=NOT_ABOVE,
            least_cells=2,
            missing="three doses of each method in two seeds or more: undercut distill worlds --study doses",
            controls=(PASSES_A_WEAK_ONE,),
        ),
        Measurement(
            name="language",
            says="Students of a small language model, accuracy on held-out items at endless tokens of its teacher",
            unit="difference of shares",
            cells=language,
            criterion=NOT_ABOVE,
            least_cells=1,
            missing="a recipe at three doses or more, four rows in all: undercut distill reproduce doses_language",
            controls=(PASSES_A_WEAK_ONE,),
        ),
    ),
    evidence=(
        Evidence("measured", "data/measured/small_worlds.csv and doses_language.csv: small models on one machine"),
        Evidence("cited", "data/distillation_scaling_points.csv: published runs under weak teachers"),
        Evidence("assumed", "what research yields and costs, the student's curve, tastes and market"),
    ),
)  # fmt: skip
