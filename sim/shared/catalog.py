"""The catalog: the table that joins the measuring half to the market half.

One row is one model in one task class: how good it is there, what it costs, how sure we are, and whether each figure
was measured, cited or assumed. Students also carry their paired difference to their teacher, because both answered
the same items and the difference is known better than either.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from sim.shared.errors import InputError, raise_all
from sim.shared.paths import data_dir
from sim.shared.tables import Column, TableSpec, read_table

if TYPE_CHECKING:
    import pandas as pd

EVIDENCE = ("measured", "cited", "assumed")
ROLES = ("teacher", "student", "published")

CATALOG = TableSpec(
    name="catalog",
    row="one model in one task class",
    columns=(
        Column("model", "text", "", "name of the model, unique"),
        Column("role", "text", "", "teacher, student or published"),
        Column("teacher", "text", "", "for a student: the model it was distilled from", missing=True),
        Column("owner", "text", "", "who made the model", missing=True),
        Column("weights", "text", "", "identity of the weights: offers of equal weights are one product", missing=True),
        Column("released_on", "text", "ISO date", "day of release", missing=True),
        Column("task_class", "text", "", "chat, extract, code, reason, agent; 'all' where only one score is known"),
        Column("items", "integer", "items", "how many benchmark items the quality rests on"),
        Column("accuracy", "number", "fraction", "share of items answered correctly"),
        Column("chance", "number", "fraction", "accuracy of guessing"),
        Column("quality", "number", "fraction", "chance-corrected accuracy, posterior mean"),
        Column("quality_stderr", "number", "fraction", "standard error of quality"),
        Column("theta", "number", "logits", "latent ability"),
        Column("theta_stderr", "number", "logits", "standard error of theta"),
        Column(
            "theta_error_key", "text", "", "rows of one model with equal keys share one error; others are independent"
        ),
        Column("informative", "flag", "", "false where no model of the run is above chance in this class"),
        Column("theta_gap", "number", "logits", "theta minus the teacher's, paired", missing=True),
        Column("theta_gap_stderr", "number", "logits", "standard error of theta_gap", missing=True),
        Column("price_in_usd_per_mtok", "number", "USD per Mtok", "list price of input tokens", missing=True),
        Column("price_cached_usd_per_mtok", "number", "USD per Mtok", "list price of cached input", missing=True),
        Column("price_out_usd_per_mtok", "number", "USD per Mtok", "list price of output tokens", missing=True),
        Column("cost_in_usd_per_mtok", "number", "USD per Mtok", "cost of serving input tokens", missing=True),
        Column("cost_out_usd_per_mtok", "number", "USD per Mtok", "cost of serving output tokens", missing=True),
        Column("cost_log_stderr", "number", "log", "standard error of the logarithm of the costs", missing=True),
        Column("cost_ledger", "text", "", "measured (this machine) or modelled (a named accelerator)", missing=True),
        Column("cost_in_ratio", "number", "ratio", "cost of input over the teacher's, same run", missing=True),
        Column("cost_out_ratio", "number", "ratio", "cost of output over the teacher's, same run", missing=True),
        Column("cost_ratio_log_stderr", "number", "log", "standard error of the logarithm of the ratios", missing=True),
        Column("quality_evidence", "text", "", "measured, cited or assumed"),
        Column("price_evidence", "text", "", "measured, cited, assumed or empty", missing=True),
        Column("cost_evidence", "text", "", "measured, cited, assumed or empty", missing=True),
        Column("source", "text", "", "where the figures come from"),
        Column("licence", "text", "", "licence of the source or of the weights", missing=True),
    ),
)


@dataclass(frozen=True)
class Catalog:
    """A validated catalog.

    Attributes:
        frame: the table, conforming to `CATALOG`, sorted by (model, task_class).
    """

    frame: pd.DataFrame

    @property
    def models(self) -> list[str]:
        """Names, sorted."""
        return sorted(set(self.frame["model"]))

    def rows_of(self, model: str) -> pd.DataFrame:
        """The rows of one model.

        Raises:
            InputError: if the catalog has no such model; lists those it has.
        """
        rows = self.frame[self.frame["model"] == model]
        if rows.empty:
            raise InputError(
                source="catalog",
                field="model",
                received=model,
                allowed=", ".join(self.models),
                remedy="name one of these, or add the model to a catalog and pass it with --catalog",
            )
        return rows

    def with_rows(self, other: Catalog) -> Catalog:
        """Both catalogs together; a model that both hold is taken from `other`."""
        import pandas as pd

        kept = self.frame[~self.frame["model"].isin(set(other.frame["model"]))]
        return _sorted(pd.concat([kept, other.frame], ignore_index=True))


def make_catalog(frame: pd.DataFrame, source: str) -> Catalog:
    """Validate a table as a catalog; `source` names it in messages.

    Raises:
        InputError, InputErrors: all problems at once: columns, kinds, ranges, evidence, duplicates.
    """
    frame = CATALOG.conform(frame, source)
    problems: list[InputError] = []
    for name in ("accuracy", "chance", "quality"):
        _check(problems, source, frame, name, (frame[name] >= 0) & (frame[name] <= 1), "a fraction in [0, 1]")
    for column in CATALOG.columns:
        if column.unit == "USD per Mtok" or column.name.endswith(("_stderr", "_ratio")):
            good = frame[column.name].isna() | (frame[column.name] >= 0)
            _check(problems, source, frame, column.name, good, "a number that is not negative")
    for column in CATALOG.columns:
        if column.kind == "number":
            good = frame[column.name].isna() | np.isfinite(frame[column.name].to_numpy(dtype=float, na_value=np.nan))
            _check(problems, source, frame, column.name, good, "a finite number")
    for name in ("quality_evidence", "price_evidence", "cost_evidence"):
        allowed = EVIDENCE if name == "quality_evidence" else (*EVIDENCE, "")
        _check(problems, source, frame, name, frame[name].isin(allowed), ", ".join(EVIDENCE))
    _check(problems, source, frame, "role", frame["role"].isin(ROLES), ", ".join(ROLES))
    unique = ~frame.duplicated(["model", "task_class"])
    _check(problems, source, frame, "task_class", unique, "one row for each model and task class")
    raise_all(problems)
    return _sorted(frame)


def read_catalog(path: Path) -> Catalog:
    """A catalog from a Parquet or CSV file."""
    return make_catalog(read_table(path), str(path))


def shipped_catalog() -> Catalog:
    """The published models (cited) and the measured teacher and student that ship with Undercut."""
    published = read_catalog(data_dir() / "published_models.csv")
    return published.with_rows(read_catalog(data_dir() / "measured" / "catalog.parquet"))


def _sorted(frame: pd.DataFrame) -> Catalog:
    return Catalog(frame.sort_values(["model", "task_class"], kind="stable").reset_index(drop=True))


def _check(
    problems: list[InputError], source: str, frame: pd.DataFrame, name: str, good: pd.Series, allowed: str
) -> None:
    bad = ~good.fillna(False).astype(bool)
    if bool(bad.any()):
        row = int(bad.to_numpy().argmax())
        where = f"row {row + 1} ({frame['model'].iloc[row]}), {name}"
        value = frame[name].iloc[row]
        problems.append(InputError(source, where, getattr(value, "item", lambda: value)(), allowed, "correct the cell"))
