"""The suite `local`: a user's own copies of standard benchmarks, found below a folder by the layout of their files."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from evalsuite.suites.suite import Suite, TaskRef
from evalsuite.suites.upstream import BENCHMARKS, SUFFIXES, Benchmark, Documents
from sim.shared.errors import InputError
from sim.shared.manifest import sha256_of_bytes
from sim.shared.paths import cache_dir, replacing_dir, write_text

DEPTH = 3  # folders below the data folder that are looked into
MARK = "suite.json"


def local_suite(data_dir: Path | None, tasks: Sequence[str] | None = None) -> Suite:
    """The benchmarks that lie below `data_dir`.

    Args:
        tasks: where all of them are there, these alone are read, so that another's damage does not matter.

    Raises:
        InputError: if no folder is named or it holds none, or a benchmark's file is empty.
    """
    if data_dir is None:
        raise InputError("--data-dir", "", "nothing", "a folder", "say where your copies of the benchmarks lie")
    if not data_dir.is_dir():
        raise InputError("--data-dir", "", str(data_dir), "a folder that exists", "correct the path")
    found = [(benchmark, path) for benchmark in BENCHMARKS if (path := _find(benchmark, data_dir)) is not None]
    if not found:
        wanted = "; ".join(f"{benchmark.name}: {' or '.join(benchmark.files)}" for benchmark in BENCHMARKS)
        raise InputError(str(data_dir), "", "no benchmark's files", wanted, "keep the names of the published files")
    names = [benchmark.name for benchmark, _ in found]
    read = tasks if tasks and set(tasks) <= set(names) else names
    return Suite("local", tuple(_task(benchmark, path, names) for benchmark, path in found if benchmark.name in read))


def _find(benchmark: Benchmark, data_dir: Path) -> Path | None:
    """The scored file (or folder of files) of a benchmark: named as published, and of its content."""
    for folder in _folders(data_dir):
        for name in benchmark.files:
            path = folder / name
            if benchmark.labels and not (folder / benchmark.labels).is_file():
                continue
            if (path.is_file() or path.is_dir()) and _is(benchmark, path):
                return path
    return None


def _folders(data_dir: Path) -> Iterator[Path]:
    """The folder and those below it, to a depth, sorted; links are not followed."""
    for root, folders, _ in os.walk(data_dir):
        folders.sort()
        here = Path(root)
        if len(here.relative_to(data_dir).parts) >= DEPTH:
            folders.clear()
        yield here


def _is(benchmark: Benchmark, path: Path) -> bool:
    """Whether a file is of this benchmark and not another's of the same name: one of its first lines can be read."""
    sources = sorted(one for one in path.glob("*") if one.suffix in SUFFIXES)[:3] if path.is_dir() else [path]
    if path.is_file() and path.stat().st_size == 0:
        return _named_for(benchmark, path)
    return any(source.is_file() and benchmark.accepts(source) for source in sources)


def _named_for(benchmark: Benchmark, path: Path) -> bool:
    return benchmark.name.split("_")[0] in str(path.parent.name).lower() or len(benchmark.files) == 1


def _task(benchmark: Benchmark, path: Path, names: Sequence[str]) -> TaskRef:
    found = benchmark.documents(path)
    if not found.scored:
        reason = found.rejected[0].reason if found.rejected else "no line"
        others = ",".join(name for name in names if name != benchmark.name)
        remedy = f", or leave it out: --tasks {others}" if others else ""
        raise InputError(
            str(path), "", reason, f"items of {benchmark.name}", f"replace the file by the published one{remedy}"
        )
    scored, shots = (_lines(documents) for documents in (found.scored, found.shots))
    settings = _settings(benchmark, found)
    content = sha256_of_bytes(b"\0".join([json.dumps(settings, sort_keys=True).encode(), scored, shots]))
    root = (cache_dir() / "suites").resolve()
    digest = sha256_of_bytes(f"{root} {content}".encode())[:16]
    folder = root / f"local-{benchmark.name}-{digest}"
    if not (folder / MARK).is_file():
        root.mkdir(exist_ok=True)
        with replacing_dir(folder, MARK, source="the cache folder") as beside:
            files = {benchmark.scored_split: str(folder / "scored.jsonl")}
            (beside / "scored.jsonl").write_bytes(scored)
            if found.shots:
                (beside / "shots.jsonl").write_bytes(shots)
                files["train"] = str(folder / "shots.jsonl")
            settings["dataset_kwargs"] = {"data_files": files, "cache_dir": str(cache_dir() / "datasets")}
            write_text(beside / f"{benchmark.name}.yaml", json.dumps(settings, indent=2) + "\n")
            write_text(beside / MARK, json.dumps({"content": content}) + "\n")
    clusters = {document["cluster"] for document in found.scored}
    return TaskRef(
        name=benchmark.name,
        task_class=benchmark.task_class,
        kind=benchmark.kind,
        chance=benchmark.chance,
        floor=False,
        measures=benchmark.measures,
        cluster_is=benchmark.cluster_is,
        items=len(found.scored),
        clusters=len(clusters),
        lm_eval_name=f"undercut_local_{benchmark.name}",
        include=folder,
        content_sha256=content,
        counted_filter=benchmark.counted_filter,
        rejected=tuple(found.rejected),
    )


def _settings(benchmark: Benchmark, found: Documents) -> dict[str, Any]:
    """lm-eval's own task with our files; examples are the first of their file, the same for every item."""
    changed: dict[str, Any] = {
        "task": f"undercut_local_{benchmark.name}",
        "dataset_path": "json",
        "dataset_name": None,
        "training_split": "train" if found.shots else None,
        "fewshot_split": "train" if found.shots else None,
        "validation_split": None,
        "test_split": None,
        "tag": None,
        f"{benchmark.scored_split}_split": benchmark.scored_split,
    }
    if found.shots:
        changed["fewshot_config"] = {"sampler": "first_n"}
    elif benchmark.shot_files:
        changed["num_fewshot"] = 0
    if benchmark.based_on:
        import importlib.util

        # Found, not imported: reading a suite must not take the seconds that lm-eval's import takes.
        specification = importlib.util.find_spec("lm_eval")
        if specification is None or specification.origin is None:
            from sim.shared.errors import MissingExtra

            raise MissingExtra("lm_eval", "measure")
        changed["include"] = str(Path(specification.origin).parent / "tasks" / benchmark.based_on)
    return changed | benchmark.settings


def _lines(documents: list[dict[str, Any]]) -> bytes:
    return "".join(json.dumps(document, ensure_ascii=False) + "\n" for document in documents).encode()
