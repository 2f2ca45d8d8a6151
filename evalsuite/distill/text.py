"""Text that the teacher writes, kept in the cache as token ids: the same settings never write twice."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from evalsuite.distill.access import Access
from evalsuite.distill.account import Account
from evalsuite.distill.prompts import prompts_of
from evalsuite.distill.recipe import TeacherText
from evalsuite.distill.room import room
from evalsuite.distill.teacher import Teacher, TeacherLostError
from evalsuite.suites.mini import mini
from evalsuite.suites.overlap import Detector
from sim.shared.console import Progress, note
from sim.shared.errors import InputError
from sim.shared.manifest import sha256_of_json
from sim.shared.paths import cache_dir, write_text

if TYPE_CHECKING:
    import torch

BARREN_BATCHES = 8
FORMAT = 2
STREAM_OF_BATCH = 1_000_003


@dataclass(frozen=True)
class Corpus:
    """Documents as token ids.

    Attributes:
        documents: what the teacher wrote, without its prompts, and apart from the mini suite; in a small world with
            them.
        left_out: documents that held an item of the suite, or text made from one of its templates.
        seconds: what the writing took now (0 where it came from the cache).
        teacher_seconds: what it took the teacher, whenever that was.
        ended: why there are fewer tokens than were wanted: the budget, or a refusal; "" where there are not.
        prompt_tokens: of the documents, those that the teacher did not write.
    """

    documents: tuple[tuple[int, ...], ...]
    left_out: int
    seconds: float
    teacher_seconds: float = 0.0
    ended: Literal["", "budget", "refused"] = ""
    prompt_tokens: int = 0

    @property
    def tokens(self) -> int:
        """Distinct teacher tokens."""
        return sum(len(document) for document in self.documents) - self.prompt_tokens


@dataclass
class _Kept:
    """Batches of answers as they came, and the seconds that each took."""

    path: Path
    batches: list[list[list[int]]]
    seconds: list[float]

    def add(self, batch: list[list[int]], seconds: float) -> None:
        self.batches.append(batch)
        self.seconds.append(seconds)
        with room("the cache of teacher texts", self.path.parent, "what was written before is kept"):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            write_text(self.path, json.dumps({"batches": self.batches, "seconds": self.seconds}))


def write_corpus(teacher: Teacher, account: Account, settings: TeacherText, seed: int) -> Corpus:
    """At least `settings.tokens` tokens that the teacher writes in answer to our prompts, apart from the mini suite.

    Fewer where the budget ends or the accounts are banned; `Corpus.ended` says which. Same teacher, settings, seed and
    limits: the same text. Each batch is kept when it is written, so that an interrupted writing goes on at the batch
    that it was in.

    Raises:
        InputError: if nothing that it writes can be used, or nothing is granted.
        TeacherLostError: if it dies; what it wrote is kept.
    """
    prompts = prompts_of(settings, seed)
    wanted = {
        **teacher.identity,
        "format": FORMAT,
        "prompts": prompts,
        "settings": settings.model_dump(mode="json", exclude={"world"}) | {"tokens": 0},
        "seed": seed,
        "limits": _limits(teacher.access),
    }
    kept = _read(cache_dir() / "texts" / f"{sha256_of_json(wanted)}.json")
    detector = Detector(mini())
    documents: list[list[int]] = []
    asked: list[list[int]] = []  # of each document the question, where it is part of it
    left_out, tokens, now_s = 0, 0, 0.0
    ended: Literal["", "budget", "refused"] = ""
    used = 0
    with Progress("the teacher's text", settings.tokens, "tokens") as progress:
        for index in itertools.count():
            if tokens >= settings.tokens:
                break
            if index >= BARREN_BATCHES and not documents:
                raise InputError(
                    "text", "", f"{BARREN_BATCHES} batches without a document that can be used",
                    "a teacher that writes text of its own", "name another teacher, or more answer_tokens",
                )  # fmt: skip
            granted = account.grant(settings.batch, settings.answer_tokens)
            if granted == 0:
                ended = "refused" if account.refused else "budget"
                break
            if index >= len(kept.batches):
                started_s = time.monotonic()
                questions = _batch(prompts, index, settings.batch)[:granted]
                kept.add(_ask(teacher, questions, index, settings, seed, tokens), time.monotonic() - started_s)
                now_s += kept.seconds[-1]
            used = index + 1
            account.take(queries=granted, written_tokens=sum(map(len, kept.batches[index])))
            questions = _batch(prompts, index, settings.batch)
            for question, document in zip(questions, kept.batches[index], strict=False):
                if document and detector.overlaps(teacher.tokenizer.decode(document, skip_special_tokens=True)):
                    left_out += 1
                elif document:
                    documents.append(document)
                    if settings.world is not None:
                        asked.append(teacher.tokenizer(question, add_special_tokens=False).input_ids)
            progress.advance(sum(map(len, documents)) - tokens)
            tokens = sum(map(len, documents))
    if ended:
        note(f"the teacher gave {tokens} of {settings.tokens} tokens: {_WHY[ended]}")
    cut = _cut(documents, settings.tokens)
    whole = tuple((*question, *answer) for question, answer in zip(asked, cut, strict=False)) if asked else cut
    prompt_tokens = sum(map(len, asked[: len(cut)]))
    return Corpus(whole, left_out, now_s, sum(kept.seconds[:used]), ended, prompt_tokens)


_WHY = {"budget": "the budget is spent", "refused": "all accounts are banned"}


def corpus_texts(teacher: Teacher, corpus: Corpus) -> list[str]:
    """The documents as text, for checks of what the student saw."""
    return [teacher.tokenizer.decode(document, skip_special_tokens=True) for document in corpus.documents]


def pack(documents: Sequence[Sequence[int]], separator: int, length: int) -> torch.Tensor:
    """Documents one after the other, a separator behind each, as rows (R, length); the rest of the last is dropped."""
    import torch

    stream = [token for document in documents for token in (*document, separator)]
    rows = max(len(stream) // length, 1)
    stream = stream[: rows * length] + [separator] * max(rows * length - len(stream), 0)
    return torch.tensor(stream, dtype=torch.long).reshape(rows, length)


def _ask(
    teacher: Teacher, asked: list[str], index: int, settings: TeacherText, seed: int, tokens: int
) -> list[list[int]]:
    try:
        return teacher.write(asked, settings, seed * STREAM_OF_BATCH + index)
    except TeacherLostError as error:
        raise TeacherLostError(f"{error}; {tokens} tokens that it wrote are kept; run it again to go on") from error


def _limits(access: Access) -> dict[str, object]:
    """Of the terms what decides which queries are answered."""
    return access.model_dump(
        mode="json", exclude={"regime", "price_in_usd_per_mtok", "price_out_usd_per_mtok"}, exclude_defaults=True
    )


def _batch(prompts: list[str], index: int, size: int) -> list[str]:
    """The prompts of a batch; after the last prompt they begin again, and sampling differs by batch."""
    return [prompts[place % len(prompts)] for place in range(index * size, (index + 1) * size)]


def _cut(documents: list[list[int]], tokens: int) -> tuple[tuple[int, ...], ...]:
    """Whole documents until `tokens` is reached; the last one is shortened to end there."""
    out: list[tuple[int, ...]] = []
    left = tokens
    for document in documents:
        if left <= 0:
            break
        out.append(tuple(document[:left]))
        left -= len(out[-1])
    return tuple(out)


def _read(path: Path) -> _Kept:
    if not path.is_file():
        return _Kept(path, [], [])
    loaded = json.loads(path.read_text(encoding="utf-8"))
    return _Kept(path, loaded["batches"], loaded["seconds"])
