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
from dataclasses import replace
from typing import TYPE_CHECKING

from evalsuite.distill.bill import bill
from evalsuite.distill.card import Student, read_student, write_card
from evalsuite.distill.growth import grow, training_dir
from evalsuite.distill.material import Material, gather, supply_of
from evalsuite.distill.outputs import missing_rows
from evalsuite.distill.recipe import NAME_PATTERN, JudgeRL, OnPolicy, Recipe
from evalsuite.distill.training import train
from evalsuite.models import CARD_NAME, KNOWN, models_dir
from evalsuite.shapes import shape_of
from sim.shared.console import note
from sim.shared.errors import InputError, RunInterrupted
from sim.shared.paths import replacing_dir

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

__all__ = ["PRUNED_SUFFIX", "Student", "check_name", "make_student", "read_student"]

CALIBRATION_STEPS = 3  # of which the first is a warm-up
PRUNED_SUFFIX = "-pruned"


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


def _make(recipe: Recipe, name: str, tokens: int | None, minutes: float | None, fresh: bool) -> Student:
    material = gather(recipe)
    start = material.start
    before = material.measured(start.model, recipe)
    drawn = _card(recipe, name, material, before)
    if start.kept_layers or recipe.student.kind == "width":
        pruned = replace(
            drawn, name=name + PRUNED_SUFFIX, method="", regime="", distinct_teacher_tokens=0, documents_left_out=0,
            key=material.key(recipe, trained=False), seconds={"text": round(material.corpus.seconds, 3)},
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
    key = material.key(recipe)
    known = _kept(replace(drawn, key=key))
    if known is not None and not fresh:
        return known
    grown = grow(recipe, material, key)
    done = grown.training
    after = material.measured(grown.model, recipe)
    taken, loaded = material.account.taken, material.teacher.loaded
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
            shape_of(loaded, ()).served if loaded is not None else None,
            start.parameters,
            done.tokens,
        ),
        seconds={phase: round(value, 3) for phase, value in grown.seconds.items()},
        key=key,
        judged=grown.judged,
    )
    _save(grown.model, start.tokenizer, student)
    shutil.rmtree(training_dir(key), ignore_errors=True)
    return student


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


def _kept(student: Student) -> Student | None:
    known = read_student(student.name)
    return known if known is not None and known.key == student.key else None


def _save(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, student: Student) -> None:
    folder = models_dir() / student.name
    with replacing_dir(folder, CARD_NAME, source=f"student {student.name}") as beside:
        model.save_pretrained(beside)
        tokenizer.save_pretrained(beside)
        write_card(student, beside)


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
    rows = material.training[: method.batch_sequences * CALIBRATION_STEPS]
    supply, outputs = supply_of(material.teacher, rows, recipe)
    reading_s = 0.0
    if outputs is not None:
        reading_s = missing_rows(material.teacher, material.training) * outputs.seconds / outputs.rows
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
