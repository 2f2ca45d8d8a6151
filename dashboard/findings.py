"""What an eval run says, as tables and some sentences: everything that its report shows, computed once.

Models without a row in `cost` or `shapes` (they were not timed, or nobody knows their weights) are kept where the rest
is known, and named where it is not.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dashboard.frontier import NORMAL_95
from dashboard.labels import percent, shown
from dashboard.source import Source, read_source
from evalsuite.analysis import Measured, cascade_table, frontier_table, read_run
from evalsuite.ledgers import (
    DEFAULT_ACCELERATOR,
    DEFAULT_SERVING,
    Price,
    accelerator,
    ledger_table,
    listed,
    measured,
    modelled,
    served,
)
from evalsuite.pairs import Pair, chosen_pair, compare
from evalsuite.tables import PAIRS
from sim.shared.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

NOT_MEASURED = "not measured here"
PHASES = ("prefill", "decode")
ITEMS_NAMED = 12  # of those in error with one reason
QUANTITIES = ("usd_per_mtok_in", "usd_per_mtok_out", "usd_per_mb_in", "usd_per_mb_out")
BY_CLASS = ("usd_per_request", "usd_per_correct", "usd_per_correct_low", "usd_per_correct_high")


@dataclass(frozen=True)
class Findings:
    """The tables of a report.

    Attributes:
        pair: what the headline, the differences and the cascade are about; None for a run of one model.
        pairs: conforming to `evalsuite.tables.PAIRS`, of `pair`; empty without one.
        frontier: conforming to `evalsuite.tables.FRONTIER`, of the models that were timed; None where there is none.
        cascade: conforming to `evalsuite.tables.CASCADE`; None where there is none, and `no_cascade` says why.
        speed: table `cost`, with a row and no figures for each model that was not timed.
        per_token: one row a model, `QUANTITIES` of each ledger, as "measured usd_per_mtok_in".
        per_class: one row a model and task class, `BY_CLASS` of each ledger.
        errors: model, task, reason, n, items; one row a reason.
        not_modelled: models that the modelled ledger leaves out, with the reason.
    """

    source: Source
    run: Measured
    pair: Pair | None
    pairs: pd.DataFrame
    frontier: pd.DataFrame | None
    cascade: pd.DataFrame | None
    no_cascade: str
    speed: pd.DataFrame
    per_token: pd.DataFrame
    per_class: pd.DataFrame
    errors: pd.DataFrame
    not_modelled: dict[str, str]

    @property
    def listed(self) -> bool:
        """Whether a model of the run is behind an endpoint, so that a third ledger holds its list price."""
        return not self.run.usage.empty

    @property
    def timed(self) -> list[str]:
        """Models that were timed, in the run's order."""
        known = self.speed.dropna(subset=["usd_per_mtok"])
        return [model for model in self.run.models if model in set(known["model"])]

    @property
    def not_timed(self) -> list[str]:
        """The others."""
        return [model for model in self.run.models if model not in self.timed]

    def headline(self) -> tuple[str, ...]:
        """How good and how dear the student is relative to its teacher, with intervals, in two or three sentences."""
        if self.pair is None:
            model = self.run.models[0]
            return (
                f"{model} answers {self._accuracy(model)}, {self._over_tasks()}.",
                self._own_cost(model),
                "The run has one model: there is no pair to compare, and no cascade.",
            )
        return tuple(filter(None, (self._quality_sentence(), self._cost_sentence(), self._frontier_sentence())))

    def _quality_sentence(self) -> str:
        assert self.pair is not None
        counted = self.pairs[self.pairs["task"].isin(self.run.counted_tasks)]
        mean, low, high = mean_with_interval(counted["difference"], counted["stderr"])
        other = "its teacher" if self.pair.related else "and"
        sentence = (
            f"{self.pair.student} answers {self._accuracy(self.pair.student)}, {other} {self.pair.teacher} "
            f"{self._accuracy(self.pair.teacher)}, {self._over_tasks()}"
        )
        if math.isnan(mean):
            return f"{sentence}; no item was answered by both."
        points, least, most = (percent(value, True).removesuffix("%") for value in (mean, low, high))
        return (
            f"{sentence}: on the items that both answered a difference of {points} percentage points (95% interval "
            f"{least} to {most})."
        )

    def _cost_sentence(self) -> str:
        assert self.pair is not None
        missing = [model for model in (self.pair.student, self.pair.teacher) if model in self.not_timed]
        if missing:
            return f"The cost of {' and '.join(missing)} is {NOT_MEASURED}."
        read, written = (self._cost_ratio(phase) for phase in PHASES)
        return (
            f"On the machine that measured both, a token that {self.pair.student} reads costs {read} of what it costs "
            f"with {self.pair.teacher}, a token that it writes {written}."
        )

    def _frontier_sentence(self) -> str:
        if self.frontier is None or self.pair is None:
            return ""
        probability = self.frontier.set_index("model")["frontier_probability"]
        if not {self.pair.student, self.pair.teacher} <= set(probability.index):
            return ""
        mine, theirs = (
            shown(float(probability[name]), "probability", "") for name in (self.pair.student, self.pair.teacher)
        )
        return (
            f"{self.pair.student} lies on the frontier of quality and cost with probability {mine}, "
            f"{self.pair.teacher} with {theirs}: no other model of the run is as good and as cheap, and better in one."
        )

    def _over_tasks(self) -> str:
        count = len(self.run.counted_tasks)
        return f"mean of {count} task{'s' if count != 1 else ''}"

    def _accuracy(self, model: str) -> str:
        rows = self.run.quality
        rows = rows[(rows["model"] == model) & ~rows["floor"]].dropna(subset=["score"])
        mean, low, high = mean_with_interval(rows["score"], rows["stderr"])
        if math.isnan(mean):
            return "an unknown share of the items right"
        return (
            f"{percent(mean)} of the items right (95% interval {percent(max(low, 0.0))} to {percent(min(high, 1.0))})"
        )

    def _own_cost(self, model: str) -> str:
        if model in self.not_timed:
            return f"Its cost is {NOT_MEASURED}."
        rows = self.speed[self.speed["model"] == model].set_index("phase")
        read, written = (_usd_with_interval(rows.loc[phase]) for phase in PHASES)
        return f"On the machine that measured it, reading a million tokens costs {read}, writing them {written}."

    def _cost_ratio(self, phase: str) -> str:
        """The student's cost over the teacher's; paired by repeat where the run timed them together."""
        assert self.pair is not None
        rows = self.speed[self.speed["phase"] == phase].set_index("model")
        mine, theirs = rows.loc[self.pair.student], rows.loc[self.pair.teacher]
        ratio, error = float(mine["ratio"]), float(mine["ratio_log_stderr"])
        if not self.pair.related or math.isnan(ratio):
            ratio = float(mine["usd_per_mtok"]) / float(theirs["usd_per_mtok"])
            error = math.hypot(float(mine["log_stderr"]), float(theirs["log_stderr"]))
        half = self._student_95(phase) * error
        low, high = ratio * math.exp(-half), ratio * math.exp(half)
        return f"{percent(ratio)} (95% interval {percent(low)} to {percent(high)})"

    def _student_95(self, phase: str) -> float:
        """Standard errors in half a 95 per cent interval of a timing, by its repeats; that of the table `cost`."""
        from scipy.stats import t

        speed = self.source.tables.get("speed")
        if speed is None or self.pair is None:
            return NORMAL_95
        repeats = int(((speed["model"] == self.pair.student) & (speed["phase"] == phase)).sum())
        return float(t.ppf(0.975, repeats - 1)) if repeats > 1 else NORMAL_95


def read_findings(folder: Path, teacher: str | None = None, student: str | None = None) -> Findings:
    """Everything that a report of this eval run shows.

    Args:
        folder: that `undercut eval run` wrote.
        teacher, student: models of the run; by default the last student of the run with its teacher, or, where the run
            knows no such relation, its first two models.

    Raises:
        InputError: if the folder is no eval run or was changed, or the run has no such model.
    """
    source = read_source(folder)
    run = read_run(folder)
    related = _related(source.tables.get("pairs"))
    pair = chosen_pair(run.models, related, teacher, student)
    timed = {model for model in run.models if set(PHASES) <= set(run.cost[run.cost["model"] == model]["phase"])}
    prices = measured(run.cost[run.cost["model"].isin(timed)])
    shaped = [shape for shape in run.shapes if shape.model in run.models]
    device = accelerator(DEFAULT_ACCELERATOR)
    fitting, too_large = served(shaped, device, DEFAULT_SERVING)
    known = {shape.model for shape in shaped}
    left_out = {model: "its size is not known" for model in run.models if model not in known}
    left_out |= too_large
    ledgers = {
        "measured": [price for price in prices if price.model in known],
        "modelled": modelled(fitting, device, DEFAULT_SERVING),
    }
    if not run.usage.empty:
        ledgers["list price"] = listed(run.usage)
    tables = {name: ledger_table(rows, shaped, run.samples, run.quality) for name, rows in ledgers.items()}
    frontier = _frontier(run, prices)
    cascade, reason = _cascade(run, prices, pair)
    return Findings(
        source=source,
        run=run,
        pair=pair,
        pairs=_pairs(run.samples, pair),
        frontier=frontier,
        cascade=cascade,
        no_cascade=reason,
        speed=_with_every(run.models, run.cost[run.cost["model"].isin(timed)]),
        per_token=_side_by_side(run, tables, QUANTITIES, ("model",)),
        per_class=_side_by_side(run, tables, BY_CLASS, ("model", "task_class")),
        errors=_errors(run.samples),
        not_modelled=left_out,
    )


def mean_with_interval(values: pd.Series, stderrs: pd.Series) -> tuple[float, float, float]:
    """The mean over tasks with its 95 per cent interval; the tasks' errors are taken as independent."""
    if not len(values):
        return math.nan, math.nan, math.nan
    mean = float(values.mean())
    half = NORMAL_95 * math.sqrt(float((stderrs**2).sum())) / len(values)
    return mean, mean - half, mean + half


def _usd_with_interval(row: pd.Series) -> str:
    usd, low, high = (shown(row[name], "figures", "") for name in ("usd_per_mtok", "low", "high"))
    return f"USD {usd} (95% interval {low} to {high})"


def _related(pairs: pd.DataFrame | None) -> list[tuple[str, str]]:
    if pairs is None:
        return []
    return list(dict.fromkeys(zip(pairs["teacher"], pairs["student"], strict=True)))


def _pairs(samples: pd.DataFrame, pair: Pair | None) -> pd.DataFrame:
    import pandas as pd

    if pair is None:
        return PAIRS.conform(pd.DataFrame(columns=PAIRS.column_names), PAIRS.name)
    return compare(samples, pair.teacher, pair.student)


def _frontier(run: Measured, prices: Sequence[Price]) -> pd.DataFrame | None:
    if not prices:
        return None
    try:
        return frontier_table(run, prices)
    except InputError:  # no task has items that all of them answered
        return None


def _cascade(run: Measured, prices: Sequence[Price], pair: Pair | None) -> tuple[pd.DataFrame | None, str]:
    """The curve, or why there is none."""
    if pair is None:
        return None, "The run has one model: there is nobody to send hard items up to."
    missing = [name for name in (pair.student, pair.teacher) if name not in {price.model for price in prices}]
    if missing:
        return None, f"No curve: the cost of {' and '.join(missing)} is {NOT_MEASURED}."
    try:
        return cascade_table(run, prices, pair.teacher, pair.student), ""
    except InputError:
        return None, f"No curve: no item that both answered has a confidence of {pair.student}."


def _with_every(models: Sequence[str], cost: pd.DataFrame) -> pd.DataFrame:
    """Table `cost` in the run's order, reading before writing; a model that was not timed has a row of its own."""
    import pandas as pd

    parts = []
    for model in models:
        mine = cost[cost["model"] == model].set_index("phase", drop=False)
        parts.append(mine.loc[list(PHASES)] if len(mine) else pd.DataFrame([{"model": model, "phase": ""}]))
    return pd.concat(parts, ignore_index=True).reindex(columns=cost.columns)


def _side_by_side(
    run: Measured, tables: dict[str, pd.DataFrame], columns: Sequence[str], keys: Sequence[str]
) -> pd.DataFrame:
    """The ledgers in one row a key, in the run's order; what a ledger does not know is NaN."""
    out = run.quality[~run.quality["floor"]][list(keys)].drop_duplicates(ignore_index=True)
    for name, table in tables.items():
        mine = table.drop_duplicates(list(keys))[[*keys, *columns]]
        out = out.merge(mine.rename(columns={column: f"{name} {column}" for column in columns}), on=keys, how="left")
    return out


def _errors(samples: pd.DataFrame) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(_error_rows(samples[samples["error"] != ""]), columns=["model", "task", "reason", "n", "items"])


def _error_rows(wrong: pd.DataFrame) -> Iterator[dict[str, object]]:
    for (model, task, reason), rows in wrong.groupby(["model", "task", "error"], sort=False):
        items = list(rows["item"])
        named = ", ".join(items[:ITEMS_NAMED])
        more = len(items) - ITEMS_NAMED
        yield {
            "model": model,
            "task": task,
            "reason": reason,
            "n": len(items),
            "items": f"{named} and {more} more" if more > 0 else named,
        }
