"""A full disk as one clear message, whichever library met it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from sim.shared.errors import InputError
from sim.shared.paths import NO_ROOM


@contextlib.contextmanager
def room(what: str, folder: Path, kept: str) -> Iterator[None]:
    """Turn what a full disk raises inside the block into an InputError that says what is kept.

    safetensors writes in Rust and tells of a full disk in the text of an error of its own.
    """
    from safetensors import SafetensorError

    try:
        yield
    except (OSError, SafetensorError) as error:
        full = error.errno in NO_ROOM if isinstance(error, OSError) else _told_in_text(error)
        if not full:
            raise
        reason = getattr(error, "strerror", None) or "no space left"
        remedy = f"make room, or set UNDERCUT_CACHE_DIR to another disk; {kept}"
        raise InputError(what, "", str(folder), f"a disk with room ({reason})", remedy) from error


def _told_in_text(error: Exception) -> bool:
    return any(f"code: {number}," in str(error) or f"os error {number})" in str(error) for number in NO_ROOM)
