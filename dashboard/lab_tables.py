"""What the distillation lab measured, as the page draws it: doses, methods in small worlds, judges. Pure.

An interval stands wherever the table tells one: of seeds their least and largest value, of shares the 95 per cent
interval over items. A point of one seed has none, and `seeds` says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from evalsuite.distill.dose_fit import OUTCOMES
from evalsuite.distill.dose_table import DOSES
from evalsuite.distill.plan import Plan, read_plan
from evalsuite.distill.worlds.table import JUDGE_RL, SMALL_WORLDS
from sim.shared.curves import DISTILLED, Curves, DoseCurve, shipped_curves
from sim.shared.paths import data_dir
from sim.shared.tables import TableSpec, read_table

if TYPE_CHECKING:
    import pandas as pd

STUDY = "doses_language"
NORMAL_95 = 1.959964
STEP_TOKENS = 512  # doses are whole steps of training; see data/README.md
CURVE_POINTS = 60
ACCURACY, TRUTH_KL, SAMPLED = "accuracy", "truth_kl_nats", "sampled_share"
SCALING_POINTS = "distillation_scaling_points.csv"
ABOVE, BELOW = "above its teacher's loss", "at or below it"


@dataclass(frozen=True)
class Outcome:
    """A measured outcome: its title, its unit, how numbers are written, and the column of the teacher's own."""

    title: str
    unit: str
    show: str
    own: str


DOSE_OUTCOMES: Mapping[str, Outcome] = {
    "held_out_kl_nats": Outcome("Distance from the teacher (KL)", "nats a token; 0 is the teacher", "plain", ""),
    ACCURACY: Outcome("Items answered right", "% of the items", "percent", "own_accuracy"),
    "human_nats_per_byte": Outcome(
        "Text that people wrote", "nats a byte; lower is better", "plain", OUTCOMES["human_nats_per_byte"]
    ),
    "teacher_nats_per_byte": Outcome(
        "Text that the teacher wrote", "nats a byte; lower is better", "plain", OUTCOMES["teacher_nats_per_byte"]
    ),
}
WORLD_OUTCOMES: Mapping[str, Outcome] = {
    TRUTH_KL: Outcome("Distance from the truth (KL)", "nats; logarithmic", "plain", "teacher_truth_kl_nats"),
    SAMPLED: Outcome("Sampled answers that are right", "% of the answers", "percent", "teacher_sampled_share"),
}
METHODS: Mapping[str, str] = {
    "logit_kd": "all probabilities",
    "topk_kd": "likeliest tokens",
    "outputs": "text alone",
    "born_again": "two generations",
    "on_policy": "on its own text",
    "judge_rl": "a judge",
}


@dataclass(frozen=True)
class Lab:
    """The measured tables, empty where none is shipped.

    Attributes:
        doses: conforming to `evalsuite.distill.dose_table.DOSES`.
        curves: fitted to them.
        worlds, judges: conforming to `evalsuite.distill.worlds.table`.
        scaling: published runs of students under teachers of known loss.
    """

    doses: pd.DataFrame
    curves: Curves
    worlds: pd.DataFrame
    judges: pd.DataFrame
    scaling: pd.DataFrame


def read_lab(folder: Path | None = None) -> Lab:
    """The tables of a folder of data; by default the shipped one.

    Raises:
        InputError, InputErrors: for a file that is there and is no such table.
    """
    import pandas as pd

    place = folder if folder is not None else data_dir()
    measured = place / "measured"
    published = place / SCALING_POINTS
    return Lab(
        _table(DOSES, measured / f"{STUDY}.csv"),
        shipped_curves(measured),
        _table(SMALL_WORLDS, measured / "small_worlds.csv"),
        _table(JUDGE_RL, measured / "judge_rl.csv"),
        read_table(published) if published.is_file() else pd.DataFrame(),
    )


def dose_points(doses: pd.DataFrame, outcome: str) -> pd.DataFrame:
    """Outcome by dose: one row a way to make a student and a dose, the mean over seeds with its ends.

    Args:
        doses: conforming to `DOSES`.
        outcome: a key of `DOSE_OUTCOMES`.

    Returns:
        name, recipe, epochs, tokens, value, low, high, seeds; rows without the outcome are left out.
    """
    import pandas as pd

    known = doses.dropna(subset=[outcome])
    rows = []
    for (recipe, epochs), mine in known.groupby(["recipe", "epochs"], sort=False):
        for tokens, part in mine.groupby("distinct_teacher_tokens", sort=True):
            value = float(part[outcome].mean())
            low, high = float(part[outcome].min()), float(part[outcome].max())
            if outcome == ACCURACY:
                # Seeds answer the same items, so they do not make an interval over items narrower.
                low, high = wilson(value, float(part["items"].mean()))
            rows.append((_name(mine.iloc[0]), recipe, epochs, tokens, value, low, high, part["seed"].nunique()))
    columns = ["name", "recipe", "epochs", "tokens", "value", "low", "high", "seeds"]
    return pd.DataFrame(rows, columns=columns)


def at_one_dose(points: pd.DataFrame) -> pd.DataFrame:
    """The rows of the largest dose at which two ways to make a student were measured; none where there is none.

    Args:
        points: of `dose_points`.
    """
    counts = points[points["tokens"] > 0].groupby("tokens")["name"].nunique()
    common = counts[counts >= 2]
    if common.empty:
        return points.iloc[:0]
    return points[points["tokens"] == common.index.max()].sort_values("value", ignore_index=True)


def dose_lines(doses: pd.DataFrame, curves: Curves, outcome: str) -> pd.DataFrame:
    """The fitted curves of an outcome with their 95 per cent bands: name, tokens, value, low, high."""
    import pandas as pd

    frames = []
    for row in curves.table[curves.table["outcome"] == outcome].to_dict("records"):
        mine = doses[(doses["epochs"] == row["epochs"]) & _of_curve(doses, str(row["curve"]))]
        if mine.empty:
            continue
        tokens = np.linspace(0.0, float(row["most_tokens"]) ** 0.5, CURVE_POINTS) ** 2
        fitted = DoseCurve(row["e"], row["a"], row["b"], row["n0_tokens"]).at(tokens)
        draws = curves.draws[(curves.draws["curve"] == row["curve"]) & (curves.draws["outcome"] == outcome)]
        low = high = fitted
        if len(draws) > 1:
            drawn = np.stack(
                [DoseCurve(one.e, one.a, one.b, one.n0_tokens).at(tokens) for one in draws.itertuples()]
            )  # (draws, CURVE_POINTS)
            low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
        name = _name(mine.iloc[0])
        frames.append(pd.DataFrame({"name": name, "tokens": tokens, "value": fitted, "low": low, "high": high}))
    columns = ["name", "tokens", "value", "low", "high"]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=columns)


def teachers_own(table: pd.DataFrame, outcome: Outcome) -> float:
    """The teacher's own outcome; its distance from itself is 0."""
    return float(table[outcome.own].mean()) if outcome.own else 0.0


def lacking(plan: Plan, doses: pd.DataFrame) -> pd.DataFrame:
    """What the study wants and what is measured: one row a recipe and number of epochs, with the doses that lack.

    Args:
        plan: of the study; see `shipped_plan`.
        doses: conforming to `DOSES`.
    """
    import pandas as pd

    cells = pd.DataFrame(
        [
            (group.recipe, group.epochs, seed, dose, _is_there(doses, group.recipe, group.epochs, seed, dose))
            for group in plan.cells
            for seed in group.seeds
            for dose in group.doses
        ],
        columns=["recipe", "epochs", "seed", "dose", "there"],
    )
    rows = []
    for (recipe, epochs), mine in cells.groupby(["recipe", "epochs"], sort=False):
        missing = mine[~mine["there"]]
        said = "; ".join(
            f"seed {seed}: {', '.join(f'{dose:,}' for dose in part['dose'])}" for seed, part in missing.groupby("seed")
        )
        rows.append((recipe, epochs, len(mine), int(mine["there"].sum()), said))
    return pd.DataFrame(rows, columns=["recipe", "epochs", "wanted", "measured", "not measured yet"])


def shipped_plan() -> Plan | None:
    """The study of the shipped table of doses, where it ships."""
    return read_plan(STUDY) if (data_dir() / "studies" / f"{STUDY}.yaml").is_file() else None


def world_points(worlds: pd.DataFrame, world: str, outcome: str) -> pd.DataFrame:
    """Outcome of the methods by answers bought, in one small world: name, queries, value, low, high, seeds.

    The ends are those of the seeds; of a share, of the seeds' 95 per cent intervals together.
    """
    import pandas as pd

    mine = worlds[worlds["world"] == world].dropna(subset=[outcome])
    low, high = ("sampled_low", "sampled_high") if outcome == SAMPLED else (outcome, outcome)
    rows = [
        (method, int(queries), float(part[outcome].mean()), float(part[low].min()), float(part[high].max()),
         int(part["seed"].nunique()))
        for (method, queries), part in mine.groupby(["method", "queries"], sort=False)
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=["name", "queries", "value", "low", "high", "seeds"])


def judge_points(judges: pd.DataFrame) -> pd.DataFrame:
    """Each judge and control: name, value, low, high (share of right answers less the teacher's), seeds."""
    import pandas as pd

    rows = [
        (condition, float(part["difference"].mean()), float(part["difference_low"].min()),
         float(part["difference_high"].max()), int(part["seed"].nunique()))
        for condition, part in judges.groupby("condition", sort=False)
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=["name", "value", "low", "high", "seeds"])


def scaling_points(published: pd.DataFrame) -> pd.DataFrame:
    """Published runs: tokens, loss above the teacher's (nats a token), the law's value of it, and its side."""
    excess = published["student_loss_nats"] - published["teacher_loss_nats"]
    law = DISTILLED.loss_nats(
        published["student_params"].to_numpy(dtype=float),
        published["student_tokens"].to_numpy(dtype=float),
        published["teacher_loss_nats"].to_numpy(dtype=float),
    )
    return published.assign(
        tokens=published["student_tokens"].astype(float),
        value=excess,
        law=law - published["teacher_loss_nats"].to_numpy(dtype=float),
        side=np.where(excess > 0, ABOVE, BELOW),
    )[["tokens", "value", "law", "side", "student_params", "teacher_loss_nats", "source"]]


def wilson(share: float, items: float) -> tuple[float, float]:
    """Wilson's 95 per cent interval of a share of `items`, taken as independent."""
    z2 = NORMAL_95**2 / items
    middle = (share + z2 / 2) / (1 + z2)
    half = NORMAL_95 / (1 + z2) * (share * (1 - share) / items + z2 / (4 * items)) ** 0.5
    return middle - half, middle + half


def _table(spec: TableSpec, path: Path) -> pd.DataFrame:
    import pandas as pd

    frame = read_table(path) if path.is_file() else pd.DataFrame(columns=spec.column_names)
    return spec.conform(frame, str(path))


def _name(row: pd.Series) -> str:
    """What a student was made with, as a legend has it: recipe, what it learned from, its size."""
    what = METHODS.get(str(row["method"]), str(row["method"]))
    parts = [f"{row['recipe']}: {what}", f"{row['student_layers']} layers"]
    parts += [str(row["defences"])] if row["defences"] else []
    return ", ".join(parts + ([f"{row['epochs']} epochs"] if row["epochs"] != 1 else []))


def _of_curve(doses: pd.DataFrame, curve: str) -> pd.Series:
    """Rows of the recipe whose curve it is; a curve is called after its recipe and epochs ("demo, 1 epoch")."""
    return doses["recipe"] == curve.rsplit(", ", 1)[0]


def _is_there(doses: pd.DataFrame, recipe: str, epochs: int, seed: int, dose: int) -> bool:
    """Whether a dose was measured; what was bought is a dose cut to whole steps."""
    mine = doses[(doses["recipe"] == recipe) & (doses["epochs"] == epochs) & (doses["seed"] == seed)]
    short = dose - mine["distinct_teacher_tokens"]
    return bool(short.between(0, STEP_TOKENS - 1).any())
