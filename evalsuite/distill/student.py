"""Makes a student by a recipe and keeps it in the cache under its name, with a card that tells how it was made.

text      the teacher writes                       (kept, batch by batch)
start     a part of the teacher, or a new model
reading   the teacher tells the probabilities of that text   (kept, row by row)
training                                            (its state is kept at times)
card      weights and card appear together, or not at all
"""

from __future__ import annotations

import copy
import re
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from evalsuite.distill.account import Account
from evalsuite.distill.bill import bill
from evalsuite.distill.card import Judged, Student, read_student, write_card
from evalsuite.distill.held_out import held_out_kl, nats_per_byte
from evalsuite.distill.judge_rl import RewardPoint
from evalsuite.distill.judged import imitating, reinforced
from evalsuite.distill.on_policy import train_on_policy
from evalsuite.distill.outputs import Outputs, buy, missing_rows
from evalsuite.distill.prompts import prompts_of
from evalsuite.distill.recipe import (
    NAME_PATTERN,
    BornAgain,
    JudgeRL,
    OnPolicy,
    OutputsOnly,
    Recipe,
    TopEntryDistillation,
)
from evalsuite.distill.start import Start, make_start
from evalsuite.distill.supply import full_supply, sparse_supply, text_supply
from evalsuite.distill.teacher import LocalTeacher
from evalsuite.distill.text import Corpus, pack, write_corpus
from evalsuite.distill.training import Checkpoints, TargetsOf, Training, steps_of, train
from evalsuite.distill.worlds.answers import answers_only
from evalsuite.distill.worlds.school import load_teacher
from evalsuite.models import CARD_NAME, KNOWN, LoadedModel, models_dir
from evalsuite.shapes import shape_of
from sim.shared.console import Progress, note
from sim.shared.errors import InputError, RunInterrupted
from sim.shared.manifest import library_versions, sha256_of_json
from sim.shared.paths import cache_dir, replacing_dir

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

__all__ = ["PRUNED_SUFFIX", "Student", "check_name", "make_student", "read_student"]

HELD_OUT_ROWS = 8  # packed rows of the teacher's text that are never trained on
CALIBRATION_STEPS = 3  # of which the first is a warm-up
PRUNED_SUFFIX = "-pruned"
SEPARATOR = "<|endoftext|>"  # between documents, where the vocabulary has it; else the end of a turn


@dataclass(frozen=True)
class Material:
    """All that a training stands on.

    Attributes:
        corpus: what the teacher wrote.
        training, held_out: rows of the student's tokens (R, T).
        held_out_text: the held-out rows as text.
    """

    teacher: LoadedModel
    corpus: Corpus
    account: Account
    start: Start
    training: torch.Tensor
    held_out: torch.Tensor
    held_out_text: str

    @property
    def same_tokens(self) -> bool:
        """Whether teacher and student share their tokens."""
        return self.start.tokenizer is self.teacher.tokenizer


@dataclass(frozen=True)
class Grown:
    """A trained student, its training, and what that took.

    Attributes:
        seconds: by phase.
        teacher_seconds: of the teacher's reading, whenever it read.
        judged, rewards: where a judge reinforced it.
    """

    model: PreTrainedModel
    training: Training
    seconds: dict[str, float]
    teacher_seconds: float
    judged: Judged | None
    rewards: tuple[RewardPoint, ...]


def make_student(
    recipe: Recipe,
    name: str,
    tokens: int | None = None,
    minutes: float | None = None,
    seed: int | None = None,
    fresh: bool = False,
    command: str = "",
) -> Student:
    """Make a student, or take it from the cache where everything that decides its weights is the same.

    Args:
        recipe: how it is made.
        name: under which it is kept; a pruned start is kept under the name with "-pruned".
        tokens: training tokens, instead of the recipe's.
        minutes: training time, turned once into tokens by timing a few steps; not together with `tokens`.
        seed: instead of the recipe's.
        fresh: train even if the student is there.
        command: the command that goes on where an interrupted one stopped; by default that of a shipped recipe.

    Raises:
        InputError: for a budget that is not positive, both kinds of budget, too little text, or a full disk.
        DivergedError: if the loss becomes no number.
        TeacherLostError: if the teacher stops answering.
        RunInterrupted: on Ctrl-C; nothing half-made is left.
    """
    _check_budget(tokens, minutes)
    check_name(name)
    if seed is not None:
        recipe = recipe.model_copy(update={"seed": seed})
    try:
        return _make(recipe, name, tokens, minutes, fresh)
    except KeyboardInterrupt:
        resume = command or f"undercut distill run {recipe.name} --name {name}"
        saved = "the cache (the teacher's text and outputs, the training's last checkpoint)"
        raise RunInterrupted(saved, resume) from None


def check_name(name: str) -> None:
    """Refuse a name that is no folder's, or a known model's.

    Raises:
        InputError: for such a name.
    """
    if not re.fullmatch(NAME_PATTERN, name) or any(spec.name == name for spec in KNOWN):
        known = ", ".join(spec.name for spec in KNOWN)
        allowed = f"letters, digits, '.', '_' and '-', at most 64, and none of {known}"
        raise InputError("--name", "", name, allowed, "choose another name")


def gather(recipe: Recipe) -> Material:
    """Teacher, text and start of a recipe.

    Raises:
        InputError: if the text is too short for the rows that are held out, or the start cannot be made.
    """
    teacher = load_teacher(recipe)
    access = recipe.terms
    account = Account(access, recipe.seed)
    corpus = write_corpus(LocalTeacher(teacher, access), account, recipe.text, recipe.seed)
    length = recipe.method.sequence_tokens
    rows = pack(corpus.documents, separator_of(teacher.tokenizer), length)
    start = make_start(recipe.student, teacher, rows, recipe.seed)
    if start.tokenizer is not teacher.tokenizer:
        texts = [teacher.tokenizer.decode(document, skip_special_tokens=True) for document in corpus.documents]
        encoded = [start.tokenizer(text, add_special_tokens=False).input_ids for text in texts]
        rows = pack(encoded, separator_of(start.tokenizer), length)
    if len(rows) <= HELD_OUT_ROWS:
        least = (HELD_OUT_ROWS + 1) * length
        raise InputError(
            "text.tokens", "", corpus.tokens, f"at least {least}, of which {HELD_OUT_ROWS} rows are held out",
            "let the teacher write more, or raise the budget in access",
        )  # fmt: skip
    training, held_out = rows[:-HELD_OUT_ROWS], rows[-HELD_OUT_ROWS:]
    text = "".join(start.tokenizer.decode(row, skip_special_tokens=True) for row in held_out.tolist())
    return Material(teacher, corpus, account, start, training, held_out, text)


def separator_of(tokenizer: PreTrainedTokenizerBase) -> int:
    """The token between documents."""
    return int(tokenizer.get_vocab().get(SEPARATOR, tokenizer.eos_token_id))


def _make(recipe: Recipe, name: str, tokens: int | None, minutes: float | None, fresh: bool) -> Student:
    material = gather(recipe)
    teacher, start = material.teacher, material.start
    before = _measured(start.model, material, recipe)
    drawn = _card(recipe, name, material, before)
    if start.kept_layers or recipe.student.kind == "width":
        pruned = replace(
            drawn, name=name + PRUNED_SUFFIX, method="", regime="", distinct_teacher_tokens=0, documents_left_out=0,
            key=_key(recipe, material, trained=False), seconds={"text": round(material.corpus.seconds, 3)},
        )  # fmt: skip
        if _kept(pruned) is None:
            _save(start.model, start.tokenizer, pruned)
    if minutes is not None and isinstance(recipe.method, OnPolicy | JudgeRL):
        raise InputError("--minutes", "", minutes, f"--tokens, for the method {recipe.method.kind}", "give the tokens")
    if minutes is not None:
        tokens = _tokens_of(minutes, material, recipe)
        note(f"{minutes:g} minutes are {tokens} tokens here")
    if tokens is not None:
        recipe = recipe.model_copy(update={"method": recipe.method.model_copy(update={"training_tokens": tokens})})
    key = _key(recipe, material, trained=True)
    known = _kept(replace(drawn, key=key))
    if known is not None and not fresh:
        return known
    grown = grow(recipe, material, key)
    made, done, spent_s = grown.model, grown.training, grown.seconds
    after = _measured(made, material, recipe)
    taken = material.account.taken
    student = replace(
        drawn,
        recipe_sha256=recipe.sha256,
        training_tokens=done.tokens,
        final_loss_nats=done.final_loss_nats,
        held_out_kl_nats=after[0],
        held_out_nats_per_byte=after[1],
        taken=taken,
        bill=bill(
            taken,
            material.corpus.teacher_seconds + grown.teacher_seconds,
            done.seconds,
            shape_of(teacher, ()).served,
            start.parameters,
            done.tokens,
        ),
        seconds={phase: round(value, 3) for phase, value in spent_s.items()},
        key=key,
        judged=grown.judged,
    )
    _save(made, start.tokenizer, student)
    shutil.rmtree(_training_dir(key), ignore_errors=True)
    return student


def grow(recipe: Recipe, material: Material, key: str) -> Grown:
    """Train a recipe's student, by whatever method it names; the state is kept under `key` meanwhile.

    Raises:
        DivergedError: if the loss becomes no number.
        InputError: if the budget pays for too little.
    """
    first = imitating(recipe)
    if first is None:
        spent_s = {"text": material.corpus.seconds, "reading": 0.0, "training": 0.0}
        made, done, teacher_s = material.start.model, Training(0, 0, 0.0, 0.0), 0.0
    else:
        made, done, spent_s, teacher_s = _on_policy(first, material) or _trained(first, material, key)
    found = reinforced(recipe, material, made)
    if found is None:
        return Grown(made, done, spent_s, teacher_s, None, ())
    judged, more = found
    seconds = spent_s | {"training": spent_s["training"] + more.training.seconds}
    whole = replace(more.training, tokens=done.tokens + more.training.tokens, seconds=seconds["training"])
    return Grown(made, whole, seconds, teacher_s, judged, more.rewards)


def _trained(recipe: Recipe, material: Material, key: str) -> tuple[PreTrainedModel, Training, dict[str, float], float]:
    """The trained model, its training, seconds by phase, and the seconds of the teacher's reading, whenever it read.

    Each generation but the first has the one before as its teacher, in memory; the state after its last step is kept
    until all are done.
    """
    method = recipe.method
    generations = method.generations if isinstance(method, BornAgain) else 1
    rows = _rows_of(recipe, material)
    teacher, model = material.teacher, material.start.model
    start = copy.deepcopy(model) if generations > 1 else model
    spent_s = {"text": material.corpus.seconds, "reading": 0.0, "training": 0.0}
    teacher_s, tokens, training_s = 0.0, 0, 0.0
    for generation in range(1, generations + 1):
        model = start if generation == generations else copy.deepcopy(start)
        local = LocalTeacher(teacher, recipe.terms)
        started_s = time.monotonic()
        supply, outputs = supply_of(local, rows, recipe)
        spent_s["reading"] += time.monotonic() - started_s
        if outputs is not None and generation == 1:
            material.account.take(read_tokens=outputs.rows * rows.shape[1])
            teacher_s = outputs.seconds
        title = f"distilling, generation {generation} of {generations}" if generations > 1 else "distilling"
        folder = _training_dir(key) / str(generation)
        with Progress(title, method.training_tokens, "tokens") as progress:
            done = train(
                model,
                rows,
                supply,
                method,
                recipe.seed,
                material.start.frozen_head,
                Checkpoints(folder, key, keep_last=generation < generations),
                on_step=_shown(progress),
            )
        tokens, training_s = tokens + done.tokens, training_s + done.seconds
        teacher = replace(teacher, model=model, weights_sha256=f"{key}, generation {generation}")
    spent_s["training"] = training_s
    return model, replace(done, tokens=tokens, seconds=training_s), spent_s, teacher_s


def _on_policy(recipe: Recipe, material: Material) -> tuple[PreTrainedModel, Training, dict[str, float], float] | None:
    """As `_trained`, for the method whose text is the student's own; None for any other."""
    method = recipe.method
    if not isinstance(method, OnPolicy):
        return None
    if material.account.left_tokens < 2 * method.training_tokens:
        raise InputError(
            "access.tokens", "", recipe.terms.tokens, f"at least {2 * method.training_tokens} more than the text takes",
            "raise it, or train on fewer tokens",
        )  # fmt: skip
    model = material.start.model
    with Progress("distilling on the student's text", method.training_tokens, "tokens") as progress:
        found = train_on_policy(
            model, material.teacher.model, material.start.tokenizer, prompts_of(recipe.text, recipe.seed), method,
            recipe.seed,
            material.start.frozen_head, _shown(progress),
        )  # fmt: skip
    material.account.take(read_tokens=found.read_tokens)
    spent_s = {"text": material.corpus.seconds, "reading": 0.0, "training": found.training.seconds}
    return model, found.training, spent_s, 0.0


def _shown(progress: Progress) -> Callable[[int, float], None]:
    return lambda tokens, loss: progress.advance(tokens, f"loss {loss:.3f} nats")


def supply_of(teacher: LocalTeacher, rows: torch.Tensor, recipe: Recipe) -> tuple[TargetsOf, Outputs | None]:
    """What the method learns from; outputs are bought where it needs any."""
    supply, outputs = _supply_of(teacher, rows, recipe)
    world = recipe.text.world
    return supply if world is None else answers_only(supply, rows, teacher.tokenizer, world), outputs


def _supply_of(teacher: LocalTeacher, rows: torch.Tensor, recipe: Recipe) -> tuple[TargetsOf, Outputs | None]:
    method = recipe.method
    if isinstance(method, OutputsOnly):
        return text_supply(rows), None
    unread = missing_rows(teacher, rows)
    if unread:
        with Progress("the teacher reads", unread * rows.shape[1], "tokens") as progress:
            buy(teacher, rows, method.batch_sequences, lambda count: progress.advance(count * rows.shape[1]))
    outputs = buy(teacher, rows, method.batch_sequences)
    if isinstance(method, TopEntryDistillation):
        return sparse_supply(outputs, method.tail == "renormalised"), outputs
    return full_supply(outputs, teacher.loaded.model.lm_head.weight.detach(), teacher.access.decimals), outputs


def _rows_of(recipe: Recipe, material: Material) -> torch.Tensor:
    """The rows that are trained on: what the training comes to in its first epoch, as far as the budget pays for it.

    Raises:
        InputError: if it pays for none.
    """
    rows = material.training
    count = min(len(rows), steps_of(recipe.method) * recipe.method.batch_sequences)
    if isinstance(recipe.method, OutputsOnly):
        return rows[:count]
    paid = material.account.left_tokens // rows.shape[1]
    if paid < 1:
        raise InputError(
            "access.tokens", "", recipe.terms.tokens, "a budget that also pays for the probabilities of the text",
            "raise it, or let the teacher write less",
        )  # fmt: skip
    if paid < count:
        note(f"the budget pays for the probabilities of {paid} of {count} rows")
    return rows[: min(count, paid)]


def _measured(model: PreTrainedModel, material: Material, recipe: Recipe) -> tuple[float | None, float]:
    """KL to the teacher on held-out text (nats a token), and that text's cross-entropy (nats a byte)."""
    batch = recipe.method.batch_sequences
    kl = held_out_kl(model, material.teacher.model, material.held_out, batch) if material.same_tokens else None
    length = recipe.method.sequence_tokens
    return kl, nats_per_byte(model, material.start.tokenizer, material.held_out_text, length, batch)


def _card(recipe: Recipe, name: str, material: Material, before: tuple[float | None, float]) -> Student:
    """The card of the start, before any training."""
    spec, start = material.teacher.spec, material.start
    return Student(
        name=name,
        parent=spec.name,
        licence=spec.licence,
        recipe=recipe.name,
        recipe_sha256=recipe.sha256,
        seed=recipe.seed,
        start=recipe.student.kind,
        layers=start.layers,
        kept_layers=list(start.kept_layers),
        params=start.parameters,
        method=recipe.method.kind,
        regime=recipe.terms.granted.kind,
        distinct_teacher_tokens=material.corpus.tokens,
        documents_left_out=material.corpus.left_out,
        training_tokens=0,
        final_loss_nats=before[0],
        held_out_kl_pruned_nats=before[0],
        held_out_kl_nats=before[0],
        held_out_nats_per_byte_start=before[1],
        held_out_nats_per_byte=before[1],
        taken=None,
        bill=None,
        seconds={},
        key="",
    )


def _key(recipe: Recipe, material: Material, trained: bool) -> str:
    """Hash of everything that decides the weights."""
    teacher = material.teacher
    return sha256_of_json(
        {
            "recipe": recipe.model_dump(mode="json") if trained else recipe.student.model_dump(mode="json"),
            "teacher": teacher.weights_sha256,
            "tokenizer": teacher.tokenizer_sha256,
            "text": sha256_of_json(material.corpus.documents) if trained else "",
            "kept_layers": material.start.kept_layers,
            "dtype": teacher.dtype,
            "threads": teacher.threads,
            "libraries": library_versions(),
        }
    )


def _kept(student: Student) -> Student | None:
    known = read_student(student.name)
    return known if known is not None and known.key == student.key else None


def _save(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, student: Student) -> None:
    folder = models_dir() / student.name
    with replacing_dir(folder, CARD_NAME, source=f"student {student.name}") as beside:
        model.save_pretrained(beside)
        tokenizer.save_pretrained(beside)
        write_card(student, beside)


def _training_dir(key: str) -> Path:
    return cache_dir() / "training" / key[:32]


def _check_budget(tokens: int | None, minutes: float | None) -> None:
    if tokens is not None and minutes is not None:
        raise InputError("--minutes", "", minutes, "either --tokens or --minutes", "leave one of them out")
    if tokens is not None and tokens < 1:
        raise InputError("--tokens", "", tokens, "a whole number of at least 1", "correct the option")
    if minutes is not None and not 0 < minutes < 100_000:
        raise InputError("--minutes", "", minutes, "a positive number", "correct the option")


def _tokens_of(minutes: float, material: Material, recipe: Recipe) -> int:
    """Training tokens that fit into `minutes`, by timing steps on a copy; whole steps, at least one.

    Reading counts: the rows of the timed steps are read first, and the rest of an epoch at the same rate.
    """
    method = recipe.method
    step_tokens = method.batch_sequences * method.sequence_tokens
    trial = method.model_copy(update={"training_tokens": step_tokens * CALIBRATION_STEPS})
    local = LocalTeacher(material.teacher, recipe.terms)
    rows = material.training[: method.batch_sequences * CALIBRATION_STEPS]
    supply, outputs = supply_of(local, rows, recipe)
    reading_s = 0.0
    if outputs is not None:
        reading_s = missing_rows(local, material.training) * outputs.seconds / outputs.rows
    stamps: list[float] = []
    train(
        copy.deepcopy(material.start.model),
        rows,
        supply,
        trial,
        recipe.seed,
        material.start.frozen_head,
        on_step=lambda tokens, loss: stamps.append(time.monotonic()),
    )
    step_s = (stamps[-1] - stamps[0]) / (len(stamps) - 1)
    return max(int((minutes * 60.0 - reading_s) / step_s), 1) * step_tokens
