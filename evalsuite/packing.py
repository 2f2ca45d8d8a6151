"""What has to be computed to answer many requests: no token twice where a prefix is shared. Pure, without torch.

A request is a context and a continuation; the model reads the path `(context + continuation)[:-1]` and is scored at the
last `len(continuation)` places of it. Three kinds of sharing are used, each only where it saves more than it costs:

- requests with the same path are computed once;
- paths that begin alike become the branches of one tree, packed into one row (the choices of an item);
- rows whose contexts begin with the same long prefix (the worked examples before each item) read the prefix's cached
  keys and values.

The plan is a function of the requests alone, so that the same requests always meet the same batches: in bfloat16 the
composition of a batch moves scores in the last digits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

# Sharing a prefix costs a pass of its own and a copy of its keys and values.
LEAST_PREFIX_TOKENS = 16
LEAST_PREFIX_CONTEXTS = 4
LEAST_PREFIX_SAVED_TOKENS = 256
# A branch joins a row only if at least this share of its path is there already.
LEAST_SHARED = 0.25


@dataclass(frozen=True)
class Request:
    """Token ids of a context and of the continuation whose log-likelihood is asked; neither is empty."""

    context: tuple[int, ...]
    continuation: tuple[int, ...]


@dataclass(frozen=True)
class Segment:
    """A chain of new nodes of a row's tree: `tokens`, the first of them a child of node `parent` (-1: of the root)."""

    parent: int
    tokens: tuple[int, ...]


@dataclass(frozen=True)
class Scored:
    """The request `request` reads its continuation's tokens `targets` at the row's nodes `nodes`."""

    request: int
    nodes: tuple[int, ...]
    targets: tuple[int, ...]


@dataclass(frozen=True)
class Row:
    """One row of a batch: a tree of tokens after the batch's prefix, and what is scored in it."""

    segments: tuple[Segment, ...]
    scored: tuple[Scored, ...]

    @property
    def length(self) -> int:
        """Nodes of the tree."""
        return sum(len(segment.tokens) for segment in self.segments)


@dataclass(frozen=True)
class Batch:
    """Rows that are computed together, after a common prefix (empty: none)."""

    prefix: tuple[int, ...]
    rows: tuple[Row, ...]

    @property
    def width(self) -> int:
        """Nodes of the longest row."""
        return max(row.length for row in self.rows)


@dataclass(frozen=True)
class Plan:
    """All batches, with the tokens that were asked for and that are computed (padding apart).

    Attributes:
        asked_tokens: sum over the requests of their path's length.
        computed_tokens: nodes of all rows, and each prefix once.
        padded_tokens: places of the batches that hold no token.
    """

    batches: tuple[Batch, ...]
    asked_tokens: int
    computed_tokens: int
    padded_tokens: int


def plan(requests: Sequence[Request], max_length: int, batch_tokens: int, pair_cost: float, share: bool = True) -> Plan:
    """Batches that answer every request once.

    Args:
        requests: what is asked.
        max_length: tokens that the model can read; longer paths lose their beginning, as lm-eval does it.
        batch_tokens: places of a batch, padding included; a longer row is a batch of its own.
        pair_cost: cost of a masked query-key pair, in units of one token's cost without attention.
        share: False for plain rows, one path each, without prefixes.

    Raises:
        ValueError: for a request with an empty context or continuation.
    """
    paths: dict[tuple[int, ...], list[int]] = {}
    for index, request in enumerate(requests):
        if not request.context or not request.continuation:
            raise ValueError(f"request {index} has an empty context or continuation")
        paths.setdefault((request.context + request.continuation)[-(max_length + 1) :][:-1], []).append(index)
    ordered = sorted(paths)
    # Scored places must lie in the row, and the first of them is the last token of the context.
    least = [min(max(len(path) - len(requests[index].continuation), 0) for index in paths[path]) for path in ordered]
    batches: list[Batch] = []
    alone: list[Row] = []
    for start, end, prefix_length in _groups(ordered, least) if share else [(0, len(ordered), 0)]:
        rows = _rows(ordered[start:end], paths, requests, prefix_length, batch_tokens, pair_cost, share)
        if prefix_length:
            batches += _batches(ordered[start][:prefix_length], rows, batch_tokens)
        else:
            alone += rows
    batches = _batches((), alone, batch_tokens) + batches
    computed = sum(len(prefix) for prefix in {batch.prefix for batch in batches})
    computed += sum(row.length for batch in batches for row in batch.rows)
    places = sum(batch.width * len(batch.rows) for batch in batches)
    return Plan(
        batches=tuple(batches),
        asked_tokens=sum(len(path) * len(indices) for path, indices in paths.items()),
        computed_tokens=computed,
        padded_tokens=places - sum(row.length for batch in batches for row in batch.rows),
    )


def groups_of_prompts(
    prompts: Sequence[tuple[int, ...]], rows: int, places: int, most_tokens: int
) -> list[tuple[tuple[int, ...], list[int]]]:
    """Prompts to be continued, as (shared prefix, indices of prompts of like length).

    The prefix is empty where none is worth it, and always shorter than each prompt. A group has at most `rows` prompts
    and holds at most `places` tokens of keys and values, `most_tokens` written ones of each prompt included; a longer
    prompt is a group of its own.
    """
    order = sorted(range(len(prompts)), key=prompts.__getitem__)
    ordered = [prompts[index] for index in order]
    runs = _groups(ordered, [len(prompt) - 1 for prompt in ordered])
    alone = [index for start, end, length in runs if not length for index in order[start:end]]
    sets: list[tuple[tuple[int, ...], list[int]]] = [((), alone)] if alone else []
    sets += [(ordered[start][:length], order[start:end]) for start, end, length in runs if length]
    out = []
    for prefix, indices in sets:
        by_length = sorted(indices, key=lambda index: -len(prompts[index]))
        start = 0
        while start < len(by_length):
            count = max(min(rows, places // (len(prompts[by_length[start]]) + most_tokens)), 1)
            out.append((prefix, by_length[start : start + count]))
            start += count
    return out


@dataclass
class _Group:
    """A run of sorted paths from `start` to `end` whose first `common` tokens are the same.

    `parts` are the runs (start, end, length of the shared prefix) that save most inside of it.
    """

    common: int
    start: int
    inner: list[_Group]
    end: int = 0
    saved: int = 0
    parts: tuple[tuple[int, int, int], ...] = ()


def _groups(ordered: Sequence[tuple[int, ...]], least: Sequence[int]) -> list[tuple[int, int, int]]:
    """Runs (start, end, length of the shared prefix or 0) that cover all paths and save the most tokens.

    The common prefixes of sorted sequences nest: their runs form a tree, built from the lengths that neighbours share
    with one stack (Kasai and others 2001). Each node is taken whole or left to its children.
    """
    stack = [_Group(0, 0, [])]
    for place in range(1, len(ordered)):
        common = _common(ordered[place - 1], ordered[place])
        start, closed = place - 1, None
        while stack[-1].common > common:
            closed = _closed(stack.pop(), place, ordered, least)
            start = closed.start
            if stack[-1].common >= common:
                stack[-1].inner.append(closed)
                closed = None
        if stack[-1].common < common:
            stack.append(_Group(common, start, [closed] if closed else []))
    while len(stack) > 1:
        closed = _closed(stack.pop(), len(ordered), ordered, least)
        stack[-1].inner.append(closed)
    out: list[tuple[int, int, int]] = []
    covered = 0
    for start, end, length in _closed(stack[0], len(ordered), ordered, least).parts:
        if start > covered:
            out.append((covered, start, 0))
        out.append((start, end, length))
        covered = end
    if covered < len(ordered):
        out.append((covered, len(ordered), 0))
    return out


def _closed(group: _Group, end: int, ordered: Sequence[tuple[int, ...]], least: Sequence[int]) -> _Group:
    """The group with its end, taken as one run or as the runs inside of it, whichever saves more tokens."""
    group.end = end
    group.saved = sum(part.saved for part in group.inner)
    group.parts = tuple(run for part in group.inner for run in part.parts)
    if group.common < LEAST_PREFIX_TOKENS:
        return group
    length = min(group.common, *(least[place] for place in range(group.start, end)))
    # What the branches of one context share is saved by their row; so each context counts once.
    contexts = len({ordered[place][: least[place] + 1] for place in range(group.start, end)})
    saved = (contexts - 1) * length
    if (
        length >= LEAST_PREFIX_TOKENS
        and contexts >= LEAST_PREFIX_CONTEXTS
        and saved >= max(LEAST_PREFIX_SAVED_TOKENS, group.saved)
    ):
        group.saved, group.parts = saved, ((group.start, end, length),)
    return group


def _rows(
    ordered: Sequence[tuple[int, ...]],
    paths: dict[tuple[int, ...], list[int]],
    requests: Sequence[Request],
    prefix_length: int,
    batch_tokens: int,
    pair_cost: float,
    share: bool,
) -> list[Row]:
    """Sorted paths, less their prefix, as trees; a path joins the tree before it where that saves tokens."""
    rows: list[Row] = []
    segments: list[Segment] = []
    scored: list[Scored] = []
    size = 0
    before: tuple[int, ...] = ()
    nodes: list[int] = []  # of the path before, in the current row
    for path in ordered:
        tail = path[prefix_length:]
        common = _common(before, tail) if segments and share else 0
        fresh = len(tail) - common
        joins = (
            segments
            and share
            and common >= LEAST_SHARED * len(tail)
            and common > 2.0 * pair_cost * size * fresh
            and size + fresh <= batch_tokens
        )
        if not joins:
            if segments:
                rows.append(Row(tuple(segments), tuple(scored)))
            segments, scored, size, nodes, common, fresh = [], [], 0, [], 0, len(tail)
        if fresh:
            segments.append(Segment(nodes[common - 1] if common else -1, tail[common:]))
        nodes = [*nodes[:common], *range(size, size + fresh)]
        size += fresh
        before = tail
        for index in paths[path]:
            targets = requests[index].continuation[-len(path) :]
            scored.append(Scored(index, tuple(nodes[len(nodes) - len(targets) :]), targets))
    if segments:
        rows.append(Row(tuple(segments), tuple(scored)))
    return rows


def _batches(prefix: tuple[int, ...], rows: list[Row], batch_tokens: int) -> list[Batch]:
    """Rows of like length together, the longest first, at most `batch_tokens` places a batch."""
    out: list[Batch] = []
    current: list[Row] = []
    for row in sorted(rows, key=lambda row: -row.length):
        if current and (len(current) + 1) * current[0].length > batch_tokens:
            out.append(Batch(prefix, tuple(current)))
            current = []
        current.append(row)
    if current:
        out.append(Batch(prefix, tuple(current)))
    return out


def _common(first: tuple[int, ...], second: tuple[int, ...]) -> int:
    """Length of the common prefix, by bisection over comparisons of slices."""
    low, high = 0, min(len(first), len(second))
    while low < high:
        middle = (low + high + 1) // 2
        if first[low:middle] == second[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low
