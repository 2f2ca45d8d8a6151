"""What a student is worth for what it took: the scaling law of distillation, and measured curves of dose and response.

**Scaling law** (Busbridge et al. 2025, arXiv 2502.08606). Of a model trained on text,

    L(N, D) = E + (A/N^alpha + B/D^beta)^gamma                                                        (nats a token)

and of a student of N_S parameters trained on D_S tokens by a teacher of loss L_T,

    L_S = L_T + L_T^(-c0) * [1 + (L_T/(d1 L(N_S, D_S)))^(1/f1)]^(-c1 f1) * (A'/N_S^alpha' + B'/D_S^beta')^gamma'

with N the parameters outside the embedding. The supervised coefficients are the paper's; the primed ones and c0, c1,
d1, f1 could not be read there and are a refit on the runs in `data/distillation_scaling_points.csv`
(`undercut distill scaling` repeats it and shows the error on runs that were held out).

Its known failures: the formula has every student above its teacher's loss, while 41 of the 354 runs that were reported
lie below a weak teacher's; and it is fitted between 143 million and 1.8 billion parameters.

**Dose and response.** Of a recipe, measured here: outcome = e + a (N + N0)^-b over N distinct teacher tokens bought.
The table `CURVES` holds what `undercut distill dose` fitted, `CURVE_DRAWS` its errors; nothing in it is capped at the
teacher. What a market makes of them stands in `sim.shared.students`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar

import numpy as np

from sim.shared.errors import InputError
from sim.shared.paths import data_dir
from sim.shared.tables import Column, TableSpec, read_table

if TYPE_CHECKING:
    import pandas as pd

Numbers = TypeVar("Numbers", float, np.ndarray)


@dataclass(frozen=True)
class SupervisedLaw:
    """Loss of a model trained on text; the fields are the formula's."""

    e: float = 1.220
    a: float = 3355.0
    b: float = 18186.0
    alpha: float = 0.408
    beta: float = 0.431
    gamma: float = 0.452

    def loss_nats(self, params: Numbers, tokens: Numbers) -> Numbers:
        """Nats a token at `params` outside the embedding and `tokens` of text; shapes broadcast."""
        return self.e + (self.a * params**-self.alpha + self.b * tokens**-self.beta) ** self.gamma


@dataclass(frozen=True)
class DistillationLaw:
    """Loss of a student; the fields are the formula's, the primed letters in small."""

    a: float = 2103.7
    b: float = 19378.0
    alpha: float = 0.3304
    beta: float = 0.4151
    gamma: float = 0.7492
    c0: float = 2.3255
    c1: float = 522.61
    f1: float = 0.1024
    d1: float = 1.3792
    supervised: SupervisedLaw = SupervisedLaw()

    def loss_nats(self, params: Numbers, tokens: Numbers, teacher_loss_nats: Numbers) -> Numbers:
        """Nats a token of a student of `params` outside the embedding, trained on `tokens`; shapes broadcast."""
        own = self.supervised.loss_nats(params, tokens)
        ratio = (teacher_loss_nats / (self.d1 * own)) ** (1.0 / self.f1)
        mixing = np.exp(-self.c1 * self.f1 * np.log1p(ratio))
        reach = (self.a * params**-self.alpha + self.b * tokens**-self.beta) ** self.gamma
        found: Numbers = teacher_loss_nats + teacher_loss_nats**-self.c0 * mixing * reach
        return found


SUPERVISED = SupervisedLaw()
DISTILLED = DistillationLaw()

Verdict = Literal["below", "above", "inconclusive"]

CURVES = TableSpec(
    name="curves",
    row="one fitted curve: one outcome of one way to make a student",
    columns=(
        Column("curve", "text", "", "name of the curve: recipe and epochs"),
        Column("outcome", "text", "", "held_out_kl_nats, human_nats_per_byte or teacher_nats_per_byte"),
        Column("teacher", "text", "", "who was asked"),
        Column("student", "text", "", "start of the student: depth, important_layers, width, scratch or same"),
        Column("student_params", "integer", "parameters", "of the student, tied ones once"),
        Column("teacher_params", "integer", "parameters", "of the teacher, tied ones once"),
        Column("method", "text", "", "logit_kd, topk_kd or outputs"),
        Column("regime", "text", "", "what the teacher gave: text, topk or full"),
        Column("defences", "text", "", "kinds of defences, joined by '+'", missing=True),
        Column("epochs", "integer", "", "times that each token was trained on"),
        Column("e", "number", "the outcome's", "asymptote"),
        Column("e_low", "number", "the outcome's", "95% interval of e, lower end"),
        Column("e_high", "number", "the outcome's", "95% interval of e, upper end"),
        Column("a", "number", "the outcome's times tokens^b", "size of what the dose removes"),
        Column("b", "number", "", "exponent"),
        Column("b_low", "number", "", "95% interval of b, lower end"),
        Column("b_high", "number", "", "95% interval of b, upper end"),
        Column("n0_tokens", "number", "tokens", "what the start is worth, in tokens"),
        Column("least_tokens", "number", "tokens", "smallest dose that was measured"),
        Column("most_tokens", "number", "tokens", "largest dose that was measured; beyond it the curve is a guess"),
        Column("points", "integer", "", "measurements that it is fitted to"),
        Column("seeds", "integer", "", "texts that were bought anew"),
        Column("residual_sd", "number", "the outcome's", "standard deviation of what the curve leaves"),
        Column("teacher_outcome", "number", "the outcome's", "the same outcome of the teacher itself"),
        Column("theta_per_nat", "number", "logits a nat", "ability lost per nat of held-out KL", missing=True),
        Column("theta_per_nat_stderr", "number", "logits a nat", "its standard error", missing=True),
        Column("verdict", "text", "", "asymptote against the teacher: below, above, or inconclusive"),
        Column("evidence", "text", "", "measured"),
        Column("source", "text", "", "what was run, and when"),
    ),
)

CURVE_DRAWS = TableSpec(
    name="curve_draws",
    row="one curve of `curves`, fitted again to resampled residuals: its errors, together",
    columns=(
        Column("curve", "text", "", "name of the curve"),
        Column("outcome", "text", "", "outcome of the curve"),
        Column("draw", "integer", "", "from 1; 0 is the point estimate, which stands in `curves`"),
        Column("e", "number", "the outcome's", "asymptote"),
        Column("a", "number", "the outcome's times tokens^b", "size of what the dose removes"),
        Column("b", "number", "", "exponent"),
        Column("n0_tokens", "number", "tokens", "what the start is worth, in tokens"),
        Column("theta_per_nat", "number", "logits a nat", "drawn with its standard error", missing=True),
    ),
)
CURVES_NAME = "curves.parquet"
DRAWS_NAME = "curve_draws.parquet"


@dataclass(frozen=True)
class DoseCurve:
    """Outcome = e + a (N + n0_tokens)^-b over N distinct teacher tokens."""

    e: float
    a: float
    b: float
    n0_tokens: float

    def at(self, tokens: Numbers) -> Numbers:
        """The outcome at a dose of `tokens`; at 0 it is the start's."""
        return self.e + self.a * (tokens + self.n0_tokens) ** -self.b


@dataclass(frozen=True)
class Curves:
    """Fitted curves and their errors.

    Attributes:
        table: conforming to `CURVES`.
        draws: conforming to `CURVE_DRAWS`; empty where none were kept.
    """

    table: pd.DataFrame
    draws: pd.DataFrame


def shipped_curves(folder: Path | None = None) -> Curves:
    """The curves that lie beside the measured catalog, or in another folder; none where no file is there.

    Raises:
        InputError, InputErrors: if a file cannot be read or is no such table.
    """
    import pandas as pd

    place = folder if folder is not None else data_dir() / "measured"
    found = []
    for spec, name in ((CURVES, CURVES_NAME), (CURVE_DRAWS, DRAWS_NAME)):
        path = place / name
        frame = read_table(path) if path.is_file() else pd.DataFrame(columns=spec.column_names)
        found.append(spec.conform(frame, str(path)))
    return Curves(*found)


def read_curves(path: Path) -> pd.DataFrame:
    """The curves of a file, conforming to `CURVES`.

    Raises:
        InputError, InputErrors: if the file cannot be read or is no such table.
    """
    return CURVES.conform(read_table(path), str(path))


def curve_of(curves: pd.DataFrame, name: str, outcome: str) -> DoseCurve:
    """One curve of the table.

    Raises:
        InputError: if there is none of that name and outcome; lists those there are.
    """
    rows = curves[(curves["curve"] == name) & (curves["outcome"] == outcome)]
    if rows.empty:
        there = ", ".join(f"{row.curve} ({row.outcome})" for row in curves.itertuples())
        raise InputError("curve", "", f"{name} ({outcome})", there or "none is published", "run: undercut distill dose")
    row = rows.iloc[0]
    return DoseCurve(float(row["e"]), float(row["a"]), float(row["b"]), float(row["n0_tokens"]))


def verdict(low: float, high: float, teacher: float) -> Verdict:
    """Where an asymptote's interval lies against the teacher's own outcome; one that spans it says nothing."""
    if high < teacher:
        return "below"
    return "above" if low > teacher else "inconclusive"
