"""Scores kept by what they depend on, never by a name, as soon as they are computed.

Two kinds of rows in one store: the answers of a batch, durable when the batch is done, so that a killed run goes on at
the batch that it was in; and the samples of a finished task, so that a later run need not ask lm-eval again. Both hang
on the weights, the tokenizer, the type of number, the threads (sums are taken in their order), the libraries' versions
and the task's bytes (items, examples, prompt, settings); a batch besides on its own tokens, a task on the limit and the
scorer. Of a task whose data come from a hub the bytes are not known before they are asked for: there only batches are
kept, by their tokens.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evalsuite.tables import STORED_SAMPLES
from sim.shared.manifest import library_versions, sha256_of_json
from sim.shared.paths import cache_dir

if TYPE_CHECKING:
    import pandas as pd

    from evalsuite.endpoint import Endpoint
    from evalsuite.harness import Sample, Scorer
    from evalsuite.suites.suite import TaskRef
    from sim.shared.store import Store

LIBRARIES = ("torch", "transformers", "lm_eval")
VERSION = 2  # of what a sample holds, and how it was come by


@dataclass(frozen=True)
class Identity:
    """What a model's numbers depend on."""

    weights_sha256: str
    tokenizer_sha256: str
    dtype: str
    threads: int
    device: str = "cpu"

    @property
    def key(self) -> str:
        """Hash of it, with the libraries that compute."""
        versions = library_versions()
        return sha256_of_json(asdict(self) | {name: versions.get(name, "") for name in LIBRARIES})


def endpoint_identity(endpoint: Endpoint) -> Identity:
    """What an endpoint's answers depend on, as far as anybody can tell from outside."""
    return Identity(endpoint.identity, "", "", 0, "endpoint")


def store_path() -> Path:
    """Where all scores of this machine lie."""
    return cache_dir() / "scores.sqlite"


def task_key(identity: Identity, task: TaskRef, limit: int | None, scorer: Scorer) -> str:
    """The key of a finished task's samples."""
    content = {"model": identity.key, "task": task.content_sha256, "limit": limit, "scorer": scorer, "version": VERSION}
    return f"task/{sha256_of_json(content)}"


def keep_samples(store: Store, key: str, samples: Sequence[Sample]) -> pd.DataFrame:
    """Keep the samples of a finished task, and return them as a table."""
    store.keep({key: {"samples": [_plain(asdict(sample)) for sample in samples]}})
    return samples_table(samples)


def samples_table(samples: Sequence[Sample]) -> pd.DataFrame:
    """Samples as a table."""
    return _table([asdict(sample) for sample in samples])


def kept_samples(store: Store, key: str) -> pd.DataFrame | None:
    """The samples of a finished task as a table, or None."""
    found = store.recall([key])
    return None if found is None else _table(found[0]["samples"])


def _table(rows: list[dict[str, Any]]) -> pd.DataFrame:
    import pandas as pd

    whole = [{name: math.nan if cell is None else cell for name, cell in row.items()} for row in rows]
    return STORED_SAMPLES.conform(pd.DataFrame(whole), "scores")


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    return {name: None if isinstance(cell, float) and not math.isfinite(cell) else cell for name, cell in row.items()}
