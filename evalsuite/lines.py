"""What an eval run measured, as lines of text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from evalsuite.measure import EvalRun
    from evalsuite.suites.suite import TaskRef


def reasons(run: EvalRun) -> str:
    """How many items are in error, and the reasons that stand behind most of them."""
    errors = run.samples[run.samples["error"] != ""]["error"]
    return f"{run.errors} items could not be scored ({_most_common(errors)})"


def rejected_lines(tasks: Sequence[TaskRef]) -> Iterator[str]:
    """One line for each task with items that cannot be asked: how many, and why."""
    for task in tasks:
        if task.rejected:
            told = _most_common(one.reason for one in task.rejected)
            first = task.rejected[0].item
            yield f"{task.name}: {len(task.rejected)} items cannot be asked ({told}), the first is {first}"


def _most_common(reasons: Iterable[str]) -> str:
    counts = Counter(reasons)
    told = "; ".join(f"{count} x {reason}" for reason, count in counts.most_common(3))
    return told + (f"; {len(counts) - 3} more reasons" if len(counts) > 3 else "")


def run_lines(run: EvalRun) -> Iterator[str]:
    """Scores, speeds, energy, usage and seconds, one line each."""
    yield f"{'model':<28} {'task':<14} {'class':<8} {'n':>4} {'score':>6} {'s.e.':>6} {'chance':>6} {'errors':>6}"
    for row in run.quality.to_dict("records"):
        yield (
            f"{row['model']:<28} {row['task']:<14} {row['task_class']:<8} {row['n']:>4} {row['score']:>6.3f} "
            f"{row['stderr']:>6.3f} {row['chance']:>6.2f} {row['errors']:>6}"
        )
    counted = run.quality[~run.quality["floor"]]
    for model, rows in counted.groupby("model", sort=False):
        yield (f"{model:<28} mean of {len(rows)} tasks, floors left out: {rows['score'].mean():.3f}")
    for row in run.cost.to_dict("records"):
        yield (
            f"{row['model']:<28} {row['phase']:<8} {row['tokens_per_s']:>8,.0f} tokens/s "
            f"{row['usd_per_mtok']:.4f} [{row['low']:.4f}, {row['high']:.4f}] USD per Mtok, {energy_text(row)}, "
            f"{row['batch']:.0f} at once"
        )
        batches = run.speed[(run.speed["model"] == row["model"]) & (run.speed["phase"] == row["phase"])]
        for batch, timed in batches[batches["batch"] != row["batch"]].groupby("batch"):
            rate = (timed["tokens"] / timed["seconds"]).median()
            yield (f"{'':<28} {'':<8} {rate:>8,.0f} tokens/s with {batch} at once")
    for model, rows in run.usage.groupby("model", sort=False):
        usd = f"{rows['usd'].sum():.4g} USD at list price" if rows["usd"].notna().all() else "list price unknown"
        yield (
            f"{model:<28} {rows['requests'].sum():,} requests, {rows['tokens_in'].sum():,} tokens in, "
            f"{rows['tokens_out'].sum():,} out, {usd}"
        )
    for model, seconds in run.eval_s.items():
        yield (f"{model:<28} scored in {seconds:.0f} s (kept scores take none)")


def energy_text(row: dict[Hashable, Any]) -> str:
    """Energy of a row of the table `cost`, with what it rests on."""
    if not row["energy_source"]:
        return "energy not known"
    return f"{row['wh_per_mtok']:.3g} Wh per Mtok ({row['energy_source']})"
