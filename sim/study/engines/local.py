"""Points in worker processes of this machine (pebble): one that dies or passes its time is one failed point.

Workers are spawned, never forked, so that no lock or thread of the parent is copied; each uses one thread, because the
points already use all processors. Rejected: joblib and concurrent.futures, where one dead worker loses the whole batch.
"""

from __future__ import annotations

import itertools
import os
import pickle
import signal
import sys
import threading
import time
from collections.abc import Generator, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures import TimeoutError as PointTimeout
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sim.study.design import Point
    from sim.study.point import Context, Outcome

PARENT_CHECK_S = 0.5
ONE_THREAD = ("UNDERCUT_THREADS", "NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
MOST_BREAKS = 3  # in a row, without an outcome between them

_here: dict[str, Any] = {}  # of a worker process: its context


class LocalEngine:
    """Worker processes of this machine.

    Args:
        workers: how many; None for one a processor.
    """

    name = "local"

    def __init__(self, workers: int | None = None) -> None:
        self.workers = workers or processors()
        self._pool: Any = None
        self._serves = b""  # the pickled context that the pool's workers hold

    def close(self) -> None:
        """End the workers."""
        if self._pool is not None:
            self._pool.stop()
            self._pool.join()
            self._pool = None

    def outcomes(self, context: Context, points: Iterator[Point]) -> Generator[Outcome, None, None]:
        """See `Engine`."""
        from sim.shared.errors import InputError

        again: list[Point] = []
        breaks = 0
        while breaks < MOST_BREAKS:
            waiting: dict[int, Point] = {}
            try:
                for outcome in self._pooled(context, itertools.chain(again, points), waiting):
                    breaks = 0
                    yield outcome
                return
            except BrokenProcessPool:
                again = list(waiting.values())
                breaks += 1
        raise InputError(
            "--backend", "", "local: no worker process starts", "a program that Python can start anew",
            'in a script of your own, call it below `if __name__ == "__main__":`',
        )  # fmt: skip

    def _pooled(self, context: Context, points: Iterator[Point], waiting: dict[int, Point]) -> Iterator[Outcome]:
        """Outcomes from one pool; `waiting` holds what is under way, by number, also when the pool breaks."""
        from pebble import ProcessExpired

        from sim.study.point import DIED, Outcome, too_long

        sweep, pool = context.plan.sweep, self._pool_for(context)
        futures: dict[Future[Outcome], int] = {}
        try:
            while True:
                # One point more than there are workers: whoever ends finds the next one there.
                for point in itertools.islice(points, self.workers + 1 - len(waiting)):
                    waiting[point.number] = point
                    futures[pool.schedule(run_here, args=(point,), timeout=sweep.timeout_s)] = point.number
                if not waiting:
                    break
                for future in wait(futures, return_when=FIRST_COMPLETED).done:
                    number = futures.pop(future)
                    try:
                        outcome = future.result()
                    except PointTimeout:
                        outcome = Outcome(number, reason=too_long(sweep.timeout_s))
                    except ProcessExpired:
                        outcome = Outcome(number, reason=DIED)
                    del waiting[number]
                    yield outcome
        except BaseException:  # interrupted, closed or broken: what is under way is dropped with its workers
            self.close()
            raise

    def _pool_for(self, context: Context) -> Any:
        """The pool whose workers hold this context: the one of the last batch, if it was of the same sweep."""
        from pebble import ProcessPool

        pickled = pickle.dumps(context)
        if self._pool is None or pickled != self._serves:
            self.close()
            limit_mb = context.plan.sweep.memory_mb or memory_bytes() / 2**20 / self.workers
            given = (pickled, limit_mb, os.getpid())
            self._pool = ProcessPool(self.workers, initializer=prepare, initargs=given, context=get_context("spawn"))
            self._serves = pickled
        return self._pool


def processors() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def memory_bytes() -> int:
    """Memory of this machine."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def prepare(context: bytes, limit_mb: float, parent: int) -> None:
    """Of a new worker: one thread, no more memory than its part, and no life after the parent's.

    The context comes pickled, so that the number of threads stands before a library is loaded that reads it.
    """
    threading.Thread(target=_leave_with, args=(parent,), daemon=True).start()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides
    one_thread()
    _here["context"] = pickle.loads(context)
    from sim.study.point import warm_up

    # The bound is one on points: compiling kernels, once a machine, may take more than a point needs.
    warm_up(_here["context"])
    bound_memory(limit_mb)


def one_thread() -> None:
    """Let libraries that this process has yet to load use one thread."""
    for name in ONE_THREAD:
        os.environ[name] = "1"


def bound_memory(most_mb: float | None) -> None:
    """Let this process hold no more memory from now on, where the system knows such a bound; None lifts it.

    What libraries reserve and never touch (it grows with the machine's processors) is not counted.
    """
    if sys.platform == "linux":
        import resource

        hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
        most = hard if most_mb is None else int(most_mb * 2**20) + _untouched_bytes()
        resource.setrlimit(resource.RLIMIT_DATA, (most, hard))


def _untouched_bytes() -> int:
    """Address space for data of this process that holds no memory; reads Linux's /proc."""
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    data, resident = (int(status[name].split()[0]) * 1024 for name in ("VmData", "RssAnon"))
    return max(data - resident, 0)


def run_here(point: Point) -> Outcome:
    """A point, in a worker."""
    from sim.study.point import run_point

    return run_point(_here["context"], point)


def _leave_with(parent: int) -> None:
    """End this process when its parent is gone, however it went."""
    while os.getppid() == parent:
        time.sleep(PARENT_CHECK_S)
    os._exit(1)
