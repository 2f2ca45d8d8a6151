"""Watches one job in a process of its own: runs its command, keeps its log, and ends it when nobody wants it any more.

A job ends when its command does, when a file `cancel` lies in its folder, when the server is gone (the pipe on standard
input closes, however the server died), or when its lease has not been renewed for `LEASE_S`. The command is asked to
stop as Ctrl-C would, so that it keeps what it has, and killed after `GRACE_S`. How it ended stands in `ended.json`.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import select
import signal
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

LEASE_S = 60.0
GRACE_S = 10.0
LOOK_S = 0.2
COMMAND, LOG, LEASE, CANCEL, ENDED = "command.json", "log.txt", "lease", "cancel", "ended.json"
PR_SET_PDEATHSIG = 1

Reason = Literal["finished", "cancelled", "the server ended", "its session ended"]


@dataclass(frozen=True)
class Ended:
    """How a job ended: the command's exit code, why, and after how long."""

    code: int
    reason: Reason
    seconds: float


def watch(folder: Path, pipe: int) -> Ended:
    """Run the command of `folder` to its end, whatever that is.

    Args:
        folder: holds `command.json`, a list of words, and `lease`.
        pipe: a descriptor that is closed, or read to its end, when the server is gone.
    """
    started_s = time.monotonic()
    words: list[str] = json.loads((folder / COMMAND).read_text(encoding="utf-8"))
    with (folder / LOG).open("ab") as log:
        process = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, preexec_fn=_set_free
        )
    reason: Reason = "finished"
    while process.poll() is None:
        found = _unwanted(folder, pipe)
        if found is not None:
            reason = found
            _end(process)
            break
        time.sleep(LOOK_S)
    # Whatever the command started and left behind ends with it.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    ended = Ended(process.wait(), reason, time.monotonic() - started_s)
    beside = folder / f"{ENDED}.tmp"
    beside.write_text(json.dumps(asdict(ended)), encoding="utf-8")
    beside.replace(folder / ENDED)
    return ended


def _unwanted(folder: Path, pipe: int) -> Reason | None:
    if (folder / CANCEL).exists():
        return "cancelled"
    if select.select([pipe], [], [], 0)[0] and not os.read(pipe, 1):
        return "the server ended"
    try:
        age_s = time.time() - (folder / LEASE).stat().st_mtime
    except FileNotFoundError:
        return "its session ended"
    return "its session ended" if age_s > LEASE_S else None


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ask as Ctrl-C does; after the grace, do not ask."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGINT)
    try:
        process.wait(GRACE_S)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def _set_free() -> None:
    """In the command: hear Ctrl-C, which this process ignores, and die with it, which on Linux the kernel sees to."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def main() -> None:
    """`python -m dashboard.supervisor FOLDER`."""
    # Ctrl-C reaches the server's whole group; the server's end is then seen on the pipe.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    watch(Path(sys.argv[1]), sys.stdin.fileno())


if __name__ == "__main__":
    main()
