"""How much a pass may hold, and a batch in parts that keep to it. Pure, without torch: free memory plays no part.

The places of a batch (`evalsuite.packing.plan`) bound hidden states, keys and values. Three things grow faster:

- the mask of a tree or behind a prefix: places times keys, as flags and as numbers;
- the scores of eager attention: places times keys times heads, and their softmax in float32;
- the logits of a model whose head is not apart: kept places times vocabulary.

A batch that holds more of them than `PASS_BYTES` is computed by parts of its rows; of a single row that holds more,
each path is computed on its own, because a plain path needs no mask, and logits by parts of their places. A plain path
under eager attention cannot be split.
"""

from __future__ import annotations

from dataclasses import dataclass

from evalsuite.packing import Batch
from evalsuite.trees import alone

PASS_BYTES = 2**30
LOGIT_COPIES = 2  # a model that scales or caps its logits holds them twice


@dataclass(frozen=True)
class Footprint:
    """What of a model decides how much a pass holds.

    Attributes:
        number_bytes: of a weight's type.
        eager_heads: attention heads where attention is eager, else 0.
        logits: size of the vocabulary where the head is not apart, else 0.
    """

    number_bytes: int
    eager_heads: int
    logits: int

    def mask_bytes(self, batch: Batch) -> int:
        """Mask and eager scores of one row."""
        pairs = batch.width * (len(batch.prefix) + batch.width)
        mask = pairs * (1 + self.number_bytes) if is_tree(batch) or self.eager_heads else 0
        return mask + pairs * self.eager_heads * (self.number_bytes + 4)

    def row_bytes(self, batch: Batch) -> int:
        """Mask, eager scores and kept logits of one row."""
        return self.mask_bytes(batch) + len(scored_nodes(batch)) * self._place_bytes

    def places_kept(self, rows: int) -> int:
        """Places of each of so many rows whose logits one pass may keep."""
        return max(PASS_BYTES // max(rows * self._place_bytes, 1), 1)

    @property
    def _place_bytes(self) -> int:
        return LOGIT_COPIES * self.number_bytes * self.logits


def parts(batch: Batch, footprint: Footprint) -> list[Batch]:
    """The batch in as many parts as `PASS_BYTES` asks for, its requests in their order."""
    most = max(PASS_BYTES // max(footprint.row_bytes(batch), 1), 1)
    out: list[Batch] = []
    for start in range(0, len(batch.rows), most):
        part = Batch(batch.prefix, batch.rows[start : start + most])
        too_large = len(part.rows) == 1 and is_tree(part) and footprint.mask_bytes(part) > PASS_BYTES
        out += paths(part) if too_large else [part]
    return out


def paths(batch: Batch) -> list[Batch]:
    """The paths of all requests of a batch, each a plain batch of its own."""
    return [Batch((), (alone(row, one, batch.prefix),)) for row in batch.rows for one in row.scored]


def is_tree(batch: Batch) -> bool:
    """Whether a pass needs a mask of its own."""
    return bool(batch.prefix) or any(len(row.segments) > 1 for row in batch.rows)


def scored_nodes(batch: Batch) -> list[int]:
    """Nodes that some row of the batch scores, in order."""
    return sorted({node for row in batch.rows for one in row.scored for node in one.nodes})
