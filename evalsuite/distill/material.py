"""What a student is trained on: its start, the rows of text that the teacher wrote, and what the teacher tells of them.

A recipe is turned into its material in one place, whoever the teacher is; what only weights in this process can give
(probabilities of all tokens, the distance from the teacher) is None or refused where there are none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from evalsuite.distill.account import Account
from evalsuite.distill.held_out import held_out_kl, nats_per_byte
from evalsuite.distill.outputs import Outputs, buy, missing_rows
from evalsuite.distill.recipe import OutputsOnly, Recipe, TopEntryDistillation
from evalsuite.distill.start import Start, make_own_start, make_start
from evalsuite.distill.supply import full_supply, sparse_supply, text_supply
from evalsuite.distill.teacher import Teacher
from evalsuite.distill.teachers import teacher_of
from evalsuite.distill.text import Corpus, pack, write_corpus
from evalsuite.distill.training import TargetsOf, steps_of
from evalsuite.distill.worlds.answers import answers_only
from evalsuite.models import LoadedModel
from sim.shared.console import Progress, note
from sim.shared.errors import InputError
from sim.shared.manifest import library_versions, sha256_of_json

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

HELD_OUT_ROWS = 8  # packed rows of the teacher's text that are never trained on
SEPARATOR = "<|endoftext|>"  # between documents, where the vocabulary has it; else the end of a turn


@dataclass(frozen=True)
class Material:
    """All that a training stands on.

    Attributes:
        corpus: what the teacher wrote.
        training, held_out: rows of the student's tokens (R, T).
        held_out_text: the held-out rows as text.
    """

    teacher: Teacher
    corpus: Corpus
    account: Account
    start: Start
    training: torch.Tensor
    held_out: torch.Tensor
    held_out_text: str

    def measured(self, model: PreTrainedModel, recipe: Recipe) -> tuple[float | None, float]:
        """KL from the teacher on held-out text (nats a token; None where it is not known), and that text's
        cross-entropy (nats a byte)."""
        batch, length = recipe.method.batch_sequences, recipe.method.sequence_tokens
        loaded = self.teacher.loaded
        known = loaded is not None and shares_tokens(self.start.tokenizer, self.teacher.tokenizer)
        kl = held_out_kl(model, loaded.model, self.held_out, batch) if loaded is not None and known else None
        return kl, nats_per_byte(model, self.start.tokenizer, self.held_out_text, length, batch)

    def key(self, recipe: Recipe, trained: bool = True) -> str:
        """Hash of everything that decides the weights: those of the recipe's student, or before that of its start."""
        import torch

        identity = self.teacher.identity
        return sha256_of_json(
            {
                "recipe": recipe.model_dump(mode="json") if trained else recipe.student.model_dump(mode="json"),
                "teacher": identity["weights"],
                "tokenizer": identity["tokenizer"],
                "text": sha256_of_json(self.corpus.documents) if trained else "",
                "kept_layers": self.start.kept_layers,
                "dtype": self.start.dtype,
                "threads": torch.get_num_threads(),
                "libraries": library_versions(),
                **({"start": self.start.weights_sha256} if self.start.weights_sha256 else {}),
            }
        )


def gather(recipe: Recipe) -> Material:
    """Teacher, text and start of a recipe.

    Raises:
        InputError: if the text is too short for the rows that are held out, or the start cannot be made.
        TeacherLostError: if the teacher stops answering.
    """
    teacher = teacher_of(recipe)
    account = Account(teacher.access, recipe.seed)
    corpus = write_corpus(teacher, account, recipe.text, recipe.seed)
    length = recipe.method.sequence_tokens
    rows = pack(corpus.documents, separator_of(teacher.tokenizer), length)
    start = start_of(recipe, teacher, rows)
    if not shares_tokens(start.tokenizer, teacher.tokenizer):
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
    return Material(teacher, corpus, account, start, training, held_out, text_of(held_out, start.tokenizer))


def start_of(recipe: Recipe, teacher: Teacher, rows: torch.Tensor) -> Start:
    """The start that a recipe asks for; what is measured is measured on the first of rows (R, T).

    Raises:
        InputError: if the teacher does not allow it, or the method compares tokens that are not shared.
    """
    if teacher.loaded is not None:
        start = make_start(recipe.student, teacher.loaded, rows, recipe.seed)
    else:
        start = make_own_start(recipe.student, teacher.tokenizer, recipe.seed)
    if shares_tokens(start.tokenizer, teacher.tokenizer):
        return start
    if recipe.text.world is not None:
        raise InputError(
            "student", "", "a tokenizer that is not the teacher's", f"the tokenizer of {teacher.spec.name}",
            "the symbols of a small world are tokens: start from a student of this teacher, or from new weights",
        )  # fmt: skip
    if recipe.method.kind != "outputs":
        raise InputError(
            "student", "", "a tokenizer that is not the teacher's", f"the method outputs, not {recipe.method.kind}",
            "probabilities are compared token by token: start from a model with the teacher's tokenizer",
        )  # fmt: skip
    return start


def shares_tokens(one: PreTrainedTokenizerBase, other: PreTrainedTokenizerBase) -> bool:
    """Whether two tokenizers number the same tokens alike."""
    return one is other or one.get_vocab() == other.get_vocab()


def text_of(rows: torch.Tensor, tokenizer: PreTrainedTokenizerBase) -> str:
    """Rows (R, T) as text."""
    return "".join(tokenizer.decode(row, skip_special_tokens=True) for row in rows.tolist())


def separator_of(tokenizer: PreTrainedTokenizerBase) -> int:
    """The token between documents."""
    return int(tokenizer.get_vocab().get(SEPARATOR, tokenizer.eos_token_id))


def supply_of(teacher: Teacher, rows: torch.Tensor, recipe: Recipe) -> tuple[TargetsOf, Outputs | None]:
    """What the method learns from, in a small world the answers alone; outputs are bought where it needs any.

    Raises:
        InputError: if the method needs weights that are not in this process.
        TeacherLostError: if the teacher stops answering; what it told is kept.
    """
    supply, outputs = _supply_of(teacher, rows, recipe)
    world = recipe.text.world
    return supply if world is None else answers_only(supply, rows, teacher.tokenizer, world), outputs


def _supply_of(teacher: Teacher, rows: torch.Tensor, recipe: Recipe) -> tuple[TargetsOf, Outputs | None]:
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
    head = weights_of(teacher, method.kind).lm_head.weight.detach()
    return full_supply(outputs, head, teacher.access.decimals), outputs


def weights_of(teacher: Teacher, wanted_by: str) -> PreTrainedModel:
    """The teacher's weights.

    Raises:
        InputError: if they are not in this process.
    """
    return loaded_of(teacher, wanted_by).model


def loaded_of(teacher: Teacher, wanted_by: str) -> LoadedModel:
    """The teacher as a model in this process.

    Raises:
        InputError: if it is none.
    """
    if teacher.loaded is None:
        raise InputError(
            "method.kind", "", wanted_by, "topk_kd or outputs, for a teacher behind an endpoint",
            "its weights are not here: choose another method, or a teacher whose weights can lie here",
        )  # fmt: skip
    return teacher.loaded


def rows_of(recipe: Recipe, material: Material) -> torch.Tensor:
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
