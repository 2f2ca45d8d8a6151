"""The Python interface beside the command: its names exist, and importing the packages stays cheap."""

from __future__ import annotations

import subprocess
import sys

import pytest

import evalsuite
import sim


@pytest.mark.parametrize("package", [sim, evalsuite], ids=lambda package: package.__name__)
def test_every_public_name_can_be_imported_and_no_other(package: object) -> None:
    names = package.__all__  # type: ignore[attr-defined]
    assert sorted(names) == sorted(package._PLACES)  # type: ignore[attr-defined]
    for name in names:
        assert getattr(package, name) is not None
    with pytest.raises(AttributeError, match="nothing"):
        package.nothing  # type: ignore[attr-defined]  # noqa: B018


def test_importing_the_packages_loads_nothing_heavy() -> None:
    code = "import sys, sim, evalsuite; print([m for m in ('torch', 'pandas', 'numba', 'numpy') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
