"""Kills at random moments: nothing is lost, nothing is done twice, and the tables are those of a run never killed."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

KILLS = 20


def rows(path: Path) -> int:
    """Rows kept so far, read beside the process that writes them."""
    if not path.is_file():
        return 0
    try:
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            return int(connection.execute("SELECT COUNT(*) FROM kept").fetchone()[0])
    except sqlite3.OperationalError:  # not made yet
        return 0


@pytest.mark.slow
def test_twenty_kills_change_nothing(tmp_path: Path, tiny_models: tuple[str, str]) -> None:
    from sim.shared.manifest import read_manifest
    from sim.shared.store import Store

    def command(out: Path) -> list[str]:
        program = (
            "import sys; from pathlib import Path; from evalsuite import scorer; scorer.BATCH_TOKENS['cpu'] = 64; "
            "from evalsuite.measure import run_eval; "
            f"run_eval([{tiny_models[0]!r}], 'mini', Path(sys.argv[1]))"
        )
        return [sys.executable, "-c", program, str(out)]

    subprocess.run(command(tmp_path / "whole"), check=True, capture_output=True)
    environment = dict(os.environ) | {"UNDERCUT_CACHE_DIR": str(tmp_path / "killed-cache")}
    draw = random.Random(0)
    kept = 0
    killed = 0
    for round_ in range(KILLS):
        with subprocess.Popen(
            command(tmp_path / "killed"), env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as process:
            if round_ % 4:  # while it scores; else wherever it is
                while process.poll() is None and rows(tmp_path / "killed-cache" / "scores.sqlite") <= kept:
                    time.sleep(0.02)
                time.sleep(draw.uniform(0.0, 0.4))
            else:
                time.sleep(draw.uniform(0.2, 5.0))
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
                killed += 1
            process.wait()
        path = tmp_path / "killed-cache" / "scores.sqlite"
        if path.is_file():
            with Store(path) as store:
                now = sum(1 for _ in store.rows())
            assert now >= kept
            kept = now
    subprocess.run(command(tmp_path / "killed"), check=True, capture_output=True, env=environment)
    assert killed >= KILLS - 2
    assert not list((tmp_path / "killed-cache").glob("*.damaged-*"))
    for name in ("samples", "quality"):
        part, whole = (tmp_path / run / f"{name}.parquet" for run in ("killed", "whole"))
        assert part.read_bytes() == whole.read_bytes(), name
    assert read_manifest(tmp_path / "whole").took["work"]["recalled_requests"] == 0
