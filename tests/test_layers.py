"""The direction of imports: each contract of pyproject.toml holds, and bites when it is violated."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("sim", "evalsuite", "dashboard")

# contract -> (file, the import that is planted there)
VIOLATIONS = {
    "house": ("sim/shared/units.py", "import evalsuite.cost"),
    "bridge": ("evalsuite/cost.py", "import sim.metrics"),
    "market": ("sim/scenario/load.py", "import sim.runner"),
    "models": ("dashboard/labels.py", "import torch"),
    "harness": ("evalsuite/cost.py", "import lm_eval"),
    "application": ("evalsuite/cost.py", "import streamlit"),
    "figures": ("dashboard/labels.py", "import streamlit"),
}


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The packages and their contracts, away from the checkout."""
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def lint(folder: Path, *contracts: str) -> subprocess.CompletedProcess[str]:
    chosen = [part for name in contracts for part in ("--contract", name)]
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache", "--no-logo", *chosen]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_every_contract_holds(copy: Path) -> None:
    done = lint(copy)
    assert done.returncode == 0, done.stdout
    assert f"Contracts: {len(VIOLATIONS)} kept, 0 broken." in done.stdout


def test_every_contract_has_a_violation_here() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    assert {contract["id"] for contract in contracts} == set(VIOLATIONS)


@pytest.mark.parametrize("contract", VIOLATIONS)
def test_a_planted_import_breaks_the_contract(copy: Path, contract: str) -> None:
    name, planted = VIOLATIONS[contract]
    with (copy / name).open("a") as stream:
        stream.write(f"\n{planted}\n")
    done = lint(copy, contract)
    assert done.returncode != 0
    assert "0 kept, 1 broken." in done.stdout


def test_a_module_that_has_no_layer_breaks_the_market(copy: Path) -> None:
    (copy / "sim" / "stray.py").write_text('"""Belongs nowhere."""\n')
    done = lint(copy, "market")
    assert done.returncode != 0
    assert "sim.stray" in done.stdout or "stray" in done.stderr


def test_the_evaluation_may_use_what_is_shared(copy: Path) -> None:
    with (copy / "evalsuite/cost.py").open("a") as stream:
        stream.write("\nimport sim.shared.prices\n")
    assert lint(copy, "bridge", "house").returncode == 0
