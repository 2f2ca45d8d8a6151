"""Jobs: commands that a session started from a page, each in a folder of its own under the server's working folder.

A job belongs to its session: nobody else sees it in a list, and it ends with the session (see `dashboard.supervisor`).
What it saved stays. Its name is hard to guess and opens it again: whoever knows it may resume the job, and the same
command resumes it from a terminal.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from dashboard.supervisor import CANCEL, COMMAND, ENDED, LEASE, LOG, Ended
from sim.shared.errors import InputError

ROOT = Path("runs") / "jobs"
RENEW_S = 10.0
MOST_RUNNING = 2
NAME = re.compile(r"^[A-Za-z0-9_-]{11}$")
OUT = "out"
OUT_WORD = "{out}"  # stands for the job's output folder in a command
TAIL_BYTES = 20_000


@dataclass(frozen=True)
class Job:
    """One job.

    Attributes:
        name: hard to guess.
        title: in words.
        words: of the `undercut` command, without the program.
        folder: holds the log, and what the command writes.
    """

    name: str
    title: str
    words: tuple[str, ...]
    folder: Path

    @property
    def command(self) -> str:
        """What resumes it in a terminal."""
        import shlex

        return shlex.join(["undercut", *self.words])

    @property
    def ended(self) -> Ended | None:
        """How it ended; None while it runs."""
        try:
            return Ended(**json.loads((self.folder / ENDED).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None

    @property
    def log(self) -> str:
        """The end of what it said."""
        try:
            with (self.folder / LOG).open("rb") as stream:
                stream.seek(max((self.folder / LOG).stat().st_size - TAIL_BYTES, 0))
                return stream.read().decode("utf-8", "replace")
        except OSError:
            return ""

    @property
    def progress(self) -> float | None:
        """The share done that its last line of progress told, in [0, 1]; None where it told none."""
        told = re.findall(r": (\d{1,3})% of ", self.log)
        return min(int(told[-1]), 100) / 100 if told else None


class Jobs:
    """The server's jobs by session.

    Args:
        root: where their folders lie.
        alive: whether a session is still there.
    """

    def __init__(self, root: Path, alive: Callable[[str], bool]) -> None:
        self._root, self._alive = root, alive
        self._lock = threading.Lock()
        self._jobs: dict[str, list[Job]] = {}
        self._watching: dict[str, subprocess.Popen[bytes]] = {}
        threading.Thread(target=self._renew_for_ever, daemon=True, name="undercut-leases").start()

    def start(self, session: str, title: str, words: Sequence[str]) -> Job:
        """Start a command for a session; `{out}` in it stands for the job's own output folder.

        Raises:
            InputError: if as many jobs run as may.
        """
        name = secrets.token_urlsafe(8)
        folder = self._root / name
        whole = tuple(word.replace(OUT_WORD, str(folder / OUT)) for word in words)
        job = Job(name, title, whole, folder)
        with self._lock:
            self._check_room()
            folder.mkdir(parents=True)
            (folder / "job.json").write_text(json.dumps({"title": title, "words": whole}), encoding="utf-8")
            self._launch(session, job)
        return job

    def resume(self, session: str, name: str) -> Job:
        """Take a job up by its name, for this session: watch it where it runs for it, else run its command again.

        Raises:
            InputError: if there is no such job, or it runs for another session.
        """
        job = self._read(name)
        with self._lock:
            running = self._watching.get(name)
            if running is not None and running.poll() is None and job.ended is None:
                if job in self._jobs.get(session, []):
                    return job
                raise InputError("job", "", name, "a job that does not run", "cancel it where it was started")
            self._check_room()
            for leftover in (ENDED, CANCEL):
                (job.folder / leftover).unlink(missing_ok=True)
            self._launch(session, job)
        return job

    def of(self, session: str) -> list[Job]:
        """The jobs of a session, the latest first."""
        with self._lock:
            return list(reversed(self._jobs.get(session, [])))

    def cancel(self, job: Job) -> None:
        """Ask a job to stop; what it has is kept."""
        (job.folder / CANCEL).touch()

    def _launch(self, session: str, job: Job) -> None:
        (job.folder / COMMAND).write_text(json.dumps([sys.executable, "-m", "dashboard", *job.words]), encoding="utf-8")
        (job.folder / LEASE).touch()
        self._watching[job.name] = subprocess.Popen(
            [sys.executable, "-m", "dashboard.supervisor", str(job.folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
        mine = self._jobs.setdefault(session, [])
        mine[:] = [*(other for other in mine if other.name != job.name), job]

    def _check_room(self) -> None:
        running = [name for name, process in self._watching.items() if process.poll() is None]
        if len(running) >= MOST_RUNNING:
            raise InputError(
                "job", "", f"{len(running)} jobs of this server are running", f"at most {MOST_RUNNING}",
                "wait for one to end, or cancel one",
            )  # fmt: skip

    def _read(self, name: str) -> Job:
        folder = self._root / name
        if NAME.match(name) and (folder / "job.json").is_file():
            raw = json.loads((folder / "job.json").read_text(encoding="utf-8"))
            return Job(name, str(raw["title"]), tuple(raw["words"]), folder)
        raise InputError("job", "", name[:40], "the name of a job of this server", "copy it from the page that told it")

    def renew(self) -> None:
        """Renew the leases of the jobs whose sessions are there."""
        with self._lock:
            living = [job for session, jobs in self._jobs.items() if self._alive(session) for job in jobs]
        now_s = time.time()
        for job in living:
            if (job.folder / LEASE).exists():
                os.utime(job.folder / LEASE, (now_s, now_s))

    def _renew_for_ever(self) -> None:
        while True:
            time.sleep(RENEW_S)
            self.renew()
