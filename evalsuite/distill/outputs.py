"""What a teacher told, kept on disk: bought once, however many epochs and recipes follow.

A folder holds one teacher's answers under one regime: `records.bin`, fixed-size records a token that are mapped into
memory when they are used, and `index.txt`, one line a row of text (its hash, its place, the checksum of its records,
and the seconds that it took the teacher).
Both are only ever appended to, records before their line, so a killed writer loses at most what it was writing. A row
whose checksum does not fit is bought again. Files are written with ordinary writes and never through the mapping: a
full disk is then an error that can be told, not a signal that kills.

Bytes a token: 2 for each of the hidden state's numbers in bfloat16 (1,152 at 576 numbers, where the probabilities
themselves would take 98,304), and at 64 entries, 48 of them with their log-probability, 228 in a vocabulary below
65,536.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from evalsuite.distill.room import room
from evalsuite.distill.teacher import Teacher
from sim.shared.console import note
from sim.shared.errors import InputError, MissingExtra
from sim.shared.manifest import sha256_of_bytes, sha256_of_json
from sim.shared.paths import cache_dir, write_text

if TYPE_CHECKING:
    import torch

META_NAME = "outputs.json"
RECORDS_NAME = "records.bin"
INDEX_NAME = "index.txt"
FORMAT = 1


@dataclass(frozen=True)
class Meta:
    """What a folder of outputs holds; `noise_scale` is calibrated once, on the first rows that were read."""

    teacher: dict[str, Any]
    regime: dict[str, Any]
    decimals: int | None
    noise_nats: float
    noise_scale: float
    row_tokens: int
    record_bytes: int
    format: int = FORMAT


@dataclass(frozen=True)
class Place:
    """Where a row's records lie, and what they took the teacher."""

    slot: int
    seconds: float


class Outputs:
    """The kept outputs of a teacher on rows of text.

    Attributes:
        folder: where they lie.
        rows: how many.
        seconds: that the teacher needed for them, whenever that was.
    """

    def __init__(self, folder: Path, record_type: np.dtype, shape: tuple[int, int], found: list[Place]) -> None:
        self.folder = folder
        self.rows = shape[0]
        self.seconds = sum(place.seconds for place in found)
        places = np.array([place.slot for place in found])
        self._places = places
        count = (folder / RECORDS_NAME).stat().st_size // (record_type.itemsize * shape[1])
        self._records = np.memmap(folder / RECORDS_NAME, record_type, "r", shape=(count, shape[1]))

    def records(self, chosen: np.ndarray) -> np.ndarray:
        """Records of the rows with the indices `chosen` (B,), shape (B, T)."""
        return np.asarray(self._records[self._places[chosen]])


def outputs_dir() -> Path:
    """Where outputs are kept, one folder a teacher and regime."""
    return cache_dir() / "outputs"


def buy(
    teacher: Teacher,
    rows: torch.Tensor,
    batch: int,
    on_rows: Callable[[int], None] = lambda rows: None,
) -> Outputs:
    """The outputs of `teacher` on rows (R, T), read from disk where they were bought before.

    Args:
        teacher: who is asked.
        rows: token ids.
        batch: rows that are asked for together.
        on_rows: called with the number of rows that were bought, after each batch.

    Raises:
        InputError: if the disk is full or cannot be written; what was bought before is kept.
        TeacherLostError: if the teacher dies; likewise.
    """
    text = np.ascontiguousarray(rows.numpy(), dtype="<i8")
    record_type = teacher.record_type()
    access = teacher.access
    key = sha256_of_json(
        {
            "teacher": teacher.identity,
            "regime": access.granted.model_dump(mode="json"),
            "decimals": access.decimals,
            "noise": access.noise_nats,
            "tokens": text.shape[1],
        }
    )
    folder = outputs_dir() / key[:32]
    with room("the cache of teacher outputs", folder, "what was bought is kept and not paid again"), locked(folder):
        folder.mkdir(parents=True, exist_ok=True)
        meta = _meta(folder, teacher, text[:batch], record_type)
        size = record_type.itemsize * text.shape[1]
        known = _verified(folder, size)
        hashes = [sha256_of_bytes(row.tobytes()) for row in text]
        first = {digest: index for index, digest in reversed(list(enumerate(hashes)))}
        order = sorted(index for digest, index in first.items() if digest not in known)
        for start in range(0, len(order), batch):
            part = order[start : start + batch]
            started_s = time.monotonic()
            told = teacher.tell(text[part], meta.noise_scale)
            seconds = (time.monotonic() - started_s) / len(part)
            known |= _append(folder, [hashes[index] for index in part], told.records, size, seconds)
            on_rows(len(part))
        return Outputs(folder, record_type, (len(text), text.shape[1]), [known[digest] for digest in hashes])


def missing_rows(teacher: Teacher, rows: torch.Tensor) -> int:
    """How many of rows (R, T) would have to be bought."""
    text = np.ascontiguousarray(rows.numpy(), dtype="<i8")
    for folder in kept_folders():
        meta = read_meta(folder)
        if meta is not None and meta.teacher == teacher.identity and _same_regime(meta, teacher, text.shape[1]):
            known = _verified(folder, meta.record_bytes * text.shape[1])
            return len({sha256_of_bytes(row.tobytes()) for row in text} - known.keys())
    return len({row.tobytes() for row in text})


def kept_folders() -> list[Path]:
    """Folders of outputs in the cache."""
    return sorted(path.parent for path in outputs_dir().glob(f"*/{META_NAME}"))


def read_meta(folder: Path) -> Meta | None:
    """What a folder holds, or None where it cannot be read."""
    try:
        meta = Meta(**json.loads((folder / META_NAME).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    return meta if meta.format == FORMAT else None


def remove(folder: Path) -> int:
    """Remove a folder of outputs; nobody sees a part of it. Returns the bytes that were freed.

    Raises:
        InputError: if it holds no outputs, or another process uses it.
    """
    if not (folder / META_NAME).is_file():
        raise InputError(str(folder), "", "no kept outputs", f"a folder with {META_NAME}", "leave it alone")
    freed = sum(path.stat().st_size for path in folder.iterdir())
    with locked(folder, wait=False):
        gone = folder.with_name(f".{folder.name}.removed-{os.getpid()}")
        folder.replace(gone)
        shutil.rmtree(gone)
    folder.with_name(f".{folder.name}.lock").unlink(missing_ok=True)
    return freed


@contextlib.contextmanager
def locked(folder: Path, wait: bool = True) -> Iterator[None]:
    """One process at a time writes to `folder` or removes it."""
    try:
        import filelock
    except ImportError as error:
        raise MissingExtra("filelock", "measure") from error
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        with filelock.FileLock(folder.with_name(f".{folder.name}.lock"), timeout=-1 if wait else 0):
            yield
    except filelock.Timeout as error:
        raise InputError(str(folder), "", "in use", "a folder that no other process uses", "try again later") from error


def _meta(folder: Path, teacher: Teacher, first: np.ndarray, record_type: np.dtype) -> Meta:
    known = read_meta(folder)
    if known is not None:
        return known
    access = teacher.access
    regime = access.granted.model_dump(mode="json")
    meta = Meta(
        teacher.identity, regime, access.decimals, access.noise_nats, teacher.noise_scale(first), first.shape[1],
        record_type.itemsize,
    )  # fmt: skip
    write_text(folder / META_NAME, json.dumps(asdict(meta), indent=2, sort_keys=True) + "\n")
    return meta


def _same_regime(meta: Meta, teacher: Teacher, row_tokens: int) -> bool:
    access = teacher.access
    mine = (access.granted.model_dump(mode="json"), access.decimals, access.noise_nats, row_tokens)
    return mine == (meta.regime, meta.decimals, meta.noise_nats, meta.row_tokens)


def _verified(folder: Path, size: int) -> dict[str, Place]:
    """Place of each row whose records fit their checksum; a later line replaces an earlier one."""
    index, records = folder / INDEX_NAME, folder / RECORDS_NAME
    if not index.is_file() or not records.is_file():
        return {}
    found: dict[str, Place] = {}
    damaged = 0
    with records.open("rb") as stream:
        for line in index.read_text(encoding="utf-8", errors="replace").splitlines():
            parts = line.split()
            if len(parts) != 5 or parts[4] != ".":
                continue  # the line that a killed writer was in
            stream.seek(int(parts[1]) * size)
            if sha256_of_bytes(stream.read(size))[:32] == parts[2]:
                found[parts[0]] = Place(int(parts[1]), float(parts[3]))
            else:
                damaged += 1
    if damaged:
        note(f"{folder}: {damaged} rows do not fit their checksum and are asked for again")
    return found


def _append(folder: Path, hashes: list[str], records: np.ndarray, size: int, seconds: float) -> dict[str, Place]:
    """Records first, durable before the lines that name them; returns their places."""
    with (folder / RECORDS_NAME).open("ab") as stream:
        # Whole slots only: what a killed writer left behind is covered up to the next one.
        place = -(-stream.tell() // size)
        stream.write(b"\0" * (place * size - stream.tell()))
        blocks = [np.ascontiguousarray(row).tobytes() for row in records]
        for block in blocks:
            stream.write(block)
        stream.flush()
        os.fsync(stream.fileno())
    places = {digest: Place(place + offset, seconds) for offset, digest in enumerate(hashes)}
    lines = [
        f"{digest} {places[digest].slot} {sha256_of_bytes(block)[:32]} {seconds:.6f} .\n"
        for digest, block in zip(hashes, blocks, strict=True)
    ]
    with (folder / INDEX_NAME).open("a", encoding="utf-8") as index:
        index.write("\n" if _torn(folder / INDEX_NAME) else "")
        index.writelines(lines)
        index.flush()
        os.fsync(index.fileno())
    return places


def _torn(path: Path) -> bool:
    """Whether the last line of a file has no end."""
    size = path.stat().st_size
    if not size:
        return False
    with path.open("rb") as stream:
        stream.seek(size - 1)
        return stream.read(1) != b"\n"
