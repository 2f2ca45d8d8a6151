"""The report of the claims: a table of verdicts, then each claim with its chart, numbers, flips and command.

It shows what the folder of `undercut claims run` says and decides nothing anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dashboard import claim_figures
from dashboard.drawing import alone, svg
from dashboard.markdown import page_markdown
from dashboard.page import WIDE_PX, Field, Page, Picture, Section, Table, page_html
from sim.claims.claim import Claim
from sim.claims.registry import claims
from sim.claims.run import KIND, TABLES
from sim.shared.errors import InputError
from sim.shared.manifest import Manifest, read_manifest, sha256_of_file
from sim.shared.paths import replacing_dir, writable_dir, write_text
from sim.shared.tables import read_table

if TYPE_CHECKING:
    import pandas as pd

HTML_NAME, MARKDOWN_NAME, SVG_SUFFIX = "claims.html", "claims.md", ".svg"


@dataclass(frozen=True)
class Verdicts:
    """The folder of a run of claims, read.

    Attributes:
        flips: by claim; see `sim.study.flips.FLIPS`.
    """

    manifest: Manifest
    verdicts: pd.DataFrame
    parts: pd.DataFrame
    estimates: pd.DataFrame
    flips: dict[str, pd.DataFrame]


def read_verdicts(folder: Path) -> Verdicts:
    """Read what `undercut claims run` wrote.

    Raises:
        InputError: if the folder is no such run, is unfinished, or was changed since.
    """
    manifest = read_manifest(folder)
    if manifest.kind != KIND:
        raise InputError(str(folder), "kind", manifest.kind, KIND, "pass the folder of `undercut claims run`")
    if not manifest.settings.get("finished"):
        raise InputError(str(folder), "", "a run that is not finished", "a finished one", f"go on: {manifest.command}")
    for name, digest in manifest.content.items():
        path = folder / name
        if not path.is_file() or sha256_of_file(path) != digest:
            raise InputError(
                str(path), "", "missing or changed since it was written", "the manifest's bytes", "run again"
            )
    verdicts, parts, estimates = (read_table(folder / f"{spec.name}.parquet") for spec in TABLES)
    flips = {name: read_table(folder / name / "flips.parquet") for name in verdicts["claim"]}
    return Verdicts(manifest, verdicts, parts, estimates, flips)


def write_claim_report(folder: Path, out: Path) -> tuple[Path, ...]:
    """Write the report of a folder of claims into `out`, whole or not at all; the files.

    Raises:
        InputError: see `read_verdicts`; or a folder that cannot be written to.
    """
    page = claim_page(read_verdicts(folder))
    writable_dir(out.parent, "--out")
    with replacing_dir(out, HTML_NAME, "--out") as beside:
        wide = {picture.name: svg(picture.figure, WIDE_PX, picture.name) for picture in page.pictures}
        for name, picture in wide.items():
            write_text(beside / f"{name}{SVG_SUFFIX}", alone(picture))
        write_text(beside / HTML_NAME, page_html(page, wide))
        write_text(beside / MARKDOWN_NAME, page_markdown(page, SVG_SUFFIX))
    return tuple(sorted(path for path in out.iterdir() if path.is_file()))


def claim_page(found: Verdicts) -> Page:
    """The report's content."""
    counts = found.verdicts["verdict"].value_counts()
    said = ", ".join(f"{counts.get(name, 0)} {name}" for name in ("supported", "not supported", "inconclusive"))
    draws = int(found.manifest.settings["draws"])
    by_name = {claim.name: claim for claim in claims(list(found.verdicts["claim"]))}
    return Page(
        title="Claims about distillation and markets",
        headline=(f"Of {len(found.verdicts)} claims: {said}.",),
        sections=(
            _overview(found, draws),
            *(_claim(found, by_name[name]) for name in found.verdicts["claim"]),
        ),
    )


def _overview(found: Verdicts, draws: int) -> Section:
    text = (
        f"A simulated part is judged by {draws} draws of its assumptions: supported where its criterion holds in "
        f"nine of "
        "ten, not supported where in at most one of ten. A measured part is judged by intervals, corrected over its "
        "cells "
        "(Holm). Criteria were written before any run. A control that shows the effect too leaves a claim "
        "inconclusive.",
    )
    fields = (
        Field("claim", "Claim"),
        Field("verdict", "Verdict"),
        Field("sentence", "What is claimed", long=True),
        Field("why", "What decided", long=True),
    )
    table = Table("Verdicts", found.verdicts, fields)
    return Section("Verdicts", text, (), (table,))


def _claim(found: Verdicts, claim: Claim) -> Section:
    row = found.verdicts[found.verdicts["claim"] == claim.name].iloc[0]
    parts = found.parts[found.parts["claim"] == claim.name]
    numbers = found.estimates[found.estimates["claim"] == claim.name]
    text = (
        f"{row['verdict'].capitalize()}. {row['why']}.",
        claim.sentence,
        f"Estimated: {claim.hypothesis}",
        f"Supported if: {claim.criterion}",
        *((f"Differs from the criterion first written: {claim.reason}",) if claim.reason else ()),
        f"Where it could be true by construction: {claim.by_construction}",
        *(f"{part.kind.capitalize()}: {part.says}." for part in claim.evidence),
        f"Again: undercut claims run {claim.name}",
    )
    pictures = tuple(
        Picture(f"{claim.name}-{place}", claim_figures.estimates(rows, f"{claim.name}: {part}", unit))
        for place, ((part, unit), rows) in enumerate(
            numbers.fillna({"unit": ""}).groupby(["part", "unit"], sort=False), start=1
        )
    )
    tables = [
        Table(
            "Criteria and controls", parts,
            (
                Field("role", "Role"), Field("name", "Name"), Field("says", "In words", long=True),
                Field("outcome", "Outcome"), Field("holds", "Holds in", "draws or cells", "count"),
                Field("of", "Of", "draws or cells", "count"),
                Field("low", "Share of draws, 95% interval", "fraction", "fraction", "high"),
                Field("open", "Open", "draws or cells", "count"), Field("note", "Note", long=True),
            ),
        ),
        Table(
            "Estimates", numbers,
            (
                Field("part", "Part"), Field("name", "Estimate"), Field("says", "What it is", long=True),
                Field("unit", "Unit"), Field("value", "Value", "median or estimate", "figures"),
                Field("low", "Interval", "90% of draws, or 95%", "figures", "high"),
                Field("threshold", "Threshold", "", "figures"), Field("rests_on", "Rests on", long=True),
            ),
        ),
    ]  # fmt: skip
    flips = found.flips[claim.name]
    if len(flips):
        fields = (
            Field("conclusion", "Criterion"), Field("holds", "Holds in the base", "", "flag"),
            Field("parameter", "Assumption"), Field("base", "In the base", "", "figures"),
            Field("low", "Range", "", "figures", "high"), Field("flips_at", "Turns at", "", "figures"),
            Field("note", "Note", long=True),
        )  # fmt: skip
        note = "One assumption at a time, from its value in the base; the nearest value at which the criterion turns."
        tables.append(Table("What flips it", flips, fields, note))
    return Section(f"{claim.name}: {row['verdict']}", text, pictures, tuple(tables))
