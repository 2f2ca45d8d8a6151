"""Write constraints.txt: the version of every distribution that is installed beside undercut.

    make constraints

Local builds are pinned by their public version (`torch==2.13.0`, not `2.13.0+cpu`), so that the file serves every
platform and index. A distribution that undercut does not need, directly or through others, is left out.
"""

from __future__ import annotations

import importlib.metadata
import sys
from pathlib import Path

from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from sim.shared.paths import write_text

HEADER = """\
# Every version that undercut was tested with, extras included. Made by `make constraints` from .venv; used by
# `make install`, and by hand: pip install -c constraints.txt 'undercut[all]'
"""


def needed(root: str) -> dict[str, str]:
    """Public versions by canonical name of what `root` with the extra `all` needs here, itself left out."""
    found: dict[str, str] = {}
    seen: set[tuple[str, frozenset[str]]] = set()
    waiting = [(root, frozenset({"all"}))]
    while waiting:
        name, extras = waiting.pop()
        if (name, extras) in seen:
            continue
        seen.add((name, extras))
        distribution = importlib.metadata.distribution(name)
        found[name] = distribution.version.split("+")[0]
        for line in distribution.requires or []:
            requirement = Requirement(line)
            if _applies(requirement, extras):
                waiting.append((str(canonicalize_name(requirement.name)), frozenset(requirement.extras)))
    found.pop(root)
    return found


def _applies(requirement: Requirement, extras: frozenset[str]) -> bool:
    if requirement.marker is None:
        return True
    environment = {key: str(value) for key, value in default_environment().items()}
    return any(requirement.marker.evaluate(environment | {"extra": extra}) for extra in (extras or {""}))


def main() -> None:
    """Write the file named by the one argument."""
    versions = needed("undercut")
    lines = [f"{name}=={version}\n" for name, version in sorted(versions.items())]
    write_text(Path(sys.argv[1]), HEADER + "".join(lines))


if __name__ == "__main__":
    main()
