"""Sweeps survive what kills them: whatever dies on the way, the same points end in tables of the same bytes."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest
from sweeps import InThisProcess, no_models, plan_of, write_sweep

from dashboard import cli
from sim.runner import run
from sim.scenario.load import parse_scenario
from sim.shared.errors import InputError
from sim.shared.manifest import read_manifest
from sim.study.design import points
from sim.study.engines.local import LocalEngine
from sim.study.plan import Parameter, Plan, with_values
from sim.study.point import DIED, Context, Outcome, code_key
from sim.study.sweep import STORE_NAME, SweepResult, compared, run_count, run_sweep

TABLES = ("points.parquet", "metrics.parquet")


def sweep(plan: Plan, folder: Path, engine: Any = None, **more: Any) -> SweepResult:
    return run_sweep(plan, no_models(), engine or InThisProcess(), folder, **more)


def bytes_of(folder: Path) -> list[bytes]:
    return [(folder / name).read_bytes() for name in TABLES]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """The tables of the tests' sweep, run without disturbance."""
    folder = tmp_path_factory.mktemp("whole")
    sweep(plan_of(folder), folder / "out")
    return bytes_of(folder / "out")


def test_a_point_says_what_the_runner_says(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, replications=2)
    sweep(plan, tmp_path / "out")
    point = list(points(plan.sweep))[7]
    scenario = parse_scenario(with_values(plan, point.values, "here"), "here")
    there, without = run(scenario, no_models(), 0, 2), run(scenario.without_entry("o1"), no_models(), 0, 2)
    metrics = pd.read_parquet(tmp_path / "out" / "metrics.parquet")
    mine = metrics[(metrics["point"] == 7) & (metrics["replication"] == 1)].set_index(["metric", "day"])
    shares, market = there.tables["shares"], there.tables["market"]
    at_20 = shares[(shares["day"] == 20) & (shares["offer"] == "o1") & (shares["replication"] == 1)]
    assert mine.loc[("share", 20), "value"] == at_20["share_of_tokens"].item()
    margins = [table[(table["day"] == 40) & (table["replication"] == 1)]["margin"].item()
               for table in (market, without.tables["market"])]  # fmt: skip
    assert mine.loc[("margin", 40), "value"] == margins[0] - margins[1] != 0
    assert mine.loc[("margin", 40), ["in_scenario", "without_entrant"]].tolist() == margins


def test_common_random_numbers_the_same_customers_at_every_point(tmp_path: Path) -> None:
    population = {"kind": "sampled", "customers": 50, "market_customers": 1, "taste_usd": 0.25}
    nothing = {"name": "x", "paths": ["title"], "distribution": {"kind": "choice", "values": ["a", "b"]}}
    changes = [{"key": "population", "value": population}]
    sweep(plan_of(tmp_path, changes=changes, parameters=[nothing], replications=2), tmp_path / "out")
    metrics = pd.read_parquet(tmp_path / "out" / "metrics.parquet").set_index(["replication", "metric", "day"])
    first, second = (metrics[metrics["point"] == number]["value"] for number in (0, 1))
    assert first.equals(second)
    assert (first.loc[0] != first.loc[1]).any()


def test_tables_are_sorted_whatever_the_order_in_which_points_end(whole: list[bytes], tmp_path: Path) -> None:
    sweep(plan_of(tmp_path), tmp_path / "out", InThisProcess(backwards=True))
    assert bytes_of(tmp_path / "out") == whole
    assert pd.read_parquet(tmp_path / "out" / "points.parquet")["point"].tolist() == list(range(8))


def test_a_stopped_sweep_runs_only_what_is_missing_and_ends_with_the_same_bytes(
    whole: list[bytes], tmp_path: Path
) -> None:
    plan, folder = plan_of(tmp_path), tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        sweep(plan, folder, InThisProcess(most=5))
    assert not (folder / "points.parquet").exists()
    second, third = InThisProcess(), InThisProcess()
    sweep(plan, folder, second)
    sweep(plan, folder, third)
    assert (second.ran, third.ran) == (list(range(5, 8)), [])
    assert bytes_of(folder) == whole


def test_points_of_another_sweep_are_not_taken_for_ones_own(whole: list[bytes], tmp_path: Path) -> None:
    sweep(plan_of(tmp_path, seed=3), tmp_path / "out")
    again = InThisProcess()
    sweep(plan_of(tmp_path), tmp_path / "out", again)
    assert len(again.ran) == 8
    assert bytes_of(tmp_path / "out") == whole


def test_a_row_that_was_damaged_is_run_again(whole: list[bytes], tmp_path: Path) -> None:
    plan, folder = plan_of(tmp_path), tmp_path / "out"
    sweep(plan, folder)
    with sqlite3.connect(folder / STORE_NAME) as connection:
        connection.execute("UPDATE kept SET value = replace(value, '0.3', '0.4') WHERE key LIKE '%000000004'")
    again = InThisProcess()
    sweep(plan, folder, again)
    assert again.ran == [4]
    assert bytes_of(folder) == whole


def test_a_point_that_the_market_refuses_is_kept_with_its_reason_and_stops_nothing(tmp_path: Path) -> None:
    quality = {"name": "q", "paths": ["models.m0.quality"], "distribution": {"kind": "choice", "values": [0.5, 0.6]}}
    theta = {"name": "t", "paths": ["models.m0.theta"], "distribution": {"kind": "choice", "values": [None, 1.0]}}
    # Each value alone is valid; both a quality and a theta are not.
    plan = plan_of(tmp_path, parameters=[quality])
    both = plan.sweep.model_copy(update={"parameters": (*plan.sweep.parameters, Parameter.model_validate(theta))})
    wrong = Plan(both, plan.base, "the test's sweep")
    result = sweep(wrong, tmp_path / "out")
    table = pd.read_parquet(tmp_path / "out" / "points.parquet")
    assert (result.points, result.failed) == (4, 2)
    assert table["reason"].ne("").tolist() == [False, True, False, True]
    assert "exactly one of quality and theta" in result.first_reason
    assert set(pd.read_parquet(tmp_path / "out" / "metrics.parquet")["point"]) == {0, 2}


def test_the_manifest_says_what_was_run(tmp_path: Path) -> None:
    sweep(plan_of(tmp_path), tmp_path / "out", command="undercut sim sweep x")
    manifest = read_manifest(tmp_path / "out")
    assert manifest.kind == "sim sweep"
    assert manifest.settings["runs"] == run_count(plan_of(tmp_path)) == 16
    assert set(manifest.content) == {*TABLES, "scenario.yaml"}


def test_blocks_of_points_become_row_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sim.study.sweep.BLOCK_POINTS", 3)
    sweep(plan_of(tmp_path), tmp_path / "out")
    assert pq.ParquetFile(tmp_path / "out" / "points.parquet").num_row_groups == 3
    assert len(pd.read_parquet(tmp_path / "out" / "points.parquet")) == 8


def test_other_peoples_folders_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(InputError, match="an earlier output"):
        sweep(plan_of(tmp_path / "sweep"), tmp_path)


@pytest.mark.parametrize(
    ("compare", "here", "other", "value"),
    [
        ("level", 2.0, 5.0, 2.0), ("change", 2.0, 5.0, -3.0), ("relative", 2.0, 5.0, -0.6),
        ("relative", 2.0, 0.0, None),
        ("change", 2.0, None, None), ("level", None, None, None),
    ],
)  # fmt: skip
def test_comparisons(compare: str, here: float | None, other: float | None, value: float | None) -> None:
    assert compared(compare, here, other) == (value if value is None else pytest.approx(value))


# -- processes ----------------------------------------------------------------------------------------------------


def test_a_killed_worker_costs_one_point_and_trying_again_heals_it(whole: list[bytes], tmp_path: Path) -> None:
    plan, folder = plan_of(tmp_path), tmp_path / "out"
    killed: list[int] = []

    def kill_one(outcome: Outcome) -> None:
        if not killed:
            child = multiprocessing.active_children()[0]
            killed.append(int(child.pid or 0))
            os.kill(killed[0], signal.SIGSTOP)  # so that it is in the middle of a point when it dies
            time.sleep(0.3)
            os.kill(killed[0], signal.SIGKILL)

    with closing(LocalEngine(2)) as engine:
        result = sweep(plan, folder, engine, on_outcome=kill_one)
    table = pd.read_parquet(folder / "points.parquet")
    assert killed
    assert result.failed == 1
    assert table["reason"].tolist().count(DIED) == 1
    assert sweep(plan, folder, retry_failed=True).failed == 0
    assert bytes_of(folder) == whole


def test_points_that_pass_their_time_are_failed_ones_and_the_rest_goes_on(tmp_path: Path) -> None:
    slow = {"name": "report", "paths": ["report_days"], "distribution": {"kind": "choice", "values": [20.0, 1e-5]}}
    plan = plan_of(tmp_path, parameters=[slow], timeout_s=8)
    with closing(LocalEngine(2)) as engine:
        sweep(plan, tmp_path / "slow", engine)
    assert pd.read_parquet(tmp_path / "slow" / "points.parquet")["reason"].tolist() == ["", "took longer than 8 s"]


def test_points_that_pass_their_memory_are_failed_ones_and_the_rest_goes_on(tmp_path: Path) -> None:
    sampled = {"kind": "sampled", "customers": 50, "market_customers": 1, "taste_usd": 0.25}
    large = {
        "name": "n", "paths": ["population.customers"],
        "distribution": {"kind": "choice", "values": [50, 5_000_000, 60]},
    }  # fmt: skip
    changes = [{"key": "population", "value": sampled}]
    plan = plan_of(tmp_path, parameters=[large], changes=changes, memory_mb=700)
    with closing(LocalEngine(1)) as engine:
        sweep(plan, tmp_path / "large", engine)
    reasons = pd.read_parquet(tmp_path / "large" / "points.parquet")["reason"].tolist()
    assert reasons[0] == reasons[2] == ""
    assert "memory" in reasons[1]


def test_batches_of_one_sweep_share_their_workers(tmp_path: Path) -> None:
    plan = plan_of(tmp_path)
    context, every = Context(plan, no_models(), code_key()), list(points(plan.sweep))
    with closing(LocalEngine(1)) as engine:
        first = [outcome.number for outcome in engine.outcomes(context, iter(every[:2]))]
        workers = {child.pid for child in multiprocessing.active_children()}
        second = [outcome.number for outcome in engine.outcomes(context, iter(every[2:4]))]
        assert {child.pid for child in multiprocessing.active_children()} == workers != set()
    assert (first, second) == ([0, 1], [2, 3])
    assert not multiprocessing.active_children()


def kept(folder: Path) -> int:
    try:
        with sqlite3.connect(f"file:{folder / STORE_NAME}?mode=ro", uri=True) as connection:
            return int(connection.execute("SELECT count(*) FROM kept").fetchone()[0])
    except sqlite3.Error:
        return 0


def children(pid: int) -> list[int]:
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == pid:
            found.append(int(stat.parent.name))
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_killed_parent_takes_its_workers_along_and_resuming_gives_the_same_bytes(tmp_path: Path) -> None:
    many = {"kind": "grid", "low": 1.2, "high": 1.8, "count": 40}
    path = write_sweep(tmp_path, parameters=[
        {"name": "price", "paths": ["providers.firm0.offers.o0.list_price.input_usd_per_mtok"], "distribution": many}
    ])  # fmt: skip
    arguments = ["sim", "sweep", str(path), "--workers", "2"]
    killed, calm = tmp_path / "killed", tmp_path / "calm"
    command = [sys.executable, "-m", "dashboard.cli", *arguments, "--out", str(killed)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as parent:
        while kept(killed) < 5 and parent.poll() is None:
            time.sleep(0.02)
        workers = children(parent.pid)
        parent.kill()
    finished = kept(killed)
    assert 5 <= finished < 40
    assert not (killed / "points.parquet").exists()
    deadline = time.monotonic() + 20
    while any(Path(f"/proc/{pid}").exists() for pid in workers) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert workers
    assert not [pid for pid in workers if Path(f"/proc/{pid}").exists()]
    assert cli.run([*arguments, "--out", str(killed)]) == 0
    assert cli.run([*arguments, "--out", str(calm)]) == 0
    assert bytes_of(killed) == bytes_of(calm)


# -- the command --------------------------------------------------------------------------------------------------


def test_a_dry_run_says_how_many_runs_and_how_long_and_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_sweep(tmp_path, replications=3)
    assert cli.run(["sim", "sweep", str(path), "--dry-run", "--json", "--out", str(tmp_path / "out")]) == 0
    (row,) = json.loads(capsys.readouterr().out)["rows"]
    assert (row["points"], row["runs"]) == (8, 48)
    assert row["seconds_expected"] == pytest.approx(row["seconds_per_point"] * 8 / row["workers"])
    assert not (tmp_path / "out").exists()


def test_thousands_of_runs_want_a_yes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_sweep(tmp_path, replications=200)
    assert cli.run(["sim", "sweep", str(path), "--out", str(tmp_path / "out")]) == 2
    said = capsys.readouterr().err
    assert "3,200 runs" in said
    assert "--dry-run" in said


def test_failed_points_are_exit_3_with_the_first_reason_and_where_the_rest_stand(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    slow = {"name": "report", "paths": ["report_days"], "distribution": {"kind": "choice", "values": [1e-5, 20.0]}}
    path = write_sweep(tmp_path, parameters=[slow], timeout_s=3)
    assert cli.run(["sim", "sweep", str(path), "--json", "--out", str(tmp_path / "out")]) == 3
    shown = capsys.readouterr()
    (row,) = json.loads(shown.out)["rows"]
    assert (row["points"], row["failed"]) == (2, 1)
    assert "1 of 2 points failed; the first: took longer than 3 s" in shown.err
    assert "--retry-failed" in shown.err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--workers", "0"], "a whole number from 1"),
        (["--address", "127.0.0.1:1"], "add --backend ray"),
        (["--backend", "cloud"], "local"),
    ],
)
def test_wrong_options_are_one_message(
    options: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["sim", "sweep", str(write_sweep(tmp_path)), *options]) == 2
    shown = capsys.readouterr().err
    assert said in shown
    assert shown.count("\n") == 1


@pytest.mark.skipif(sys.platform != "linux", reason="signals of a terminal's group")
def test_an_interrupt_says_what_is_kept_and_how_to_go_on(tmp_path: Path) -> None:
    many = {"kind": "grid", "low": 1.2, "high": 1.8, "count": 16}
    priced = {
        "name": "price",
        "paths": ["providers.firm0.offers.o0.list_price.input_usd_per_mtok"],
        "distribution": many,
    }
    path, out = write_sweep(tmp_path, parameters=[priced], replications=60), tmp_path / "out"
    command = [sys.executable, "-m", "dashboard.cli", "sim", "sweep", str(path), "--workers", "1", "--out", str(out)]
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as parent:
        while kept(out) < 1 and parent.poll() is None:
            time.sleep(0.05)
        os.killpg(parent.pid, signal.SIGINT)  # as Ctrl-C does: the workers get it too
        said = parent.communicate()[1]
    assert parent.returncode == 130
    assert f"kept in {out}" in said
    assert f"undercut sim sweep {path} --out {out}" in said
    assert "Traceback" not in said
