"""A tiny Countdown with a teacher that knows a little, taught in seconds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="session")
def countdown_teacher(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a teacher of `tiny_countdown`, taught once."""
    pytest.importorskip("torch")
    from evalsuite.distill.worlds.net import Net
    from evalsuite.distill.worlds.school import Schooling, teach
    from evalsuite.models import models_dir

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UNDERCUT_CACHE_DIR", str(tmp_path_factory.mktemp("taught")))
        net = Net(layers=1, hidden_size=32, heads=2)
        teach(tiny_countdown(), Schooling(net, documents=4000, training_tokens=160_000, learning_rate=1e-2), "told")
        return models_dir() / "told"


def tiny_countdown() -> Any:
    """Numbers to 8, targets to 20: 790 problems."""
    from evalsuite.distill.worlds.countdown import Countdown

    return Countdown(highest=8, largest_target=20, held_out=64, demonstrated=600, solved=600)


@pytest.fixture
def world_recipe(countdown_teacher: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Makes a recipe about the tiny Countdown; the cache is the test's own."""
    from evalsuite.distill.recipe import Recipe

    monkeypatch.setenv("UNDERCUT_CACHE_DIR", str(tmp_path / "cache"))

    def make(**changes: Any) -> Any:
        training = {"training_tokens": 6400, "learning_rate": 1e-2, "sequence_tokens": 32, "batch_sequences": 8}
        method = {"kind": "outputs", **training, **changes.pop("method", {})}
        text = {"tokens": 2000, "batch": 256, "answer_tokens": 8, "world": tiny_countdown().model_dump(mode="json")}
        raw = {
            "name": "small", "teacher": str(countdown_teacher), "text": text | changes.pop("text", {}),
            "student": {
                "kind": "scratch", "layers": 1, "hidden_size": 16, "intermediate_size": 24, "heads": 2,
                "key_value_heads": 2,
            },
            "method": method,
        }  # fmt: skip
        return Recipe.model_validate(raw | changes)

    return make


JUDGED = {
    "kind": "judge_rl", "judge": {"kind": "verifier"}, "training_tokens": 600, "learning_rate": 3e-3,
    "batch_sequences": 32, "group": 4,
    "imitation": {"training_tokens": 12800, "learning_rate": 1e-2, "batch_sequences": 8},
    "answers_judged_on": 100,
}  # fmt: skip


@pytest.fixture
def judged() -> dict[str, Any]:
    """The method judge_rl with tiny settings."""
    return dict(JUDGED)
