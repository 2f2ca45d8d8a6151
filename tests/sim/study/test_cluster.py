"""Sweeps on Ray: addresses that do not answer are refused quickly, and a cluster that loses parts loses no point."""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from sweeps import InThisProcess, cluster_plan, no_models, write_sweep

from dashboard import cli
from sim.shared.errors import InputError
from sim.study.engines.cluster import PROBE_S, probe
from sim.study.sweep import run_sweep

ROOT = Path(__file__).resolve().parents[3]
TABLES = ("points.parquet", "metrics.parquet")
needs_ray = pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="ray is not installed")


def namespaces() -> bool:
    """Whether this user may make a network namespace."""
    if shutil.which("unshare") is None:
        return False
    return subprocess.run(["unshare", "--net", "true"], capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize("address", ["nowhere", "host:", ":6379", "host:port", "127.0.0.1:0", "127.0.0.1:70000"])
def test_an_address_that_is_none_is_refused(address: str) -> None:
    with pytest.raises(InputError, match="HOST:PORT"):
        probe(address)


def test_an_address_at_which_nothing_listens_is_refused_at_once() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: nobody else gets the port
        started = time.monotonic()
        with pytest.raises(InputError, match="ray start --head"):
            probe(f"127.0.0.1:{taken.getsockname()[1]}")
        assert time.monotonic() - started < PROBE_S + 1


def test_an_address_at_which_something_listens_passes() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        probe(f"127.0.0.1:{server.getsockname()[1]}")
        probe(f"ray://127.0.0.1:{server.getsockname()[1]}")


@needs_ray
def test_a_cluster_that_does_not_answer_is_one_message_and_exit_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_sweep(tmp_path)
    assert cli.run(["sim", "sweep", str(path), "--backend", "ray", "--address", "127.0.0.1:1"]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "127.0.0.1:1" in said


def test_without_ray_the_command_says_what_to_install(tmp_path: Path) -> None:
    code = "import sys; sys.modules['ray'] = None; from dashboard.cli import run; sys.exit(run(sys.argv[1:]))"
    done = subprocess.run(
        [sys.executable, "-c", code, "sim", "sweep", str(write_sweep(tmp_path)), "--backend", "ray"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "pip install 'undercut[ray]'" in done.stderr


@pytest.mark.slow
@needs_ray
@pytest.mark.skipif(not namespaces(), reason="network namespaces are not allowed here (unshare --net)")
def test_a_cluster_that_loses_a_worker_and_a_node_loses_no_point_and_writes_the_same_bytes(tmp_path: Path) -> None:
    done = subprocess.run(
        ["unshare", "--net", sys.executable, str(ROOT / "tests" / "ray_cluster.py"), str(tmp_path)],
        cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False, timeout=900,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    said = done.stdout
    assert "workers 2" in said
    assert "killed worker" in said
    assert "killed node" in said
    assert "failed 0 points 24" in said
    assert "twice 0" in said
    run_sweep(cluster_plan(tmp_path), no_models(), InThisProcess(), tmp_path / "here")
    for name in TABLES:
        assert (tmp_path / "ray" / name).read_bytes() == (tmp_path / "here" / name).read_bytes()


@pytest.mark.slow
@needs_ray
def test_something_else_at_the_address_is_refused(tmp_path: Path) -> None:
    path = write_sweep(tmp_path)
    with subprocess.Popen(
        [sys.executable, "-m", "http.server", "0", "--bind", "127.0.0.1"],
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    ) as server:  # fmt: skip
        assert server.stdout is not None
        port = server.stdout.readline().split("port ")[1].split()[0]
        arguments = ["sim", "sweep", str(path), "--backend", "ray", "--address", f"127.0.0.1:{port}"]
        done = subprocess.run(
            [sys.executable, "-m", "dashboard", *arguments],
            cwd=ROOT, capture_output=True, text=True, check=False, timeout=300,
        )  # fmt: skip
        server.kill()
    assert done.returncode == 2, done.stderr
    assert "a Ray cluster that answers" in done.stderr
