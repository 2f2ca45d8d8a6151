"""Blocks of rows over a pool of threads.

Kernels release the interpreter's lock and each writes to its own place; sums are taken afterwards in the order of the
blocks, so the result does not depend on the number of threads. numba's own threading layers are not used: they differ
by platform, and one of them fails under concurrent sessions.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from sim.shared.errors import InputError

THREADS_ENV = "UNDERCUT_THREADS"
SERIAL_ROWS = 10_000
Task = TypeVar("Task")


def thread_count() -> int:
    """Threads to use: `UNDERCUT_THREADS`, else the number of processors.

    Raises:
        InputError: if the variable is not a positive whole number.
    """
    text = os.environ.get(THREADS_ENV, "")
    if not text:
        return os.cpu_count() or 1
    if not text.isdigit() or int(text) < 1:
        raise InputError(THREADS_ENV, "", text, "a whole number of at least 1", "unset it or correct it")
    return int(text)


@functools.cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=threads, thread_name_prefix="undercut")


def for_each(work: Callable[[Task], None], tasks: Sequence[Task], rows: int) -> None:
    """Run `work` on every task; returns when all are done.

    `rows` is the work in all, in units of one row seen once; below `SERIAL_ROWS` handing it to threads costs more than
    it saves, and it is done on the spot.
    """
    threads = min(thread_count(), len(tasks)) if rows >= SERIAL_ROWS else 1
    if threads <= 1:
        for task in tasks:
            work(task)
        return
    for _ in _pool(threads).map(work, tasks):
        pass
