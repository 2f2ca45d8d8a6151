"""Results on disk: equal bytes for equal runs, nothing half-written, nothing of others removed."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from sim.results import RESULT_TABLES, read_result, write_result
from sim.runner import run
from sim.scenario.scenario import Scenario
from sim.shared.catalog import Catalog
from sim.shared.errors import InputError


def test_two_runs_of_one_seed_have_equal_bytes(
    tmp_path: Path, small_scenario: Scenario, small_catalog: Catalog
) -> None:
    for name in ("a", "b"):
        write_result(run(small_scenario, small_catalog, seed=0, replications=2), tmp_path / name)
    files = sorted(path.name for path in (tmp_path / "a").iterdir() if path.name != "manifest.json")
    assert len(files) == len(RESULT_TABLES) + 1  # and the scenario
    for name in files:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes(), name


def test_a_result_is_read_back_as_it_was(tmp_path: Path, small_scenario: Scenario, small_catalog: Catalog) -> None:
    result = run(small_scenario, small_catalog)
    write_result(result, tmp_path / "a")
    again = read_result(tmp_path / "a")
    assert again.scenario == small_scenario
    assert dict(again.settings) == dict(result.settings)
    for name, table in result.tables.items():
        pd.testing.assert_frame_equal(again.tables[name], table, check_dtype=False, check_exact=True)


def test_a_changed_table_is_noticed(tmp_path: Path, small_scenario: Scenario, small_catalog: Catalog) -> None:
    write_result(run(small_scenario, small_catalog), tmp_path / "a")
    with (tmp_path / "a" / "prices.parquet").open("ab") as stream:
        stream.write(b"x")
    with pytest.raises(InputError, match=r"prices\.parquet"):
        read_result(tmp_path / "a")


def test_a_folder_of_somebody_else_is_left_alone(
    tmp_path: Path, small_scenario: Scenario, small_catalog: Catalog
) -> None:
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (theirs / "thesis.txt").write_text("years of work", encoding="utf-8")
    with pytest.raises(InputError, match="nothing was written"):
        write_result(run(small_scenario, small_catalog), theirs)
    assert [path.name for path in tmp_path.iterdir()] == ["theirs"]


def test_an_earlier_result_is_replaced_whole(tmp_path: Path, small_scenario: Scenario, small_catalog: Catalog) -> None:
    for seed in (0, 1):
        write_result(run(small_scenario, small_catalog, seed=seed), tmp_path / "a")
    assert read_result(tmp_path / "a").settings["seed"] == 1
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_an_output_that_cannot_be_written_is_refused_before_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sim import cli, runner

    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "thesis.txt").write_text("years of work", encoding="utf-8")
    monkeypatch.setattr(runner, "run", lambda *_: pytest.fail("the market ran"))
    with pytest.raises(InputError, match="nothing was written"):
        cli.run_command("default", out=tmp_path / "theirs")
