"""Rows survive kills and damage; what does not fit its checksum is never read."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sim.shared.errors import InputError
from sim.shared.store import Store


def test_rows_come_back_in_the_order_asked_or_not_at_all(tmp_path: Path) -> None:
    with Store(tmp_path / "deep" / "s.sqlite") as store:
        store.keep({f"k/{place}": {"x": place / 3, "none": None} for place in range(1200)})
        keys = [f"k/{place}" for place in (7, 1100, 3, 7)]
        assert store.recall(keys) == [{"x": place / 3, "none": None} for place in (7, 1100, 3, 7)]
        assert store.recall(["k/1", "missing"]) is None
        assert store.recall([]) == []
        assert len(list(store.rows("k/11"))) == 111


def test_numbers_that_json_does_not_have_are_refused_and_nothing_is_kept(tmp_path: Path) -> None:
    with Store(tmp_path / "s.sqlite") as store:
        with pytest.raises(ValueError, match="JSON"):
            store.keep({"a": {"x": 1.0}, "b": {"x": float("nan")}})
        assert store.recall(["a"]) is None


def test_a_row_that_was_altered_is_dropped_and_the_file_set_aside(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "s.sqlite"
    with Store(path) as store:
        store.keep({"a": {"x": 1}, "b": {"x": 2}})
    connection = sqlite3.connect(path)
    connection.execute("UPDATE kept SET value = '{\"x\":3}' WHERE key = 'b'")
    connection.commit()
    connection.close()
    with Store(path) as store:
        assert store.recall(["a"]) == [{"x": 1}]
        assert store.recall(["b"]) is None
    assert (tmp_path / "s.sqlite.damaged-1").exists()
    assert "1 finished rows saved" in capsys.readouterr().err


@pytest.mark.parametrize("damage", ["cut", "noise", "head"])
def test_a_damaged_file_is_set_aside_with_its_readable_rows_saved(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "s.sqlite"
    with Store(path) as store:
        for start in range(0, 3000, 100):
            store.keep({f"k/{place:05d}": {"text": "x" * 60, "n": place} for place in range(start, start + 100)})
    whole = path.read_bytes()
    middle = len(whole) // 2
    changed = {
        "cut": whole[:middle],
        "noise": whole[:middle] + b"\xa5" * 8192 + whole[middle + 8192 :],
        "head": b"this is no database" * 300,
    }[damage]
    path.write_bytes(changed)
    with Store(path) as store:
        saved = dict(store.rows())
        assert all(row == {"text": "x" * 60, "n": int(key[2:])} for key, row in saved.items())
        if damage == "noise":
            assert len(saved) > 100
        store.keep({"new": {"n": 1}})
        assert store.recall(["new"]) == [{"n": 1}]
    assert (tmp_path / "s.sqlite.damaged-1").read_bytes()[:19] == changed[:19]


def test_a_store_of_another_format_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    Store(path).close()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 9")
    connection.close()
    with pytest.raises(InputError, match="another version"):
        Store(path)
    assert not list(tmp_path.glob("*.damaged-*"))


def test_a_busy_store_is_no_damaged_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from sim.shared import store as module

    path = tmp_path / "s.sqlite"
    with Store(path) as first:
        first.keep({"a": {"x": 1}})
    holder = sqlite3.connect(path)
    holder.execute("BEGIN EXCLUSIVE")
    monkeypatch.setattr(module, "BUSY_S", 0.05)
    try:
        second = Store(path)
        with pytest.raises(InputError, match="locked"):
            second.keep({"b": {"x": 1}})
        second.close()
    except InputError as error:
        assert "locked" in str(error)  # noqa: PT017 - either step may meet the lock
    holder.close()
    assert not list(tmp_path.glob("*.damaged-*"))
    with Store(path) as third:
        assert third.recall(["a"]) == [{"x": 1}]


WRITER = """
import sys
from pathlib import Path
from sim.shared.store import Store
with Store(Path(sys.argv[1])) as store:
    for place in range(100_000):
        store.keep({f"k/{place}/{part}": {"n": place} for part in range(3)})
        print(place, flush=True)
"""


def test_a_kill_loses_nothing_that_was_told_to_be_kept_and_no_half_of_a_batch(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    with subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(0.3)
        process.send_signal(signal.SIGKILL)
        told = [int(line) for line in process.stdout.read().split()]
    with Store(path) as store:
        kept = {key for key, _ in store.rows()}
    assert not list(tmp_path.glob("*.damaged-*"))
    assert {f"k/{place}/{part}" for place in told for part in range(3)} <= kept
    assert len(kept) % 3 == 0
