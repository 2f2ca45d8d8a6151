"""The result of runs: tables, the scenario and the manifest; written as a folder and read back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sim.metrics import METRIC_TABLES, metric_tables
from sim.scenario.load import dump_scenario, load_scenario
from sim.scenario.scenario import Scenario
from sim.shared.errors import InputError
from sim.shared.manifest import MANIFEST_NAME, Input, Manifest, read_manifest, sha256_of_file
from sim.shared.paths import replacing_dir, write_text
from sim.shared.tables import TableSpec, read_table, write_parquet
from sim.world.tables import MARKET_TABLES

if TYPE_CHECKING:
    import pandas as pd

RESULT_TABLES: tuple[TableSpec, ...] = (*METRIC_TABLES, *MARKET_TABLES)
RESULT_KIND = "sim run"


@dataclass(frozen=True)
class RunResult:
    """All replications of one scenario.

    Attributes:
        scenario: what was run.
        tables: by the names of `RESULT_TABLES`.
        settings: seed, replications, catalog draws and hashes; the manifest's settings.
        inputs: what was measured, cited or assumed.
        command: the command that makes it again.
    """

    scenario: Scenario
    tables: Mapping[str, pd.DataFrame]
    settings: Mapping[str, Any]
    inputs: tuple[Input, ...]
    command: str


def write_result(result: RunResult, folder: Path) -> Manifest:
    """Write a folder of Parquet tables, `scenario.yaml` and `manifest.json`, whole or not at all.

    Raises:
        InputError: if the folder holds something else, or cannot be written.
    """
    with replacing_dir(folder, MANIFEST_NAME, source="--out") as beside:
        content = {}
        for spec in RESULT_TABLES:
            name = f"{spec.name}.parquet"
            content[name] = write_parquet(result.tables[spec.name], beside / name)
        write_text(beside / "scenario.yaml", dump_scenario(result.scenario))
        content["scenario.yaml"] = sha256_of_file(beside / "scenario.yaml")
        manifest = Manifest(RESULT_KIND, result.command, dict(result.settings), result.inputs, content)
        manifest.write(beside)
    return manifest


def read_result(folder: Path) -> RunResult:
    """Read a folder that `write_result` wrote.

    Raises:
        InputError: if the folder is not such a result, or a table was changed since.
    """
    manifest = read_manifest(folder)
    if manifest.kind != RESULT_KIND:
        raise InputError(str(folder), "kind", manifest.kind, RESULT_KIND, "pass the folder of a market run")
    for name, digest in manifest.content.items():
        path = folder / name
        if not path.is_file() or sha256_of_file(path) != digest:
            raise InputError(
                str(path), "", "missing or changed since it was written", "the bytes of the manifest", "run again"
            )
    there = [spec for spec in RESULT_TABLES if spec in MARKET_TABLES or (folder / f"{spec.name}.parquet").is_file()]
    tables = {spec.name: read_table(folder / f"{spec.name}.parquet") for spec in there}
    if len(there) < len(RESULT_TABLES):
        tables = metric_tables(tables) | tables  # an earlier version wrote fewer of those that follow from the others
    return RunResult(
        load_scenario(folder / "scenario.yaml"), tables, manifest.settings, manifest.inputs, manifest.command
    )
