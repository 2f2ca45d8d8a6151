"""Starts: pruned by depth and by width, new ones, and what a teacher does not allow."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from evalsuite.distill.held_out import held_out_kl  # noqa: E402
from evalsuite.distill.importance import block_influence, important_layers, removal_order  # noqa: E402
from evalsuite.distill.prune import keep_layers  # noqa: E402
from evalsuite.distill.recipe import FromScratch, ImportantLayers, SameShape, WidthPruning  # noqa: E402
from evalsuite.distill.start import make_start  # noqa: E402
from evalsuite.distill.width import narrow  # noqa: E402
from sim.shared.errors import InputError  # noqa: E402


def silenced(model: Any, layer: int) -> Any:
    """A model whose layer adds nothing to the residual stream."""
    with torch.no_grad():
        model.model.layers[layer].self_attn.o_proj.weight.zero_()
        model.model.layers[layer].mlp.down_proj.weight.zero_()
    return model


def test_a_pruned_model_is_the_teacher_where_all_layers_stay(tiny: Any, rows: Any) -> None:
    teacher = tiny()
    assert held_out_kl(keep_layers(teacher, (0, 1, 2, 3)), teacher, rows, 4) == pytest.approx(0.0, abs=1e-9)
    with pytest.raises(InputError, match="layers 0 to 3"):
        keep_layers(teacher, (0, 7))


def test_a_pruned_model_generates_from_its_cache_as_without_it(tiny: Any, rows: Any) -> None:
    teacher = tiny()
    for student in (keep_layers(teacher, (0, 3)), narrow(teacher, WidthPruning(kind="width", key_value_heads=1), rows)):
        with_cache, without = (
            student.generate(rows[:1], max_new_tokens=8, do_sample=False, use_cache=cache, pad_token_id=0)
            for cache in (True, False)
        )
        assert torch.equal(with_cache, without)


@pytest.mark.parametrize("measure", ["kl", "block_influence"])
def test_the_layer_that_does_nothing_is_the_first_to_go(tiny: Any, rows: Any, measure: Any) -> None:
    teacher = silenced(tiny(), 2)
    assert important_layers(teacher, rows, 3, measure) == (0, 1, 3)
    assert len(teacher.model.layers) == 4
    assert block_influence(teacher, rows)[2] == pytest.approx(0.0, abs=1e-6)
    with pytest.raises(InputError, match="1 to 4"):
        important_layers(teacher, rows, 5, measure)


def test_measured_layers_are_at_least_as_near_to_the_teacher_as_each_other_single_removal(tiny: Any, rows: Any) -> None:
    teacher = tiny()
    distances = [
        held_out_kl(keep_layers(teacher, tuple(other for other in range(4) if other != layer)), teacher, rows, 12)
        for layer in range(4)
    ]
    assert removal_order(teacher, rows, 1) == [min(range(4), key=distances.__getitem__)]


def test_measured_layers_are_remembered(loaded: Any, rows: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from evalsuite.distill import importance

    wanted = ImportantLayers(kind="important_layers", layers=3)
    first = make_start(wanted, loaded, rows, 0)
    monkeypatch.setattr(importance, "important_layers", lambda *arguments: pytest.fail("measured again"))
    assert make_start(wanted, loaded, rows, 0).kept_layers == first.kept_layers
    assert first.layers == 3
    assert first.frozen_head


def test_a_width_that_keeps_all_is_the_teacher(tiny: Any, rows: Any) -> None:
    teacher = tiny()
    whole = narrow(teacher, WidthPruning(kind="width", intermediate_size=48, key_value_heads=2, hidden_size=32), rows)
    assert held_out_kl(whole, teacher, rows, 4) == pytest.approx(0.0, abs=1e-9)


def test_units_groups_and_channels_that_do_nothing_are_those_that_go(tiny: Any, rows: Any) -> None:
    teacher = tiny()
    with torch.no_grad():
        for layer in teacher.model.layers:
            layer.mlp.down_proj.weight[:, 10:22] = 0.0
            layer.self_attn.o_proj.weight[:, 16:] = 0.0  # the second group: two heads of eight
    student = narrow(teacher, WidthPruning(kind="width", intermediate_size=36, key_value_heads=1), rows)
    assert student.config.num_attention_heads == 2
    assert held_out_kl(student, teacher, rows, 4) == pytest.approx(0.0, abs=1e-5)
    with torch.no_grad():
        teacher.model.embed_tokens.weight[:, :8] = 0.0  # tied to the head
        for layer in teacher.model.layers:
            layer.mlp.down_proj.weight[:8] = 0.0
            layer.self_attn.o_proj.weight[:8] = 0.0
    narrower = narrow(teacher, WidthPruning(kind="width", hidden_size=24), rows)
    assert narrower.config.hidden_size == 24
    assert held_out_kl(narrower, teacher, rows, 4) == pytest.approx(0.0, abs=1e-4)


def test_a_width_above_the_teachers_is_refused(tiny: Any, rows: Any) -> None:
    with pytest.raises(InputError, match=r"student\.hidden_size.*at most the teacher's 32"):
        narrow(tiny(), WidthPruning(kind="width", hidden_size=64), rows)
    with pytest.raises(InputError, match="prune by depth"):
        narrow(tiny(attention_bias=True), WidthPruning(kind="width", hidden_size=16), rows)


def test_new_models_follow_the_seed_and_have_the_size_that_is_asked_for(loaded: Any, rows: Any) -> None:
    from types import SimpleNamespace

    tokenizer = SimpleNamespace(bos_token_id=0, eos_token_id=0, pad_token_id=0)
    teacher = replace(loaded, tokenizer=tokenizer)
    wanted = FromScratch(kind="scratch", layers=1, hidden_size=16, intermediate_size=24, heads=2, key_value_heads=1)
    made = [make_start(wanted, teacher, rows, seed) for seed in (0, 0, 1)]
    weights = [start.model.model.layers[0].mlp.up_proj.weight for start in made]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
    assert made[0].parameters == 64 * 16 + 16 * 16 * 2 + 16 * 8 * 2 + 3 * 16 * 24 + 3 * 16
    assert not made[0].frozen_head
    assert made[0].kept_layers == ()


def test_the_teachers_shape_comes_with_its_weights_or_with_new_ones(loaded: Any, rows: Any) -> None:
    same = make_start(SameShape(kind="same", start="teacher"), loaded, rows, 0)
    new = make_start(SameShape(kind="same"), loaded, rows, 1)
    assert held_out_kl(same.model, loaded.model, rows, 4) == pytest.approx(0.0, abs=1e-9)
    assert held_out_kl(new.model, loaded.model, rows, 4) > 0.05
    assert new.parameters == same.parameters
