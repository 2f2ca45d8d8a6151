"""The whole story once: a real teacher, a real student of it, both measured, both in a market; and the answer."""

from __future__ import annotations

import json as json_text
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from sim.shared.errors import InputError, RunInterrupted

if TYPE_CHECKING:
    from evalsuite.distill.student import Student
    from evalsuite.measure import EvalRun
    from sim.results import RunResult
    from sim.study.entry import EntryAnswer

RECIPE = "demo"
STUDENT = "demo-student"
SCENARIO = "default"
SMALL_MODELS = "small_models"
SUITE = "mini"
CATALOG_DRAWS, REPLICATIONS = 16, 2
MONTHS = 12.0
DEMO_KIND = "demo"


@dataclass
class Stopwatch:
    """Seconds by phase, in the order in which they were spent."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def phase(self, name: str, number: int) -> Iterator[None]:
        """Time a phase, and announce it."""
        from sim.shared.console import note

        note(f"[{number}/5] {name}")
        started_s = time.monotonic()
        yield
        self.seconds[name] = round(time.monotonic() - started_s, 1)


@dataclass(frozen=True)
class Told:
    """What the demo has to tell once its folder stands."""

    answer: EntryAnswer
    student: Student
    measured: EvalRun
    tables: dict[str, str]
    watch: Stopwatch


def run_demo(
    out: Path,
    tokens: int | None = None,
    minutes: float | None = None,
    seed: int = 0,
    json: bool = False,
) -> None:
    """Run the demo and write everything under `out`.

    The student is trained anew each time; the teacher's text and all scores of models that did not change come from
    the cache.

    Raises:
        InputError: for a wrong budget or a folder that cannot be written.
        RunInterrupted: on Ctrl-C; what was finished is kept in the cache.
    """
    from sim.shared.console import emit_json, next_command
    from sim.shared.manifest import MANIFEST_NAME
    from sim.shared.paths import replacing_dir

    if seed < 0:
        raise InputError("--seed", "", seed, "a whole number of at least 0", "correct the option")
    options = "".join(
        f" --{name} {value}" for name, value in (("tokens", tokens), ("minutes", minutes)) if value is not None
    )
    command = f"undercut demo{options} --seed {seed}"
    try:
        with replacing_dir(out, MANIFEST_NAME, source="--out") as beside:
            told = _run(beside, out, tokens, minutes, seed, command)
    except (KeyboardInterrupt, RunInterrupted):
        raise RunInterrupted("the cache (weights, text, finished scores)", f"{command} --out {out}") from None
    if json:
        answer = {"sentence": told.answer.sentence} | {
            name: asdict(found) for name, found in told.answer.estimates.items()
        }
        emit_json({"answer": answer, "tables": told.tables, "seconds": told.watch.seconds})
    else:
        _print_story(told.answer, told.student, told.measured, out, told.watch)
    next_command(f"undercut dashboard --catalog {out / 'catalog.parquet'}")


def _run(folder: Path, out: Path, tokens: int | None, minutes: float | None, seed: int, command: str) -> Told:
    from dashboard.export import export_run
    from evalsuite.distill.recipe import read_recipe
    from evalsuite.distill.student import PRUNED_SUFFIX, make_student
    from evalsuite.fetch import ensure
    from evalsuite.measure import run_eval
    from evalsuite.models import resolve
    from sim.results import write_result
    from sim.runner import command_of, run
    from sim.scenario.load import load_scenario
    from sim.shared.catalog import read_catalog
    from sim.shared.console import Progress
    from sim.shared.manifest import Input, Manifest
    from sim.shared.paths import data_dir
    from sim.shared.tables import write_parquet
    from sim.study.entry import entry_answer, run_entry

    watch = Stopwatch()
    recipe = read_recipe(RECIPE)
    assert isinstance(recipe.teacher, str)  # the demo's own recipe names a model
    with watch.phase("the teacher", 1):
        ensure(resolve(recipe.teacher))
    with watch.phase("the student", 2):
        student = make_student(recipe, STUDENT, tokens, minutes, seed=None, fresh=True)
    with watch.phase("measuring", 3):
        names = [recipe.teacher, STUDENT + PRUNED_SUFFIX, STUDENT]
        measured = run_eval(names, SUITE, folder / "eval", command=f"undercut eval run --models {','.join(names)}")
    catalog = read_catalog(data_dir() / "published_models.csv").with_rows(measured.catalog)
    write_parquet(catalog.frame, folder / "catalog.parquet")
    with watch.phase("the market", 4), Progress("market", 2 * CATALOG_DRAWS * REPLICATIONS + 1, "runs") as progress:
        scenario = load_scenario(SCENARIO)
        with_entry, without = run_entry(
            scenario, catalog, seed, REPLICATIONS, CATALOG_DRAWS, lambda: progress.advance(1), "../catalog.parquet"
        )
        command = command_of(SMALL_MODELS, seed, 1, 0, "../catalog.parquet")
        small = run(load_scenario(SMALL_MODELS), catalog, seed, on_run=lambda: progress.advance(1), command=command)
        answer = entry_answer(with_entry, without, MONTHS)
    with watch.phase("the exports", 5):
        results: dict[str, RunResult] = {"with_entry": with_entry, "without_entry": without, SMALL_MODELS: small}
        for name, result in results.items():
            write_result(result, folder / name)
        for format_, place in (("xlsx", "with_entry.xlsx"), ("csv", "csv"), ("md", "with_entry.md")):
            export_run(folder / "with_entry", format_, folder / "export" / place)
        _write_answer(folder, answer, student, measured)
    tables = {
        str(path.relative_to(folder).with_suffix("")): str(out / path.relative_to(folder))
        for path in sorted(folder.rglob("*.parquet"))
    }
    made = {name: value for name, value in asdict(student).items() if name != "seconds"}
    Manifest(
        kind=DEMO_KIND,
        command=command,
        settings={"seed": seed, "student": made},
        took={"seconds": watch.seconds, "student_seconds": student.seconds},
        inputs=(
            Input("teacher and student", "measured", f"undercut eval run, suite {SUITE}"),
            Input("models of the market", "cited", "data/published_models.csv"),
            Input("transfer from small to large, tastes, difficulties, behaviour", "assumed", f"scenario {SCENARIO}"),
        ),
    ).write(folder)
    return Told(answer, student, measured, tables, watch)


def _write_answer(folder: Path, answer: EntryAnswer, student: Student, measured: EvalRun) -> None:
    from sim.shared.paths import write_text

    content = {
        "sentence": answer.sentence,
        "estimates": {name: asdict(found) for name, found in answer.estimates.items()},
    }
    write_text(folder / "answer.json", json_text.dumps(content, indent=2, ensure_ascii=False) + "\n")
    lines = [
        "# The answer",
        "",
        answer.sentence,
        "",
        "| quantity | unit | mean | interval | median | draws below 0 |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {found.name} | {found.unit} | {found.value:.4g} | {found.low:.4g} to {found.high:.4g} | {found.median:.4g} "
        f"| {found.below_zero:.0%} |"
        for found in answer.estimates.values()
    ]
    lines += ["", "# The measured pair", "", *_quality_lines(measured, markdown=True), ""]
    write_text(folder / "answer.md", "\n".join(lines))


def _print_story(answer: EntryAnswer, student: Student, measured: EvalRun, out: Path, watch: Stopwatch) -> None:
    import typer

    say = typer.echo
    say(
        f"\n{student.name}: {student.layers} layers of {student.parent}, {student.training_tokens} training tokens at "
        f"{student.training_tokens_per_s:.0f} tokens/s; KL to the teacher on held-out text "
        f"{student.held_out_kl_pruned_nats:.2f} -> {student.held_out_kl_nats:.2f} nats a token\n"
    )
    for line in _quality_lines(measured, markdown=False):
        say(line)
    say("")
    for row in measured.catalog.frame.drop_duplicates("model").to_dict("records"):
        ratio = (
            f", {row['cost_in_ratio']:.2f} and {row['cost_out_ratio']:.2f} of its teacher's" if row["teacher"] else ""
        )
        say(
            f"{row['model']}: {row['cost_in_usd_per_mtok']:.3f} USD per Mtok in, "
            f"{row['cost_out_usd_per_mtok']:.3f} out (measured ledger{ratio})"
        )
    say(f"\n{answer.sentence}\n")
    coverage = next(iter(answer.estimates.values())).coverage
    interval = f"{coverage:.0%} interval"
    say(f"{'quantity':<32} {'mean':>12} {interval:>28} {'median':>12} {'below 0':>8}  simulation alone")
    for found in answer.estimates.values():
        ends = f"{found.low:.4g} to {found.high:.4g}"
        alone = f"{found.simulation_low:.4g} to {found.simulation_high:.4g}"
        say(
            f"{found.name:<32} {found.value:>12.4g} {ends:>28} {found.median:>12.4g} {found.below_zero:>8.0%}  "
            f"{alone}  ({found.unit})"
        )
    say(
        f"\neverything: {out}\n"
        f"(answer.md, catalog.parquet, eval/, with_entry/, without_entry/, {SMALL_MODELS}/, export/)"
    )
    say("seconds: " + ", ".join(f"{name} {spent:.0f}" for name, spent in watch.seconds.items()))


def _quality_lines(measured: EvalRun, markdown: bool) -> list[str]:
    """Scores by task, one column a model."""
    table = measured.quality
    models = list(dict.fromkeys(table["model"]))
    head = ["task", "class", "chance", *models]
    rows = []
    for task in dict.fromkeys(table["task"]):
        mine = table[table["task"] == task].set_index("model")
        first = mine.iloc[0]
        name = f"{task} (floor)" if bool(first["floor"]) else str(task)
        cells = [f"{mine.loc[model, 'score']:.3f} ± {mine.loc[model, 'stderr']:.3f}" for model in models]
        rows.append([name, str(first["task_class"]), f"{first['chance']:.2f}", *cells])
    if markdown:
        return [
            "| " + " | ".join(head) + " |",
            "|" + "---|" * len(head),
            *("| " + " | ".join(row) + " |" for row in rows),
        ]
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in [head, *rows]]
