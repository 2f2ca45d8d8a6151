"""Jobs end when they are done, cancelled, or left alone; what they saved stays, and their names resume them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dashboard import errands, supervisor
from dashboard.jobs import Job, Jobs
from sim.shared.errors import InputError

SLEEPER = [sys.executable, "-c", "import time; print('here', flush=True); time.sleep(600)"]


@pytest.fixture
def jobs(tmp_path: Path) -> Iterator[Jobs]:
    made = Jobs(tmp_path / "jobs", lambda session: session != "gone")
    yield made
    for session in ("mine", "yours", "gone"):
        for job in made.of(session):
            made.cancel(job)
            wait(lambda job=job: job.ended is not None)


def wait(true: Callable[[], bool], seconds: float = 40.0) -> None:
    end_s = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end_s, "it did not happen in time"
        time.sleep(0.05)


def processes_of(folder: Path) -> list[int]:
    """Processes whose command line names the folder."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if str(folder).encode() in (entry / "cmdline").read_bytes():
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def sleeping(folder: Path, marker: str) -> subprocess.Popen[bytes]:
    """A supervisor over a command that sleeps for ever, whose command line names the marker."""
    folder.mkdir()
    (folder / supervisor.COMMAND).write_text(json.dumps([*SLEEPER, marker]))
    (folder / supervisor.LEASE).touch()
    started = subprocess.Popen(
        [sys.executable, "-m", "dashboard.supervisor", str(folder)], stdin=subprocess.PIPE, start_new_session=True
    )
    wait(lambda: (folder / supervisor.LOG).exists() and "here" in (folder / supervisor.LOG).read_text())
    return started


def test_a_job_runs_its_command_and_keeps_what_it_wrote(jobs: Jobs) -> None:
    job = jobs.start("mine", "a market", ["sim", "run", "network_effects", "--out", "{out}"])
    wait(lambda: job.ended is not None)
    assert job.ended is not None
    assert (job.ended.code, job.ended.reason) == (0, "finished"), job.log
    assert (job.folder / "out" / "manifest.json").is_file()
    assert job.progress == 1.0
    assert job.command == f"undercut sim run network_effects --out {job.folder / 'out'}"


def test_a_cancelled_job_ends_and_leaves_no_process(jobs: Jobs) -> None:
    job = jobs.start("mine", "a long market", ["sim", "run", "default", "--replications", "5000", "--out", "{out}"])
    wait(lambda: len(processes_of(job.folder)) >= 2)
    jobs.cancel(job)
    wait(lambda: job.ended is not None)
    assert job.ended is not None
    assert job.ended.reason == "cancelled"
    assert job.ended.code in (130, -signal.SIGINT), job.log  # it heard Ctrl-C, be it while it started; not killed
    wait(lambda: processes_of(job.folder) == [])


def test_another_session_sees_nothing_and_resumes_only_what_has_ended(jobs: Jobs) -> None:
    job = jobs.start("mine", "a long market", ["sim", "run", "default", "--replications", "5000", "--out", "{out}"])
    assert jobs.of("yours") == []
    with pytest.raises(InputError, match="does not run"):
        jobs.resume("yours", job.name)
    jobs.cancel(job)
    wait(lambda: job.ended is not None)
    again = jobs.resume("yours", job.name)
    assert again.ended is None
    assert jobs.of("yours") == [again]
    jobs.cancel(again)
    wait(lambda: again.ended is not None)


@pytest.mark.parametrize("name", ["", "../../etc", "x" * 11, "abc", "a/b/c/d/e/f"])
def test_a_name_that_is_none_is_refused(jobs: Jobs, name: str) -> None:
    with pytest.raises(InputError, match="the name of a job"):
        jobs.resume("mine", name)


def test_only_so_many_run_at_once(jobs: Jobs) -> None:
    words = ["sim", "run", "default", "--replications", "5000", "--out", "{out}"]
    for _ in range(2):
        jobs.start("mine", "long", words)
    with pytest.raises(InputError, match="at most 2"):
        jobs.start("yours", "one more", words)


def test_leases_of_sessions_that_are_gone_are_not_renewed(jobs: Jobs) -> None:
    words = ["sim", "run", "default", "--replications", "5000", "--out", "{out}"]
    here, gone = jobs.start("mine", "long", words), jobs.start("gone", "long", words)
    for job in (here, gone):
        os.utime(job.folder / supervisor.LEASE, (1.0, 1.0))
    jobs.renew()
    assert (gone.folder / supervisor.LEASE).stat().st_mtime == 1.0
    wait(lambda: gone.ended is not None)
    assert gone.ended is not None
    assert gone.ended.reason == "its session ended"
    assert here.ended is None or here.ended.reason == "its session ended"  # the supervisor may have looked in between


def test_a_job_ends_when_its_server_is_gone(tmp_path: Path) -> None:
    started = sleeping(tmp_path / "job", str(tmp_path))
    assert started.stdin is not None
    started.stdin.close()  # what the kernel does for a server that is killed
    started.wait(30)
    assert json.loads((tmp_path / "job" / supervisor.ENDED).read_text())["reason"] == "the server ended"
    assert processes_of(tmp_path) == []


def test_the_command_dies_with_its_supervisor(tmp_path: Path) -> None:
    started = sleeping(tmp_path / "job", str(tmp_path))
    os.kill(started.pid, signal.SIGKILL)
    started.wait(30)
    wait(lambda: processes_of(tmp_path) == [])


def test_a_server_that_is_killed_takes_its_jobs_along(tmp_path: Path) -> None:
    program = (
        "import time; from pathlib import Path; from dashboard.jobs import Jobs\n"
        f"jobs = Jobs(Path({str(tmp_path)!r}), lambda session: True)\n"
        "jobs.start('mine', 'long', ['sim', 'run', 'default', '--replications', '5000', '--out', '{out}'])\n"
        "print('started', flush=True); time.sleep(600)"
    )
    server = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
    assert server.stdout is not None
    assert server.stdout.readline() == b"started\n"
    wait(lambda: len(processes_of(tmp_path)) >= 3)  # the server, the supervisor, the command
    server.kill()
    server.wait()
    wait(lambda: processes_of(tmp_path) == [])
    assert len(list(tmp_path.glob("*/ended.json"))) == 1


def test_progress_is_read_from_the_log(tmp_path: Path) -> None:
    job = Job("x", "", (), tmp_path)
    assert job.progress is None
    (tmp_path / supervisor.LOG).write_text("market: 5% of 20 runs, 1 runs/s\nmarket: 45% of 20 runs, 1 runs/s, more\n")
    assert job.progress == 0.45


def test_errands_take_nothing_that_is_not_on_the_list() -> None:
    with pytest.raises(InputError):
        errands.measure(["--out=/etc"], ["teacher"], 0)
    with pytest.raises(InputError):
        errands.distil("../../x.yaml", ["demo"], 0)
    with pytest.raises(InputError):
        errands.play("/etc/passwd", ["default"], 1, 0)
    assert errands.measure(["teacher"], ["teacher"], 10).words[:4] == ("eval", "run", "--models", "teacher")
