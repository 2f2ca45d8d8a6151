"""What the teacher writes: apart from the suite, the same each time, within the terms, and kept batch by batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

pytest.importorskip("torch")

from evalsuite.distill.access import Access
from evalsuite.distill.account import Account
from evalsuite.distill.recipe import TeacherText
from evalsuite.distill.teacher import TeacherLostError
from evalsuite.distill.text import Corpus, corpus_texts, pack, write_corpus
from evalsuite.suites.mini import mini
from sim.shared.errors import InputError

ITEM = next(task for task in mini() if task.name == "facts").items[3]
SETTINGS = TeacherText(tokens=64, batch=2, answer_tokens=16)
BATCHES = [["a quiet harbour at night", "rain"], ["two fishermen mend nets", "snow"], ["a lamp in the window", "b"]]


class Letters:
    """A tokenizer of characters."""

    def decode(self, document: tuple[int, ...], skip_special_tokens: bool) -> str:
        return "".join(map(chr, document))


class Writer:
    """A teacher that writes what it is given, and stops where it is told to."""

    def __init__(self, batches: list[list[str]], stop_at: int | None = None, how: type[BaseException] | None = None):
        self.access = Access.model_validate({"regime": {"kind": "text"}})
        self.identity = {"weights": "w"}
        self.tokenizer = Letters()
        self.batches, self.stop_at, self.how = batches, stop_at, how or KeyboardInterrupt
        self.asked: list[int] = []

    def write(self, prompts: Sequence[str], settings: TeacherText, seed: int) -> list[list[int]]:
        if seed == self.stop_at:
            raise self.how("gone")
        self.asked.append(seed)
        return [list(map(ord, document)) for document in self.batches[seed]][: len(prompts)]


def bought(writer: Any, settings: TeacherText = SETTINGS, **terms: Any) -> tuple[Corpus, Account]:
    writer.access = Access.model_validate({"regime": {"kind": "text"}, **terms})
    account = Account(writer.access, 0)
    return write_corpus(writer, account, settings, 0), account


@pytest.fixture(autouse=True)
def own_cache(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNDERCUT_CACHE_DIR", str(tmp_path))


def test_a_document_that_holds_an_item_is_left_out_counted_and_paid() -> None:
    copied = f"You may know this. {ITEM.context} {ITEM.answer}."
    writer = Writer([["a quiet harbour at night", copied], ["two fishermen mend their nets by hand", "rain fell"]])
    corpus, account = bought(writer)
    assert corpus.left_out == 1
    assert corpus.tokens == 64
    texts = corpus_texts(writer, corpus)  # type: ignore[arg-type]
    assert texts[0] == "a quiet harbour at night"
    assert not any(ITEM.context in document for document in texts)
    assert account.taken.written_tokens == sum(len(document) for batch in writer.batches for document in batch)
    assert account.taken.queries == 4


def test_an_interrupted_writing_goes_on_at_its_batch_and_is_read_back_afterwards() -> None:
    first = Writer(BATCHES, stop_at=1)
    with pytest.raises(KeyboardInterrupt):
        bought(first)
    second = Writer(BATCHES)
    corpus, account = bought(second)
    assert (first.asked, second.asked) == ([0], [1, 2])
    third = Writer(BATCHES)
    again, other = bought(third)
    assert third.asked == []
    assert (again.documents, again.seconds, other.taken) == (corpus.documents, 0.0, account.taken)
    assert again.teacher_seconds == pytest.approx(corpus.teacher_seconds)


def test_a_teacher_that_dies_is_one_message_that_says_what_is_kept() -> None:
    with pytest.raises(TeacherLostError, match=r"gone; 28 tokens that it wrote are kept; run it again"):
        bought(Writer(BATCHES, stop_at=1, how=TeacherLostError))


def test_the_budget_ends_the_writing_and_is_not_passed(capsys: pytest.CaptureFixture[str]) -> None:
    corpus, account = bought(Writer(BATCHES), queries=3)
    assert corpus.ended == "budget"
    assert account.taken.queries == 3
    assert corpus.tokens == len("a quiet harbour at night" + "rain" + "two fishermen mend nets")
    assert "the budget is spent" in capsys.readouterr().err
    corpus, account = bought(Writer(BATCHES), tokens=40)
    assert account.taken.written_tokens <= 40


def test_a_refusal_ends_the_writing() -> None:
    refusal = {"kind": "refusal", "false_positive_rate": 0.4, "honest_queries_per_day": 0.01}
    corpus, account = bought(Writer(BATCHES), queries_per_account_day=2, defences=[refusal])
    assert corpus.ended == "refused"
    assert account.taken.banned_accounts == 1


def test_a_teacher_that_writes_nothing_of_use_is_refused() -> None:
    with pytest.raises(InputError, match="8 batches without a document"):
        bought(Writer([[""]] * 9))


def test_documents_are_packed_one_after_the_other() -> None:
    packed = pack(((1, 2, 3), (4, 5), (6,)), separator=0, length=4)
    assert packed.tolist() == [[1, 2, 3, 0], [4, 5, 0, 6]]
