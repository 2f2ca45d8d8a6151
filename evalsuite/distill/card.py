"""The card of a student: how it was made, what was taken for it, and what that cost. It lies beside the weights."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from evalsuite.distill.account import Taken
from evalsuite.distill.bill import Bill
from evalsuite.models import CARD_NAME, models_dir
from sim.shared.errors import InputError


@dataclass(frozen=True)
class Judged:
    """What a judge's rewards came to.

    Attributes:
        judge: its kind.
        judged_answers: that it was given in training.
        false_positive_rate, false_negative_rate: on held-out answers of known truth, before the training.
        own_false_positive_rate, own_false_negative_rate: on the reinforced student's own answers to held-out questions;
            None where it wrote none of that kind.
        first_reward, last_reward: mean of the first and the last tenth of the steps.
        imitated_share, reinforced_share, teacher_share: of held-out questions answered right, sampled once each: the
            student before and after reinforcement, and its teacher.
    """

    judge: str
    judged_answers: int
    false_positive_rate: float | None
    false_negative_rate: float | None
    own_false_positive_rate: float | None
    own_false_negative_rate: float | None
    first_reward: float
    last_reward: float
    imitated_share: float
    reinforced_share: float
    teacher_share: float


@dataclass(frozen=True)
class Student:
    """A student and how it was made; the content of its card.

    Attributes:
        start: the kind of its start, as the recipe says it.
        kept_layers: of the teacher's, by index; empty where the student is new or keeps all.
        params: tied ones count once.
        method: "" for a student that was not trained.
        regime: what the teacher gave.
        distinct_teacher_tokens: what was bought of the teacher and can be used.
        documents_left_out: documents of the teacher that held an item or a template of the mini suite.
        training_tokens: tokens trained on, epochs included; 0 for a student that is only pruned.
        final_loss_nats: the method's own loss at the end of the training; before it, of a pruned start, the KL.
        held_out_kl_pruned_nats, held_out_kl_nats: KL from teacher to student on held-out text, before and after; None
            where they do not share their tokens.
        held_out_nats_per_byte_start, held_out_nats_per_byte: cross-entropy of that text, before and after.
        taken: of the teacher, with what was left out; None for a student that is only pruned.
        bill: likewise.
        seconds: by phase, spent when it was made (nothing for what was in the cache).
        key: hash of everything that decides the weights.
        judged: of a student that a judge reinforced, what came of it; None for any other.
    """

    name: str
    parent: str
    licence: str
    recipe: str
    recipe_sha256: str
    seed: int
    start: str
    layers: int
    kept_layers: list[int]
    params: int
    method: str
    regime: str
    distinct_teacher_tokens: int
    documents_left_out: int
    training_tokens: int
    final_loss_nats: float | None
    held_out_kl_pruned_nats: float | None
    held_out_kl_nats: float | None
    held_out_nats_per_byte_start: float
    held_out_nats_per_byte: float
    taken: Taken | None
    bill: Bill | None
    seconds: dict[str, float]
    key: str
    judged: Judged | None = None

    @property
    def training_tokens_per_s(self) -> float:
        """Tokens trained on per second of training and of the teacher's reading; 0 for one that is only pruned."""
        spent = self.seconds.get("training", 0.0) + self.seconds.get("reading", 0.0)
        return self.training_tokens / spent if spent else 0.0


def read_student(name: str) -> Student | None:
    """The card of a student in the cache, or None where there is none of this version."""
    path = models_dir() / name / CARD_NAME
    if not path.is_file():
        return None
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        raw["taken"] = None if raw["taken"] is None else Taken(**raw["taken"])
        raw["bill"] = None if raw["bill"] is None else Bill(**raw["bill"])
        raw["judged"] = None if raw.get("judged") is None else Judged(**raw["judged"])
        return Student(**raw)
    except (ValueError, KeyError, TypeError):
        return None


def write_card(student: Student, folder: Path) -> None:
    """The card as JSON, and as a page for people.

    Raises:
        InputError: if a figure is no number; JSON has none for it.
    """
    try:
        content = json.dumps(asdict(student), indent=2, allow_nan=False)
    except ValueError as error:
        raise InputError(
            f"student {student.name}", "", str(error), "finite figures", "train at a lower rate"
        ) from error
    (folder / CARD_NAME).write_text(content + "\n", encoding="utf-8")
    (folder / "README.md").write_text("\n".join(_page(student)), encoding="utf-8")


def _page(student: Student) -> list[str]:
    lines = [
        f"# {student.name}",
        "",
        f"A student of {student.parent} (licence of the parent: {student.licence}), made by Undercut.",
        "",
        f"- recipe: {student.recipe} (sha256 {student.recipe_sha256}), seed {student.seed}",
        f"- start: {student.start}, {student.layers} layers, {student.params:,} parameters"
        + (f", of the parent's layers {student.kept_layers}" if student.kept_layers else ""),
        f"- KL to the teacher on held-out text: {_nats(student.held_out_kl_nats)} nats a token"
        f" (before the training: {_nats(student.held_out_kl_pruned_nats)})",
        f"- cross-entropy of that text: {student.held_out_nats_per_byte:.3f} nats a byte"
        f" (before: {student.held_out_nats_per_byte_start:.3f})",
    ]
    if student.taken is not None and student.bill is not None:
        taken, bill = student.taken, student.bill
        lines += [
            f"- method: {student.method}; what the teacher gave: {student.regime}",
            f"- distinct teacher tokens: {student.distinct_teacher_tokens:,}",
            f"- training tokens: {student.training_tokens:,}",
            f"- documents left out because they overlapped with the mini suite: {student.documents_left_out}",
            f"- taken of the teacher: {taken.queries:,} queries, {taken.written_tokens:,} tokens written and "
            f"{taken.read_tokens:,} read; {taken.days} days at its rate limit, {taken.banned_accounts} accounts banned",
            "",
            "| USD | the teacher's work | the student's training |",
            "|---|---|---|",
            f"| measured on this machine ({bill.measured_hardware}) | {_usd(bill.measured_teacher_usd)} "
            f"| {bill.measured_training_usd:.6f} |",
            f"| modelled ({bill.modelled_hardware}) | {_usd(bill.modelled_teacher_usd)} "
            f"| {bill.modelled_training_usd:.6f} |",
            "",
            f"Paid to the teacher at its price: {bill.paid_usd:.6f} USD.",
        ]
    if student.judged is not None:
        lines += ["", *_judged_lines(student.judged)]
    return [*lines, ""]


def _usd(value: float | None) -> str:
    return "not known" if value is None else f"{value:.6f}"


def _judged_lines(judged: Judged) -> list[str]:
    return [
        f"Reinforced by the judge {judged.judge} on {judged.judged_answers:,} answers of its own: mean reward "
        f"{judged.first_reward:.3f} -> {judged.last_reward:.3f}, held-out questions answered right "
        f"{judged.imitated_share:.3f} -> {judged.reinforced_share:.3f} (the teacher {judged.teacher_share:.3f}).",
        f"The judge accepts {_share(judged.false_positive_rate)} of wrong and refuses "
        f"{_share(judged.false_negative_rate)} of right held-out answers; of the student's own "
        f"{_share(judged.own_false_positive_rate)} and {_share(judged.own_false_negative_rate)}.",
    ]


def _share(value: float | None) -> str:
    return "none" if value is None else f"{value:.1%}"


def _nats(value: float | None) -> str:
    return "not comparable" if value is None else f"{value:.3f}"
