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
from collections import Counter
from pathlib import Path

import pytest

KILLS = 20
# A run of small batches that writes down each batch before it is computed and after it is kept, by a hash of the model
# and the batch. A line is appended in one write, so that a kill leaves it whole or not at all.
RUN = """
import hashlib, os, sys
from pathlib import Path

from evalsuite import scorer
from evalsuite.forward import Forward
from evalsuite.measure import run_eval
from sim.shared.store import Store

out, log, *models = sys.argv[1:]
scorer.BATCH_TOKENS["cpu"] = 64
book = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
batch = ""
keep = Store.keep


def told(compute):
    def computing(self, *asked):
        global batch
        content = (self.model.config.num_hidden_layers, compute.__name__, asked[:3])
        batch = hashlib.sha256(repr(content).encode()).hexdigest()
        os.write(book, f"computed {batch}\\n".encode())
        return compute(self, *asked)

    return computing


def keeping(self, rows):
    keep(self, rows)
    if not any(key.startswith("task/") for key in rows):
        os.write(book, f"kept {batch}\\n".encode())


Forward.answer, Forward.write, Store.keep = told(Forward.answer), told(Forward.write), keeping
run_eval(models, "mini", Path(out))
"""


def rows(path: Path) -> int:
    """Rows kept so far, read beside the process that writes them."""
    if not path.is_file():
        return 0
    try:
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            return int(connection.execute("SELECT COUNT(*) FROM kept").fetchone()[0])
    except sqlite3.OperationalError:  # not made yet
        return 0


def batches(log: Path) -> tuple[Counter[str], set[str]]:
    """How often each batch was computed, and those that were kept; none is computed or kept once it is kept."""
    computed: Counter[str] = Counter()
    kept: set[str] = set()
    for line in log.read_text(encoding="utf-8").splitlines():
        what, batch = line.split(" ")
        assert batch not in kept, f"{what} once more: {batch}"
        if what == "kept":
            kept.add(batch)
        else:
            computed[batch] += 1
    return computed, kept


@pytest.mark.slow
def test_twenty_kills_of_a_pair_change_nothing_and_repeat_nothing(tmp_path: Path, tiny_models: tuple[str, str]) -> None:
    from evalsuite.models import models_dir
    from sim.shared.manifest import read_manifest
    from sim.shared.store import Store
    from sim.shared.tables import read_table

    pair = [tiny_models[0], str(models_dir() / tiny_models[1])]  # by their folders: each run has a cache of its own
    environment = dict(os.environ) | {"UNDERCUT_CACHE_DIR": str(tmp_path / "killed-cache")}

    def command(name: str) -> list[str]:
        return [sys.executable, "-c", RUN, str(tmp_path / name), str(tmp_path / f"{name}.log"), *pair]

    subprocess.run(command("whole"), check=True, capture_output=True)
    draw = random.Random(0)
    kept = 0
    killed = 0
    for round_ in range(KILLS):
        with subprocess.Popen(
            command("killed"), env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
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
    subprocess.run(command("killed"), check=True, capture_output=True, env=environment)
    assert killed >= KILLS - 2
    assert not list((tmp_path / "killed-cache").glob("*.damaged-*"))
    for name in ("samples", "quality", "pairs", "usage", "shapes"):
        part, whole = (tmp_path / run / f"{name}.parquet" for run in ("killed", "whole"))
        assert part.read_bytes() == whole.read_bytes(), name
    assert len(read_table(tmp_path / "whole" / "pairs.parquet")) > 0
    assert read_manifest(tmp_path / "whole").took["work"]["recalled_requests"] == 0
    assert read_manifest(tmp_path / "killed").took["work"]["recalled_requests"] > 0

    once, all_kept = batches(tmp_path / "whole.log")
    assert all(once[batch] == 1 for batch in all_kept)
    computed, part_kept = batches(tmp_path / "killed.log")
    assert part_kept <= all_kept
    assert len(all_kept - part_kept) <= killed  # kept, and killed before it could say so
    assert sum(computed[batch] - 1 for batch in all_kept) <= killed  # each kill costs the batch that it was in
