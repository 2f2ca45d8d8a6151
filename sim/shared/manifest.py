"""The manifest of an output folder: what was run, on what, from which inputs.

Time, host and absolute paths stand in the manifest only, so that tables of equal content have equal bytes.
"""

from __future__ import annotations

import datetime
import hashlib
import importlib.metadata
import json
import os
import platform
import subprocess
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from sim.shared.paths import write_text

Evidence = Literal["measured", "cited", "assumed"]
MANIFEST_NAME = "manifest.json"
LIBRARIES = ("numpy", "pandas", "pyarrow", "numba", "simpy", "scipy", "torch", "transformers", "lm_eval")


@dataclass(frozen=True)
class Input:
    """One input of a run: its name, what kind of evidence it is, where it comes from, and the hash of its content."""

    name: str
    evidence: Evidence
    source: str
    sha256: str = ""


@dataclass(frozen=True)
class Manifest:
    """Everything needed to make a folder's tables again.

    `content` maps each table's file name to the sha256 of its bytes; `settings` holds what is particular to the kind
    of run (seeds, hashes of scenario and catalog, replications, tokens, threads). `took` holds what differs each time:
    seconds, memory. Exports leave it out, with time and host.
    """

    kind: str
    command: str
    settings: dict[str, Any] = field(default_factory=dict)
    inputs: tuple[Input, ...] = ()
    content: dict[str, str] = field(default_factory=dict)
    took: dict[str, Any] = field(default_factory=dict)
    version: str = field(default_factory=lambda: undercut_version())
    commit: str = field(default_factory=lambda: source_commit())
    libraries: dict[str, str] = field(default_factory=lambda: library_versions())
    host: dict[str, Any] = field(default_factory=lambda: host_facts())
    written_at: str = field(default_factory=lambda: datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"))

    def write(self, folder: Path) -> Path:
        """Write `manifest.json` into `folder` and return its path."""
        path = folder / MANIFEST_NAME
        write_text(path, json.dumps(asdict(self), indent=2, sort_keys=True, ensure_ascii=False) + "\n")
        return path


def read_manifest(folder: Path) -> Manifest:
    """The manifest of `folder`.

    Raises:
        InputError: if there is none or it is not a manifest.
    """
    from sim.shared.errors import InputError

    path = folder / MANIFEST_NAME
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        raw["inputs"] = tuple(Input(**item) for item in raw.get("inputs", ()))
        return Manifest(**raw)
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise InputError(
            source=str(folder),
            received=f"no readable {MANIFEST_NAME} ({type(error).__name__})",
            allowed="an output folder of undercut",
            remedy="pass the folder that a run named with --out",
        ) from error


def undercut_version() -> str:
    """The installed distribution's version."""
    return importlib.metadata.version("undercut")


def library_versions() -> dict[str, str]:
    """Versions of the installed libraries that can move a number, without importing any."""
    found = {}
    for name in LIBRARIES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def source_commit() -> str:
    """The commit of the checkout this code runs from, or "" for an installed wheel."""
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return ""
    try:
        done = subprocess.run(
            ["git", "rev-parse", "HEAD"], cwd=root, capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def host_facts() -> dict[str, Any]:
    """Processor, cores, memory in bytes, system: enough to judge whether a timing compares."""
    return {
        "system": platform.platform(),
        "processor": _processor_name(),
        "cores": os.cpu_count(),
        "memory_bytes": _memory_bytes(),
        "python": platform.python_version(),
    }


def _processor_name() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _memory_bytes() -> int:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        return 0


def sha256_of_bytes(content: bytes) -> str:
    """Hex sha256 of bytes."""
    return hashlib.sha256(content).hexdigest()


def sha256_of_file(path: Path) -> str:
    """Hex sha256 of a file, read in blocks."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def sha256_of_json(value: Any) -> str:
    """Hex sha256 of a value's canonical JSON (sorted keys, shortest floats)."""
    return sha256_of_bytes(json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode())
