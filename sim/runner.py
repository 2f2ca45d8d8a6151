"""Replications: the same scenario under several draws of customers and of the catalog's errors."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Collection
from pathlib import Path
from typing import TYPE_CHECKING

from sim import metrics
from sim.market import Market
from sim.results import RESULT_TABLES, RunResult
from sim.scenario.load import later
from sim.scenario.model import CatalogModel, TransferredStudent
from sim.scenario.scenario import Scenario
from sim.shared.catalog import Catalog
from sim.shared.curves import Curves
from sim.shared.errors import InputError
from sim.shared.manifest import Input, sha256_of_json
from sim.world.distillation import Published, read_published

if TYPE_CHECKING:
    import pandas as pd

LARGEST_SEED = 2**63 - 1


def run(
    scenario: Scenario,
    catalog: Catalog,
    seed: int = 0,
    replications: int = 1,
    catalog_draws: int = 0,
    on_run: Callable[[], None] = lambda: None,
    command: str = "",
    wanted: Collection[str] | None = None,
) -> RunResult:
    """Run a scenario.

    Args:
        scenario: what may happen.
        catalog: the models.
        seed: entropy of all streams; 0 is a seed like any other.
        replications: draws of the customers, at least 1.
        catalog_draws: draws of the catalog's errors; 0 takes the point estimates alone.
        on_run: called after each single run.
        command: what the manifest names; by default the command line's equivalent.
        wanted: tables of metrics to make, by name; by default all.

    Raises:
        InputError: for a count or a seed out of range, or a catalog or measured curves that lack what it needs.
    """
    import pandas as pd

    _check("--seed", seed, 0, LARGEST_SEED)
    _check("--replications", replications, 1, 100_000)
    _check("--catalog-draws", catalog_draws, 0, 100_000)
    published = read_published([scenario, *(after for _, after in later(scenario))], 0)
    parts: dict[str, list[pd.DataFrame]] = {spec.name: [] for spec in RESULT_TABLES}
    for draw in draws(catalog_draws):
        for replication in range(replications):
            outcome = Market(scenario, catalog, seed, replication, draw).run()
            for name, frame in outcome.tables.items():
                parts[name].append(frame)
            on_run()
    tables = {name: pd.concat(frames, ignore_index=True) for name, frames in parts.items() if frames}
    tables |= metrics.metric_tables(tables, wanted)
    return RunResult(
        scenario=scenario,
        tables=tables,
        settings={
            "seed": seed,
            "replications": replications,
            "catalog_draws": catalog_draws,
            "scenario_sha256": scenario.sha256,
            "catalog_sha256": catalog_sha256(catalog),
            **({"curves_sha256": curves_sha256(published.curves)} if published is not None else {}),
        },
        inputs=(*_inputs(scenario, catalog), *_curve_inputs(published)),
        command=command or command_of(scenario.name, seed, replications, catalog_draws),
    )


def command_of(
    scenario: str, seed: int, replications: int, catalog_draws: int, catalog: Path | str | None = None
) -> str:
    """The command that makes a run again; `scenario` and `catalog` as they are named on the command line."""
    parts = ["undercut", "sim", "run", scenario, "--replications", str(replications), "--seed", str(seed)]
    parts += ["--catalog-draws", str(catalog_draws)] if catalog_draws else []
    parts += ["--catalog", str(catalog)] if catalog is not None else []
    return shlex.join(parts)


def draws(catalog_draws: int) -> range:
    """The draws of a run: 0 alone for none, else 1 to `catalog_draws`."""
    return range(1, catalog_draws + 1) if catalog_draws else range(1)


def catalog_sha256(catalog: Catalog) -> str:
    """Hash of a catalog's content."""
    return sha256_of_json(catalog.frame.to_csv(index=False, lineterminator="\n"))


def curves_sha256(curves: Curves) -> str:
    """Hash of the measured curves and their errors."""
    return sha256_of_json([part.to_csv(index=False, lineterminator="\n") for part in (curves.table, curves.draws)])


def _curve_inputs(published: Published | None) -> tuple[Input, ...]:
    """The measured curves of students, where the scenario asks for any; what they mean for other models is assumed."""
    if published is None:
        return ()
    source = "; ".join(dict.fromkeys(map(str, published.curves.table["source"])))
    return (Input("curves of students", "measured", source, curves_sha256(published.curves)),)


def _inputs(scenario: Scenario, catalog: Catalog) -> tuple[Input, ...]:
    inputs = [Input("scenario", "assumed", f"{scenario.name}: behaviour, tastes and difficulties", scenario.sha256)]
    for model in scenario.models:
        if isinstance(model, CatalogModel):
            row = catalog.rows_of(model.catalog).iloc[0]
            inputs.append(Input(f"model {model.name}", str(row["quality_evidence"]), str(row["source"])))  # type: ignore[arg-type]
        elif isinstance(model, TransferredStudent):
            row = catalog.rows_of(model.measured_student).iloc[0]
            evidence = str(row["quality_evidence"])
            inputs.append(Input(f"student {model.measured_student}", evidence, str(row["source"])))  # type: ignore[arg-type]
            inputs.append(
                Input(f"model {model.name}", "assumed", f"transferred from {model.measured_student} to {model.teacher}")
            )
        else:
            inputs.append(Input(f"model {model.name}", "assumed", "stated in the scenario"))
    return tuple(inputs)


def _check(option: str, value: int, lowest: int, highest: int) -> None:
    if not lowest <= value <= highest:
        raise InputError(option, "", value, f"a whole number from {lowest} to {highest}", "correct the option")
