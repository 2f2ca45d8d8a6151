"""Dose and response: what a student is worth for the distinct teacher tokens that it bought.

Doses are nested. A trunk is trained at a constant rate over the text in the order in which it was bought; at each dose
a branch leaves it and is decayed over a further tenth of the trunk's steps, so that trunk and decay together have
trained on exactly the dose. With several epochs a dose's text is gone through several times and each dose has a trunk
of its own. The first rows of the text are held out, of every dose alike.

A point is kept when it is measured, the trunk with it, so that a killed run goes on at the point that it was in.
"""

from __future__ import annotations

import copy
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from evalsuite.distill.account import Account
from evalsuite.distill.dose_chart import write_chart
from evalsuite.distill.dose_fit import fit_curves
from evalsuite.distill.held_out import held_out_kl, nats_per_byte
from evalsuite.distill.recipe import BornAgain, FromScratch, OnPolicy, OutputsOnly, Recipe
from evalsuite.distill.start import Start, make_start
from evalsuite.distill.student import HELD_OUT_ROWS, separator_of, supply_of
from evalsuite.distill.teacher import LocalTeacher
from evalsuite.distill.text import pack, write_corpus
from evalsuite.distill.training import (
    CHECKPOINT_INTERVAL_S,
    CHECKPOINT_NAME,
    DivergedError,
    TargetsOf,
    Trainee,
    shuffled,
)
from evalsuite.fetch import ensure
from evalsuite.models import LoadedModel, fingerprints, load, resolve
from sim.shared.console import Progress
from sim.shared.errors import InputError, RunInterrupted
from sim.shared.manifest import MANIFEST_NAME, Input, Manifest, library_versions, sha256_of_file, sha256_of_json
from sim.shared.paths import cache_dir, data_dir, replacing_dir
from sim.shared.store import Store
from sim.shared.tables import Column, TableSpec, write_parquet
from sim.shared.units import TOKENS_PER_MTOK

if TYPE_CHECKING:
    import pandas as pd
    import torch
    from transformers import PreTrainedModel

STORE_NAME = "doses.sqlite"
KIND = "dose"
DEFAULT_DOSES = (0, 12_500, 25_000, 50_000, 100_000)
DECAY_OVER_TRUNK = 0.1
WARMUP_OF_STEPS = 100  # doses share a trunk, so the warm-up is the recipe's share of so many steps, not of a dose
LEAST_DOSES = 2
HUMAN_TEXT = "human_text.txt"

DOSES = TableSpec(
    name="doses",
    row="one student: one dose of one text",
    columns=(
        Column("recipe", "text", "", "recipe that was varied"),
        Column("teacher", "text", "", "who was asked"),
        Column("student", "text", "", "start of the student"),
        Column("student_params", "integer", "parameters", "tied ones once"),
        Column("teacher_params", "integer", "parameters", "tied ones once"),
        Column("method", "text", "", "what the student was trained on"),
        Column("regime", "text", "", "what the teacher gave"),
        Column("defences", "text", "", "kinds of defences, joined by '+'", missing=True),
        Column("temperature", "number", "", "at which the teacher wrote; 0 is the likeliest token"),
        Column("epochs", "integer", "", "times that each token was trained on"),
        Column("seed", "integer", "", "of the text and of new weights"),
        Column("distinct_teacher_tokens", "integer", "tokens", "the dose: bought, kept and trained on"),
        Column("training_tokens", "integer", "tokens", "trained on, epochs included"),
        Column("paid_usd", "number", "USD", "for the dose at the terms' prices, probabilities included"),
        Column("held_out_kl_nats", "number", "nats a token", "KL from the teacher on its own text", missing=True),
        Column("teacher_nats_per_byte", "number", "nats a byte", "cross-entropy of that text"),
        Column("human_nats_per_byte", "number", "nats a byte", "cross-entropy of text that people wrote"),
        Column("own_teacher_nats_per_byte", "number", "nats a byte", "of the teacher itself on its text"),
        Column("own_human_nats_per_byte", "number", "nats a byte", "of the teacher itself on human text"),
        Column("training_s", "number", "s", "seconds of training, the trunk's with it"),
    ),
)


@dataclass(frozen=True)
class Study:
    """What varies beside the recipe: doses (distinct tokens), seeds (texts bought anew), epochs."""

    doses: tuple[int, ...]
    seeds: tuple[int, ...] = (0,)
    epochs: int = 1


@dataclass(frozen=True)
class Bench:
    """A seed's material: teacher, rows of text (R, T) bought in order, what was told of them, and the start."""

    loaded: LoadedModel
    start: Start
    held_out: torch.Tensor
    rows: torch.Tensor
    supply: TargetsOf
    teacher_text: str
    human_text: str

    @property
    def texts(self) -> tuple[str, str]:
        """On which cross-entropy is measured: the teacher's and people's."""
        return self.teacher_text, self.human_text


def run_doses(recipe: Recipe, study: Study, out: Path, command: str) -> pd.DataFrame:
    """Measure every dose and seed, and write table, curves and chart to `out`.

    Raises:
        InputError: for a study that the recipe does not allow, or a folder that cannot be written.
        DivergedError: if a loss becomes no number; points measured before are kept.
        RunInterrupted: on Ctrl-C; likewise.
    """
    check(recipe, study)
    started_s = time.monotonic()
    with replacing_dir(out, MANIFEST_NAME, source="--out") as beside:
        try:
            table = measure(recipe, study)
        except KeyboardInterrupt:
            raise RunInterrupted(f"the cache ({STORE_NAME}, the trunk's last state)", command) from None
        curves = fit_curves(table)
        content = {
            "doses.parquet": write_parquet(table, beside / "doses.parquet"),
            "curves.parquet": write_parquet(curves, beside / "curves.parquet"),
        }
        write_chart(table, curves, beside)
        Manifest(
            kind=KIND,
            command=command,
            settings={"recipe": recipe.model_dump(mode="json"), "study": asdict(study)},
            took={"seconds": round(time.monotonic() - started_s, 1)},
            inputs=(
                Input(recipe.teacher, "measured", "asked here"),
                Input(HUMAN_TEXT, "cited", f"data/{HUMAN_TEXT}", sha256_of_file(data_dir() / HUMAN_TEXT)),
            ),
            content=content,
        ).write(beside)
    return table


def check(recipe: Recipe, study: Study) -> None:
    """Refuse what cannot be measured this way.

    Raises:
        InputError: for it.
    """
    length, batch = recipe.method.sequence_tokens, recipe.method.batch_sequences
    positive = sorted(dose for dose in study.doses if dose)
    if len(set(study.doses)) != len(study.doses) or len(study.doses) < LEAST_DOSES or min(study.doses) < 0:
        allowed = f"at least {LEAST_DOSES} different whole numbers from 0 upwards"
        raise InputError("--doses", "", ",".join(map(str, study.doses)), allowed, "correct the option")
    if positive[0] < 2 * length * batch:
        raise InputError("--doses", "", positive[0], f"0, or at least two steps ({2 * length * batch})", "raise it")
    if len(set(study.seeds)) != len(study.seeds) or min(study.seeds) < 0 or study.epochs < 1:
        raise InputError("--seeds or --epochs", "", f"{study.seeds}, {study.epochs}", "different seeds", "correct them")
    if isinstance(recipe.method, BornAgain | OnPolicy):
        allowed = "logit_kd, topk_kd or outputs, whose doses of text nest"
        raise InputError("method.kind", "", recipe.method.kind, allowed, "name another recipe")
    if recipe.text.world is not None:
        allowed = "the lab's own prompts: a small world has no text of people to be measured on"
        raise InputError("text.world", "", recipe.text.world.kind, allowed, "run: undercut distill worlds")
    if isinstance(recipe.student, FromScratch) and recipe.student.tokenizer:
        raise InputError("student.tokenizer", "", recipe.student.tokenizer, "the teacher's", "leave it out")


def measure(recipe: Recipe, study: Study) -> pd.DataFrame:
    """The table of points, conforming to `DOSES`; those measured before are read from the cache."""
    import pandas as pd

    found: list[dict[str, Any]] = []
    with Store(cache_dir() / STORE_NAME) as store:
        for seed in study.seeds:
            mine = recipe.model_copy(update={"seed": seed})
            keys = [_point_key(mine, dose, study.epochs) for dose in sorted(study.doses)]
            kept = [store.recall([key]) for key in keys]
            if any(rows is None for rows in kept):
                missing = [dose for dose, rows in zip(sorted(study.doses), kept, strict=True) if rows is None]
                for dose, row in _points(mine, missing, max(study.doses), study.epochs):
                    store.keep({_point_key(mine, dose, study.epochs): row})
            rows = store.recall(keys)
            assert rows is not None
            found += rows
    return DOSES.conform(pd.DataFrame(found), "doses")


def _point_key(recipe: Recipe, dose: int, epochs: int) -> str:
    content = recipe.model_dump(mode="json")
    content["text"]["tokens"] = content["method"]["training_tokens"] = 0  # the dose and the epochs say both
    weights, tokenizer = fingerprints(ensure(resolve(recipe.teacher)))
    return "dose/" + sha256_of_json(
        {
            "recipe": content,
            "teacher": [weights, tokenizer],
            "dose": dose,
            "epochs": epochs,
            "libraries": library_versions(),
        }
    )


def _points(recipe: Recipe, doses: Sequence[int], largest: int, epochs: int) -> Iterator[tuple[int, dict[str, Any]]]:
    """Each dose with its row, in ascending order."""
    bench = _bench(recipe, largest)
    settings = recipe.method
    step_tokens = settings.sequence_tokens * settings.batch_sequences
    key = _point_key(recipe, 0, epochs)
    folder = cache_dir() / "training" / sha256_of_json(key)[:32]
    total = sum(dose * epochs for dose in doses) if epochs > 1 else max(doses) + sum(doses) * DECAY_OVER_TRUNK
    with Progress(f"doses, seed {recipe.seed}", total, "tokens") as progress:
        if doses[0] == 0:
            yield 0, _row(recipe, bench, bench.start.model, 0, epochs, 0.0)
        trunk: Trainee | None = None
        for dose in (dose for dose in doses if dose):
            order = _order(dose // step_tokens * settings.batch_sequences, epochs, recipe.seed)
            steps = len(order) // settings.batch_sequences
            trunk_steps = round(steps / (1.0 + DECAY_OVER_TRUNK))
            path = folder / (str(dose) if epochs > 1 else "trunk") / CHECKPOINT_NAME
            path.parent.mkdir(parents=True, exist_ok=True)
            if trunk is None or epochs > 1:
                trunk = _trunk(bench, recipe, order)
                if trunk.restore(path, key) and trunk.step > trunk_steps:
                    trunk = _trunk(bench, recipe, order)  # of a larger dose: this one begins anew
            trunk.order = order
            try:
                _grow(trunk, trunk_steps, path, key, lambda: progress.advance(step_tokens))
                trunk.save(path, key)
                _decay(trunk, steps - trunk_steps, lambda: progress.advance(step_tokens))
            except DivergedError as error:
                kept = "smaller doses and the trunk's last state are kept"
                remedy = f"lower method.learning_rate (now {settings.learning_rate:g})"
                raise DivergedError(f"{error} of the dose of {dose} tokens; {kept}; {remedy}") from error
            spent_s = trunk.spent_s
            trunk.finish()
            yield dose, _row(recipe, bench, trunk.student, dose, epochs, spent_s)
            trunk.resume(path, key)
    shutil.rmtree(folder, ignore_errors=True)


def _trunk(bench: Bench, recipe: Recipe, order: np.ndarray) -> Trainee:
    student = copy.deepcopy(bench.start.model)
    return Trainee(student, bench.rows, bench.supply, recipe.method, order, bench.start.frozen_head)


def _grow(trunk: Trainee, steps: int, path: Path, key: str, on_step: Callable[[], None]) -> None:
    """Train to `steps` at a constant rate after the warm-up; the state is kept at times."""
    rate = trunk.settings.learning_rate
    warmup = max(round(trunk.settings.warmup_share * WARMUP_OF_STEPS), 1)
    kept_at_s = time.monotonic()
    while trunk.step < steps:
        trunk.take_step(rate * min((trunk.step + 1) / warmup, 1.0))
        on_step()
        if time.monotonic() - kept_at_s >= CHECKPOINT_INTERVAL_S:
            trunk.save(path, key)
            kept_at_s = time.monotonic()


def _decay(trunk: Trainee, steps: int, on_step: Callable[[], None]) -> None:
    """Let the rate fall to nothing in equal parts."""
    for step in range(steps):
        trunk.take_step(trunk.settings.learning_rate * (1.0 - (step + 1) / (steps + 1)))
        on_step()


def _order(rows: int, epochs: int, seed: int) -> np.ndarray:
    """Row indices: once in the order of the text, so that doses nest; several epochs each in an order of its own."""
    return np.arange(rows) if epochs == 1 else shuffled(rows, rows * epochs, seed)


def _bench(recipe: Recipe, largest: int) -> Bench:
    """Everything that the points of a seed stand on.

    Raises:
        InputError: if the teacher's terms end before the largest dose.
    """
    loaded = load(resolve(recipe.teacher))
    access, length = recipe.terms, recipe.method.sequence_tokens
    wanted = largest + (HELD_OUT_ROWS + 1) * length
    account = Account(access, recipe.seed)
    teacher = LocalTeacher(loaded, access)
    corpus = write_corpus(teacher, account, recipe.text.model_copy(update={"tokens": wanted}), recipe.seed)
    packed = pack(corpus.documents, separator_of(loaded.tokenizer), length)
    held_out, rows = packed[:HELD_OUT_ROWS], packed[HELD_OUT_ROWS:][: largest // length]
    if len(rows) < largest // length:
        had = max(len(rows), 0) * length
        raise InputError("--doses", "", largest, f"at most {had}, which is what the terms allow", "lower the doses")
    start = make_start(recipe.student, loaded, rows, recipe.seed)
    text = "".join(loaded.tokenizer.decode(row, skip_special_tokens=True) for row in held_out.tolist())
    human = (data_dir() / HUMAN_TEXT).read_text(encoding="utf-8")
    return Bench(loaded, start, held_out, rows, supply_of(teacher, rows, recipe)[0], text, human)


def _row(
    recipe: Recipe, bench: Bench, model: PreTrainedModel, dose: int, epochs: int, training_s: float
) -> dict[str, Any]:
    """A point of the table."""
    batch, length = recipe.method.batch_sequences, recipe.method.sequence_tokens
    access, loaded, start = recipe.terms, bench.loaded, bench.start
    distinct = dose // (batch * length) * batch * length
    price = access.price_out_usd_per_mtok
    if not isinstance(recipe.method, OutputsOnly):
        price += access.price_in_usd_per_mtok
    own = [nats_per_byte(loaded.model, loaded.tokenizer, text, length, batch) for text in bench.texts]
    mine = [nats_per_byte(model, start.tokenizer, text, length, batch) for text in bench.texts]
    return {
        "recipe": recipe.name,
        "teacher": loaded.spec.name,
        "student": recipe.student.kind,
        "student_params": start.parameters,
        "teacher_params": sum(weight.numel() for weight in loaded.model.parameters()),
        "method": recipe.method.kind,
        "regime": access.granted.kind,
        "defences": "+".join(defence.kind for defence in access.defences),
        "temperature": recipe.text.temperature,
        "epochs": epochs,
        "seed": recipe.seed,
        "distinct_teacher_tokens": distinct,
        "training_tokens": distinct * epochs,
        "paid_usd": distinct * price / TOKENS_PER_MTOK,
        "held_out_kl_nats": held_out_kl(model, loaded.model, bench.held_out, batch),
        "teacher_nats_per_byte": mine[0],
        "human_nats_per_byte": mine[1],
        "own_teacher_nats_per_byte": own[0],
        "own_human_nats_per_byte": own[1],
        "training_s": training_s,
    }
