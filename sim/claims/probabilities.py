"""probabilities: outputs alone often fail to teach; the teacher's probabilities work."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from sim.claims.claim import Cell, Claim, Control, Criterion, Evidence, Measurement
from sim.claims.measured import measured

if TYPE_CHECKING:
    import pandas as pd

WORLDS = "small_worlds.csv"
PAIRS = (("full", "outputs"), ("full_greedy", "outputs_greedy"))  # the same writing of the teacher's in both
SAMPLED_WORLDS, DETERMINISTIC = ("knowledge", "countdown"), ("addition",)


def _pairs(worlds: Sequence[str]) -> list[tuple[str, pd.Series, pd.Series]]:
    """Rows of full probabilities and of text, equal in world, queries and seed, at the teacher's own writing."""
    rows = measured(WORLDS)
    if not len(rows):
        return []
    found = []
    rows = rows[rows["world"].isin(worlds)]
    for (world, study, queries, seed), group in rows.groupby(["world", "study", "queries", "seed"], sort=True):
        by_method = {row["method"]: row for _, row in group.iterrows()}
        for full, text in PAIRS:
            if full in by_method and text in by_method:
                name = f"{world} ({study}), {queries} queries, seed {seed}, {full}"
                found.append((name, by_method[full], by_method[text]))
    return found


def _half(row: pd.Series) -> float:
    return float(row["sampled_high"] - row["sampled_low"]) / 2.0


def _gains(worlds: Sequence[str]) -> list[Cell]:
    """Full less text. Both answered the same problems, but the pairing is not kept: the interval is the wider one."""
    cells = []
    for name, full, text in _pairs(worlds):
        value = float(full["sampled_share"] - text["sampled_share"])
        reach = math.hypot(_half(full), _half(text))
        cells.append(Cell(name, value, value - reach, value + reach, f"{int(full['items'])} problems"))
    return cells


def gains() -> Sequence[Cell]:
    """Where the teacher's writing varies."""
    return _gains(SAMPLED_WORLDS)


def gains_deterministic() -> Sequence[Cell]:
    """Where there is one right continuation, so that probabilities tell what text tells."""
    cells = _gains(DETERMINISTIC)
    reach = [(cell.high - cell.low) / 2.0 for cell in cells]
    sizes = [abs(cell.value) for cell in cells]
    return [
        replace(cell, value=size, low=max(size - half, 0.0), high=size + half)
        for cell, size, half in zip(cells, sizes, reach, strict=True)
    ]


def recoveries() -> Sequence[Cell]:
    """Share of the way from an untrained student, which solves none, to the teacher that text alone goes."""
    cells = []
    for name, _, text in _pairs(SAMPLED_WORLDS):
        teacher = float(text["teacher_sampled_share"])
        value, reach = float(text["sampled_share"]) / teacher, _half(text) / teacher
        rests = f"{int(text['items'])} problems; of this cell's text"
        cells.append(Cell(name.replace("full", "outputs"), value, value - reach, value + reach, rests))
    return cells


CLAIM = Claim(
    name="probabilities",
    sentence=(
        "Training on a teacher's outputs alone often fails; matching its token probabilities, fitted to the student's "
        "architecture and data, works."
    ),
    hypothesis="Held-out share solved with full probabilities less that with text alone, at equal queries.",
    criterion=(
        "Full probabilities are better than text by at least two points at equal queries in most cells, and text alone "
        "recovers under a quarter of the way to the teacher in most cells."
    ),
    by_construction=(
        "Nothing decides it beforehand: both students see the same queries and train as long. Where there is one right "
        "continuation, probabilities can tell nothing that text does not: there the two must be within a point."
    ),
    measurements=(
        Measurement(
            name="equal_queries",
            says="The same student, queries and training; the teacher gives its probabilities or its text",
            unit="difference of shares",
            cells=gains,
            criterion=Criterion("two_points", "at least two points better", "difference", "above", 0.02),
            wants="most",
            least_cells=6,
            missing="fewer than six pairs: undercut distill worlds --study doses",
            controls=(
                (
                    Control("deterministic", "where text is near-deterministic the two are within a point",
                            Criterion("a_point", "within a point, either way", "size", "below", 0.01)),
                    gains_deterministic,
                ),
            ),
        ),
        Measurement(
            name="text_alone",
            says="How much of the way to its teacher text alone brings a student",
            unit="share of the way",
            cells=recoveries,
            criterion=Criterion("a_quarter", "under a quarter of the way", "recovered", "below", 0.25),
            wants="most",
            least_cells=6,
            missing="fewer than six pairs: undercut distill worlds --study doses",
        ),
    ),
    evidence=(Evidence("measured", "data/measured/small_worlds.csv: students of small teachers, on one machine"),),
)  # fmt: skip
