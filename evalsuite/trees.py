"""A row's tree as a model meets it: what each node sees, where it stands, and the path that leads to it."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np

from evalsuite.packing import Batch, Row, Scored, Segment


def tree(batch: Batch) -> tuple[np.ndarray, np.ndarray]:
    """What each node sees, bool (rows, 1, width, prefix + width), and where it stands, int64 (rows, width)."""
    before, width = len(batch.prefix), batch.width
    sees = np.zeros((len(batch.rows), 1, width, before + width), dtype=bool)
    sees[..., :before] = True
    depth = np.zeros((len(batch.rows), width), dtype=np.int64)
    for place, row in enumerate(batch.rows):
        _see(row, sees[place, 0, :, before:], depth[place], before)
    return sees, depth


def _see(row: Row, sees: np.ndarray, depth: np.ndarray, before: int) -> None:
    start = 0
    for segment in row.segments:
        end = start + len(segment.tokens)
        sees[start:end, start:end] = np.tri(end - start, dtype=bool)
        first = before
        if segment.parent >= 0:
            sees[start:end, : segment.parent + 1] = sees[segment.parent, : segment.parent + 1]
            first = int(depth[segment.parent]) + 1
        depth[start:end] = np.arange(first, first + end - start)
        start = end
    # Padding sees itself alone, so that no softmax is over nothing; nobody sees padding.
    padding = np.arange(start, len(sees))
    sees[padding, padding] = True


def path(row: Row, node: int) -> tuple[int, ...]:
    """Tokens from the root to a node, both included."""
    starts = list(itertools.accumulate((len(segment.tokens) for segment in row.segments), initial=0))[:-1]
    tokens: list[int] = []
    while node >= 0:
        place = max(index for index, start in enumerate(starts) if start <= node)
        segment = row.segments[place]
        tokens = [*segment.tokens[: node - starts[place] + 1], *tokens]
        node = segment.parent
    return tuple(tokens)


def alone(row: Row, one: Scored, prefix: tuple[int, ...] = ()) -> Row:
    """The path of one request as a row of its own, behind `prefix`."""
    whole = prefix + path(row, one.nodes[-1])
    return Row((Segment(-1, whole),), (replace(one, nodes=tuple(range(len(whole) - len(one.nodes), len(whole)))),))
