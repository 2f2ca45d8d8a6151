"""What the teacher writes: apart from the suite, the same each time, and kept batch by batch."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

pytest.importorskip("torch")

from evalsuite.distill import text
from evalsuite.distill.recipe import TeacherText
from evalsuite.models import LoadedModel
from evalsuite.suites.mini import mini

ITEM = next(task for task in mini() if task.name == "facts").items[3]
SETTINGS = TeacherText(tokens=64, batch=2, answer_tokens=16)


class Letters:
    """A tokenizer of characters."""

    def decode(self, document: tuple[int, ...], skip_special_tokens: bool) -> str:
        return "".join(map(chr, document))


@pytest.fixture
def teacher(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> LoadedModel:
    monkeypatch.setenv("UNDERCUT_CACHE_DIR", str(tmp_path))
    return SimpleNamespace(  # type: ignore[return-value]
        weights_sha256="w", tokenizer_sha256="t", dtype="float32", threads=1, tokenizer=Letters(), model=None
    )


def writer(monkeypatch: pytest.MonkeyPatch, batches: list[list[str]], stop_at: int | None = None) -> list[int]:
    asked: list[int] = []

    def answers(teacher: object, prompts: list[str], settings: object, seed: int) -> list[list[int]]:
        if len(asked) == stop_at:
            raise KeyboardInterrupt
        asked.append(seed)
        return [list(map(ord, document)) for document in batches[seed]]

    monkeypatch.setattr(text, "_answers", answers)
    return asked


def test_a_document_that_holds_an_item_is_left_out_and_counted(
    teacher: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    copied = f"You may know this. {ITEM.context} {ITEM.answer}."
    writer(monkeypatch, [["a quiet harbour at night", copied], ["two fishermen mend their nets by hand", "rain fell"]])
    corpus = text.write_corpus(teacher, SETTINGS, 0)
    assert corpus.left_out == 1
    assert corpus.tokens == 64
    assert text.corpus_texts(teacher, corpus)[0] == "a quiet harbour at night"
    assert not any(ITEM.context in document for document in text.corpus_texts(teacher, corpus))


def test_an_interrupted_writing_goes_on_at_its_batch_and_is_read_back_afterwards(
    teacher: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    batches = [["a quiet harbour at night", "rain"], ["two fishermen mend nets", "snow"], ["a lamp in the window", "b"]]
    first = writer(monkeypatch, batches, stop_at=1)
    with pytest.raises(KeyboardInterrupt):
        text.write_corpus(teacher, SETTINGS, 0)
    second = writer(monkeypatch, batches)
    corpus = text.write_corpus(teacher, SETTINGS, 0)
    assert (first, second) == ([0], [1, 2])
    third = writer(monkeypatch, batches)
    again = text.write_corpus(teacher, SETTINGS, 0)
    assert third == []
    assert (again.documents, again.seconds) == (corpus.documents, 0.0)
