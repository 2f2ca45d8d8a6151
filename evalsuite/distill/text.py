"""Text that the teacher writes, kept in the cache as token ids: the same settings never write twice."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from evalsuite.distill.prompts import prompts
from evalsuite.distill.recipe import TeacherText
from evalsuite.models import LoadedModel
from sim.shared.console import Progress
from sim.shared.manifest import library_versions, sha256_of_json
from sim.shared.paths import cache_dir, write_text

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Corpus:
    """Documents as token ids.

    Attributes:
        documents: what the teacher wrote, without its prompts.
        seconds: what the writing took (0 where it came from the cache).
        cached: whether it came from the cache.
    """

    documents: tuple[tuple[int, ...], ...]
    seconds: float
    cached: bool

    @property
    def tokens(self) -> int:
        """Distinct teacher tokens."""
        return sum(len(document) for document in self.documents)


def write_corpus(teacher: LoadedModel, settings: TeacherText, seed: int) -> Corpus:
    """At least `settings.tokens` tokens that the teacher samples in answer to our prompts.

    Same weights, tokenizer, settings, seed, threads and library versions: the same text.
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
    documents = _read(path)
    if sum(map(len, documents)) >= settings.tokens:
        return Corpus(_cut(documents, settings.tokens), 0.0, True)
    started_s = time.monotonic()
    documents = []
    with Progress("the teacher writes", settings.tokens, "tokens") as progress:
        for index, batch in enumerate(_batches(settings.batch)):
            written = _answers(teacher, batch, settings, seed * 1_000_003 + index)
            documents += written
            progress.advance(sum(map(len, written)))
            if sum(map(len, documents)) >= settings.tokens:
                break
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, json.dumps(documents))
    return Corpus(_cut(documents, settings.tokens), time.monotonic() - started_s, False)


def corpus_texts(teacher: LoadedModel, corpus: Corpus) -> list[str]:
    """The documents as text, for checks of what the student saw."""
    return [teacher.tokenizer.decode(document, skip_special_tokens=True) for document in corpus.documents]


def describe(settings: TeacherText) -> dict[str, object]:
    """The settings as plain data, for a card."""
    return dict(settings.model_dump(mode="json"))


def _batches(size: int) -> list[list[str]]:
    every = prompts()
    rounds = 64  # enough for several million tokens; sampling differs by batch
    return [every[start : start + size] for _ in range(rounds) for start in range(0, len(every), size)]


def _answers(teacher: LoadedModel, batch: list[str], settings: TeacherText, seed: int) -> list[list[int]]:
    import torch

    tokenizer = teacher.tokenizer
    tokenizer.padding_side = "left"
    texts = [
        tokenizer.apply_chat_template([{"role": "user", "content": text}], add_generation_prompt=True, tokenize=False)
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


def _read(path: Path) -> list[list[int]]:
    if not path.is_file():
        return []
    loaded: list[list[int]] = json.loads(path.read_text(encoding="utf-8"))
    return loaded
