"""The whole study of a sweep's assumptions: screening, indices, both ends of each range, flips; written as a folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sim.runner import catalog_sha256
from sim.shared.catalog import Catalog
from sim.shared.errors import MissingExtra
from sim.shared.manifest import Input, Manifest
from sim.shared.paths import check_output_dir, writable_dir
from sim.shared.tables import TableSpec, write_parquet
from sim.study.design import point_count
from sim.study.engines.engine import Engine
from sim.study.flips import FLIPS, PARTS, ROUNDS, SCAN, flips
from sim.study.plan import Plan
from sim.study.point import code_key
from sim.study.probe import STORE_NAME, Prober
from sim.study.sensitivity import INDICES, SCREENING, TORNADO, check_ranges, indices, screening, tornado, with_design
from sim.study.sweep import run_count

if TYPE_CHECKING:
    import pandas as pd

KIND = "sim sensitivity"
TABLES: tuple[TableSpec, ...] = (TORNADO, FLIPS, SCREENING, INDICES)


def largest_run_count(plan: Plan, flips_only: bool = False) -> int:
    """Single runs of the market at most: a flip on both sides of every assumption for every conclusion."""
    sweep = plan.sweep
    by_morris, by_saltelli = (run_count(with_design(plan, design)) for design in (sweep.morris, sweep.saltelli))
    per_point = by_morris // point_count(with_design(plan, sweep.morris).sweep)
    probes = 1 + 2 * len(sweep.parameters) * (SCAN + len(sweep.conclusions) * PARTS * ROUNDS)
    return probes * per_point + (0 if flips_only else by_morris + by_saltelli)


def study(
    plan: Plan, catalog: Catalog, engine: Engine, folder: Path, command: str = "", flips_only: bool = False
) -> dict[str, pd.DataFrame]:
    """The tables `tornado` and `flips`, and unless left out `screening` and `indices`; what was run before is kept.

    Raises:
        InputError: for a parameter without a range, or a folder that holds something else.
        MissingExtra: if SALib is not installed and would be needed.
    """
    check_ranges(plan)
    if not flips_only:
        try:
            import SALib  # noqa: F401
        except ImportError as error:
            raise MissingExtra("SALib", "calibrate") from error
    check_output_dir(folder, STORE_NAME, "--out")
    writable_dir(folder, "--out")
    prober = Prober(plan, catalog, engine, folder)
    tables = {"tornado": tornado(plan, prober), "flips": flips(plan, prober)}
    if not flips_only:
        tables["screening"] = screening(plan, catalog, engine, folder)
        tables["indices"] = indices(plan, catalog, engine, folder)
    content = {f"{name}.parquet": write_parquet(table, folder / f"{name}.parquet") for name, table in tables.items()}
    settings = {
        "sweep": plan.sweep.model_dump(mode="json"),
        "sweep_sha256": plan.sha256,
        "catalog_sha256": catalog_sha256(catalog),
        "code": code_key(),
    }
    inputs = (
        Input("scenario", "assumed", f"{plan.sweep.scenario}, varied by {plan.sweep.name}", plan.scenario.sha256),
    )
    Manifest(KIND, command, settings, inputs, content, {"backend": engine.name, "workers": engine.workers}).write(
        folder
    )
    return tables
