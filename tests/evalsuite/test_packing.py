"""The plan: every request once, every token once where a prefix is shared, and the same plan each time."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalsuite.packing import Batch, Plan, Request, Row, groups_of_prompts, plan

tokens = st.lists(st.integers(0, 3), min_size=1, max_size=7).map(tuple)
requests = st.lists(st.builds(Request, tokens, tokens), min_size=1, max_size=25)
long_prefixes = st.sampled_from([(9,) * 40, (9,) * 30 + (8,) * 10, ()])


def paths_of(row: Row, prefix: tuple[int, ...]) -> list[tuple[int, ...]]:
    """The tokens from the beginning of the prefix to each node."""
    out: list[tuple[int, ...]] = []
    for segment in row.segments:
        path = out[segment.parent] if segment.parent >= 0 else prefix
        for token in segment.tokens:
            path = (*path, token)
            out.append(path)
    return out


def check(found: Plan, asked: list[Request], max_length: int) -> None:
    answered = []
    for batch in found.batches:
        for row in batch.rows:
            paths = paths_of(row, batch.prefix)
            for one in row.scored:
                request = asked[one.request]
                path = (request.context + request.continuation)[-(max_length + 1) :]
                assert one.targets == request.continuation[-len(one.targets) :]
                for back, node in enumerate(reversed(one.nodes)):
                    assert paths[node] == path[: len(path) - 1 - back]
                answered.append(one.request)
    assert sorted(answered) == list(range(len(asked)))


@settings(max_examples=200, deadline=None)
@given(requests, long_prefixes, st.booleans(), st.sampled_from([0.0, 0.001, 0.1]))
def test_every_request_is_scored_once_at_the_tokens_of_its_own_path(
    asked: list[Request], prefix: tuple[int, ...], share: bool, pair_cost: float
) -> None:
    asked = [Request(prefix + one.context, one.continuation) for one in asked]
    found = plan(asked, 100, 64, pair_cost, share)
    check(found, asked, 100)
    assert found.computed_tokens <= found.asked_tokens
    assert plan(list(asked), 100, 64, pair_cost, share) == found


@settings(max_examples=100, deadline=None)
@given(st.lists(st.builds(Request, tokens, tokens), min_size=1, max_size=10), st.integers(2, 6))
def test_paths_longer_than_the_model_lose_their_beginning(asked: list[Request], max_length: int) -> None:
    asked = [one for one in asked if len(one.continuation) <= max_length]
    check(plan(asked, max_length, 64, 0.0), asked, max_length)


def shots(contexts: int, choices: int) -> list[Request]:
    prefix = tuple(range(1000, 1250))
    return [
        Request(prefix + tuple(range(item * 100, item * 100 + 40)), tuple(range(5000 + 20 * c, 5010 + 20 * c)))
        for item in range(contexts)
        for c in range(choices)
    ]


def test_a_shared_prefix_is_computed_once_and_choices_branch_from_their_context() -> None:
    found = plan(shots(8, 4), 2048, 2048, 0.001)
    assert found.computed_tokens == 250 + 8 * (40 + 4 * 9)
    assert {batch.prefix for batch in found.batches} == {tuple(range(1000, 1250))}


def test_sharing_can_be_left_out() -> None:
    found = plan(shots(8, 4), 2048, 2048, 0.001, share=False)
    assert found.computed_tokens == found.asked_tokens == 8 * 4 * (290 + 9)
    assert all(not batch.prefix and all(len(row.segments) == 1 for row in batch.rows) for batch in found.batches)


def test_few_contexts_are_not_worth_a_prefix() -> None:
    found = plan(shots(2, 1), 2048, 2048, 1.0)
    assert all(not batch.prefix for batch in found.batches)


def test_two_prefixes_part_into_two_groups() -> None:
    other = [Request((7, *one.context), one.continuation) for one in shots(6, 2)]
    found = plan(shots(6, 2) + other, 2048, 2048, 0.001)
    assert {len(batch.prefix) for batch in found.batches} == {250, 251}


def test_batches_hold_their_tokens_and_a_longer_row_stands_alone() -> None:
    asked = [Request((index,) * length, (1,)) for index, length in enumerate((500, 60, 50, 40, 30, 20))]
    found = plan(asked, 2048, 128, 0.001)
    assert [len(batch.rows) for batch in found.batches] == [1, 2, 3]
    assert all(batch.width * len(batch.rows) <= 128 for batch in found.batches[1:])


def test_one_token_choices_of_a_context_are_one_row() -> None:
    found = plan([Request((1, 2, 3), (token,)) for token in range(4)], 2048, 128, 0.001)
    assert found.computed_tokens == 3
    assert isinstance(found.batches[0], Batch)


def test_an_empty_continuation_is_refused() -> None:
    with pytest.raises(ValueError, match="request 0"):
        plan([Request((1,), ())], 10, 10, 0.0)


@settings(max_examples=100, deadline=None)
@given(st.lists(tokens, min_size=1, max_size=20), long_prefixes, st.integers(1, 5), st.integers(1, 300))
def test_prompts_are_grouped_each_once_with_their_prefix(
    tails: list[tuple[int, ...]], prefix: tuple[int, ...], rows: int, places: int
) -> None:
    prompts = [prefix + tail for tail in tails]
    groups = groups_of_prompts(prompts, rows, places, 3)
    assert sorted(index for _, indices in groups for index in indices) == list(range(len(prompts)))
    for common, indices in groups:
        assert len(indices) <= rows
        assert len(indices) == 1 or sum(len(prompts[index]) + 3 for index in indices) <= places
        assert all(prompts[index][: len(common)] == common and len(prompts[index]) > len(common) for index in indices)
