"""Packaging: honest requirements, pinned versions, and a wheel that works away from the repository."""

from __future__ import annotations

import ast
import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PACKAGES = ("sim", "evalsuite", "dashboard")
PINNED = re.compile(r"[a-z0-9-]+==[0-9][0-9a-z.]*")
SOURCES = (
    *PACKAGES, "data", "pyproject.toml", "README.md", "LICENSE", "tests", "benchmarks", "tools", "docs",
    "constraints.txt", "Makefile", "CHANGELOG.md", "CONTRIBUTING.md", "CITATION.cff",
)  # fmt: skip


def constraints() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    return dict(line.split("==") for line in lines if line and not line.startswith("#"))


def requirements(*extras: str) -> list[Requirement]:
    """Of these extras; for none, of all that `make install` takes."""
    lines = list(PROJECT["dependencies"])
    taken = re.findall(r"[a-z]+", PROJECT["optional-dependencies"]["all"][0].partition("[")[2])
    assert set(PROJECT["optional-dependencies"]) - set(taken) == {"all", "vllm"}
    for extra in extras or taken:
        lines += PROJECT["optional-dependencies"][extra]
    found = [Requirement(line) for line in lines]
    return [requirement for requirement in found if requirement.name != "undercut"]


def test_every_line_of_the_constraints_is_a_public_version() -> None:
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    assert lines
    assert not [line for line in lines if "+" in line]
    assert not [line for line in lines if not PINNED.fullmatch(line)]
    assert "torch==2.13.0" in lines


def test_every_requirement_is_pinned_inside_its_range() -> None:
    pinned = constraints()
    for requirement in requirements():
        assert requirement.specifier.contains(pinned[canonicalize_name(requirement.name)]), str(requirement)


def test_what_is_installed_here_is_pinned() -> None:
    for name, version in constraints().items():
        assert importlib.metadata.version(name).split("+")[0] == version


def imported(packages: tuple[str, ...]) -> dict[str, set[str]]:
    """Top-level module -> the packages of ours that import it, the standard library and ourselves left out."""
    found: dict[str, set[str]] = {}
    for package in packages:
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                names: list[str] = []
                if isinstance(node, ast.Import):
                    names = [alias.name for alias in node.names]
                elif isinstance(node, ast.ImportFrom) and node.level == 0:
                    names = [node.module or ""]
                for name in names:
                    found.setdefault(name.split(".")[0], set()).add(package)
    return {name: who for name, who in found.items() if name not in {*sys.stdlib_module_names, *PACKAGES}}


def distributions_of(modules: set[str]) -> set[str]:
    owners = importlib.metadata.packages_distributions()
    return {str(canonicalize_name(owner)) for module in modules for owner in owners.get(module, [module])}


def names(*extras: str) -> set[str]:
    return {str(canonicalize_name(requirement.name)) for requirement in requirements(*extras)}


def test_every_import_is_declared() -> None:
    by_package = imported(PACKAGES)
    base = {module for module, who in by_package.items() if "sim" in who}
    assert distributions_of(base) <= names("calibrate", "ray")
    rest = set(by_package) - base
    assert distributions_of(rest) <= names("measure", "dashboard", "distill", "bench")


def test_the_base_asks_for_nothing_that_is_not_imported() -> None:
    base = {str(canonicalize_name(Requirement(line).name)) for line in PROJECT["dependencies"]}
    assert base <= distributions_of(set(imported(PACKAGES)))


def test_the_base_brings_no_model_and_no_application() -> None:
    base = {Requirement(line).name for line in PROJECT["dependencies"]}
    assert not base & {"torch", "transformers", "lm-eval", "streamlit"}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel and the source archive, built from a copy: a build writes beside its sources."""
    place = tmp_path_factory.mktemp("build")
    source = place / "source"
    source.mkdir()
    for name in SOURCES:
        path = ROOT / name
        if path.is_dir():
            shutil.copytree(path, source / name, ignore=shutil.ignore_patterns("__pycache__"))
        elif path.is_file():
            shutil.copy(path, source / name)
    done = subprocess.run(
        [sys.executable, "-m", "build", "--outdir", str(place / "dist"), str(source)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return place / "dist"


@pytest.fixture(scope="module")
def wheel(built: Path) -> Path:
    return next(built.glob("*.whl"))


def test_the_wheel_holds_the_packages_and_the_data_inside_them(wheel: Path) -> None:
    files = zipfile.ZipFile(wheel).namelist()
    top = {name.split("/")[0] for name in files}
    assert top == {*PACKAGES, f"undercut-{PROJECT['version']}.dist-info"}
    shipped = {str(path.relative_to(ROOT / "data")) for path in (ROOT / "data").rglob("*") if path.is_file()}
    assert {name.removeprefix("sim/_data/") for name in files if name.startswith("sim/_data/")} == shipped
    assert any(name.endswith("licenses/LICENSE") for name in files)


def test_the_source_archive_holds_what_a_build_and_the_tests_need(built: Path) -> None:
    with tarfile.open(next(built.glob("*.tar.gz"))) as archive:
        files = {name.split("/", 1)[1] for name in archive.getnames() if "/" in name}
    wanted = {"pyproject.toml", "LICENSE", "constraints.txt", "Makefile", "data/README.md", "tests/test_packaging.py"}
    assert wanted <= files
    assert "sim/_data" not in files


@pytest.fixture(scope="module")
def elsewhere(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty environment away from the repository, with the wheel's base installed at the pinned versions."""
    place = tmp_path_factory.mktemp("elsewhere")
    subprocess.run([sys.executable, "-m", "venv", str(place / "venv")], check=True)
    done = subprocess.run(
        [str(place / "venv/bin/pip"), "install", "--quiet", "-c", str(ROOT / "constraints.txt"), str(wheel)],
        cwd=place, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    return place


def undercut(place: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("UNDERCUT_", "PYTHON"))}
    return subprocess.run(
        [str(place / "venv/bin/undercut"), *arguments],
        cwd=place, env=environment | {"UNDERCUT_CACHE_DIR": str(place / "cache")}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip


def test_the_installed_base_knows_what_it_can_run(elsewhere: Path) -> None:
    done = undercut(elsewhere, "doctor", "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["base_runs"] is True
    assert {(row["part"], row["name"]) for row in report["rows"] if row["state"] == "missing"} >= {
        ("measure", "torch"),
        ("dashboard", "streamlit"),
    }
    data = next(row["found"] for row in report["rows"] if row["name"] == "shipped data")
    assert Path(data) == next((elsewhere / "venv/lib").glob("python*")) / "site-packages/sim/_data"


@pytest.mark.skipif(
    not (ROOT / "data/measured/catalog.parquet").is_file(),
    reason="data/measured/catalog.parquet, which the default scenario's student is read from, is not there",
)
def test_the_installed_base_runs_a_shipped_scenario_by_name(elsewhere: Path) -> None:
    done = undercut(elsewhere, "sim", "run", "default", "--replications", "1", "--out", "out", "--json")
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)["rows"]
    assert sum(row["share_of_tokens"] for row in rows) == pytest.approx(1.0)
    assert (elsewhere / "out/manifest.json").is_file()


def test_the_installed_base_answers_for_prices(elsewhere: Path) -> None:
    assert (
        "1.25 USD per Mtok in" in undercut(elsewhere, "data", "prices", "--model", "gpt-5", "--at", "2025-09-01").stdout
    )


def test_a_command_without_its_extra_says_which_one_to_install(elsewhere: Path) -> None:
    done = undercut(elsewhere, "dashboard")
    assert done.returncode == 2
    assert "pip install 'undercut[dashboard]'" in done.stderr


def test_outside_a_checkout_there_are_no_benchmarks(elsewhere: Path) -> None:
    done = undercut(elsewhere, "bench", "cli")
    assert done.returncode == 2
    assert "checkout" in done.stderr
