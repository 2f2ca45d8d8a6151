"""Makes a student by a recipe and keeps it in the cache under its name, with a card that tells how it was made."""

from __future__ import annotations

import json
import re
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from evalsuite.distill.logit_kd import Training, held_out_kl, pack, train
from evalsuite.distill.prune import keep_layers
from evalsuite.distill.recipe import NAME_PATTERN, Recipe
from evalsuite.distill.text import Corpus, write_corpus
from evalsuite.models import CARD_NAME, KNOWN, LoadedModel, load, models_dir, resolve
from sim.shared.console import Progress, note
from sim.shared.errors import InputError, RunInterrupted
from sim.shared.manifest import library_versions, sha256_of_json
from sim.shared.paths import replacing_dir

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

HELD_OUT_ROWS = 8  # packed rows of the teacher's text that are never trained on
CALIBRATION_STEPS = 3  # of which the first is a warm-up
PRUNED_SUFFIX = "-pruned"
SEPARATOR = "<|endoftext|>"  # between documents, where the vocabulary has it; else the end of a turn


@dataclass(frozen=True)
class Student:
    """A student and how it was made; the content of its card.

    Attributes:
        distinct_teacher_tokens: what was bought of the teacher.
        documents_left_out: documents of the teacher that held an item or a template of the mini suite.
        training_tokens: tokens trained on, epochs included; 0 for a student that is only pruned.
        held_out_kl_pruned_nats, held_out_kl_nats: KL from teacher to student on held-out text, before and after.
        seconds: by phase.
        key: hash of everything that decides the weights.
    """

    name: str
    parent: str
    licence: str
    recipe: str
    recipe_sha256: str
    seed: int
    layers: int
    distinct_teacher_tokens: int
    documents_left_out: int
    training_tokens: int
    final_loss_nats: float
    held_out_kl_pruned_nats: float
    held_out_kl_nats: float
    seconds: dict[str, float]
    key: str

    @property
    def training_tokens_per_s(self) -> float:
        """Tokens trained on per second of training; 0 for a student that is only pruned."""
        spent = self.seconds.get("training", 0.0)
        return self.training_tokens / spent if spent else 0.0


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
        name: under which it is kept; the pruned start is kept under the name with "-pruned".
        tokens: training tokens, instead of the recipe's.
        minutes: training time, turned once into tokens by timing a few steps; not together with `tokens`.
        seed: instead of the recipe's.
        fresh: train even if the student is there.
        command: the command that goes on where an interrupted one stopped; by default that of a shipped recipe.

    Raises:
        InputError: for a budget that is not positive, or both kinds of budget.
        DivergedError: if the loss becomes no number.
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
        raise RunInterrupted("the teacher's text, as far as it was written", resume) from None


def check_name(name: str) -> None:
    """Refuse a name that is no folder's, or a known model's.

    Raises:
        InputError: for such a name.
    """
    if not re.fullmatch(NAME_PATTERN, name) or any(spec.name == name for spec in KNOWN):
        known = ", ".join(spec.name for spec in KNOWN)
        allowed = f"letters, digits, '.', '_' and '-', at most 64, and none of {known}"
        raise InputError("--name", "", name, allowed, "choose another name")


def read_student(name: str) -> Student | None:
    """The card of a student in the cache, or None."""
    path = models_dir() / name / CARD_NAME
    return Student(**json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else None


def _make(recipe: Recipe, name: str, tokens: int | None, minutes: float | None, fresh: bool) -> Student:
    teacher = load(resolve(recipe.teacher))
    corpus = write_corpus(teacher, recipe.text, recipe.seed)
    separator = int(teacher.tokenizer.get_vocab().get(SEPARATOR, teacher.tokenizer.eos_token_id))
    rows = pack(corpus.documents, separator, recipe.method.sequence_tokens)
    if len(rows) <= HELD_OUT_ROWS:
        least = (HELD_OUT_ROWS + 1) * recipe.method.sequence_tokens
        raise InputError("text.tokens", "", recipe.text.tokens, f"at least {least}", "let the teacher write more")
    training, held_out = rows[:-HELD_OUT_ROWS], rows[-HELD_OUT_ROWS:]
    pruned = keep_layers(teacher.model, recipe.student.keep)
    before = held_out_kl(pruned, teacher.model, held_out, recipe.method.batch_sequences)
    start = _student(recipe, name + PRUNED_SUFFIX, teacher, corpus, 0, before, before, {"text": corpus.seconds}, None)
    if _kept(start) is None:
        _save(pruned, teacher, start)
    if minutes is not None:
        tokens = _tokens_of(minutes, pruned, teacher, training, recipe)
        note(f"{minutes:g} minutes are {tokens} tokens here")
    if tokens is not None:
        recipe = recipe.model_copy(update={"method": recipe.method.model_copy(update={"training_tokens": tokens})})
    known = _kept(_student(recipe, name, teacher, corpus, recipe.method.training_tokens, before, before, {}, None))
    if known is not None and not fresh:
        return known
    with Progress("distilling", recipe.method.training_tokens, "tokens") as progress:
        done = train(
            pruned,
            teacher.model,
            training,
            recipe.method,
            recipe.seed,
            on_step=lambda count, loss: progress.advance(count, f"loss {loss:.3f} nats"),
        )
    after = held_out_kl(pruned, teacher.model, held_out, recipe.method.batch_sequences)
    seconds = {"text": corpus.seconds, "training": done.seconds}
    made = _student(recipe, name, teacher, corpus, recipe.method.training_tokens, before, after, seconds, done)
    _save(pruned, teacher, made)
    return made


def _student(
    recipe: Recipe,
    name: str,
    teacher: LoadedModel,
    corpus: Corpus,
    tokens: int,
    before: float,
    after: float,
    seconds: dict[str, float],
    done: Training | None,
) -> Student:
    key = sha256_of_json(
        {
            "recipe": recipe.model_dump(mode="json") if tokens else recipe.student.model_dump(mode="json"),
            "teacher": teacher.weights_sha256,
            "tokenizer": teacher.tokenizer_sha256,
            "text": sha256_of_json(corpus.documents) if tokens else "",
            "dtype": teacher.dtype,
            "threads": teacher.threads,
            "libraries": library_versions(),
        }
    )
    return Student(
        name=name,
        parent=teacher.spec.name,
        licence=teacher.spec.licence,
        recipe=recipe.name,
        recipe_sha256=recipe.sha256,
        seed=recipe.seed,
        layers=len(recipe.student.keep),
        distinct_teacher_tokens=corpus.tokens if tokens else 0,
        documents_left_out=corpus.left_out if tokens else 0,
        training_tokens=done.tokens if done else 0,
        final_loss_nats=done.final_loss_nats if done else before,
        held_out_kl_pruned_nats=before,
        held_out_kl_nats=after,
        seconds={phase: round(spent, 3) for phase, spent in seconds.items()},
        key=key,
    )


def _kept(student: Student) -> Student | None:
    known = read_student(student.name)
    return known if known is not None and known.key == student.key else None


def _save(model: PreTrainedModel, teacher: LoadedModel, student: Student) -> None:
    folder = models_dir() / student.name
    with replacing_dir(folder, CARD_NAME, source=f"student {student.name}") as beside:
        model.save_pretrained(beside)
        teacher.tokenizer.save_pretrained(beside)
        (beside / CARD_NAME).write_text(json.dumps(asdict(student), indent=2) + "\n", encoding="utf-8")
        _write_card(student, beside / "README.md")


def _write_card(student: Student, path: Path) -> None:
    lines = [
        f"# {student.name}",
        "",
        f"A student of {student.parent} (licence of the parent: {student.licence}), made by Undercut.",
        "",
        f"- recipe: {student.recipe} (sha256 {student.recipe_sha256}), seed {student.seed}",
        f"- layers: {student.layers}",
        f"- distinct teacher tokens: {student.distinct_teacher_tokens}",
        f"- documents left out because they overlapped with the mini suite: {student.documents_left_out}",
        f"- training tokens: {student.training_tokens}",
        f"- KL to the teacher on held-out text: {student.held_out_kl_nats:.3f} nats a token"
        f" (pruned, untrained: {student.held_out_kl_pruned_nats:.3f})",
        "",
    ]
    path.write_text("\n".join(lines), encoding="utf-8")


def _check_budget(tokens: int | None, minutes: float | None) -> None:
    if tokens is not None and minutes is not None:
        raise InputError("--minutes", "", minutes, "either --tokens or --minutes", "leave one of them out")
    if tokens is not None and tokens < 1:
        raise InputError("--tokens", "", tokens, "a whole number of at least 1", "correct the option")
    if minutes is not None and not 0 < minutes < 100_000:
        raise InputError("--minutes", "", minutes, "a positive number", "correct the option")


def _tokens_of(
    minutes: float, pruned: PreTrainedModel, teacher: LoadedModel, rows: torch.Tensor, recipe: Recipe
) -> int:
    """Training tokens that fit into `minutes`, by timing steps on a copy; whole steps, at least one."""
    import copy

    stamps: list[float] = []
    step = recipe.method.batch_sequences * recipe.method.sequence_tokens
    trial = recipe.method.model_copy(update={"training_tokens": step * CALIBRATION_STEPS})
    train(
        copy.deepcopy(pruned),
        teacher.model,
        rows,
        trial,
        recipe.seed,
        on_step=lambda tokens, loss: stamps.append(time.monotonic()),
    )
    step_s = (stamps[-1] - stamps[0]) / (len(stamps) - 1)
    return max(int(minutes * 60.0 / step_s), 1) * step
