"""Where things lie: the shipped data, the user's cache, and files that appear whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from sim.shared.errors import InputError

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

DATA_ENV = "UNDERCUT_DATA_DIR"
CACHE_ENV = "UNDERCUT_CACHE_DIR"


def data_dir() -> Path:
    """The folder of shipped data, in a checkout, an editable install and a wheel alike.

    `UNDERCUT_DATA_DIR` overrides it. In a wheel the data lies inside the package `sim` (`sim/_data`); in a checkout
    it is `data/` beside the package.

    Raises:
        InputError: if neither place holds the data.
    """
    override = os.environ.get(DATA_ENV)
    package = Path(__file__).resolve().parents[1]
    for candidate in [Path(override)] if override else [package / "_data", package.parent / "data"]:
        if (candidate / "README.md").is_file():
            return candidate
    raise InputError(
        source=DATA_ENV if override else "the installation",
        received=override or str(package),
        allowed="a folder that holds Undercut's data (README.md, scenarios/, ...)",
        remedy="reinstall undercut, or point UNDERCUT_DATA_DIR to the repository's data/",
    )


def cache_dir() -> Path:
    """The user's cache folder, made when missing; `UNDERCUT_CACHE_DIR` overrides the platform's place."""
    override = os.environ.get(CACHE_ENV)
    if override:
        folder = Path(override)
    else:
        import platformdirs

        folder = Path(platformdirs.user_cache_dir("undercut"))
    return writable_dir(folder, source=CACHE_ENV if override else "the cache folder")


def shipped_or_path(argument: str, kind: str, suffix: str) -> Path:
    """The file a SCENARIO, SWEEP or RECIPE argument means: a path, or the name of a shipped one.

    Args:
        argument: what the user wrote: "default", "default.yaml" or "some/where/mine.yaml".
        kind: the folder under the shipped data ("scenarios").
        suffix: the file name's ending (".yaml").

    Raises:
        InputError: if there is no such file; lists the shipped names.
    """
    path = Path(argument)
    if path.is_file():
        return path
    if path.name == argument:
        shipped = data_dir() / kind / (argument if argument.endswith(suffix) else argument + suffix)
        if shipped.is_file():
            return shipped
    names = ", ".join(sorted(p.stem for p in (data_dir() / kind).glob(f"*{suffix}")))
    raise InputError(
        source=f"{kind.rstrip('s')} argument",
        received=argument,
        allowed=f"a path to a {suffix} file, or one of: {names}",
        remedy="check the spelling, or list the shipped ones",
    )


def writable_dir(folder: Path, source: str) -> Path:
    """`folder`, made when missing.

    Raises:
        InputError: if it cannot be made or written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise InputError(
            source=source,
            received=str(folder),
            allowed="a folder that can be written to",
            remedy=f"choose another place ({error.strerror or error})",
        ) from error
    return folder


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path beside `path` that takes its place when the block ends well, and vanishes when it does not."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
    os.close(handle)
    beside = Path(name)
    try:
        yield beside
        # mkstemp makes the file private; a finished file gets the permissions any new file would have.
        umask = os.umask(0)
        os.umask(umask)
        beside.chmod(0o666 & ~umask)
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 text file whole or not at all."""
    with replacing(path) as beside:
        beside.write_text(text, encoding="utf-8")


def check_output_dir(folder: Path, owner_file: str, source: str) -> None:
    """Raise unless an output may be written to `folder`; to be asked before long work, not after it.

    Raises:
        InputError: if `folder` exists and is neither empty nor an earlier output, or its place cannot be written to.
    """
    try:
        folder.exists()
    except OSError as error:
        raise InputError(source, "", str(folder), error.strerror or str(error), "choose another name") from error
    if folder.resolve() == Path.cwd():
        raise InputError(source, "", str(folder), "a folder other than the one you are in", "name a folder below it")
    if folder.exists() and (not folder.is_dir() or (any(folder.iterdir()) and not (folder / owner_file).is_file())):
        raise InputError(
            source=source,
            received=str(folder),
            allowed=f"a new folder, an empty one, or an earlier output (one that holds {owner_file})",
            remedy="choose another folder; nothing was written",
        )
    writable_dir(folder.parent, source)


@contextlib.contextmanager
def replacing_dir(folder: Path, owner_file: str, source: str) -> Iterator[Path]:
    """A temporary folder beside `folder` that takes its place when the block ends well, and vanishes when it does not.

    An existing folder is replaced only when it is empty or holds `owner_file`, the mark of an earlier output; other
    people's files are never removed.

    Raises:
        InputError: if `folder` exists and is not such an output, or its place cannot be written to.
    """
    check_output_dir(folder, owner_file, source)
    beside = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=".tmp", dir=folder.parent))
    try:
        try:
            yield beside
        except OSError as error:
            if error.errno not in NO_ROOM:
                raise
            raise InputError(
                source, "", str(folder), f"a disk with room ({error.strerror})", "make room, or choose another disk"
            ) from error
        umask = os.umask(0)
        os.umask(umask)
        beside.chmod(0o777 & ~umask)
        if folder.exists():
            retired = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=".old", dir=folder.parent))
            try:
                os.replace(folder, retired / folder.name)
                os.replace(beside, folder)
            finally:
                # Interrupted between the two: the earlier output comes back.
                if not folder.exists() and (retired / folder.name).exists():
                    os.replace(retired / folder.name, folder)
                shutil.rmtree(retired)
        else:
            os.replace(beside, folder)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
