"""Scores kept by what they depend on, never by a name: a killed run keeps the tasks it finished.

The key is the hash of the weights, the tokenizer, the task's bytes (items, examples, settings of generation), the type
of number, the limit, the threads and the batch size (sums are taken in their order), and the libraries' versions.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from evalsuite.tables import STORED_SAMPLES
from sim.shared.manifest import library_versions, sha256_of_json
from sim.shared.paths import cache_dir
from sim.shared.tables import read_table, write_parquet

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from evalsuite.harness import Sample

LIBRARIES = ("torch", "transformers", "lm_eval")


@dataclass(frozen=True)
class Identity:
    """What a model's numbers depend on."""

    weights_sha256: str
    tokenizer_sha256: str
    dtype: str
    threads: int


def score_path(identity: Identity, task_sha256: str, limit: int | None, batch_size: int) -> Path:
    """Where the scores of a model on a task lie."""
    versions = library_versions()
    key = sha256_of_json(
        asdict(identity)
        | {"task": task_sha256, "limit": limit, "batch_size": batch_size}
        | {name: versions.get(name, "") for name in LIBRARIES}
    )
    folder = cache_dir() / "scores"
    folder.mkdir(exist_ok=True)
    return folder / f"{key}.parquet"


def keep(samples: Sequence[Sample], path: Path) -> pd.DataFrame:
    """Write the samples and return them as a table."""
    import pandas as pd

    frame = STORED_SAMPLES.conform(pd.DataFrame([asdict(sample) for sample in samples]), "scores")
    write_parquet(frame, path)
    return frame


def kept(path: Path) -> pd.DataFrame | None:
    """The samples kept under a path, or None."""
    return STORED_SAMPLES.conform(read_table(path), str(path)) if path.is_file() else None
