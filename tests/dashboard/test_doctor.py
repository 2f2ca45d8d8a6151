"""The doctor: what is there, what is missing, and what that means for each part."""

from __future__ import annotations

import importlib.metadata
import json
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from dashboard import cli, doctor


def test_an_installed_version_in_its_range_is_ok() -> None:
    found = doctor.check_requirement("dev", Requirement("pytest>=1"))
    assert (found.state, found.found) == ("ok", f"{importlib.metadata.version('pytest')} (>=1)")


@pytest.mark.parametrize(("text", "said"), [("pytest>=9999", "needs >=9999"), ("no-such-thing>=1", "not installed")])
def test_a_version_out_of_range_or_absent_is_missing_with_a_remedy(text: str, said: str) -> None:
    found = doctor.check_requirement("dev", Requirement(text))
    assert found.state == "missing"
    assert said in found.found
    assert found.remedy == "pip install 'undercut[dev]'"


def test_every_extra_is_looked_at() -> None:
    project = tomllib.loads((Path(__file__).resolve().parents[2] / "pyproject.toml").read_text())["project"]
    assert set(project["optional-dependencies"]) - {"all"} == set(doctor.EXTRAS)
    seen = {(row.part, doctor.canonical(row.name)) for row in doctor.examine().rows}
    for extra in doctor.EXTRAS:
        for line in project["optional-dependencies"][extra]:
            name = doctor.canonical(Requirement(line).name)
            assert name == "undercut" or (extra, name) in seen
    assert {("base", doctor.canonical(Requirement(line).name)) for line in project["dependencies"]} <= seen


def test_a_part_runs_when_it_and_the_base_lack_nothing() -> None:
    base = doctor.Finding("base", "numpy", "missing", "not installed")
    extra = doctor.Finding("ray", "ray", "missing", "not installed")
    slow = doctor.Finding("machine", "processor", "note", "no bfloat16")
    assert not doctor.Report((base,)).base_runs
    assert not doctor.Report((base,)).can("ray")
    assert doctor.Report((extra, slow)).base_runs
    assert not doctor.Report((extra, slow)).can("ray")


@pytest.mark.parametrize("key", ["flags\t\t", "Features\t"])
def test_the_processors_instruction_sets_are_read(tmp_path: Path, key: str) -> None:
    path = tmp_path / "cpuinfo"
    path.write_text(f"processor\t: 0\n{key}: fpu avx512_bf16 bf16\n")
    assert doctor.processor_flags(path) == {"fpu", "avx512_bf16", "bf16"}
    assert doctor.processor_flags(tmp_path / "absent") == frozenset()


def test_without_the_teacher_it_says_how_to_fetch_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNDERCUT_CACHE_DIR", str(tmp_path))
    row = next(row for row in doctor.examine().rows if row.name == "default teacher")
    assert row.state == "note"
    assert "undercut models fetch smollm2-135m-instruct" in row.remedy


def test_a_cache_that_cannot_be_written_fails_the_base(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("UNDERCUT_CACHE_DIR", str(tmp_path / "file" / "cache"))
    assert cli.run(["doctor"]) == 1
    shown = capsys.readouterr()
    assert "set UNDERCUT_CACHE_DIR" in shown.out
    assert "base: cannot run" in shown.out
    assert shown.err.startswith("undercut: the base cannot run here")


def test_json_is_one_object_with_a_row_a_finding(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["doctor", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["base_runs"] is True
    assert set(found["rows"][0]) == {"part", "name", "state", "found", "remedy"}
