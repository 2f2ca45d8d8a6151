"""Everything of one output folder, to take away at once: tables in three forms, pictures, dictionary, and how to make
and cite it.

    README.md          what this is, the command that makes it again, the link to the page, how to cite it
    csv/ parquet/      every table
    tables.xlsx .md .tex
    pictures/          SVG, each with the specification that it was drawn from
    datapackage.json   the dictionary, for programs (Frictionless)
    scenario.yaml manifest.json CITATION.cff
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from dashboard.datapackage import write_datapackage
from dashboard.drawing import alone, svg
from dashboard.latex import write_latex
from dashboard.markdown import write_markdown
from dashboard.run_charts import run_charts
from dashboard.source import SCENARIO_NAME, Source
from dashboard.workbook import write_workbook
from sim.results import RESULT_KIND
from sim.runner import command_of
from sim.shared.manifest import MANIFEST_NAME, Manifest
from sim.shared.tables import write_csv, write_parquet

PICTURE_PX = 720
CITATION = """\
cff-version: 1.2.0
message: If you use these tables, please cite Undercut as below, and the sources named in manifest.json.
title: "Undercut: {kind}"
type: dataset
authors:
  - name: The Undercut developers
version: {version}
license: Apache-2.0
identifiers:
  - type: other
    value: sha256:{content}
    description: hash of the content
"""


def write_bundle(source: Source, folder: Path, link: str = "") -> None:
    """Fill the folder; `link` is the address of the page that shows it, where one does."""
    for name in ("csv", "parquet", "pictures"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for name, frame in source.tables.items():
        write_csv(frame, folder / "csv" / f"{name}.csv")
        write_parquet(frame, folder / "parquet" / f"{name}.parquet")
    write_workbook(source, folder / "tables.xlsx")
    write_markdown(source, folder / "tables.md")
    write_latex(source, folder / "tables.tex")
    for name, figure in run_charts(source.tables).items():
        drawn = alone(svg(figure, PICTURE_PX, name))
        (folder / "pictures" / f"{name}.svg").write_text(drawn, encoding="utf-8")
        specification = json.dumps(figure.chart.to_dict(), indent=1, sort_keys=True)
        (folder / "pictures" / f"{name}.vl.json").write_text(f"{specification}\n", encoding="utf-8")
    write_datapackage(source, folder, ".csv", "csv")
    manifest = source.manifest
    for extra in (MANIFEST_NAME, SCENARIO_NAME):
        if (source.folder / extra).is_file():
            shutil.copyfile(source.folder / extra, folder / extra)
    citation = CITATION.format(kind=manifest.kind, version=manifest.version, content=source.content_sha256)
    (folder / "CITATION.cff").write_text(citation, encoding="utf-8")
    (folder / "README.md").write_text(_readme(source, link), encoding="utf-8")


def command_here(manifest: Manifest) -> str:
    """The command that makes the tables again from the bundle's own folder."""
    if manifest.kind != RESULT_KIND:
        return manifest.command
    asked = manifest.settings
    counts = asked["seed"], asked["replications"], asked["catalog_draws"]
    return f"{command_of(SCENARIO_NAME, *counts)} --out again"


def _readme(source: Source, link: str) -> str:
    manifest = source.manifest
    lines = [
        f"# Undercut: {manifest.kind}",
        "",
        f"Made by Undercut {manifest.version}; content sha256 {source.content_sha256}.",
        "",
        "Make it again, in this folder; the tables have the same bytes as those in `parquet/`:",
        "",
        f"    {command_here(manifest)}",
        "",
    ]
    if "--catalog " in manifest.command:
        sha256 = manifest.settings.get("catalog_sha256", "")
        lines += [f"It was run with a catalog of its own (sha256 {sha256}): add `--catalog FILE`.", ""]
    lines += [f"The page that showed it: <{link}>", ""] if link else []
    lines += [
        "| what | where |",
        "|---|---|",
        "| every table, for programs | `parquet/`, and `csv/` with its dictionary `datapackage.json` (Frictionless) |",
        "| for a spreadsheet | `tables.xlsx`; or CSV without formulas: `undercut export --format csv-safe` |",
        "| for a paper | `tables.tex`, `tables.md`, `pictures/` (SVG, with Vega-Lite's specifications) |",
        "| what was assumed, cited and measured | `manifest.json`, `scenario.yaml` |",
        "| how to cite it | `CITATION.cff`, and the sources in `manifest.json` |",
        "",
    ]
    return "\n".join(lines)
