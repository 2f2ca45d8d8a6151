"""Finished work that outlives the process: rows of JSON under keys, in one SQLite file, durable when `keep` returns.

A row carries its own checksum. A file that SQLite cannot read, or that holds rows which do not fit their checksum, is
set aside beside the new one with its readable rows saved; nothing is ever read back as if it were whole.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from sim.shared.console import note
from sim.shared.errors import InputError

BUSY_S = 30.0
KEYS_AT_ONCE = 500
FORMAT = 1
_MAKE = "CREATE TABLE IF NOT EXISTS kept (key TEXT PRIMARY KEY, value TEXT NOT NULL, sum TEXT NOT NULL) WITHOUT ROWID"


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
        try:
            with self._connection:
                self._connection.executemany("INSERT OR REPLACE INTO kept VALUES (?, ?, ?)", written)
        except sqlite3.OperationalError as error:
            raise self._unusable(error) from error

    def recall(self, keys: Sequence[str]) -> list[dict[str, Any]] | None:
        """The rows under all the keys, in their order, or None if one is missing or damaged."""
        found: dict[str, dict[str, Any]] = {}
        for start in range(0, len(keys), KEYS_AT_ONCE):
            part = list(keys[start : start + KEYS_AT_ONCE])
            marks = ",".join("?" * len(part))
            for key, text, checksum in self._connection.execute(
                f"SELECT key, value, sum FROM kept WHERE key IN ({marks})",
                part,
            ):
                if _sum(key, text) != checksum:
                    return None
                found[key] = json.loads(text)
        return [found[key] for key in keys] if len(found) == len(set(keys)) else None

    def rows(self, prefix: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
        """All rows whose key begins with `prefix`, sorted by key."""
        query = "SELECT key, value FROM kept WHERE key >= ? AND key < ? ORDER BY key"
        for key, text in self._connection.execute(query, (prefix, prefix + "\U0010ffff")):
            yield key, json.loads(text)

    def _open(self) -> sqlite3.Connection:
        try:
            connection = _connect(self.path)
            if connection.execute("PRAGMA quick_check").fetchone()[0] == "ok" and not _damaged(connection):
                self._check_format(connection)
                return connection
            connection.close()
        except sqlite3.OperationalError as error:  # locked, full or forbidden: nothing is wrong with the content
            raise self._unusable(error) from error
        except sqlite3.DatabaseError:
            pass
        return self._set_aside()

    def _unusable(self, error: sqlite3.OperationalError) -> InputError:
        return InputError(str(self.path), "", str(error), "a file that can be written", "free space, or choose another")

    def _check_format(self, connection: sqlite3.Connection) -> None:
        known = int(connection.execute("PRAGMA user_version").fetchone()[0])
        if known == 0:
            connection.execute(f"PRAGMA user_version = {FORMAT}")
        elif known != FORMAT:
            connection.close()
            raise InputError(
                str(self.path), "format", known, str(FORMAT), "it is of another version of Undercut; move it away"
            )

    def _set_aside(self) -> sqlite3.Connection:
        """Move the damaged file away, and save what can be read of it into a new one."""
        number = 1
        while (aside := self.path.with_name(f"{self.path.name}.damaged-{number}")).exists():
            number += 1
        for ending in ("", "-wal", "-shm"):
            part = self.path.with_name(self.path.name + ending)
            if part.exists():
                part.replace(aside.with_name(aside.name + ending))
        connection = _connect(self.path)
        connection.execute(f"PRAGMA user_version = {FORMAT}")
        saved: set[str] = set()
        with contextlib.suppress(sqlite3.DatabaseError), contextlib.closing(_connect(aside)) as damaged:
            for key, text, checksum in _readable(damaged):
                if _sum(key, text) == checksum:
                    with connection:
                        connection.execute("INSERT OR REPLACE INTO kept VALUES (?, ?, ?)", (key, text, checksum))
                    saved.add(key)
        told = f"set aside as {aside.name}, {len(saved)} finished rows saved; the rest is done again"
        note(f"{self.path} was damaged: {told}")
        return connection


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=BUSY_S)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(_MAKE)
    except sqlite3.DatabaseError:
        connection.close()
        raise
    return connection


def _damaged(connection: sqlite3.Connection) -> bool:
    return any(_sum(key, text) != checksum for key, text, checksum in connection.execute("SELECT * FROM kept"))


def _readable(connection: sqlite3.Connection) -> Iterator[tuple[str, str, str]]:
    """Rows up to the first page that cannot be read, from both ends."""
    for order in ("ASC", "DESC"):
        with contextlib.suppress(sqlite3.DatabaseError):
            for row in connection.execute(f"SELECT key, value, sum FROM kept ORDER BY key {order}"):
                if all(isinstance(cell, str) for cell in row):
                    yield row


def _dump(row: dict[str, Any]) -> str:
    return json.dumps(row, allow_nan=False, separators=(",", ":"), sort_keys=True)


def _sum(key: str, text: str) -> str:
    return hashlib.blake2b(f"{key}\0{text}".encode(), digest_size=16).hexdigest()
