"""Text that the teacher writes, kept in the cache as token ids: the same settings never write twice."""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from evalsuite.distill.prompts import prompts
from evalsuite.distill.recipe import TeacherText
from evalsuite.models import LoadedModel
from evalsuite.suites.mini import mini
from evalsuite.suites.overlap import Detector
from sim.shared.console import Progress
from sim.shared.errors import InputError
from sim.shared.manifest import library_versions, sha256_of_json
from sim.shared.paths import cache_dir, write_text

if TYPE_CHECKING:
    import torch


BARREN_BATCHES = 8


@dataclass(frozen=True)
class Corpus:
    """Documents as token ids.

    Attributes:
        documents: what the teacher wrote, without its prompts, and apart from the mini suite.
        left_out: documents that held an item of the suite, or text made from one of its templates.
        seconds: what the writing took (0 where it came from the cache).
    """

    documents: tuple[tuple[int, ...], ...]
    left_out: int
    seconds: float

    @property
    def tokens(self) -> int:
        """Distinct teacher tokens."""
        return sum(len(document) for document in self.documents)


def write_corpus(teacher: LoadedModel, settings: TeacherText, seed: int) -> Corpus:
    """At least `settings.tokens` tokens that the teacher samples in answer to our prompts, apart from the mini suite.

    Same weights, tokenizer, settings, seed, threads and library versions: the same text. Each batch is kept when it is
    written, so that an interrupted writing goes on at the batch that it was in.
    """
    import time

    key = sha256_of_json(
        {
            "weights": teacher.weights_sha256,
            "tokenizer": teacher.tokenizer_sha256,
            "prompts": prompts(),
            "settings": settings.model_dump(mode="json") | {"tokens": 0},
            "seed": seed,
            "dtype": teacher.dtype,
            "threads": teacher.threads,
            "libraries": library_versions(),
        }
    )
    path = cache_dir() / "texts" / f"{key}.json"
    batches = _read(path)
    detector = Detector(mini())
    kept: list[list[int]] = []
    left_out = 0

    def take(batch: list[list[int]]) -> None:
        nonlocal left_out
        for document in batch:
            if detector.overlaps(teacher.tokenizer.decode(document, skip_special_tokens=True)):
                left_out += 1
            else:
                kept.append(document)

    for batch in batches:
        if sum(map(len, kept)) < settings.tokens:
            take(batch)
    started_s = time.monotonic()
    if sum(map(len, kept)) < settings.tokens:
        path.parent.mkdir(parents=True, exist_ok=True)
        first = len(batches)
        with Progress("the teacher writes", settings.tokens - sum(map(len, kept)), "tokens") as progress:
            for index in itertools.count(len(batches)):
                before = sum(map(len, kept))
                if index - first >= BARREN_BATCHES and not kept:
                    raise InputError(
                        "text", "", f"{BARREN_BATCHES} batches without a document that can be used",
                        "a teacher that writes text of its own", "name another teacher, or more answer_tokens",
                    )  # fmt: skip
                batches.append(_answers(teacher, _prompts(index, settings.batch), settings, seed * 1_000_003 + index))
                write_text(path, json.dumps(batches))
                take(batches[-1])
                progress.advance(sum(map(len, kept)) - before)
                if sum(map(len, kept)) >= settings.tokens:
                    break
        return Corpus(_cut(kept, settings.tokens), left_out, time.monotonic() - started_s)
    return Corpus(_cut(kept, settings.tokens), left_out, 0.0)


def corpus_texts(teacher: LoadedModel, corpus: Corpus) -> list[str]:
    """The documents as text, for checks of what the student saw."""
    return [teacher.tokenizer.decode(document, skip_special_tokens=True) for document in corpus.documents]


def _prompts(index: int, size: int) -> list[str]:
    """The prompts of a batch; after the last prompt they begin again, and sampling differs by batch."""
    every = prompts()
    return [every[place % len(every)] for place in range(index * size, (index + 1) * size)]


def _answers(teacher: LoadedModel, batch: list[str], settings: TeacherText, seed: int) -> list[list[int]]:
    import torch

    tokenizer = teacher.tokenizer
    tokenizer.padding_side = "left"
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    texts = [
        tokenizer.apply_chat_template([{"role": "user", "content": text}], add_generation_prompt=True, tokenize=False)
        if tokenizer.chat_template
        else f"{text}\n\n"  # a base model goes on writing
        for text in batch
    ]
    encoded = tokenizer(texts, return_tensors="pt", padding=True, add_special_tokens=False)
    with torch.random.fork_rng(), torch.inference_mode():
        torch.manual_seed(seed)
        out: torch.Tensor = teacher.model.generate(
            **encoded,
            max_new_tokens=settings.answer_tokens,
            do_sample=True,
            temperature=settings.temperature,
            top_k=0,
            top_p=1.0,
            pad_token_id=tokenizer.pad_token_id,
        )
    ends = {tokenizer.eos_token_id, tokenizer.pad_token_id}
    answers = []
    for row in out[:, encoded["input_ids"].shape[1] :].tolist():
        stop = next((index for index, token in enumerate(row) if token in ends), len(row))
        answers.append(row[:stop])
    return [answer for answer in answers if answer]


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


def _read(path: Path) -> list[list[list[int]]]:
    if not path.is_file():
        return []
    loaded: list[list[list[int]]] = json.loads(path.read_text(encoding="utf-8"))
    return loaded
