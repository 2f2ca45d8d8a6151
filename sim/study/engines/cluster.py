"""Points on a Ray cluster: one that runs already, or one of its own on this machine.

Ray's own retries are off, and this engine counts them: Ray repeats a task that was killed for memory without end. A
point whose worker or node dies is tried again elsewhere, a few times; what is finished is on the driver's disk, so a
cluster that is lost as a whole loses the points under way. Nothing is sent to Ray's makers.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING, Any

from sim.study.engines.local import bound_memory, one_thread

if TYPE_CHECKING:
    from sim.study.design import Point
    from sim.study.point import Context, Outcome

RETRIES = 3
PROBE_S = 5.0
HEALTH_S = 30.0
LOOK_AGAIN_S = 5.0  # how often the size of the cluster is asked
QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_DEDUP_LOGS": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}

_here: dict[str, Any] = {}  # of a worker process: the context of the sweep that it serves, pickled and loaded


class RayEngine:
    """A Ray cluster.

    Args:
        address: HOST:PORT of its head ("auto": the one of this machine); None starts one here.
        workers: points beside each other; None for the cluster's processors.

    Raises:
        MissingExtra: if Ray is not installed.
        InputError: if nothing answers at the address, or what answers is no Ray cluster with processors.
    """

    name = "ray"

    def __init__(self, address: str | None = None, workers: int | None = None) -> None:
        from sim.shared.errors import InputError, MissingExtra

        os.environ.update(QUIET)  # read when Ray is imported
        try:
            import ray
        except ImportError as error:
            raise MissingExtra("ray", "ray") from error
        if address is not None and address != "auto":
            probe(address)
            check_health(address)
        self._ray, self._most = ray, workers
        if not ray.is_initialized():
            try:
                if address is None:
                    ray.init(address="local", num_cpus=workers, include_dashboard=False, **_quietly())
                else:
                    ray.init(address=address, **_quietly())
            except Exception as error:
                # Ray raises ConnectionError, RuntimeError, ValueError and its own, by version and by what answers.
                raise InputError(
                    "--address", "", address or "a cluster of its own", "a Ray cluster that answers",
                    f"start one with `ray start --head`, or correct the option ({_first_line(error)})",
                ) from error  # fmt: skip
        if self._processors() < 1:
            raise InputError("--address", "", address, "a cluster with processors", "add nodes to it")

    @property
    def workers(self) -> int:
        """Points that run beside each other now; a cluster may grow and shrink."""
        return min(self._most or self._processors(), self._processors())

    def close(self) -> None:
        """Leave the cluster; one of its own ends."""
        self._ray.shutdown()

    def outcomes(self, context: Context, points: Iterator[Point]) -> Generator[Outcome, None, None]:
        """See `Engine`."""
        from sim.study.point import DIED, Outcome

        ray, sweep = self._ray, context.plan.sweep
        task = ray.remote(run_there).options(num_cpus=1, max_retries=0)
        shared = ray.put(pickle.dumps(context))
        under_way: dict[Any, Point] = {}
        again: deque[Point] = deque()
        deaths: dict[int, int] = {}
        room, looked = self.workers, time.monotonic()
        try:
            while True:
                if time.monotonic() - looked > LOOK_AGAIN_S:
                    room, looked = self.workers, time.monotonic()
                while len(under_way) <= room:  # one more than there are workers: whoever ends finds the next one there
                    point = again.popleft() if again else next(points, None)
                    if point is None:
                        break
                    under_way[task.remote(shared, point, sweep.timeout_s, sweep.memory_mb)] = point
                if not under_way:
                    return
                for ended in ray.wait(list(under_way), num_returns=1, timeout=LOOK_AGAIN_S)[0]:
                    point = under_way.pop(ended)
                    try:
                        outcome: Outcome = ray.get(ended)
                    except ray.exceptions.RayTaskError as error:
                        raise _cannot_work(error) from error
                    except ray.exceptions.RayError:
                        deaths[point.number] = deaths.get(point.number, 0) + 1
                        if deaths[point.number] <= RETRIES:
                            again.append(point)
                            continue
                        outcome = Outcome(point.number, reason=DIED)
                    deaths.pop(point.number, None)
                    yield outcome
        finally:
            for unfinished in under_way:
                with contextlib.suppress(Exception):  # the cluster may be gone
                    ray.cancel(unfinished, force=True)

    def _processors(self) -> int:
        return int(self._ray.cluster_resources().get("CPU", 0))


def probe(address: str) -> None:
    """Raise unless something listens at an address.

    Raises:
        InputError: for an address that is none, or at which nothing answers within `PROBE_S`.
    """
    from sim.shared.errors import InputError

    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if not colon or not host or not port.isdigit() or not 0 < int(port) < 65_536:
        raise InputError("--address", "", address, "HOST:PORT, such as 10.0.0.1:6379, or auto", "correct the option")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=PROBE_S).close()
    except OSError as error:
        raise InputError(
            "--address", "", address, f"the head of a Ray cluster ({error.strerror or error})",
            "start it with `ray start --head`, or correct the option",
        ) from error  # fmt: skip


def check_health(address: str) -> None:
    """Raise unless what listens is the head of a Ray cluster; `ray.init` would ask anything else for many minutes.

    Addresses of Ray's client (ray://) have no such check.

    Raises:
        InputError: if it is something else, or does not say within `HEALTH_S`.
    """
    from sim.shared.errors import InputError

    if address.startswith("ray://"):
        return
    command = [sys.executable, "-m", "ray.scripts.scripts", "health-check", "--address", address]
    try:
        healthy = subprocess.run(command, capture_output=True, timeout=HEALTH_S, check=False).returncode == 0
    except subprocess.TimeoutExpired:
        healthy = False
    if not healthy:
        raise InputError(
            "--address", "", address, "a Ray cluster that answers (something else listens there)",
            "name the head's port, 6379 where nothing else was said",
        )  # fmt: skip


def run_there(context: bytes, point: Point, timeout_s: float, memory_mb: float | None) -> Outcome:
    """A point, in a worker of the cluster; it ends itself when its time is over, since Ray knows no limit of time.

    The context comes pickled, so that the number of threads stands before a library is loaded that reads it.
    """
    one_thread()
    from sim.study.point import Outcome, run_point, too_long, warm_up

    if _here.get("context") != context:
        bound_memory(None)
        _here["context"], _here["loaded"] = context, pickle.loads(context)
        warm_up(_here["loaded"])
    bound_memory(memory_mb)
    try:
        with _time_limit(timeout_s):
            return run_point(_here["loaded"], point)
    except _TimeOver:
        return Outcome(point.number, reason=too_long(timeout_s))


class _TimeOver(BaseException):
    """No Exception, so that nothing on the way takes it for an error of the point."""


@contextlib.contextmanager
def _time_limit(timeout_s: float) -> Iterator[None]:
    """Raise `_TimeOver` inside the block when its time is over; end the process where the block does not listen."""

    def over(*_: object) -> None:
        raise _TimeOver

    before = signal.signal(signal.SIGALRM, over)
    last = threading.Timer(2 * timeout_s + 30, os._exit, (1,))
    last.daemon = True
    last.start()
    signal.setitimer(signal.ITIMER_REAL, timeout_s)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        last.cancel()


def _quietly() -> dict[str, Any]:
    return {"log_to_driver": False, "logging_level": "ERROR"}


def _cannot_work(error: Exception) -> Exception:
    """The workers' own failure: no point causes it, so it is nobody's reason but the cluster's."""
    from sim.shared.errors import InputError

    return InputError(
        "--backend", "", f"ray: {_first_line(getattr(error, 'cause', None) or error)}", "nodes that hold this program",
        "install the same version of undercut on every node",
    )  # fmt: skip


def _first_line(error: object) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)[:200]
