"""The samples of one model on a suite: recalled where they are kept, else scored, and kept at once."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from evalsuite.endpoint import Endpoint
from evalsuite.harness import Scorer, evaluate, rejection
from evalsuite.models import LoadedModel, ModelSpec, fingerprints, load
from evalsuite.notes import Usage, Work
from evalsuite.precision import device, fastest_dtype
from evalsuite.scores import (
    Identity,
    endpoint_identity,
    keep_samples,
    kept_samples,
    samples_table,
    store_path,
    task_key,
)
from evalsuite.spending import remember_spending
from evalsuite.suites.suite import TaskRef
from evalsuite.wire import Wire
from sim.shared.console import Progress
from sim.shared.errors import InputError
from sim.shared.manifest import sha256_of_json
from sim.shared.store import Store

if TYPE_CHECKING:
    import pandas as pd

ITEMS_UNKNOWN = 1000  # of a task whose data set only lm-eval knows, for the progress bar


@dataclass
class Subject:
    """A model of a run: what it is, what its numbers depend on, and its weights once they are needed.

    Attributes:
        wire: to an endpoint; None for weights that lie here.
    """

    spec: ModelSpec
    identity: Identity
    wire: Wire | None = None
    _loaded: LoadedModel | None = field(default=None, repr=False)

    @property
    def loaded(self) -> LoadedModel:
        """The model as it was when its scores were looked up, loaded once.

        Raises:
            InputError: if its files have changed meanwhile.
        """
        if self._loaded is None:
            loaded = load(self.spec, self.identity.dtype)  # type: ignore[arg-type]
            found = (loaded.weights_sha256, loaded.tokenizer_sha256)
            if found != (self.identity.weights_sha256, self.identity.tokenizer_sha256):
                raise InputError(
                    f"model {self.spec.name}", "", "other files than at the start of the run",
                    "files that stay as they are", "wait until nothing else writes this model, and run again",
                )  # fmt: skip
            self._loaded = loaded
        return self._loaded


@dataclass(frozen=True)
class ScoredModel:
    """Samples of one model on all tasks, conforming to `evalsuite.tables.SAMPLES`, and what they took.

    Attributes:
        seconds: those of tasks kept from before left out.
        usage: of an endpoint, by task.
    """

    samples: pd.DataFrame
    seconds: float
    work: Work
    usage: dict[str, Usage]


def subject_of(spec: ModelSpec) -> Subject:
    """The model identified, not yet loaded.

    Raises:
        InputError: if its weights cannot be had, or an endpoint's key or price is missing.
    """
    if isinstance(spec.source, Endpoint):
        return Subject(spec, endpoint_identity(spec.source), Wire(spec.source))
    import torch

    from evalsuite.fetch import ensure

    weights, tokenizer = fingerprints(ensure(spec))
    return Subject(spec, Identity(weights, tokenizer, fastest_dtype(), torch.get_num_threads(), device().type))


def refuse_unanswerable(spec: ModelSpec, tasks: Sequence[TaskRef]) -> None:
    """Refuse tasks that compare log-likelihoods for an endpoint that tells none.

    Raises:
        InputError: if there is such a task; names those that can be asked.
    """
    source = spec.source
    if not isinstance(source, Endpoint) or (source.api == "completions" and source.tokenizer):
        return
    mute = [task.name for task in tasks if task.kind != "generate"]
    if mute:
        written = ", ".join(task.name for task in tasks if task.kind == "generate")
        why = "a chat endpoint tells no log-likelihoods" if source.api == "chat" else "no tokenizer is named"
        raise InputError(
            f"endpoint {spec.name}", "", f"tasks that compare log-likelihoods ({', '.join(mute)}), but {why}",
            f"tasks that are written: {written or 'none in this suite'}",
            f"run those: --tasks {written.replace(' ', '')}" if written else "choose another suite",
        )  # fmt: skip


def score(
    subject: Subject, tasks: Sequence[TaskRef], limit: int | None, scorer: Scorer, progress: Progress
) -> ScoredModel:
    """Samples of one model on all tasks."""
    with Store(store_path()) as store:
        return _score(subject, tasks, limit, scorer, store, progress)


def requests(task: TaskRef, limit: int | None) -> int:
    """Requests that a task makes, for the progress bar: two an item of a choice task."""
    items = min(task.items or ITEMS_UNKNOWN, limit or task.items or ITEMS_UNKNOWN)
    return items * (2 if task.kind == "choice" else 1)


def _score(
    subject: Subject, tasks: Sequence[TaskRef], limit: int | None, scorer: Scorer, store: Store, progress: Progress
) -> ScoredModel:
    spec, identity = subject.spec, subject.identity
    # A data set of a hub may change under its name, and what an endpoint did not answer must be asked again: there the
    # answers alone are kept, which hang on their own tokens, and not the finished task.
    whole = [] if subject.wire else [task for task in tasks if task.include]
    keys = {task.name: task_key(identity, task, limit, scorer) for task in whole}
    frames = {name: frame for name, key in keys.items() if (frame := kept_samples(store, key)) is not None}
    left = {task.name: requests(task, limit) for task in tasks}
    work = Work()
    usage: dict[str, Usage] = {}
    for name in frames:
        progress.advance(left.pop(name), f"{spec.name} {name}")
    missing = [task for task in tasks if task.name not in frames]
    if not missing:
        return ScoredModel(_named(frames, tasks, spec, limit), 0.0, work, {})

    asked = subject.wire or subject.loaded
    if subject.wire:
        remember_spending(subject.wire, store)
    started_s = time.monotonic()
    read = 0

    def advance(name: str, count: int, tokens: int) -> None:
        nonlocal read
        counted = min(count, left[name])
        left[name] -= counted
        read += tokens
        rate = read / max(time.monotonic() - started_s, 1e-9)
        progress.advance(counted, f"{spec.name} {name}, {read:,} tokens, {rate:,.0f} tokens/s")

    batch_keys = {task.name: sha256_of_json([identity.key, task.content_sha256]) for task in missing}
    # lm-eval's start costs a second, so tasks whose answers are kept go together; the others are kept task by task.
    rounds = [missing] if subject.wire or scorer == "shared" else [[task] for task in missing]
    for together in rounds:
        scored = evaluate(asked, together, limit, scorer, store, batch_keys, advance)
        work.add(scored.work)
        usage |= scored.usage
        for name, samples in scored.samples.items():
            frames[name] = keep_samples(store, keys[name], samples) if name in keys else samples_table(samples)
            progress.advance(left.pop(name), f"{spec.name} {name}")
    return ScoredModel(_named(frames, tasks, spec, limit), time.monotonic() - started_s, work, usage)


def _named(
    frames: dict[str, pd.DataFrame], tasks: Sequence[TaskRef], spec: ModelSpec, limit: int | None
) -> pd.DataFrame:
    """The tasks' samples in the tasks' order, what could not be asked behind each, with the model's name."""
    import pandas as pd

    parts = []
    for task in tasks:
        parts.append(frames[task.name])
        if rejected := task.rejected_within(limit):
            parts.append(samples_table([rejection(task.name, item) for item in rejected]))
    return pd.concat(parts, ignore_index=True).assign(model=spec.name)
