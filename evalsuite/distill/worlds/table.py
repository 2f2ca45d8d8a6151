"""The tables of the small worlds: one row a student, written as soon as it is measured."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from sim.shared.errors import InputError
from sim.shared.tables import Column, TableSpec, read_table, write_csv

_STUDENT = (
    Column("world", "text", "", "knowledge, addition or countdown"),
    Column("study", "text", "", "full, or quick: sizes that say nothing"),
    Column("seed", "integer", "", "of the questions asked, the new weights and the draws; the teacher is always one"),
    Column("queries", "integer", "questions", "answers bought of the teacher"),
    Column("distinct_teacher_tokens", "integer", "tokens", "that the teacher wrote for them, ends left out"),
    Column(
        "training_tokens",
        "integer",
        "tokens",
        "trained on, epochs and questions included; of one begun from another, after it",
    ),
    Column("own_tokens", "integer", "tokens", "of these, written by the student itself"),
    Column("paid_usd", "number", "USD", "at 0.05 USD per Mtok read and 0.20 written"),
    Column("student_params", "integer", "parameters", "of the student; its teacher has as many"),
    Column("items", "integer", "questions", "held out, by which it was measured"),
    Column("draws", "integer", "answers", "sampled to each at temperature 1"),
    Column("sampled_share", "number", "share", "of the sampled answers that are right"),
    Column("sampled_low", "number", "share", "lower end of its 95% interval over questions"),
    Column("sampled_high", "number", "share", "upper end"),
    Column("greedy_share", "number", "share", "of the likeliest answers that are right"),
    Column("solved_share", "number", "share", "of questions to which at least one of the draws is right"),
    Column("teacher_sampled_share", "number", "share", "the teacher's, on the same questions"),
    Column("teacher_greedy_share", "number", "share", "the teacher's"),
    Column("teacher_solved_share", "number", "share", "the teacher's"),
    Column("difference", "number", "share", "sampled_share less the teacher's, paired by question"),
    Column("difference_low", "number", "share", "lower end of its 95% interval"),
    Column("difference_high", "number", "share", "upper end"),
)
_MADE = (
    Column("training_s", "number", "s", "seconds of training on this machine, which others used too"),
    Column("tokens_per_s", "number", "tokens/s", "training_tokens over training_s"),
    Column("recipe_sha256", "text", "", "hash of the recipe; of the settings where the teacher was not asked"),
    Column("libraries", "text", "", "versions of what trained it"),
    Column("hardware", "text", "", "processor, and threads used"),
    Column("date", "text", "", "ISO date of the run"),
    Column("source", "text", "", "the command"),
)

SMALL_WORLDS = TableSpec(
    name="small_worlds",
    row="one student: a method, a dose and a seed",
    columns=(
        Column("method", "text", "", "what the student was trained on"),
        *_STUDENT,
        Column("truth_kl_nats", "number", "nats", "KL from the true distribution of answers", missing=True),
        Column("teacher_truth_kl_nats", "number", "nats", "the teacher's", missing=True),
        *_MADE,
    ),
)
JUDGE_RL = TableSpec(
    name="judge_rl",
    row="one student: a judge, or a control, and a seed",
    columns=(
        Column("condition", "text", "", "the judge, or the control"),
        *_STUDENT,
        Column("start_share", "number", "share", "right before the reinforcement, one sample a question", missing=True),
        Column("judged_answers", "integer", "answers", "given to the judge in training"),
        Column("judge_false_positive_rate", "number", "share", "of wrong held-out answers accepted", missing=True),
        Column("judge_false_negative_rate", "number", "share", "of right held-out answers refused", missing=True),
        Column("own_false_positive_rate", "number", "share", "of its own wrong answers, at the end", missing=True),
        Column("own_false_negative_rate", "number", "share", "of its own right answers, at the end", missing=True),
        Column("first_reward", "number", "share", "mean reward of the first tenth of the steps", missing=True),
        Column("last_reward", "number", "share", "mean reward of the last tenth", missing=True),
        *_MADE,
    ),
)


@dataclass
class Rows:
    """A table in a file, row by row; each row is on disk when `add` returns."""

    spec: TableSpec
    path: Path
    keys: tuple[str, ...]

    def __post_init__(self) -> None:
        """Read what is there.

        Raises:
            InputError: if the file is no table of this kind.
        """
        known = read_table(self.path) if self.path.is_file() else pd.DataFrame(columns=self.spec.column_names)
        if list(known.columns) != self.spec.column_names:
            raise InputError(
                str(self.path), "", ", ".join(map(str, known.columns)), f"the columns of {self.spec.name}",
                "name another folder, or remove the file",
            )  # fmt: skip
        self.frame = self.spec.conform(known, str(self.path))

    def has(self, **wanted: Any) -> bool:
        """Whether there is a row with these keys."""
        found = self.frame
        for name in self.keys:
            found = found[found[name] == wanted[name]]
        return not found.empty

    def add(self, row: dict[str, Any]) -> None:
        """Append a row and write the file, whole or not at all."""
        one = self.spec.conform(pd.DataFrame([row]), str(self.path))
        self.frame = one if self.frame.empty else pd.concat([self.frame, one], ignore_index=True)
        write_csv(self.frame, self.path)
