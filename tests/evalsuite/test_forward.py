"""Trees, prefixes and the head at scored places give what a plain pass over each path gives."""

from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch")

from transformers import (  # noqa: E402
    Gemma2Config,
    Gemma2ForCausalLM,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
)

from evalsuite.forward import Forward  # noqa: E402
from evalsuite.packing import Request, plan  # noqa: E402

SIZE = {"vocab_size": 160, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 3, "num_attention_heads": 4}


def llama(attention: str = "sdpa") -> LlamaForCausalLM:
    torch.manual_seed(0)
    config = LlamaConfig(**SIZE, num_key_value_heads=2, initializer_range=0.3, attn_implementation=attention)
    return LlamaForCausalLM(config).eval()


def gpt2() -> GPT2LMHeadModel:
    torch.manual_seed(0)
    return GPT2LMHeadModel(GPT2Config(vocab_size=160, n_embd=32, n_layer=3, n_head=4, initializer_range=0.3)).eval()


def plain(model: torch.nn.Module, request: Request) -> tuple[float, bool]:
    """By one pass over one path, in float64's sum."""
    ids = torch.tensor([request.context + request.continuation])
    with torch.inference_mode():
        logits = model(ids[:, :-1]).logits[0, -len(request.continuation) :].float()
    nats = logits.log_softmax(-1)
    targets = torch.tensor(request.continuation)
    return float(nats.gather(1, targets[:, None]).double().sum()), bool((logits.argmax(-1) == targets).all())


def requests() -> list[Request]:
    """Items after worked examples, with choices that branch late, and items on their own."""
    generator = torch.Generator().manual_seed(1)

    def some(count: int) -> tuple[int, ...]:
        return tuple(torch.randint(0, 160, (count,), generator=generator).tolist())

    shots = some(70)
    out = []
    for _ in range(6):
        context, start = shots + some(9), some(3)
        out += [Request(context, start + some(length)) for length in (1, 4, 6)]
    out += [Request(some(12), some(1)) for _ in range(3)]
    sentence = some(8)
    out += [Request((0,), sentence + some(3)), Request((0,), sentence + some(5))]
    return out


@pytest.mark.parametrize("model", [llama(), llama("eager"), gpt2()], ids=["llama", "eager", "gpt2"])
@pytest.mark.parametrize("batch_tokens", [64, 4096])
def test_shared_passes_give_the_answers_of_plain_ones(model: torch.nn.Module, batch_tokens: int) -> None:
    forward = Forward(model)
    assert forward.bears_sharing
    assert forward.bears_head
    asked = requests()
    whole = plan(asked, 512, batch_tokens, forward.pair_cost)
    assert whole.computed_tokens < 0.5 * whole.asked_tokens
    for request, answer in zip(asked, forward.in_order(asked, whole.batches), strict=True):
        nats, greedy = plain(model, request)
        assert answer.nats == pytest.approx(nats, abs=2e-5 * len(request.continuation))
        assert answer.greedy == greedy


def test_a_greedy_continuation_is_called_greedy() -> None:
    model = llama()
    prompt = (3, 1, 4, 1, 5)
    forward = Forward(model)
    written = forward.write((), [prompt], 5, frozenset(), lambda tokens: False)[0]
    one = Request(prompt, tuple(written.tokens))
    answer = forward.in_order([one], plan([one], 64, 64, 0.0).batches)[0]
    assert answer.greedy
    assert answer.nats == pytest.approx(written.nats, abs=1e-4)


@pytest.mark.parametrize("model", [llama(), gpt2()], ids=["llama", "gpt2"])
def test_writing_from_a_shared_prefix_is_writing_from_each_prompt(model: torch.nn.Module) -> None:
    forward = Forward(model)
    prefix, tails = tuple(range(20, 50)), [(1, 2, 3), (4,), (9, 8, 7, 6, 5)]
    stopped = forward.write(prefix, tails, 12, frozenset({7}), lambda tokens: tokens[-1] % 5 == 0)
    for tail, written in zip(tails, stopped, strict=True):
        ids = torch.tensor([prefix + tail])
        wanted: list[int] = []
        with torch.inference_mode():
            while len(wanted) < 12 and not (wanted and (wanted[-1] == 7 or wanted[-1] % 5 == 0)):
                following = int(model(ids).logits[0, -1].argmax())
                wanted.append(following)
                ids = torch.cat([ids, torch.tensor([[following]])], dim=1)
        assert written.tokens == wanted


def test_a_model_with_sliding_windows_is_not_shared() -> None:
    torch.manual_seed(0)
    config = MistralConfig(**SIZE, num_key_value_heads=2, sliding_window=16, initializer_range=0.3)
    forward = Forward(MistralForCausalLM(config).eval())
    assert not forward.bears_sharing
    asked = requests()
    answers = forward.in_order(asked, plan(asked, 512, 256, 0.0, share=False).batches)
    assert answers[0].nats == pytest.approx(plain(forward.model, asked[0])[0], abs=1e-4)


def long_requests() -> list[Request]:
    """Choices after worked examples that are longer than any trial."""
    generator = torch.Generator().manual_seed(2)

    def some(count: int) -> tuple[int, ...]:
        return tuple(torch.randint(0, 160, (count,), generator=generator).tolist())

    shots = some(300)
    return [Request(shots + some(9), some(length)) for _ in range(4) for length in (2, 5)]


def mistral(window: int) -> MistralForCausalLM:
    torch.manual_seed(0)
    config = MistralConfig(
        **SIZE, num_key_value_heads=2, sliding_window=window, max_position_embeddings=512, initializer_range=0.3
    )
    return MistralForCausalLM(config).eval()


def stretched(rope_type: str) -> LlamaForCausalLM:
    """Rotary angles fit for 64 positions, stretched to 512."""
    torch.manual_seed(0)
    rope = {"rope_type": rope_type, "rope_theta": 10000.0, "factor": 8.0, "original_max_position_embeddings": 64}
    if rope_type == "longrope":
        rope |= {"short_factor": [1.0] * 4, "long_factor": [8.0] * 4}
    config = LlamaConfig(
        **SIZE, num_key_value_heads=2, rope_parameters=rope, max_position_embeddings=512, initializer_range=0.3
    )
    return LlamaForCausalLM(config).eval()


@pytest.mark.parametrize(
    ("model", "bears"),
    [
        (mistral(160), False), (mistral(512), True), (stretched("dynamic"), False), (stretched("longrope"), False),
        (stretched("linear"), True),
    ],
    ids=["window of 160", "window of all", "dynamic", "longrope", "linear"],
)  # fmt: skip
def test_what_a_trial_is_too_short_to_meet_is_told_by_the_configuration(model: torch.nn.Module, bears: bool) -> None:
    forward = Forward(model)
    assert forward.bears_sharing == bears
    asked = long_requests()
    for request, answer in zip(
        asked, forward.in_order(asked, plan(asked, 512, 2048, 0.0, share=forward.bears_sharing).batches), strict=True
    ):
        assert answer.nats == pytest.approx(plain(model, request)[0], abs=5e-4)


def test_a_model_that_caps_its_logits_keeps_its_own_head() -> None:
    torch.manual_seed(0)
    config = Gemma2Config(
        **SIZE, num_key_value_heads=2, head_dim=8, final_logit_softcapping=2.0, initializer_range=0.3,
        layer_types=["full_attention"] * 3, attn_implementation="eager",
    )  # fmt: skip
    forward = Forward(Gemma2ForCausalLM(config).eval())
    assert not forward.bears_head
    asked = requests()
    for request, answer in zip(
        asked, forward.in_order(asked, plan(asked, 512, 256, forward.pair_cost).batches), strict=True
    ):
        assert answer.nats == pytest.approx(plain(forward.model, request)[0], abs=1e-3)


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
def test_a_token_that_breaks_an_item_leaves_the_items_beside_it(attention: str) -> None:
    model = llama(attention)
    forward = Forward(model)
    with torch.no_grad():
        model.model.embed_tokens.weight[99] = math.nan
    start = (1, 2, 3, 4, 5, 6, 7, 8)
    asked = [Request((*start, 99), (10, 11)), Request((*start, 12), (13, 14)), Request((*start, 15), (16,))]
    whole = plan(asked, 512, 256, 0.0)
    assert len(whole.batches[0].rows) == 1
    broken, *rest = forward.in_order(asked, whole.batches)
    assert math.isnan(broken.nats)
    for request, answer in zip(asked[1:], rest, strict=True):
        assert answer.nats == pytest.approx(plain(model, request)[0], abs=1e-4)


def test_logits_that_are_not_finite_give_nan_and_no_choice() -> None:
    model = llama()
    with torch.no_grad():
        model.model.layers[0].mlp.up_proj.weight[0, 0] = math.nan
    forward = Forward(model)
    asked = requests()[:3]
    answers = forward.in_order(asked, plan(asked, 512, 256, 0.0, forward.bears_sharing).batches)
    assert all(math.isnan(answer.nats) for answer in answers)
    assert math.isnan(forward.write((), [(1, 2)], 4, frozenset(), lambda tokens: False)[0].nats)
