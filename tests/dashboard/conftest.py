"""A folder of data in which the small market is the shipped scenario."""

from __future__ import annotations

from pathlib import Path

import pytest

from dashboard.load import expected
from sim.results import RunResult
from sim.runner import run
from sim.scenario.load import dump_scenario
from sim.scenario.scenario import Scenario
from sim.shared.catalog import Catalog
from sim.shared.tables import write_csv, write_parquet


@pytest.fixture
def small_expected(small_scenario: Scenario) -> Scenario:
    return expected(small_scenario, 32)


@pytest.fixture
def small_result(small_expected: Scenario, small_catalog: Catalog) -> RunResult:
    return run(small_expected, small_catalog, seed=3, catalog_draws=2)


@pytest.fixture
def data_folder(
    tmp_path: Path, small_scenario: Scenario, small_catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> Path:
    folder = tmp_path / "data"
    (folder / "scenarios").mkdir(parents=True)
    (folder / "measured").mkdir()
    (folder / "README.md").write_text("data of a test")
    (folder / "scenarios" / "small.yaml").write_text(dump_scenario(small_scenario))
    published = small_catalog.frame["role"] == "published"
    write_csv(small_catalog.frame[published], folder / "published_models.csv")
    write_parquet(small_catalog.frame[~published].reset_index(drop=True), folder / "measured" / "catalog.parquet")
    monkeypatch.setenv("UNDERCUT_DATA_DIR", str(folder))
    return folder
