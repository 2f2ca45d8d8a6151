"""Where models are computed, and in which type of number."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from evalsuite import precision  # noqa: E402


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("UNDERCUT_CACHE_DIR", str(tmp_path))
    return tmp_path


def sees(monkeypatch: pytest.MonkeyPatch, cuda: bool, mps: bool) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)


@pytest.mark.parametrize(
    ("cuda", "mps", "kind"), [(True, True, "cuda"), (True, False, "cuda"), (False, True, "mps"), (False, False, "cpu")]
)
def test_the_accelerator_that_torch_sees_is_taken(
    monkeypatch: pytest.MonkeyPatch, cuda: bool, mps: bool, kind: str
) -> None:
    sees(monkeypatch, cuda, mps)
    assert precision.device().type == kind


def test_metal_is_timed_where_it_has_bfloat16_and_once(monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    sees(monkeypatch, False, True)
    timed: list[str] = []

    def ratio(where: torch.device) -> float:
        timed.append(where.type)
        return 1.5

    monkeypatch.setattr(precision, "_ratio", ratio)
    monkeypatch.setattr(torch.backends.mps, "is_macos_or_newer", lambda major, minor: False)
    assert precision.fastest_dtype() == "float32"
    assert timed == []
    monkeypatch.setattr(torch.backends.mps, "is_macos_or_newer", lambda major, minor: (major, minor) <= (15, 0))
    assert [precision.fastest_dtype(), precision.fastest_dtype()] == ["bfloat16"] * 2
    assert timed == ["mps"]
    assert len(json.loads((cache / "precision.json").read_text(encoding="utf-8"))) == 1


def test_the_ratio_is_a_time_over_a_time() -> None:
    assert 0.01 < precision._ratio(torch.device("cpu")) < 100.0


def test_the_peak_of_an_accelerator_is_told_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    from evalsuite.meter import peak_device_memory_bytes

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert peak_device_memory_bytes() is None


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an accelerator with CUDA")
def test_the_peak_of_an_accelerator_holds_what_was_allocated() -> None:
    from evalsuite.meter import peak_device_memory_bytes

    before = peak_device_memory_bytes()
    held = torch.zeros(2**24, dtype=torch.float32, device="cuda")
    peak = peak_device_memory_bytes()
    assert before is not None
    assert peak is not None
    assert peak >= held.numel() * held.element_size()
