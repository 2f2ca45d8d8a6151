"""The command: quick to start, one message for one wrong input, exit codes that mean what they say."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from dashboard import bench, cli
from sim.shared.errors import InputError, InputErrors

HEAVY = ("torch", "transformers", "lm_eval", "streamlit", "altair", "pandas", "numba", "numpy", "scipy", "pyarrow")
UNDERCUT = [sys.executable, "-m", "dashboard.cli"]
BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"
GROUPS = ("models", "eval", "distill", "sim", "data")


def raising(error: BaseException) -> object:
    def raise_it(*_: object, **__: object) -> None:
        raise error

    return raise_it


def test_the_command_imports_nothing_heavy() -> None:
    code = f"import sys, dashboard.cli; print([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_importing_the_packages_imports_nothing_heavy() -> None:
    code = f"import sys, sim, evalsuite, dashboard; print([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["--help"]) == 0
    shown = capsys.readouterr().out
    for name in ("demo", "doctor", "bench", "dashboard", "export", *GROUPS):
        assert f" {name} " in shown


@pytest.mark.parametrize("group", GROUPS)
def test_each_group_has_help(group: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run([group, "--help"]) == 0
    assert f"undercut {group}" in capsys.readouterr().out


def test_no_argument_shows_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run([]) == 0
    assert "doctor" in capsys.readouterr().out


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["--version"]) == 0
    assert capsys.readouterr().out.startswith("undercut 0.")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["demoo"], "Did you mean 'demo'"),
        (["sim", "rnu"], "Did you mean 'run'"),
        (["doctor", "--bogus"], "--bogus"),
        (["data", "prices", "--model", "gpt-5"], "--at"),
        (["dashboard", "--port", "many"], "--port"),
        (["bench", "nothing"], "cli, market"),
        (["export", "nowhere", "--out", "x"], "nowhere"),
        (["sim", "run", "nowhere"], "default"),
    ],
)
def test_wrong_usage_is_one_message_and_exit_2(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(arguments) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.count("\n") == 1
    assert shown.err.startswith("undercut: ")
    assert said in shown.err
    assert "Traceback" not in shown.err


def test_several_problems_are_one_line_each(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    problems = InputErrors([InputError("a.yaml", "x", 1), InputError("a.yaml", "y", 2)])
    monkeypatch.setattr("sim.shared.prices.price_at", raising(problems))
    assert cli.run(["data", "prices", "--model", "m", "--at", "2025-01-01"]) == 2
    assert capsys.readouterr().err.splitlines() == [
        "undercut: a.yaml: x; received 1",
        "undercut: a.yaml: y; received 2",
    ]


def test_an_interrupt_is_130_without_a_traceback(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sim.shared.prices.price_at", raising(KeyboardInterrupt()))
    assert cli.run(["data", "prices", "--model", "m", "--at", "2025-01-01"]) == 130
    assert capsys.readouterr().err == "undercut: interrupted\n"


def test_a_defect_is_70_with_its_traceback(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sim.shared.prices.price_at", raising(ZeroDivisionError("a defect")))
    assert cli.run(["data", "prices", "--model", "m", "--at", "2025-01-01"]) == 70
    assert "ZeroDivisionError: a defect" in capsys.readouterr().err


def test_a_reader_that_leaves_is_no_error() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run([*UNDERCUT, "--version"], stdout=writing, stderr=subprocess.PIPE, text=True, check=False)
    finally:
        os.close(writing)
    assert (done.returncode, done.stderr) == (0, "")


def prices(capsys: pytest.CaptureFixture[str], model: str, at: str) -> dict[str, object]:
    assert cli.run(["data", "prices", "--model", model, "--at", at, "--json"]) == 0
    row: dict[str, object] = json.loads(capsys.readouterr().out)
    return row


def test_a_price_holds_until_the_next_one(capsys: pytest.CaptureFixture[str]) -> None:
    before, on, after = (prices(capsys, "o3", day) for day in ("2025-06-09", "2025-06-10", "2026-01-01"))
    assert (before["price_in_usd_per_mtok"], before["price_out_usd_per_mtok"]) == (10.0, 40.0)
    assert (on["price_in_usd_per_mtok"], on["price_out_usd_per_mtok"]) == (2.0, 8.0)
    assert after == on
    assert before["until"] == on["since"] == "2025-06-10"
    assert on["until"] == ""


@pytest.mark.parametrize(
    ("model", "at", "said"),
    [
        ("gpt5", "2026-01-01", "gpt-5"),
        ("gpt-5", "2020-01-01", "2025-08-07 or later"),
        ("gpt-5", "01.02.2026", "YYYY-MM-DD"),
    ],
)
def test_a_price_that_is_not_known_says_what_is(
    model: str, at: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["data", "prices", "--model", model, "--at", at]) == 2
    assert said in capsys.readouterr().err


def test_bench_prints_its_contract_and_fails_when_a_row_does_not_hold(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    good = bench.BenchRow("quick", 1.0, "s", "peer", 4.0, 2.0)
    slow = bench.BenchRow("slow", 3.0, "s", target=2.0)
    monkeypatch.setattr(bench, "measure", lambda names: [good, slow])
    assert cli.run(["bench", "--json"]) == 1
    shown = capsys.readouterr()
    found = json.loads(shown.out)
    assert set(found) == {"rows", "host"}
    assert found["rows"] == [
        {"name": "quick", "value": 1.0, "unit": "s", "peer": "peer", "peer_value": 4.0, "ratio": 0.25, "target": 2.0,
         "holds": True},
        {"name": "slow", "value": 3.0, "unit": "s", "peer": "", "peer_value": None, "ratio": None, "target": 2.0,
         "holds": False},
    ]  # fmt: skip
    assert shown.err == "undercut: does not hold: slow\n"


def test_a_benchmark_of_throughput_must_reach_its_target() -> None:
    assert bench.BenchRow("speed", 10.0, "tokens/s", target=9.0, bound="at least").holds
    assert not bench.BenchRow("speed", 8.0, "tokens/s", target=9.0, bound="at least").holds


def test_bench_outside_a_checkout_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench, "__file__", str(tmp_path / "dashboard" / "bench.py"))
    assert cli.run(["bench", "cli"]) == 2
    assert "checkout" in capsys.readouterr().err


@pytest.mark.parametrize("name", bench.NAMES)
def test_every_listed_benchmark_can_be_loaded(name: str) -> None:
    assert callable(bench.load(BENCHMARKS / f"{name}.py").rows)


def test_every_benchmark_that_lies_there_is_listed() -> None:
    assert {path.stem for path in BENCHMARKS.glob("*.py")} == set(bench.NAMES)
