"""Finished work that outlives the process: rows of JSON under keys, in one SQLite file, durable when `keep` returns.

A row carries its own checksum. The structure of the file is checked when it is opened, a row's checksum when the row is
read. A file that fails either is set aside beside a new one with its readable rows saved, and what cannot be read any
more is told; nothing is ever read back as if it were whole.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

from sim.shared.console import note
from sim.shared.errors import InputError
from sim.shared.salvage import connect, kept_rows, lost_frames

BUSY_S = 30.0
KEYS_AT_ONCE = 500
ROWS_AT_ONCE = 2000
FORMAT = 1
COLUMNS = ["key", "value", "sum"]
ENDINGS = ("", "-wal", "-shm")
_MAKE = "CREATE TABLE IF NOT EXISTS kept (key TEXT PRIMARY KEY, value TEXT NOT NULL, sum TEXT NOT NULL) WITHOUT ROWID"
_PUT = "INSERT OR REPLACE INTO kept VALUES (?, ?, ?)"
_REMEDY = {
    "SQLITE_FULL": "free space, or choose another",
    "SQLITE_BUSY": "let the other process finish, or choose another",
    "SQLITE_LOCKED": "let the other process finish, or choose another",
    "SQLITE_READONLY": "make it and its folder writable, or choose another",
    "SQLITE_CANTOPEN": "make it and its folder writable, or choose another",
}

T = TypeVar("T")


class _Damaged(Exception):
    """A row that does not fit its checksum."""


class Store:
    """Rows under keys. Several processes may use one file at a time.

    Use as a context manager, or call `close`.
    """

    def __init__(self, path: Path) -> None:
        """Open or make the file.

        Raises:
            InputError: if the folder cannot be written, or the file is of another format.
        """
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(str(path), "", str(error), "a folder that can be written", "choose another") from error
        self._connection = self._open()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; what was kept is kept already."""
        self._connection.close()

    def keep(self, rows: dict[str, dict[str, Any]]) -> None:
        """Write rows, all or none; they are on disk when this returns.

        Numbers must be finite or None: JSON has no others.

        Raises:
            InputError: if the disk is full or the file cannot be written; what was kept before is still there.
        """
        written = [(key, text, _sum(key, text)) for key, text in ((key, _dump(row)) for key, row in rows.items())]

        def write() -> None:
            with self._connection:
                self._connection.executemany(_PUT, written)

        self._repaired(write)

    def recall(self, keys: Sequence[str]) -> list[dict[str, Any]] | None:
        """The rows under all the keys, in their order, or None if one is missing or damaged."""
        found: dict[str, dict[str, Any]] = {}
        for start in range(0, len(keys), KEYS_AT_ONCE):
            part = list(keys[start : start + KEYS_AT_ONCE])
            query = f"SELECT key, value, sum FROM kept WHERE key IN ({','.join('?' * len(part))})"
            for key, text in self._checked(query, part):
                found[key] = json.loads(text)
        return [found[key] for key in keys] if len(found) == len(set(keys)) else None

    def rows(self, prefix: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
        """All rows whose key begins with `prefix`, sorted by key."""
        query = f"SELECT key, value, sum FROM kept WHERE key >= ? AND key < ? ORDER BY key LIMIT {KEYS_AT_ONCE}"
        start = prefix
        while part := self._checked(query, (start, prefix + "\U0010ffff")):
            for key, text in part:
                yield key, json.loads(text)
            start = part[-1][0] + "\0"  # the least key after the last

    def _checked(self, query: str, values: Sequence[str]) -> list[tuple[str, str]]:
        """Keys and values that a query finds, each compared with its checksum."""

        def read() -> list[tuple[str, str]]:
            out = []
            for key, text, checksum in self._connection.execute(query, values):
                if not _fits(key, text, checksum):
                    raise _Damaged
                out.append((key, text))
            return out

        return self._repaired(read)

    def _repaired(self, act: Callable[[], T]) -> T:
        """What `act` returns; where it meets damage, once more on a new file with what could be saved."""
        try:
            return act()
        except sqlite3.OperationalError as error:  # locked, full or forbidden: nothing is wrong with the content
            raise self._unusable(error) from error
        except (sqlite3.DatabaseError, _Damaged) as error:
            if not _is_damage(error):
                raise
            self._connection.close()
            # Another process may have set the file aside already.
            self._connection = self._set_aside() if _identity(self.path) == self._opened else self._open()
        try:
            return act()
        except sqlite3.OperationalError as error:
            raise self._unusable(error) from error

    def _open(self) -> sqlite3.Connection:
        lost = lost_frames(self.path)
        sizes = {part.name: part.stat().st_size for part in _parts(self.path)}
        if sizes.get(self.path.name) == 0:
            if sizes.get(f"{self.path.name}-wal"):
                return self._set_aside()
            note(f"{self.path} was empty: if it held finished work, that is lost and done again")
        try:
            connection = connect(self.path, BUSY_S)
            try:
                if connection.execute("PRAGMA quick_check").fetchone()[0] == "ok":
                    self._check_format(connection)
                    _prepare(connection)
                    self._opened = _identity(self.path)
                    if lost is None or lost > 0:
                        told = "some pages may be" if lost is None else f"{lost} finished pages are"
                        note(f"the log of {self.path} was cut: {told} missing; what they held is done again")
                    return connection
            except BaseException:
                connection.close()
                raise
            connection.close()
        except sqlite3.OperationalError as error:
            raise self._unusable(error) from error
        except sqlite3.DatabaseError as error:
            if not _is_damage(error):
                raise
        return self._set_aside()

    def _unusable(self, error: sqlite3.OperationalError) -> InputError:
        name = "_".join(error.sqlite_errorname.split("_")[:2])
        remedy = _REMEDY.get(name, "see to the disk, or choose another")
        return InputError(str(self.path), "", str(error), "a file that can be read and written", remedy)

    def _check_format(self, connection: sqlite3.Connection) -> None:
        """That it is a file of ours, before anything is written into it."""
        known = int(connection.execute("PRAGMA user_version").fetchone()[0])
        tables = [str(name) for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        columns = [str(row[1]) for row in connection.execute("PRAGMA table_info(kept)")]
        if tables and (tables != ["kept"] or columns != COLUMNS):
            held = ", ".join(f"kept ({', '.join(columns)})" if name == "kept" else name for name in sorted(tables))
            raise InputError(
                str(self.path), "tables", held, f"the one table kept ({', '.join(COLUMNS)})",
                "it is another program's file; move it away, or choose another",
            )  # fmt: skip
        if known not in (0, FORMAT):
            raise InputError(
                str(self.path), "format", known, str(FORMAT), "it is of another version of Undercut; move it away"
            )

    def _set_aside(self) -> sqlite3.Connection:
        """Save what can be read of the damaged file into a new one, then put the new one in its place."""
        new = self.path.with_name(f"{self.path.name}.saved-{os.getpid()}")
        _remove(new)
        try:
            saved = _save(self.path, new)
        except sqlite3.OperationalError as error:
            _remove(new)
            raise self._unusable(error) from error
        except OSError as error:
            _remove(new)
            raise InputError(
                str(self.path), "", f"damaged, and {error}", "room to save what can be read of it", "free space"
            ) from error
        number = 1
        while (aside := self.path.with_name(f"{self.path.name}.damaged-{number}")).exists():
            number += 1
        for part in _parts(self.path):
            part.replace(aside.with_name(aside.name + part.name.removeprefix(self.path.name)))
        new.replace(self.path)
        note(f"{self.path} was damaged: set aside as {aside.name}, {saved} finished rows saved; the rest is done again")
        connection = connect(self.path, BUSY_S)
        _prepare(connection)
        self._opened = _identity(self.path)
        return connection


def _prepare(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(_MAKE)
    if int(connection.execute("PRAGMA user_version").fetchone()[0]) == 0:
        connection.execute(f"PRAGMA user_version = {FORMAT}")


def _is_damage(error: Exception) -> bool:
    """Whether the content is at fault: SQLite's codes CORRUPT and NOTADB have no class of their own."""
    return type(error) in (sqlite3.DatabaseError, _Damaged)


def _save(damaged: Path, new: Path) -> int:
    """Write the sound rows of a damaged file into a new one, thousands at once; returns how many."""
    connection = connect(new, BUSY_S)
    saved = 0
    try:
        _prepare(connection)
        sound = (row for row in kept_rows(damaged) if _fits(*row))
        while part := list(itertools.islice(sound, ROWS_AT_ONCE)):
            with connection:
                connection.executemany(_PUT, part)
            saved += len(part)
    finally:
        connection.close()
    return saved


def _parts(path: Path) -> list[Path]:
    """The file with its log and index, as far as they exist."""
    return [part for part in (path.with_name(path.name + ending) for ending in ENDINGS) if part.exists()]


def _remove(path: Path) -> None:
    for part in _parts(path):
        part.unlink()


def _identity(path: Path) -> tuple[int, int] | None:
    """Which file lies under the name now."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _dump(row: dict[str, Any]) -> str:
    return json.dumps(row, allow_nan=False, separators=(",", ":"), sort_keys=True)


def _fits(key: object, text: object, checksum: object) -> bool:
    return isinstance(key, str) and isinstance(text, str) and _sum(key, text) == checksum


def _sum(key: str, text: str) -> str:
    return hashlib.blake2b(f"{key}\0{text}".encode(), digest_size=16).hexdigest()
