"""What a model of lm-eval's tells beside its answers: work done, tokens used, answers that are none, answers kept."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

OnRequests = Callable[[str, int, int], None]


def untold(task: str, count: int, tokens: int) -> None:
    """Nobody watches."""


class Memory(Protocol):
    """Answers that outlive the process, by what they depend on."""

    def recall(self, keys: Sequence[str]) -> list[dict[str, Any]] | None:
        """The answers under all these keys, or None if one is missing."""

    def keep(self, answers: dict[str, dict[str, Any]]) -> None:
        """Keep answers, all or none."""


@dataclass
class Work:
    """What was asked and what was computed for it.

    Attributes:
        asked_tokens: tokens that one pass for every request would read.
        computed_tokens: tokens read, padding apart.
        recalled_requests: requests whose answers were kept from before.
        seconds: spent in the model, from its requests to their answers; lm-eval's own work is not in it.
    """

    requests: int = 0
    asked_tokens: int = 0
    computed_tokens: int = 0
    recalled_requests: int = 0
    seconds: float = 0.0

    def add(self, other: Work) -> None:
        """Count other work too."""
        self.requests += other.requests
        self.asked_tokens += other.asked_tokens
        self.computed_tokens += other.computed_tokens
        self.recalled_requests += other.recalled_requests
        self.seconds += other.seconds


@dataclass
class Usage:
    """What an endpoint was asked: requests answered, tokens as its server counted them, bytes of the prompts."""

    requests: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    bytes_in: int = 0

    def add(self, tokens_in: int, tokens_out: int, bytes_in: int) -> None:
        """Count one answered request."""
        self.requests += 1
        self.tokens_in += tokens_in
        self.tokens_out += tokens_out
        self.bytes_in += bytes_in


class Notes:
    """What must be told of an answer besides the answer: of one task, by the request's strings.

    Two items of a task that ask the same share a note, as they share an answer. For weights that lie here that is what
    computing twice would give, up to the last digits of another batch. An endpoint may answer one of two equal requests
    and fail the other: equal requests of a task are one request there too, or one failure marks both items, which are
    then asked again together. Tasks are kept apart, because an endpoint is asked for each anew.

    Attributes:
        broken: requests whose logits were not finite.
        cut: requests longer than the model reads, which lost their beginning.
        confidence: of what was written from a prompt, the mean log-probability of its tokens, in nats.
        failed: requests that an endpoint did not answer, and why.
    """

    def __init__(self) -> None:
        """Nothing noted."""
        self.broken: set[tuple[str, ...]] = set()
        self.cut: set[tuple[str, ...]] = set()
        self.confidence: dict[str, float] = {}
        self.failed: dict[tuple[str, ...], str] = {}


class Noting:
    """The part of a model that notes; stands before one of lm-eval's classes.

    Attributes:
        usage: of an endpoint, by the task's name in lm-eval; empty for weights that lie here.
    """

    def begin_notes(
        self, memory: Memory | None, memory_keys: Mapping[str, str] | None, on_requests: OnRequests
    ) -> None:
        """Nothing noted yet.

        Args:
            memory: where answers are kept as soon as they are there; None for nowhere.
            memory_keys: by task, everything that the answers depend on besides the request.
            on_requests: called with a task's name, the number of its requests just answered, and the tokens read.
        """
        self._notes: dict[str, Notes] = {}
        self.work = Work()
        self.usage: dict[str, Usage] = {}
        self._memory: Memory | None = memory
        self._memory_keys = memory_keys or {}
        self._on_requests = on_requests
        self._task = ""

    @property
    def notes(self) -> Notes:
        """Of the task that is being asked."""
        return self.notes_of(self._task)

    def notes_of(self, task: str) -> Notes:
        """Of a task, by its name in lm-eval."""
        return self._notes.setdefault(task, Notes())

    def _advance(self, count: int, tokens: int) -> None:
        self._on_requests(self._task, count, tokens)

    def _by_task(self, requests: Any, answer: Callable[[list[Any]], list[Any]]) -> list[Any]:
        """Answers to the requests of each task apart, in the requests' order."""
        out: list[Any] = [None] * len(requests)
        places: dict[str, list[int]] = {}
        for place, request in enumerate(requests):
            places.setdefault(request.task_name or "", []).append(place)
        started_s = time.monotonic()
        for self._task, mine in places.items():
            for place, found in zip(mine, answer([requests[place] for place in mine]), strict=True):
                out[place] = found
        self.work.seconds += time.monotonic() - started_s
        return out
