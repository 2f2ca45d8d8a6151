"""The eval runs that a page may show: those of the working folder, and those of a session's own jobs. Pure.

Jobs of other sessions are left out: a job's name opens it, and only the page that started it tells the name.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dashboard.jobs import ROOT
from sim.shared.errors import InputError
from sim.shared.manifest import MANIFEST_NAME, read_manifest

KIND = "eval"
RUNS = Path("runs")
COMMAND = "undercut eval run --models smollm2-135m-instruct,demo-student --suite mini"


def find_eval_runs(own: Sequence[Path] = (), runs: Path = RUNS, jobs: Path = ROOT) -> list[Path]:
    """Folders that `undercut eval run` wrote, the latest first.

    Args:
        own: output folders of the session's jobs.
        runs: of the working folder; looked through two levels deep.
        jobs: that no session sees but its own.
    """
    found = [
        folder
        for pattern in ("*", "*/*")
        for folder in sorted(runs.glob(pattern))
        if folder.is_dir() and jobs not in (folder, *folder.parents)
    ]
    mine = [folder for folder in [*own, *found] if _is_eval(folder)]
    return sorted(mine, key=lambda folder: (folder / MANIFEST_NAME).stat().st_mtime, reverse=True)


def _is_eval(folder: Path) -> bool:
    if not (folder / MANIFEST_NAME).is_file():
        return False
    try:
        return read_manifest(folder).kind == KIND
    except InputError:
        return False
