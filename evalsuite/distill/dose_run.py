"""A study of doses written to a folder: table, curves, chart and manifest; rows that the folder holds are kept."""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from evalsuite.distill.dose import STORE_NAME, Study, check, measure
from evalsuite.distill.dose_chart import write_chart
from evalsuite.distill.dose_fit import fit_curves
from evalsuite.distill.dose_table import HUMAN_TEXT, read_rows
from evalsuite.distill.recipe import Recipe
from evalsuite.distill.teachers import teacher_spec
from sim.shared.errors import RunInterrupted
from sim.shared.manifest import MANIFEST_NAME, Input, Manifest, sha256_of_file
from sim.shared.paths import data_dir, replacing_dir
from sim.shared.tables import write_parquet

if TYPE_CHECKING:
    import pandas as pd

KIND = "dose"
TABLE_NAME = "doses.parquet"


def run_doses(recipe: Recipe, study: Study, out: Path, command: str) -> pd.DataFrame:
    """Measure every dose and seed that `out` lacks, and write table, curves and chart to it.

    Raises:
        InputError: for a study that the recipe does not allow, or a folder that cannot be written.
        DivergedError: if a loss becomes no number; points measured before are kept.
        RunInterrupted: on Ctrl-C; likewise.
        TeacherLostError: if the teacher stops answering; likewise.
    """
    check(recipe, study)
    started_s = time.monotonic()
    with replacing_dir(out, MANIFEST_NAME, source="--out") as beside:
        try:
            table = measure(recipe, study, read_rows(out / TABLE_NAME))
        except KeyboardInterrupt:
            raise RunInterrupted(f"the cache ({STORE_NAME}, the trunk's last state)", command) from None
        curves = fit_curves(table)
        content = {
            TABLE_NAME: write_parquet(table, beside / TABLE_NAME),
            "curves.parquet": write_parquet(curves, beside / "curves.parquet"),
        }
        write_chart(table, curves, beside)
        settings = asdict(study) | {"accuracy": study.accuracy.model_dump() if study.accuracy is not None else None}
        Manifest(
            kind=KIND,
            command=command,
            settings={"recipe": recipe.model_dump(mode="json"), "study": settings},
            took={"seconds": round(time.monotonic() - started_s, 1)},
            inputs=(
                Input(teacher_spec(recipe).name, "measured", "asked here"),
                Input(HUMAN_TEXT, "cited", f"data/{HUMAN_TEXT}", sha256_of_file(data_dir() / HUMAN_TEXT)),
            ),
            content=content,
        ).write(beside)
    return table
