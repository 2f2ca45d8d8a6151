"""Batches that would not fit are computed in parts, with the answers of the whole."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")

from transformers import Gemma2Config, Gemma2ForCausalLM, LlamaConfig, LlamaForCausalLM  # noqa: E402

from evalsuite import bounds  # noqa: E402
from evalsuite.bounds import Footprint, parts, paths  # noqa: E402
from evalsuite.forward import Answer, Forward  # noqa: E402
from evalsuite.packing import Batch, Request, plan  # noqa: E402
from sim.shared.errors import InputError  # noqa: E402

SIZE = {"vocab_size": 160, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4}


def llama(attention: str = "sdpa") -> LlamaForCausalLM:
    torch.manual_seed(0)
    config = LlamaConfig(**SIZE, num_key_value_heads=2, initializer_range=0.3, attn_implementation=attention)
    return LlamaForCausalLM(config).eval()


def capped() -> Gemma2ForCausalLM:
    torch.manual_seed(0)
    config = Gemma2Config(
        **SIZE, num_key_value_heads=2, head_dim=8, final_logit_softcapping=2.0, initializer_range=0.3,
        layer_types=["full_attention"] * 2, attn_implementation="eager",
    )  # fmt: skip
    return Gemma2ForCausalLM(config).eval()


def some(count: int, seed: int) -> tuple[int, ...]:
    generator = torch.Generator().manual_seed(seed)
    return tuple(torch.randint(0, 160, (count,), generator=generator).tolist())


def items() -> list[Request]:
    """Items behind worked examples, with choices that branch, and one long text of which every token is scored."""
    shots = some(60, 1)
    out = []
    for item in range(8):
        context = shots + some(10, 10 + item)
        out += [Request(context, some(length, 100 * item + length)) for length in (2, 5)]
    return [*out, Request((0,), some(150, 5))]


def planned(forward: Forward, asked: list[Request], batch_tokens: int = 4096) -> tuple[Batch, ...]:
    return plan(asked, 512, batch_tokens, forward.pair_cost, forward.bears_sharing).batches


def nearly(found: list[Answer], wanted: list[Answer], nats: float = 1e-3) -> None:
    for one, other in zip(found, wanted, strict=True):
        assert one.nats == pytest.approx(other.nats, abs=nats)
        assert one.greedy == other.greedy


def test_the_bytes_of_a_row_by_hand() -> None:
    (batch,) = plan([Request((1, 2, 3), (4, 5))], 64, 64, 0.0).batches
    assert batch.width == 4  # 1 2 3 4, scored at the last two
    assert not bounds.is_tree(batch)
    assert Footprint(2, 0, 0).row_bytes(batch) == 0
    assert Footprint(2, 3, 0).row_bytes(batch) == 16 * (1 + 2) + 16 * 3 * (2 + 4)
    behind = Batch((7, 8), batch.rows)
    assert Footprint(2, 0, 0).row_bytes(behind) == 4 * 6 * (1 + 2)
    assert Footprint(2, 0, 100).row_bytes(behind) == 4 * 6 * (1 + 2) + 2 * 2 * 100 * bounds.LOGIT_COPIES


@pytest.mark.parametrize("model", [llama(), llama("eager"), capped()], ids=["llama", "eager", "capped"])
@pytest.mark.parametrize("limit", [30_000, 10_000, 1])
def test_parts_give_the_answers_of_the_whole(model: Any, limit: int, monkeypatch: pytest.MonkeyPatch) -> None:
    forward = Forward(model)
    asked = items()
    batches = planned(forward, asked)
    whole = forward.in_order(asked, batches)
    monkeypatch.setattr(bounds, "PASS_BYTES", limit)
    assert sum(len(parts(batch, forward._footprint)) for batch in batches) > len(batches)
    nearly(forward.in_order(asked, batches), whole)
    again = forward.in_order(asked, batches)
    assert again == forward.in_order(asked, batches)


def test_parts_keep_to_the_bound_wherever_a_row_does(monkeypatch: pytest.MonkeyPatch) -> None:
    forward = Forward(llama())
    seen: list[int] = []

    def watch(module: Any, positional: Any, given: dict[str, Any]) -> None:
        mask = given.get("attention_mask")
        seen.append(0 if mask is None else mask.numel() * (1 + 4))

    batches = planned(forward, items())
    monkeypatch.setattr(bounds, "PASS_BYTES", 100_000)
    forward.model.get_decoder().register_forward_pre_hook(watch, with_kwargs=True)
    for batch in batches:
        forward.answer(batch)
    assert 0 < max(seen) <= 100_000


def test_logits_of_a_head_that_is_not_apart_are_kept_in_parts_of_their_places(monkeypatch: pytest.MonkeyPatch) -> None:
    model = capped()
    forward = Forward(model)
    assert not forward.bears_head
    asked = [Request((0,), some(150, 5))]
    batches = planned(forward, asked)
    whole = forward.in_order(asked, batches)
    sizes: list[int] = []
    model.get_output_embeddings().register_forward_hook(lambda head, given, out: sizes.append(out.numel() * 4))
    monkeypatch.setattr(bounds, "PASS_BYTES", 40_000)
    nearly(forward.in_order(asked, batches), whole)
    assert len(sizes) > 1
    assert bounds.LOGIT_COPIES * max(sizes) <= 40_000


def test_a_long_row_is_asked_path_by_path_without_a_mask(monkeypatch: pytest.MonkeyPatch) -> None:
    forward = Forward(llama())
    context = some(300, 2)
    asked = [Request(context, some(20, seed)) for seed in (3, 4)]
    (batch,) = plan(asked, 512, 512, 0.0).batches
    assert (len(batch.rows), batch.width) == (1, 338)
    whole = forward.in_order(asked, (batch,))
    monkeypatch.setattr(bounds, "PASS_BYTES", 100_000)
    masks: list[object] = []
    forward.model.get_decoder().register_forward_pre_hook(
        lambda module, positional, given: masks.append(given.get("attention_mask")), with_kwargs=True
    )
    nearly(forward.in_order(asked, (batch,)), whole)
    assert masks == [None, None]


class Small:
    """A hook that lets no pass of more than `places` through, as an accelerator that is full."""

    def __init__(self, places: int) -> None:
        self.places, self.refused = places, 0

    def __call__(self, module: Any, positional: Any, given: dict[str, Any]) -> None:
        ids = given["input_ids"]
        if ids.numel() > self.places:
            self.refused += 1
            raise torch.OutOfMemoryError(f"CUDA out of memory. Tried to allocate {ids.numel()} places.")


@pytest.mark.parametrize("places", [100, 80])
def test_a_batch_for_which_there_is_no_memory_is_halved_and_goes_on(places: int) -> None:
    forward = Forward(llama())
    asked = items()[:-1]  # without the long text
    batches = planned(forward, asked)
    whole = forward.in_order(asked, batches)
    small = Small(places)
    forward.model.get_decoder().register_forward_pre_hook(small, with_kwargs=True)
    nearly(forward.in_order(asked, batches), whole)
    assert small.refused > 0


def test_a_row_for_which_there_is_no_memory_is_asked_path_by_path() -> None:
    forward = Forward(llama())
    context = some(100, 2)
    asked = [Request(context, some(40, seed)) for seed in (3, 4)]
    (batch,) = plan(asked, 512, 512, 0.0).batches
    assert (len(batch.rows), batch.width) == (1, 178)
    whole = forward.in_order(asked, (batch,))
    forward.model.get_decoder().register_forward_pre_hook(Small(140), with_kwargs=True)
    nearly(forward.in_order(asked, (batch,)), whole)


def test_a_path_for_which_there_is_no_memory_is_one_message() -> None:
    forward = Forward(llama())
    asked = [Request((0,), some(150, 5))]
    batches = planned(forward, asked)
    forward.model.get_decoder().register_forward_pre_hook(Small(100), with_kwargs=True)
    with pytest.raises(InputError, match="one text of 150 tokens"):
        forward.in_order(asked, batches)


def test_paths_are_the_requests_one_by_one() -> None:
    forward = Forward(llama())
    asked = items()
    for batch in planned(forward, asked):
        scored = [one for row in batch.rows for one in row.scored]
        for one, single in zip(scored, paths(batch), strict=True):
            request = asked[one.request]
            assert single.rows[0].segments[0].tokens == (request.context + request.continuation)[:-1]
            assert single.rows[0].scored[0].targets == request.continuation
