"""The table of doses: its columns, the key of a row, and the rows that are there already.

A row is known by its cell: everything that decides what is measured (recipe, teacher, texts, items, dose, seed, epochs)
and nothing of where and when (libraries, machine, seconds, which stand in columns of their own). So a table goes on
where it was left, on whichever machine, and no row is computed twice.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from evalsuite.distill.accuracy import Accuracy
from evalsuite.distill.recipe import OwnModel, Recipe
from evalsuite.distill.teachers import fingerprint_of
from evalsuite.fetch import ensure
from evalsuite.models import fingerprints, resolve
from sim.shared.manifest import sha256_of_file, sha256_of_json
from sim.shared.paths import data_dir
from sim.shared.tables import Column, TableSpec, read_table

if TYPE_CHECKING:
    import pandas as pd

FORMAT = 1  # of what a row means; a change of how it is measured raises it
HUMAN_TEXT = "human_text.txt"
CELL_CHARACTERS = 16

DOSES = TableSpec(
    name="doses",
    row="one student: one dose of one text",
    columns=(
        Column("cell", "text", "", "hash of what decides the row: recipe, teacher, texts, items, dose, seed, epochs"),
        Column("recipe", "text", "", "recipe that was varied"),
        Column("teacher", "text", "", "who was asked"),
        Column("student", "text", "", "start of the student"),
        Column("student_layers", "integer", "layers", "of the student"),
        Column("student_params", "integer", "parameters", "tied ones once"),
        Column("teacher_params", "integer", "parameters", "tied ones once; 0 where its weights are not here"),
        Column("method", "text", "", "what the student was trained on"),
        Column("regime", "text", "", "what the teacher gave"),
        Column("defences", "text", "", "kinds of defences, joined by '+'", missing=True),
        Column("temperature", "number", "ratio", "at which the teacher wrote; 0 is the likeliest token"),
        Column("epochs", "integer", "", "times that each token was trained on"),
        Column("seed", "integer", "", "of the text and of new weights"),
        Column("distinct_teacher_tokens", "integer", "tokens", "the dose: bought, kept and trained on"),
        Column("training_tokens", "integer", "tokens", "trained on, epochs included"),
        Column("paid_usd", "number", "USD", "for the dose at the terms' prices, probabilities included"),
        Column("held_out_kl_nats", "number", "nats a token", "KL from the teacher on its own text", missing=True),
        Column("teacher_nats_per_byte", "number", "nats a byte", "cross-entropy of that text"),
        Column("human_nats_per_byte", "number", "nats a byte", "cross-entropy of text that people wrote"),
        Column("own_teacher_nats_per_byte", "number", "nats a byte", "of the teacher on its text", missing=True),
        Column("own_human_nats_per_byte", "number", "nats a byte", "of the teacher on human text", missing=True),
        Column("accuracy", "number", "fraction", "share of items answered correctly", missing=True),
        Column("own_accuracy", "number", "fraction", "the teacher's share of the same items", missing=True),
        Column("chance", "number", "fraction", "share by guessing", missing=True),
        Column("items", "number", "items", "that accuracy rests on", missing=True),
        Column("accuracy_on", "text", "", "suite, number of items and tasks", missing=True),
        Column("training_s", "number", "s", "seconds of training, the trunk's with it"),
        Column("teacher_s", "number", "s", "seconds in which the teacher wrote and told the dose"),
        Column("hardware", "text", "", "processor and cores"),
        Column("threads", "integer", "threads", "of torch"),
        Column("dtype", "text", "", "type of number that was computed with"),
        Column("versions", "text", "", "of the libraries that can move a figure"),
        Column("date", "text", "", "day on which it was measured"),
        Column("source", "text", "", "what was run"),
    ),
)  # fmt: skip

# What depends on the machine and the hour; everything else comes out the same again.
CLOCK_COLUMNS = ("training_s", "teacher_s", "hardware", "date", "source")


def cell_of(recipe: Recipe, dose: int, epochs: int, accuracy: Accuracy | None) -> str:
    """The key of a row; the recipe's own seed counts, its numbers of tokens do not, since dose and epochs say both.

    What a recipe leaves at its default is no part of the key, so that a field that is new to recipes changes no row.
    """
    mine = recipe.model_dump(mode="json", exclude_defaults=True)
    mine["seed"] = recipe.seed
    mine["text"].pop("tokens")
    mine["method"].pop("training_tokens")
    content = {
        "format": FORMAT,
        "recipe": mine,
        "regime": recipe.terms.granted.model_dump(mode="json"),
        "teacher": fingerprint_of(recipe),
        "dose": dose,
        "epochs": epochs,
        "human_text": sha256_of_file(data_dir() / HUMAN_TEXT),
        "accuracy": accuracy.content if accuracy is not None else None,
    }
    if isinstance(recipe.student, OwnModel):
        content["start"] = fingerprints(ensure(resolve(recipe.student.name)))[0]
    return sha256_of_json(content)[:CELL_CHARACTERS]


def without_tokens(recipe: Recipe) -> dict[str, Any]:
    """All content of a recipe but for the tokens that a study varies."""
    content = recipe.model_dump(mode="json")
    content["text"]["tokens"] = content["method"]["training_tokens"] = 0
    return content


def read_rows(path: Path) -> dict[str, dict[str, Any]]:
    """The rows of a table by their cells; none where there is no file.

    Raises:
        InputError, InputErrors: if the file cannot be read or is no such table.
    """
    if not path.is_file():
        return {}
    frame = DOSES.conform(read_table(path), str(path))
    return {str(row["cell"]): {str(name): value for name, value in row.items()} for row in frame.to_dict("records")}


def table_of(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Rows as a table, conforming to `DOSES`."""
    import pandas as pd

    return DOSES.conform(pd.DataFrame(rows, columns=DOSES.column_names), "doses")
