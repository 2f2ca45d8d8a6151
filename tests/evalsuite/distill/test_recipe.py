"""Recipes: the shipped ones are whole, and what does not fit together is refused with one message."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evalsuite.distill.recipe import read_recipe
from sim.shared.errors import InputError
from sim.shared.paths import data_dir

SHIPPED = sorted(path.stem for path in (data_dir() / "recipes").glob("*.yaml"))
WHOLE = """
name: mine
teacher: some-teacher
student: {kind: depth, keep: [0, 1]}
text: {tokens: 1000}
method: {kind: logit_kd, training_tokens: 100, learning_rate: 1.0e-3}
"""


@pytest.fixture
def message(tmp_path: Path) -> Callable[..., str]:
    def of(old: str, new: str) -> str:
        assert old in WHOLE
        path = tmp_path / "mine.yaml"
        path.write_text(WHOLE.replace(old, new), encoding="utf-8")
        with pytest.raises(InputError) as caught:
            read_recipe(str(path))
        return str(caught.value)

    return of


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_recipes_are_read_and_named_after_their_file(name: str) -> None:
    assert read_recipe(name).name == name


def test_the_demos_recipe_keeps_twenty_layers() -> None:
    student: Any = read_recipe("demo").student
    assert len(student.keep) == 20


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("kind: logit_kd", "kind: magic", "'born_again'"),
        ("keep: [0, 1]", "keep: [1, 0]", "student.*ascending"),
        ("keep: [0, 1]", "keep: [0], layers: 3", "student.layers.*allowed: kind, keep"),
        ("teacher: some-teacher", "teacher: t\nlayers: 3", "allowed: version, name, teacher, access, student"),
        ("text: {tokens: 1000}", "text: {tokens: 1000, words: 3}", "text.words.*allowed: tokens, batch"),
        ("training_tokens: 100", "training_tokens: 0", "method.training_tokens.*greater than or equal to 1"),
    ],
)
def test_a_wrong_field_is_named_with_what_is_allowed(message: Any, old: str, new: str, told: str) -> None:
    import re

    assert re.search(told, message(old, new), re.S)


def test_a_method_that_needs_more_than_the_teacher_gives_is_refused(message: Any) -> None:
    terms = "access: {regime: {kind: full}, defences: [{kind: no_probabilities}]}\nname: mine"
    assert "the method logit_kd needs the regime full, the teacher gives text" in message("name: mine", terms)


def test_a_budget_of_zero_is_refused(message: Any) -> None:
    assert "access.tokens" in message("name: mine", "access: {regime: {kind: full}, tokens: 0}\nname: mine")


def test_another_tokenizer_is_refused_where_probabilities_are_compared(message: Any) -> None:
    new = (
        "{kind: scratch, layers: 1, hidden_size: 16, intermediate_size: 16, heads: 2, key_value_heads: 1, "
        "tokenizer: some/other}"
    )
    told = message("{kind: depth, keep: [0, 1]}", new)
    assert "needs the teacher's tokenizer" in told
    assert "use the method outputs" in told


def test_a_copy_of_the_teacher_has_nothing_to_learn_from_its_probabilities(message: Any) -> None:
    assert "nothing to learn" in message("{kind: depth, keep: [0, 1]}", "{kind: same, start: teacher}")
