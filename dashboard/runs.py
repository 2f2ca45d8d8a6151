"""Background runs: markets in worker processes, each made once and shared by all sessions of the server.

A Streamlit script runs in a thread of the server. Markets run in processes of their own, so that one session's work
delays no other session's page, and the market with the entry runs beside the one without.
"""

from __future__ import annotations

import os
import pickle
import queue
import subprocess
import sys
import threading
from collections import OrderedDict
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from dashboard.worker import OneRun, Reply, Task
from sim.shared.errors import UndercutError
from sim.world.customers.threads import THREADS_ENV

MOST_WORKERS = 4
MOST_KEPT_RUNS = 400  # about 0.3 MB each


@dataclass(frozen=True)
class Key:
    """What a run depends on."""

    version: str
    scenario_sha256: str
    catalog_sha256: str
    seed: int
    draw: int


class WorkerLost(UndercutError):
    """A worker process ended before it answered."""


class Worker:
    """One worker process; `run` blocks until it has answered."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", "from dashboard.worker import main; main()"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # The workers share the processors among themselves; threads inside each would only compete.
            env={**os.environ, THREADS_ENV: "1"},
        )

    @property
    def alive(self) -> bool:
        """Whether the process still runs."""
        return self._process.poll() is None

    @property
    def pid(self) -> int:
        """The process's number."""
        return self._process.pid

    def run(self, task: Task) -> OneRun:
        """One run.

        Raises:
            UndercutError: whatever the market refuses; WorkerLost if the process ended.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            pickle.dump(task, self._process.stdin, protocol=pickle.HIGHEST_PROTOCOL)
            self._process.stdin.flush()
            reply: Reply = pickle.load(self._process.stdout)
        except (OSError, EOFError, pickle.UnpicklingError) as error:
            self.end()
            raise WorkerLost("a worker of the dashboard ended early (out of memory?); try again") from error
        if reply.run is None:
            raise reply.error or WorkerLost("a worker of the dashboard answered nothing; try again")
        return reply.run

    def end(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()


class Runs:
    """All runs of the server, finished and under way, by their keys; the least recently used ones are forgotten."""

    def __init__(self, workers: int | None = None) -> None:
        self._count = workers or min(os.cpu_count() or 1, MOST_WORKERS)
        self._threads = ThreadPoolExecutor(self._count, thread_name_prefix="undercut-run")
        self._idle: queue.SimpleQueue[Worker] = queue.SimpleQueue()
        for _ in range(self._count):
            self._idle.put(Worker())
        self._lock = threading.Lock()
        self._futures: OrderedDict[Key, Future[OneRun]] = OrderedDict()

    def submit(self, key: Key, task: Task) -> Future[OneRun]:
        """The run's future: the one under way or finished, else a new one. Failed runs are tried anew."""
        with self._lock:
            known = self._futures.get(key)
            if known is not None and not (known.done() and known.exception() is not None):
                self._futures.move_to_end(key)
                return known
            future = self._threads.submit(self._work, task)
            self._futures[key] = future
            while len(self._futures) > MOST_KEPT_RUNS:
                self._futures.popitem(last=False)
            return future

    def known(self, key: Key) -> bool:
        """Whether the run is finished, and well."""
        with self._lock:
            future = self._futures.get(key)
            return future is not None and future.done() and future.exception() is None

    def close(self) -> None:
        """End the workers; for tests, as those of a server end with it."""
        self._threads.shutdown(wait=True, cancel_futures=True)
        while not self._idle.empty():
            self._idle.get().end()

    def _work(self, task: Task) -> OneRun:
        worker = self._idle.get()
        try:
            if not worker.alive:
                worker = Worker()
            return worker.run(task)
        finally:
            self._idle.put(worker)
