"""A real server on a free port, over a small market, and a real Chromium."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from regime_maps import write_map

from dashboard.serve import arguments
from sim.shared.catalog import CATALOG, shipped_catalog
from sim.shared.quality import quality_of_theta

FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
START_S = 60.0
SHIPPED = Path(__file__).parents[2] / "data"


def chromium() -> str | None:
    """Where Chromium is, or None."""
    fixed = Path("/usr/bin/chromium")
    return str(fixed) if fixed.is_file() else shutil.which("chromium") or shutil.which("chromium-browser")


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("browser") and chromium() is None:
        reason = "Chromium is not installed (apt-get install chromium)"
        if os.environ.get("UNDERCUT_REQUIRE_BROWSER") == "1":
            pytest.fail(reason)
        pytest.skip(reason)


def _model(name: str, theta: float, price: float) -> dict[str, Any]:
    return {
        "model": name, "role": "published", "task_class": "all", "items": 200, "accuracy": 0.8, "chance": 0.25,
        "quality": quality_of_theta(theta), "quality_stderr": 0.03, "theta": theta, "theta_stderr": 0.1,
        "theta_error_key": "all", "informative": True, "price_in_usd_per_mtok": price,
        "price_out_usd_per_mtok": 8 * price, "quality_evidence": "cited", "price_evidence": "cited",
        "source": "a test",
    }  # fmt: skip


def _scenario() -> dict[str, Any]:
    answering = {"kind": "best_response", "review_days": 30, "first_review_day": 15}
    return {
        "name": "small", "title": "a small market", "starts_on": "2025-11-17", "horizon_days": 400,
        "report_days": 7, "entrant": "student", "belief_nodes_per_class": 32,
        "tasks": [
            {"name": "chat", "input_tokens": 1000, "output_tokens": 300, "requests_per_day": 10,
             "difficulty_mean": -1.0, "value_usd": {"median": 0.015, "log_sd": 0.4}, "harm_share": 0.1},
        ],
        "population": {"kind": "expected", "nodes_per_class": 32, "market_customers": 1000, "review_days": 20},
        "models": [
            {"kind": "catalog", "name": "best", "catalog": "best"},
            {"kind": "catalog", "name": "second", "catalog": "second"},
            {"kind": "relative", "name": "student", "teacher": "best", "quality_ratio": 0.95, "cost_ratio": 0.1},
        ],
        "providers": [
            {"name": "alpha", "price": answering, "offers": [{"name": "best", "model": "best"}]},
            {"name": "beta", "price": answering, "offers": [{"name": "second", "model": "second"}]},
            {"name": "gamma", "price": answering,
             "offers": [{"name": "student", "model": "student", "list_price": {"kind": "teacher"},
                         "cost": {"kind": "teacher"}}],
             "lab": {"releases": [{"offer": "student", "release_day": 91, "training_cost_usd": 1000}]}},
        ],
    }  # fmt: skip


@pytest.fixture(scope="session")
def data_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    (folder / "scenarios").mkdir()
    (folder / "measured").mkdir()
    (folder / "README.md").write_text("data of a test")
    (folder / "scenarios" / "small.yaml").write_text(json.dumps(_scenario()))
    frame = pd.DataFrame([_model("best", 1.9, 1.0), _model("second", 1.2, 0.5), _model("third", 0.4, 0.2)])
    frame.to_csv(folder / "published_models.csv", index=False)
    CATALOG.conform(frame[:0], "nothing").to_parquet(folder / "measured" / "catalog.parquet")
    for name in ("doses_language.csv", "small_worlds.csv", "judge_rl.csv"):
        shutil.copy(SHIPPED / "measured" / name, folder / "measured" / name)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UNDERCUT_DATA_DIR", str(folder))
        write_map(folder, tmp_path_factory.mktemp("map"), "small", shipped_catalog())
    return folder


@pytest.fixture(scope="session")
def start_server(
    data_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[], contextlib.AbstractContextManager[str]]:
    """Starts a server of its own; its address, while the context lasts."""
    return lambda: serving(data_folder, tmp_path_factory.mktemp("server"))


@pytest.fixture
def jobs_folder(address: str, server_folder: Path) -> Path:
    """Where the server that `address` names keeps its jobs."""
    return server_folder / "runs" / "jobs"


@pytest.fixture(scope="session")
def server_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The working folder of the server that most tests share."""
    return tmp_path_factory.mktemp("server")


@pytest.fixture(scope="session")
def address(data_folder: Path, server_folder: Path) -> Iterator[str]:
    """The address of a running server."""
    with serving(data_folder, server_folder) as started:
        yield started


@contextlib.contextmanager
def serving(data_folder: Path, folder: Path) -> Iterator[str]:
    """A server on a free port, working in `folder`, while the context lasts; its address."""
    log = folder / "server.log"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with log.open("wb") as stream:
        process = subprocess.Popen(
            arguments("127.0.0.1", port),
            env={**os.environ, "UNDERCUT_DATA_DIR": str(data_folder)},
            stdout=stream,
            stderr=stream,
            cwd=folder,
        )
    try:
        _wait_until_up(f"http://127.0.0.1:{port}/_stcore/health", process, log)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=20)


def _wait_until_up(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    end_s = time.monotonic() + START_S
    while time.monotonic() < end_s and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=1):
                return
        except OSError:
            time.sleep(0.1)
    raise AssertionError(f"the server did not start: {log.read_text()}")


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        yield opened
        opened.close()


@pytest.fixture
def open_page(browser: Any, address: str) -> Iterator[Callable[..., Any]]:
    """Opens a page in a fresh context: (path, width, scheme) -> page, whose console errors stand in `page.errors`."""
    contexts = []

    def opened(path: str = "", width_px: int = 1440, scheme: str = "light") -> Any:
        context = browser.new_context(
            viewport={"width": width_px, "height": 1000}, color_scheme=scheme, accept_downloads=True
        )
        contexts.append(context)
        page = context.new_page()
        page.errors = []
        page.on(
            "console", lambda said: page.errors.append(f"{said.text} {said.location}") if said.type == "error" else None
        )
        page.on("requestfailed", lambda request: page.errors.append(f"failed: {request.url}"))
        page.goto(f"{address}/{path}")
        page.wait_for_selector("h2, [data-testid=stAlert], [data-testid=stException]", timeout=30_000)
        return page

    yield opened
    for context in contexts:
        context.close()
