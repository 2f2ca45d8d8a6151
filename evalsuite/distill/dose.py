"""Dose and response: what a student is worth for the distinct teacher tokens that it bought.

Doses are nested. A trunk is trained at a constant rate over the text in the order in which it was bought; at each dose
a branch leaves it and is decayed over a further tenth of the trunk's steps, so that trunk and decay together have
trained on exactly the dose. With several epochs a dose's text is gone through several times and each dose has a trunk
of its own. The first rows of the text are held out, of every dose alike.

A point is kept when it is measured, the trunk with it, so that a killed run goes on at the point that it was in.
"""

from __future__ import annotations

import copy
import datetime
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from evalsuite.distill.account import Account
from evalsuite.distill.accuracy import Accuracy, score_of
from evalsuite.distill.dose_table import CELL_CHARACTERS, HUMAN_TEXT, cell_of, table_of, without_tokens
from evalsuite.distill.held_out import held_out_kl, nats_per_byte
from evalsuite.distill.material import HELD_OUT_ROWS, separator_of, shares_tokens, start_of, supply_of, text_of
from evalsuite.distill.recipe import BornAgain, FromScratch, OnPolicy, OutputsOnly, Recipe
from evalsuite.distill.start import Start
from evalsuite.distill.teacher import Teacher
from evalsuite.distill.teachers import fingerprint_of, teacher_of
from evalsuite.distill.text import pack, write_corpus
from evalsuite.distill.training import (
    CHECKPOINT_INTERVAL_S,
    CHECKPOINT_NAME,
    DivergedError,
    TargetsOf,
    Trainee,
    shuffled,
)
from sim.shared.console import Progress
from sim.shared.errors import InputError
from sim.shared.manifest import host_facts, library_versions, sha256_of_json
from sim.shared.paths import cache_dir, data_dir
from sim.shared.store import Store
from sim.shared.units import TOKENS_PER_MTOK

if TYPE_CHECKING:
    import pandas as pd
    import torch
    from transformers import PreTrainedModel

Row = dict[str, Any]  # of the table `DOSES`

STORE_NAME = "doses.sqlite"
DEFAULT_DOSES = (0, 12_500, 25_000, 50_000, 100_000)
DECAY_OVER_TRUNK = 0.1
WARMUP_OF_STEPS = 100  # doses share a trunk, so the warm-up is the recipe's share of so many steps, not of a dose
LEAST_DOSES = 2


@dataclass(frozen=True)
class Study:
    """What varies beside the recipe: doses (distinct tokens), seeds (texts bought anew), epochs; and what is scored."""

    doses: tuple[int, ...]
    seeds: tuple[int, ...] = (0,)
    epochs: int = 1
    accuracy: Accuracy | None = None


@dataclass(frozen=True)
class Bench:
    """A seed's material: teacher, rows of text (R, T) bought in order, what was told of them, and the start.

    Attributes:
        texts: on which cross-entropy is measured: the teacher's and people's.
        own_nats_per_byte, own_accuracy: the teacher's, or None where its weights are not here.
        teacher_s_per_token: in which the teacher wrote and told one token.
    """

    teacher: Teacher
    start: Start
    held_out: torch.Tensor
    rows: torch.Tensor
    supply: TargetsOf
    texts: tuple[str, str]
    own_nats_per_byte: tuple[float | None, float | None]
    own_accuracy: float | None
    teacher_s_per_token: float


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


def measure(recipe: Recipe, study: Study, known: Mapping[str, Row] = MappingProxyType({})) -> pd.DataFrame:
    """The table of points, conforming to `DOSES`; rows that are known or kept in the cache are not measured again."""
    found = dict(known)
    for seed in study.seeds:
        mine = recipe.model_copy(update={"seed": seed})
        found |= dict(missing_rows(mine, study.doses, study.epochs, study.accuracy, found))
    cells = [
        cell_of(recipe.model_copy(update={"seed": seed}), dose, study.epochs, study.accuracy)
        for seed in study.seeds
        for dose in sorted(study.doses)
    ]
    return table_of([found[cell] for cell in cells])


def missing_rows(
    recipe: Recipe,
    doses: Sequence[int],
    epochs: int,
    accuracy: Accuracy | None,
    known: Mapping[str, Row],
    keep_trunk: bool = False,
) -> Iterator[tuple[str, Row]]:
    """Cell and row of each dose that `known` lacks, in ascending order, each kept in the cache before it is told.

    Args:
        recipe: with the seed.
        doses: distinct tokens.
        keep_trunk: leave the trunk's last state for larger doses that follow.
    """
    libraries = sha256_of_json(library_versions())[:CELL_CHARACTERS]
    cells = {dose: cell_of(recipe, dose, epochs, accuracy) for dose in sorted(doses)}
    with Store(cache_dir() / STORE_NAME) as store:
        wanted = []
        for dose, cell in cells.items():
            if cell in known:
                continue
            kept = store.recall([f"dose/{cell}/{libraries}"])
            if kept is None:
                wanted.append(dose)
            else:
                yield cell, kept[0]
        if wanted:
            for dose, row in _points(recipe, wanted, epochs, accuracy, keep_trunk):
                whole = {"cell": cells[dose], **row}
                store.keep({f"dose/{cells[dose]}/{libraries}": whole})
                yield cells[dose], whole


def _points(
    recipe: Recipe, doses: Sequence[int], epochs: int, accuracy: Accuracy | None, keep_trunk: bool
) -> Iterator[tuple[int, Row]]:
    """Each dose with its row, in ascending order."""
    bench = _bench(recipe, max(doses), accuracy)
    settings = recipe.method
    step_tokens = settings.sequence_tokens * settings.batch_sequences
    key = sha256_of_json([without_tokens(recipe), fingerprint_of(recipe), epochs, library_versions()])
    folder = cache_dir() / "training" / key[:32]
    total = sum(dose * epochs for dose in doses) if epochs > 1 else max(doses) + sum(doses) * DECAY_OVER_TRUNK
    with Progress(f"doses of {recipe.name}, seed {recipe.seed}", total, "tokens") as progress:
        if doses[0] == 0:
            yield 0, _row(recipe, bench, bench.start.model, 0, epochs, accuracy, 0.0)
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
            yield dose, _row(recipe, bench, trunk.student, dose, epochs, accuracy, spent_s)
            trunk.resume(path, key)
    if not keep_trunk:
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


def _bench(recipe: Recipe, largest: int, accuracy: Accuracy | None) -> Bench:
    """Everything that the points of a seed stand on.

    Raises:
        InputError: if the teacher's terms end before the largest dose.
        TeacherLostError: if it stops answering.
    """
    teacher = teacher_of(recipe)
    length, batch = recipe.method.sequence_tokens, recipe.method.batch_sequences
    wanted = largest + (HELD_OUT_ROWS + 1) * length
    account = Account(teacher.access, recipe.seed)
    corpus = write_corpus(teacher, account, recipe.text.model_copy(update={"tokens": wanted}), recipe.seed)
    packed = pack(corpus.documents, separator_of(teacher.tokenizer), length)
    held_out, rows = packed[:HELD_OUT_ROWS], packed[HELD_OUT_ROWS:][: largest // length]
    if len(rows) < largest // length:
        had = max(len(rows), 0) * length
        raise InputError("--doses", "", largest, f"at most {had}, which is what the terms allow", "lower the doses")
    start = start_of(recipe, teacher, rows)
    if not shares_tokens(start.tokenizer, teacher.tokenizer):
        raise InputError(
            "student", "", "a tokenizer that is not the teacher's", "the teacher's, of whose tokens doses are counted",
            "start from a model with the teacher's tokenizer",
        )  # fmt: skip
    human = (data_dir() / HUMAN_TEXT).read_text(encoding="utf-8")
    texts = (text_of(held_out, teacher.tokenizer), human)
    supply, outputs = supply_of(teacher, rows, recipe)
    told_s = outputs.seconds / max(outputs.rows * length, 1) if outputs is not None else 0.0
    own: tuple[float | None, float | None] = (None, None)
    own_accuracy = None
    if teacher.loaded is not None:
        model, tokenizer = teacher.loaded.model, teacher.loaded.tokenizer
        own = (
            nats_per_byte(model, tokenizer, texts[0], length, batch),
            nats_per_byte(model, tokenizer, texts[1], length, batch),
        )
        own_accuracy = score_of(model, tokenizer, accuracy).accuracy if accuracy is not None else None
    written_s = corpus.teacher_seconds / max(corpus.tokens, 1)
    return Bench(teacher, start, held_out, rows, supply, texts, own, own_accuracy, written_s + told_s)


def _row(
    recipe: Recipe,
    bench: Bench,
    model: PreTrainedModel,
    dose: int,
    epochs: int,
    accuracy: Accuracy | None,
    training_s: float,
) -> Row:
    """A point of the table, without its cell."""
    import torch

    batch, length = recipe.method.batch_sequences, recipe.method.sequence_tokens
    teacher, start = bench.teacher, bench.start
    access, loaded = teacher.access, teacher.loaded
    distinct = dose // (batch * length) * batch * length
    price = access.price_out_usd_per_mtok
    if not isinstance(recipe.method, OutputsOnly):
        price += access.price_in_usd_per_mtok
    score = score_of(model, start.tokenizer, accuracy) if accuracy is not None else None
    host = host_facts()
    return {
        "recipe": recipe.name,
        "teacher": teacher.spec.name,
        "student": recipe.student.kind,
        "student_layers": start.layers,
        "student_params": start.parameters,
        "teacher_params": sum(weight.numel() for weight in loaded.model.parameters()) if loaded is not None else 0,
        "method": recipe.method.kind,
        "regime": access.granted.kind,
        "defences": "+".join(defence.kind for defence in access.defences),
        "temperature": recipe.text.temperature,
        "epochs": epochs,
        "seed": recipe.seed,
        "distinct_teacher_tokens": distinct,
        "training_tokens": distinct * epochs,
        "paid_usd": distinct * price / TOKENS_PER_MTOK,
        "held_out_kl_nats": held_out_kl(model, loaded.model, bench.held_out, batch) if loaded is not None else None,
        "teacher_nats_per_byte": nats_per_byte(model, start.tokenizer, bench.texts[0], length, batch),
        "human_nats_per_byte": nats_per_byte(model, start.tokenizer, bench.texts[1], length, batch),
        "own_teacher_nats_per_byte": bench.own_nats_per_byte[0],
        "own_human_nats_per_byte": bench.own_nats_per_byte[1],
        "accuracy": score.accuracy if score is not None else None,
        "own_accuracy": bench.own_accuracy,
        "chance": score.chance if score is not None else None,
        "items": score.items if score is not None else None,
        "accuracy_on": accuracy.told if accuracy is not None else "",
        "training_s": round(training_s, 3),
        "teacher_s": round(distinct * bench.teacher_s_per_token, 3),
        "hardware": f"{host['processor']}, {host['cores']} cores",
        "threads": torch.get_num_threads(),
        "dtype": start.dtype,
        "versions": ", ".join(f"{name} {version}" for name, version in sorted(library_versions().items())),
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "source": f"undercut distill dose {recipe.name}",
    }
