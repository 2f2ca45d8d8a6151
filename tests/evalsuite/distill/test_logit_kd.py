"""Distillation on tiny random models: exact loss and gradient, repeatability, and what stops it."""

from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch")

from transformers import LlamaConfig, LlamaForCausalLM  # noqa: E402

from evalsuite.distill.logit_kd import DivergedError, divergence, held_out_kl, pack, train  # noqa: E402
from evalsuite.distill.prune import keep_layers  # noqa: E402
from evalsuite.distill.recipe import LogitDistillation, read_recipe  # noqa: E402
from sim.shared.errors import InputError  # noqa: E402


def tiny(seed: int = 0) -> LlamaForCausalLM:
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=64, hidden_size=32, intermediate_size=48, num_hidden_layers=4, num_attention_heads=4,
        num_key_value_heads=2, tie_word_embeddings=True, initializer_range=0.2,
    )  # fmt: skip
    return LlamaForCausalLM(config).eval()


def method(**changes: object) -> LogitDistillation:
    settings = {"training_tokens": 800, "learning_rate": 3e-3, "sequence_tokens": 16, "batch_sequences": 2}
    return LogitDistillation.model_validate({"kind": "logit_kd", **settings, **changes})


def rows(count: int = 12) -> torch.Tensor:
    torch.manual_seed(1)
    return torch.randint(0, 64, (count, 16))


def test_divergence_and_its_gradient_are_those_of_the_formula() -> None:
    torch.manual_seed(0)
    mine = torch.randn(600, 8, dtype=torch.float64, requires_grad=True)
    theirs, head, other = torch.randn(600, 8).double(), torch.randn(20, 8).double(), torch.randn(20, 8).double()
    loss, gradient = divergence(mine.detach(), theirs, head, other)
    wanted = torch.nn.functional.kl_div(
        torch.log_softmax(mine @ head.T, -1), torch.log_softmax(theirs @ other.T, -1), log_target=True, reduction="sum"
    ) / len(mine)
    wanted.backward()
    assert float(loss) == pytest.approx(wanted.item(), rel=1e-5)
    assert torch.allclose(gradient, mine.grad, atol=1e-7)


def test_training_brings_the_pruned_student_towards_its_teacher() -> None:
    teacher = tiny()
    student = keep_layers(teacher, (0, 3))
    data = rows()
    before = held_out_kl(student, teacher, data, 4)
    done = train(student, teacher, data, method(), seed=0)
    assert held_out_kl(student, teacher, data, 4) < 0.8 * before
    assert done.tokens == done.steps * 32 == 800


def test_the_same_seed_makes_the_same_student_and_another_seed_another() -> None:
    teacher = tiny()
    made = []
    for seed in (0, 0, 1):
        student = keep_layers(teacher, (0, 3))
        train(student, teacher, rows(), method(training_tokens=320), seed)
        made.append(torch.cat([weight.flatten() for weight in student.parameters()]))
    assert torch.equal(made[0], made[1])
    assert not torch.equal(made[0], made[2])


def test_embeddings_stay_the_teachers() -> None:
    teacher = tiny()
    student = keep_layers(teacher, (0, 3))
    train(student, teacher, rows(), method(training_tokens=320), 0)
    assert torch.equal(student.lm_head.weight, teacher.lm_head.weight)


def test_a_loss_that_is_no_number_stops_the_training() -> None:
    teacher = tiny()
    student = keep_layers(teacher, (0, 3))
    with torch.no_grad():
        student.model.layers[0].mlp.up_proj.weight[0, 0] = math.nan
    with pytest.raises(DivergedError, match="no student was saved"):
        train(student, teacher, rows(), method(), 0)


def test_a_pruned_model_is_the_teacher_where_all_layers_stay() -> None:
    teacher = tiny()
    assert held_out_kl(keep_layers(teacher, (0, 1, 2, 3)), teacher, rows(), 4) == pytest.approx(0.0, abs=1e-9)
    with pytest.raises(InputError, match="layers 0 to 3"):
        keep_layers(teacher, (0, 7))


def test_a_pruned_model_generates_from_its_cache_as_without_it() -> None:
    student = keep_layers(tiny(), (0, 3))
    prompt = rows()[:1]
    with_cache, without = (
        student.generate(prompt, max_new_tokens=8, do_sample=False, use_cache=cache, pad_token_id=0)
        for cache in (True, False)
    )
    assert torch.equal(with_cache, without)


def test_documents_are_packed_one_after_the_other() -> None:
    packed = pack(((1, 2, 3), (4, 5), (6,)), separator=0, length=4)
    assert packed.tolist() == [[1, 2, 3, 0], [4, 5, 0, 6]]


def test_the_shipped_recipe_is_read_and_a_wrong_field_is_named(tmp_path: object) -> None:
    recipe = read_recipe("demo")
    assert len(recipe.student.keep) == 20
    from pathlib import Path

    path = Path(str(tmp_path)) / "mine.yaml"
    path.write_text("name: x\nteacher: t\nstudent: {kind: depth, keep: [1, 0]}\nlayers: 3\n", encoding="utf-8")
    with pytest.raises(Exception, match="layers") as caught:
        read_recipe(str(path))
    message = str(caught.value)
    assert "ascending" in message
    assert "allowed: version, name, teacher, student, text, method, seed" in message
