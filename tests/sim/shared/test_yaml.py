"""What the YAML reader refuses, and how it says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from sim.shared.errors import InputError
from sim.shared.yaml import parse_yaml, read_yaml


def test_plain_data_is_read() -> None:
    assert parse_yaml("a: 1\nb: [x, {c: 2.5}]\n", "f") == {"a": 1, "b": ["x", {"c": 2.5}]}


@pytest.mark.parametrize(
    ("text", "received"),
    [
        ("a: &x [1]\nb: *x\n", "alias"),
        ("a: 1\na: 2\n", "'a' again"),
        ("a: " + "[" * 60 + "]" * 60, "deep nesting"),
        ("a: !!python/object/apply:os.system ['true']\n", "could not determine a constructor"),
        ("- 1\n", "list"),
        ("a: [1\n", "expected ','"),
        ("", "NoneType"),
    ],
)
def test_what_is_refused_is_named(text: str, received: str) -> None:
    with pytest.raises(InputError, match="f") as caught:
        parse_yaml(text, "f")
    assert received in str(caught.value.received) or received in str(caught.value)


def test_the_line_is_told() -> None:
    with pytest.raises(InputError) as caught:
        parse_yaml("a: 1\nb: 2\na: 3\n", "f")
    assert caught.value.field == "line 3, column 1"


def test_a_bomb_is_refused_before_it_unfolds() -> None:
    lines = ["a0: &a0 [x, x]"] + [f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]" for i in range(1, 60)]
    with pytest.raises(InputError, match="alias"):
        parse_yaml("\n".join(lines), "bomb")


def test_large_files_and_other_encodings_are_refused(tmp_path: Path) -> None:
    large = tmp_path / "large.yaml"
    large.write_text("a: '" + "x" * 2**20 + "'", encoding="utf-8")
    with pytest.raises(InputError, match="at most 1048576"):
        read_yaml(large)
    other = tmp_path / "latin.yaml"
    other.write_bytes("a: é".encode("latin-1"))
    with pytest.raises(InputError, match="UTF-8"):
        read_yaml(other)
