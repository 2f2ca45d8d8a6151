"""What can still be read of a damaged SQLite file in WAL mode, and what of its log is missing. It changes neither.

SQLite refuses a file that is shorter than the page count in its header (file format, sections 1.3.2 and 1.3.8:
https://www.sqlite.org/fileformat2.html). A copy filled up with zeros to that length opens, and rows are read from both
ends of a table up to the first page that is missing. The log (`-wal`) is read by SQLite up to its first torn frame, and
what follows is dropped without a word; how many frames were finished stands in the index beside it (`-shm`).
"""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

WAL_HEADER_BYTES = 32
WAL_FRAME_HEADER_BYTES = 24
Row = tuple[str, str, str]


def kept_rows(path: Path) -> Iterator[Row]:
    """Rows of three texts of the table `kept` that can be read, each once; their checksums are not looked at.

    Errors of reading rows end the reading; those of whoever takes the rows are not touched.

    Raises:
        OSError: if the copy that is read cannot be written.
    """
    with tempfile.TemporaryDirectory(prefix=f"{path.name}.reading-", dir=path.parent) as folder:
        copy = Path(folder) / path.name
        _copied_whole(path, copy)
        connection = connect(copy)
        try:
            yield from _from_both_ends(connection)
        finally:
            connection.close()


def connect(path: Path, busy_s: float = 5.0) -> sqlite3.Connection:
    """A connection that reads any bytes as text, so that a broken letter shows in the row's checksum.

    It may be used from one thread after the other, never from two at once.
    """
    connection = sqlite3.connect(path, timeout=busy_s, check_same_thread=False)
    connection.text_factory = lambda text: text.decode("utf-8", "replace")
    return connection


def lost_frames(path: Path) -> int | None:
    """Finished frames of the log that are gone; None where the log was torn and nobody can tell how many.

    To be asked before a connection opens the file, because that writes the index anew. A writer that was killed leaves
    a torn frame too; with its index there, that is known to be nothing that was finished.
    """
    log, index = (path.with_name(path.name + ending) for ending in ("-wal", "-shm"))
    finished, moved, index_salt = _index(index)
    size, frame_bytes, salt = _log(log)
    whole = max(size - WAL_HEADER_BYTES, 0) // frame_bytes if frame_bytes else 0
    if finished is not None and (not salt or salt == index_salt):
        return max(finished - max(whole, moved), 0)
    torn = bool(size) and (not frame_bytes or (size - WAL_HEADER_BYTES) % frame_bytes != 0)
    return None if torn else 0


def _copied_whole(path: Path, copy: Path) -> None:
    """A copy with its log, as long as its header says; of an empty file at least one page, or SQLite drops the log."""
    shutil.copyfile(path, copy)
    log = path.with_name(path.name + "-wal")
    page_bytes, pages = 0, 0
    if log.exists():
        shutil.copyfile(log, copy.with_name(copy.name + "-wal"))
        page_bytes, pages = max(_log(log)[1] - WAL_FRAME_HEADER_BYTES, 0), 1
    with path.open("rb") as stream:
        head = stream.read(100)
    if len(head) == 100:
        size = int.from_bytes(head[16:18], "big")
        page_bytes = 65536 if size == 1 else size
        pages = int.from_bytes(head[28:32], "big")
    if path.stat().st_size < pages * page_bytes:
        # A page count that is damaged itself may ask for more than a file can hold.
        with copy.open("r+b") as stream, contextlib.suppress(OSError):
            stream.truncate(pages * page_bytes)


def _from_both_ends(connection: sqlite3.Connection) -> Iterator[Row]:
    last = ""
    with contextlib.suppress(sqlite3.DatabaseError):
        for row in _read(connection.execute("SELECT key, value, sum FROM kept ORDER BY key")):
            last = row[0]
            yield row
        return
    query = "SELECT key, value, sum FROM kept WHERE key > ? ORDER BY key DESC"
    with contextlib.suppress(sqlite3.DatabaseError):
        yield from _read(connection.execute(query, (last,)))


def _read(cursor: sqlite3.Cursor) -> Iterator[Row]:
    for row in cursor:
        if all(isinstance(cell, str) for cell in row):
            yield row


def _log(log: Path) -> tuple[int, int, bytes]:
    """Bytes of the log, of one of its frames, and its salt; zeros where its header cannot be read."""
    try:
        with log.open("rb") as stream:
            head = stream.read(WAL_HEADER_BYTES)
        size = log.stat().st_size
    except OSError:
        return 0, 0, b""
    if len(head) < WAL_HEADER_BYTES:
        return size, 0, b""
    return size, WAL_FRAME_HEADER_BYTES + int.from_bytes(head[8:12], "big"), head[16:24]


def _index(index: Path) -> tuple[int | None, int, bytes]:
    """Frames finished, frames moved into the file already, and the log's salt; None where there is no index.

    Source: https://www.sqlite.org/walformat.html, section 2.1; the salt is a copy of the log's bytes.
    """
    try:
        with index.open("rb") as stream:
            head = stream.read(136)
    except OSError:
        return None, 0, b""
    if len(head) < 136 or not head[12]:
        return None, 0, b""
    finished, moved = (int.from_bytes(head[at : at + 4], sys.byteorder) for at in (16, 96))
    return finished, moved, head[32:40]
