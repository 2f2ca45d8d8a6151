"""A claim, run: its parts judged, and everything that the verdict rests on written to a folder.

`OUT/CLAIM/` holds the sweep of every experiment (which goes on where it was killed), its probes, and the tables
`scores`, `flips`; `OUT/` the tables `verdicts`, `parts` and `estimates` of all claims run, with their manifest.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from sim.claims.claim import Cell, Claim, Control, Criterion, Measurement
from sim.claims.experiment import FULL_DRAWS, QUICK_DRAWS, Played, flip_table, play, score_table
from sim.claims.verdict import LEAST, MOST, SUPPORTED, Share, Verdict, of_share, of_sides, share_of, sides, together
from sim.runner import catalog_sha256
from sim.shared.catalog import Catalog
from sim.shared.console import note
from sim.shared.manifest import MANIFEST_NAME, Input, Manifest, sha256_of_file
from sim.shared.paths import check_output_dir, writable_dir
from sim.shared.tables import Column, TableSpec, write_parquet
from sim.study.engines.engine import Engine
from sim.study.flips import FLIPS
from sim.study.point import code_key

if TYPE_CHECKING:
    import pandas as pd

KIND = "claims run"
SIMULATED, MEASURED = "simulated", "measured"
WHOLE, CRITERION, CONTROL = "part", "criterion", "control"

_CLAIM = Column("claim", "text", "", "name of the claim")
_PART = Column("part", "text", "", "experiment or measurement of the claim")
VERDICTS = TableSpec(
    "verdicts",
    "one claim",
    (
        _CLAIM,
        Column("verdict", "text", "", "supported, not supported or inconclusive"),
        Column("sentence", "text", "", "what is claimed"),
        Column("hypothesis", "text", "", "the number that is estimated"),
        Column("criterion", "text", "", "fixed before any run"),
        Column("why", "text", "", "what decided, part by part"),
        Column("draws", "integer", "", "of the assumptions, in each simulated part"),
    ),
)
PARTS = TableSpec(
    "parts",
    "one part of a claim, one of its criteria, or one of its controls",
    (
        _CLAIM,
        _PART,
        Column("role", "text", "", "part (all criteria together), criterion or control"),
        Column("name", "text", "", "of the criterion or control; of the part for the part itself"),
        Column("kind", "text", "", "simulated or measured"),
        Column("says", "text", "", "in words"),
        Column("outcome", "text", "", "verdict of a part; holds, fails or open for a criterion or control"),
        Column("holds", "integer", "", "draws, or cells, in which it holds"),
        Column("of", "integer", "", "draws, or cells"),
        Column("low", "number", "fraction", "exact 95% interval of the share of draws, lower end", missing=True),
        Column("high", "number", "fraction", "exact 95% interval of the share of draws, upper end", missing=True),
        Column("open", "integer", "", "draws within their Monte Carlo error of a threshold, cells on neither side"),
        Column("failed", "integer", "", "draws that could not be run"),
        Column("note", "text", "", "what is missing, or why draws failed", missing=True),
    ),
)
ESTIMATES = TableSpec(
    "estimates",
    "one score over the draws, or one measured cell",
    (
        _CLAIM,
        _PART,
        Column("name", "text", "", "score or cell"),
        Column("unit", "text", "", "of the estimate", missing=True),
        Column("says", "text", "", "what it is"),
        Column("value", "number", "the row's", "median of the draws, or the cell's estimate"),
        Column("low", "number", "the row's", "5% quantile of the draws, or lower end of the cell's 95% interval"),
        Column("high", "number", "the row's", "95% quantile of the draws, or upper end of the cell's 95% interval"),
        Column("comparison", "text", "", "above or below the threshold counts for the claim", missing=True),
        Column("threshold", "number", "the row's", "of the criterion or control that reads it", missing=True),
        Column("rests_on", "text", "", "draws, or items and seeds"),
    ),
)
TABLES = (VERDICTS, PARTS, ESTIMATES)


@dataclass(frozen=True)
class Judged:
    """A claim that was run: its verdict and its rows of the tables."""

    claim: Claim
    verdict: Verdict
    why: str
    parts: list[tuple[object, ...]]
    estimates: list[tuple[object, ...]]
    played: tuple[Played, ...]


def run_claims(
    chosen: Sequence[Claim],
    catalog: Catalog,
    engine: Engine,
    folder: Path,
    full: bool = False,
    with_flips: bool = True,
    command: str = "",
    on_claim: Callable[[Judged], None] = lambda judged: None,
) -> list[Judged]:
    """Run claims and write their tables; what an earlier call finished is not run again.

    Raises:
        InputError: for a folder that holds something else, or an engine that cannot be used.
    """
    draws = FULL_DRAWS if full else QUICK_DRAWS
    check_output_dir(folder, MANIFEST_NAME, "--out")
    writable_dir(folder, "--out")
    if not (folder / MANIFEST_NAME).exists():  # so that the folder is known as one of claims from the start
        Manifest(KIND, command, {"draws": draws, "finished": False}).write(folder)
    judged = []
    for claim in chosen:
        note(f"claim {claim.name}: {claim.sentence}")
        judged.append(judge(claim, draws, catalog, engine, folder / claim.name, with_flips))
        on_claim(judged[-1])
        _write(judged, catalog, draws, folder, command, finished=len(judged) == len(chosen))
    return judged


def judge(claim: Claim, draws: int, catalog: Catalog, engine: Engine, folder: Path, with_flips: bool = True) -> Judged:
    """Run one claim's parts, write its `scores` and `flips`, and judge it."""
    import pandas as pd

    verdicts: list[Verdict] = []
    reasons: list[str] = []
    parts: list[tuple[object, ...]] = []
    estimates: list[tuple[object, ...]] = []
    played: list[Played] = []
    flipped = []
    for experiment in claim.experiments:
        there = folder / experiment.name
        there.mkdir(parents=True, exist_ok=True)
        part = play(claim, experiment, draws, catalog, engine, there)
        played.append(part)
        rows, verdict, why = _simulated(claim, part)
        parts += rows
        verdicts.append(verdict)
        reasons.append(why)
        estimates += _over_draws(claim, part)
        if with_flips and part.scored:
            flipped.append(flip_table(part, catalog, engine, there))
    for measurement in claim.measurements:
        rows, verdict, why, cells = _measured(claim, measurement)
        parts += rows
        verdicts.append(verdict)
        reasons.append(why)
        estimates += cells
    folder.mkdir(parents=True, exist_ok=True)
    write_parquet(score_table(played), folder / "scores.parquet")
    none = pd.DataFrame([], columns=FLIPS.column_names)
    flip_rows = pd.concat(flipped, ignore_index=True) if flipped else none
    write_parquet(FLIPS.conform(flip_rows, "flips"), folder / "flips.parquet")
    return Judged(claim, together(verdicts), "; ".join(reasons), parts, estimates, tuple(played))


def _simulated(claim: Claim, part: Played) -> tuple[list[tuple[object, ...]], Verdict, str]:
    experiment = part.experiment
    whole = share_of(experiment.criteria, part.scored)
    controls = [(control, share_of([control.criterion], part.scored)) for control in experiment.controls]
    # A control must come out in as many draws as the criteria: what could not be scored shows nothing.
    passed = [of_share(share, part.asked) == SUPPORTED for _, share in controls]
    verdict = of_share(whole, part.asked, passed)
    reason = part.first_reason if part.failed else ""
    rows = [_row(claim, experiment.name, WHOLE, experiment.name, experiment.says, verdict, whole, part.failed, reason)]
    for criterion in experiment.criteria:
        share = share_of([criterion], part.scored)
        rows.append(
            _row(claim, experiment.name, CRITERION, criterion.name, criterion.says, _outcome(share), share, part.failed)
        )
    for (control, share), good in zip(controls, passed, strict=True):
        rows.append(
            _row(
                claim, experiment.name, CONTROL, control.name, control.says, "holds" if good else "fails", share,
                part.failed,
            )
        )  # fmt: skip
    failing = [control.name for (control, _), good in zip(controls, passed, strict=True) if not good]
    why = f"{experiment.name}: holds in {whole.holds} of {whole.draws} draws"
    return rows, verdict, why + (f", control {', '.join(failing)} fails" if failing else "")


def _outcome(share: Share) -> str:
    if not share.draws:
        return "open"
    return "holds" if share.share >= MOST else "fails" if share.share <= LEAST else "open"


def _row(
    claim: Claim, part: str, role: str, name: str, says: str, outcome: str, share: Share, failed: int, said: str = ""
) -> tuple[object, ...]:
    return (
        claim.name, part, role, name, SIMULATED, says, outcome, share.holds, share.draws, share.low, share.high,
        share.open_draws, failed, said,
    )  # fmt: skip


def _over_draws(claim: Claim, part: Played) -> list[tuple[object, ...]]:
    rows: list[tuple[object, ...]] = []
    controls = [control.criterion for control in part.experiment.controls]
    limits = {criterion.score: criterion for criterion in [*controls, *part.experiment.criteria]}
    for score in part.experiment.scores:
        values = [draw.means[score.name] for draw in part.scored if score.name in draw.means]
        if values:
            low, middle, high = (float(value) for value in np.quantile(values, [0.05, 0.5, 0.95]))
            limit = limits.get(score.name)
            rows.append(
                (
                    claim.name, part.experiment.name, score.name, score.unit, score.says, middle, low, high,
                    *((limit.comparison, limit.threshold) if limit else ("", None)), f"{len(values)} draws",
                )
            )  # fmt: skip
    return rows


def _measured(
    claim: Claim, measurement: Measurement
) -> tuple[list[tuple[object, ...]], Verdict, str, list[tuple[object, ...]]]:
    cells = list(measurement.cells())
    found = sides(measurement.criterion, cells)
    checks: list[tuple[Control, list[Cell], list[int]]] = []
    for control, read in measurement.controls:
        there = list(read())
        checks.append((control, there, sides(control.criterion, there)))
    # A control is a check of size, not of significance: its estimates must lie on their side.
    passed = [
        bool(there) and all(control.criterion.holds(cell.value) for cell in there) for control, there, _ in checks
    ]
    verdict = of_sides(found, measurement.wants, measurement.least_cells, passed)
    agree, against = sum(side > 0 for side in found), sum(side < 0 for side in found)
    lacking = "" if len(cells) >= measurement.least_cells else measurement.missing

    def row(role: str, name: str, says: str, outcome: str, there: Sequence[int], said: str) -> tuple[object, ...]:
        agreeing, undecided = sum(side > 0 for side in there), sum(side == 0 for side in there)
        ends = (None, None)
        return (
            claim.name, measurement.name, role, name, MEASURED, says, outcome, agreeing, len(there), *ends, undecided,
            0, said,
        )  # fmt: skip

    rows = [row(WHOLE, measurement.name, measurement.says, verdict, found, lacking)]
    rows += [
        row(CONTROL, control.name, control.says, "holds" if good else "fails" if there else "open", placed,
            "" if there else "not measured yet")
        for (control, there, placed), good in zip(checks, passed, strict=True)
    ]  # fmt: skip
    limited: list[tuple[Cell, Criterion | None]] = [
        *((cell, measurement.criterion) for cell in cells),
        *((cell, control.criterion) for control, there, _ in checks for cell in there),
        *((cell, None) for cell in measurement.beside()),
    ]
    estimates: list[tuple[object, ...]] = [
        (
            claim.name, measurement.name, cell.name, measurement.unit, measurement.says, cell.value, cell.low,
            cell.high,
            *((limit.comparison, limit.threshold) if limit else ("", None)), cell.rests_on,
        )
        for cell, limit in limited
    ]  # fmt: skip
    why = f"{measurement.name}: {agree} of {len(cells)} cells for it, {against} against"
    failing = [control.name for (control, _, _), good in zip(checks, passed, strict=True) if not good]
    why += f", control {', '.join(failing)} fails or is missing" if failing else ""
    return rows, verdict, why + (f" ({lacking})" if lacking else ""), estimates


def tables_of(judged: Sequence[Judged], draws: int) -> dict[str, pd.DataFrame]:
    """The tables `verdicts`, `parts` and `estimates`."""
    import pandas as pd

    verdicts = [
        (
            one.claim.name, one.verdict, one.claim.sentence, one.claim.hypothesis, one.claim.criterion, one.why,
            draws if one.claim.experiments else 0,
        )
        for one in judged
    ]  # fmt: skip
    rows = {
        "verdicts": verdicts,
        "parts": [row for one in judged for row in one.parts],
        "estimates": [row for one in judged for row in one.estimates],
    }
    return {
        spec.name: spec.conform(pd.DataFrame(rows[spec.name], columns=spec.column_names), spec.name) for spec in TABLES
    }


def _write(judged: Sequence[Judged], catalog: Catalog, draws: int, folder: Path, command: str, finished: bool) -> None:
    tables = tables_of(judged, draws)
    content = {f"{name}.parquet": write_parquet(table, folder / f"{name}.parquet") for name, table in tables.items()}
    for one in judged:
        for name in ("scores", "flips"):
            content[f"{one.claim.name}/{name}.parquet"] = sha256_of_file(folder / one.claim.name / f"{name}.parquet")
    settings = {
        "claims": [one.claim.name for one in judged],
        "draws": draws,
        "finished": finished,
        "catalog_sha256": catalog_sha256(catalog),
        "code": code_key(),
    }
    inputs = tuple(
        Input(one.claim.name, evidence.kind, evidence.says) for one in judged for evidence in one.claim.evidence
    )
    Manifest(KIND, command, settings, inputs, content).write(folder)
