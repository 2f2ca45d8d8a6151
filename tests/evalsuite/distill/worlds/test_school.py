"""Teachers of small worlds are taught once, known by name, and taught again when what they are shown changes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")

from evalsuite.distill.recipe import Recipe
from evalsuite.distill.teachers import teacher_of
from evalsuite.distill.worlds import school
from evalsuite.distill.worlds.knowledge import Knowledge
from evalsuite.distill.worlds.net import Net
from evalsuite.distill.worlds.outcome import outcome
from evalsuite.distill.worlds.school import Schooling, teach, teacher_name
from evalsuite.models import CARD_NAME, load, models_dir, resolve

WORLD = Knowledge(subjects=6, relations=2, answers=4, held_out=4 + 4, spread=3.0)
SCHOOLING = Schooling(
    Net(layers=2, hidden_size=32, heads=4),
    documents=4000,
    training_tokens=200_000,
    learning_rate=5e-3,
    batch_sequences=8,
)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNDERCUT_CACHE_DIR", str(tmp_path))


def test_a_teacher_comes_near_the_truth_and_is_known_by_name_as_a_teacher() -> None:
    teach(WORLD, SCHOOLING, "sage")
    spec = resolve("sage")
    assert (spec.role, spec.parent, spec.licence) == ("teacher", "", "Apache-2.0")
    loaded = load(spec, "float32")
    found = outcome(loaded.model, loaded.tokenizer, WORLD, WORLD.questions("demonstrated"), draws=8)
    assert found.truth_kl_nats is not None
    truth = WORLD.truth([one.prompt for one in WORLD.questions("demonstrated")])
    even = float((truth * np.log(truth * WORLD.answers)).sum(axis=1).mean())
    assert 0 < found.truth_kl_nats < 0.3 * even
    assert found.greedy.mean() > 0.8
    assert (found.solved >= (found.sampled > 0)).all()
    assert found.sampled.mean() == pytest.approx(truth.max(axis=1).mean(), abs=0.2)


def test_it_is_taught_again_only_where_world_or_schooling_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    taught: list[Any] = []
    real = school.train
    monkeypatch.setattr(school, "train", lambda *args, **named: taught.append(args) or real(*args, **named))
    short = Schooling(Net(layers=1, hidden_size=16, heads=2), documents=100, training_tokens=2048)
    for _ in range(2):
        teach(WORLD, short, "sage")
    assert len(taught) == 1
    teach(WORLD.model_copy(update={"seed": 1}), short, "sage")
    assert len(taught) == 2
    (models_dir() / "sage" / CARD_NAME).write_text(json.dumps({"name": "sage"}), encoding="utf-8")
    teach(WORLD, short, "sage")
    assert len(taught) == 3


def test_a_recipe_that_names_a_worlds_teacher_gets_it_taught_first(monkeypatch: pytest.MonkeyPatch) -> None:
    short = Schooling(Net(layers=1, hidden_size=16, heads=2), documents=100, training_tokens=2048)
    monkeypatch.setitem(school.SCHOOLINGS, "knowledge", short)
    recipe = Recipe.model_validate(
        {
            "name": "small", "teacher": teacher_name(WORLD), "student": {"kind": "same"},
            "text": {"tokens": 100, "world": WORLD.model_dump(mode="json")},
            "method": {"kind": "outputs", "training_tokens": 100, "learning_rate": 1e-3},
        }
    )  # fmt: skip
    loaded = teacher_of(recipe).loaded
    assert loaded is not None
    assert loaded.spec.name == "knowledge-teacher"
    assert loaded.dtype == "float32"
