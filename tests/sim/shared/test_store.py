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


def filled(path: Path, rows: int = 3000) -> None:
    with Store(path) as store:
        for start in range(0, rows, 1000):
            store.keep({f"k/{place:05d}": {"text": "x" * 60, "n": place} for place in range(start, start + 1000)})


@pytest.mark.parametrize(
    ("damage", "least"), [("cut .5", 900), ("cut .9", 2200), ("cut .99", 2800), ("noise", 2700), ("head", 0)]
)
def test_a_damaged_file_is_set_aside_with_its_readable_rows_saved(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], damage: str, least: int
) -> None:
    path = tmp_path / "s.sqlite"
    filled(path)
    whole = path.read_bytes()
    middle = len(whole) // 2
    if damage.startswith("cut"):
        changed = whole[: int(len(whole) * float(damage.split()[1]))]
    elif damage == "noise":
        changed = whole[:middle] + b"\xa5" * 8192 + whole[middle + 8192 :]
    else:
        changed = b"this is no database" * 300
    path.write_bytes(changed)
    with Store(path) as store:
        saved = dict(store.rows())
        assert all(row == {"text": "x" * 60, "n": int(key[2:])} for key, row in saved.items())
        assert least <= len(saved) < 3000
        store.keep({"new": {"n": 1}})
        assert store.recall(["new"]) == [{"n": 1}]
    assert (tmp_path / "s.sqlite.damaged-1").read_bytes() == changed
    assert f"{len(saved)} finished rows saved" in capsys.readouterr().err
    assert sorted(part.name for part in tmp_path.iterdir()) == ["s.sqlite", "s.sqlite.damaged-1"]


def test_damage_that_shows_only_when_a_row_is_read_is_set_aside_then(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "s.sqlite"
    filled(path)
    path.write_bytes(path.read_bytes().replace(b'"n":1500', b'"n":1\xff00'))
    with Store(path) as store:
        assert not list(tmp_path.glob("*.damaged-*"))
        assert len(dict(store.rows())) == 2999
        assert store.recall(["k/01500"]) is None
    assert "2999 finished rows saved" in capsys.readouterr().err


def crashed(path: Path) -> Path:
    """The files as a crash leaves them: 10 rows in the file, 60 in its log."""
    with Store(path) as store:
        store.keep({f"a/{place}": {"n": place} for place in range(10)})
    store = Store(path)
    for place in range(60):
        store.keep({f"b/{place:03d}": {"n": place}})
    after = path.parent / "after" / path.name
    after.parent.mkdir()
    for part in path.parent.glob(f"{path.name}*"):
        (after.parent / part.name).write_bytes(part.read_bytes())
    store.close()
    return after


@pytest.mark.parametrize(("with_index", "told"), [(True, "finished pages are missing"), (False, "may be missing")])
def test_a_log_that_was_cut_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], with_index: bool, told: str
) -> None:
    path = crashed(tmp_path / "s.sqlite")
    log = path.with_name("s.sqlite-wal")
    log.write_bytes(log.read_bytes()[: log.stat().st_size // 2])
    if not with_index:
        path.with_name("s.sqlite-shm").unlink()
    with Store(path) as store:
        assert 20 < len(list(store.rows())) < 60
    assert told in capsys.readouterr().err


def test_a_log_that_is_whole_or_ends_in_an_unfinished_write_is_nothing_to_tell(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = crashed(tmp_path / "s.sqlite")
    with path.with_name("s.sqlite-wal").open("ab") as log:
        log.write(b"half a frame")
    with Store(path) as store:
        assert len(list(store.rows())) == 70
    assert capsys.readouterr().err == ""


def test_an_emptied_file_is_told_and_the_rows_of_its_log_are_saved(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "s.sqlite"
    path.touch()
    with Store(path) as store:
        store.keep({"a": {"x": 1}})
    assert "was empty" in capsys.readouterr().err

    path = tmp_path / "t.sqlite"
    store = Store(path)
    store.keep({f"b/{place:03d}": {"n": place} for place in range(50)})
    after = tmp_path / "after" / path.name
    after.parent.mkdir()
    for part in tmp_path.glob(f"{path.name}*"):
        (after.parent / part.name).write_bytes(part.read_bytes())
    store.close()
    after.write_bytes(b"")
    with Store(after) as again:
        assert len(list(again.rows())) == 50
    assert "50 finished rows saved" in capsys.readouterr().err


def test_saving_takes_thousands_of_rows_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from sim.shared import store as module

    path = tmp_path / "s.sqlite"
    filled(path)
    path.write_bytes(path.read_bytes().replace(b'"n":1500', b'"n":1501'))
    commits = []

    def traced(path: Path, busy_s: float) -> sqlite3.Connection:
        connection = connect(path, busy_s)
        connection.set_trace_callback(lambda text: commits.append(text) if text == "COMMIT" else None)
        return connection

    connect = module.connect
    monkeypatch.setattr(module, "connect", traced)
    with Store(path) as store:
        assert len(list(store.rows())) == 2999
    assert len(commits) == 2


def test_a_full_disk_while_saving_leaves_the_damaged_file_for_the_next_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sim.shared import store as module

    path = tmp_path / "s.sqlite"
    filled(path)
    cut = path.read_bytes()[: path.stat().st_size * 9 // 10]
    path.write_bytes(cut)

    def small(path: Path, busy_s: float) -> sqlite3.Connection:
        connection = connect(path, busy_s)
        if ".saved-" in path.name:
            connection.execute("PRAGMA max_page_count = 10")  # then SQLite says that the disk is full
        return connection

    connect = module.connect
    with monkeypatch.context() as patch:
        patch.setattr(module, "connect", small)
        with pytest.raises(InputError, match=r"full.*free space"):
            Store(path)
    assert [part.name for part in tmp_path.iterdir()] == ["s.sqlite"]
    assert path.read_bytes() == cut
    with Store(path) as store:
        assert len(list(store.rows())) > 500


@pytest.mark.parametrize("table", ["kept (name TEXT, age INTEGER)", "players (name TEXT)"])
def test_another_programs_file_is_told_as_such_and_left_alone(tmp_path: Path, table: str) -> None:
    path = tmp_path / "s.sqlite"
    connection = sqlite3.connect(path)
    connection.execute(f"CREATE TABLE {table}")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(InputError, match="another program") as raised:
        Store(path)
    assert "name" in str(raised.value.received) or "players" in str(raised.value.received)
    assert path.read_bytes() == before
    assert [part.name for part in tmp_path.iterdir()] == ["s.sqlite"]


def test_a_closed_store_is_no_damaged_one(tmp_path: Path) -> None:
    with Store(tmp_path / "s.sqlite") as store:
        store.keep({"a": {"x": 1}})
    with pytest.raises(sqlite3.ProgrammingError):
        store.recall(["a"])
    assert not list(tmp_path.glob("*.damaged-*"))


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
