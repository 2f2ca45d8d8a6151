"""How the market's kernels are compiled, and where the machine code is kept.

numba judges a cached kernel by its own file alone and does not see that a function it inlines from another module has
changed. So the cache's folder is named after the content of all modules that hold kernels: another text, another
folder. It lies in the user's cache, which also serves an installation that cannot be written to.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba

from sim.shared.paths import cache_dir

_PACKAGES = ("world", "players")  # of sim: where kernels live


def _sources_key() -> str:
    root = Path(__file__).resolve().parents[1]
    digest = hashlib.sha256(numba.__version__.encode())
    for package in _PACKAGES:
        for path in sorted((root / package).rglob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


numba.config.CACHE_DIR = str(cache_dir() / "numba" / _sources_key())

# Division by zero gives inf as in numpy: a check that may raise would keep a loop from being vectorised. Kernels do not
# hold the interpreter's lock.
kernel: Callable[[Callable[..., Any]], Callable[..., Any]] = numba.njit(cache=True, nogil=True, error_model="numpy")
inlined: Callable[[Callable[..., Any]], Callable[..., Any]] = numba.njit(
    cache=True, nogil=True, error_model="numpy", inline="always"
)
