"""Training on tiny random models: it learns, it repeats, it survives a kill, and what stops it says so."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from evalsuite.distill.held_out import held_out_kl, hidden_states  # noqa: E402
from evalsuite.distill.losses import FullTargets  # noqa: E402
from evalsuite.distill.prune import keep_layers  # noqa: E402
from evalsuite.distill.recipe import LogitDistillation  # noqa: E402
from evalsuite.distill.supply import text_supply  # noqa: E402
from evalsuite.distill.training import Checkpoints, DivergedError, cosine, train  # noqa: E402
from sim.shared.errors import InputError  # noqa: E402


def method(**changes: object) -> LogitDistillation:
    settings = {"training_tokens": 800, "learning_rate": 3e-3, "sequence_tokens": 16, "batch_sequences": 2}
    return LogitDistillation.model_validate({"kind": "logit_kd", **settings, **changes})


def supply(teacher: Any, rows: Any) -> Callable[[Any], FullTargets]:
    kept = hidden_states(teacher, rows, 4)
    return lambda chosen: FullTargets(kept[chosen].flatten(0, 1), teacher.lm_head.weight.detach())


def flat(model: Any) -> torch.Tensor:
    return torch.cat([weight.detach().flatten() for weight in model.parameters()])


class Killed(BaseException):
    """What a killed process looks like from inside the loop."""


def test_training_brings_the_pruned_student_towards_its_teacher(tiny: Any, rows: Any) -> None:
    teacher = tiny()
    student = keep_layers(teacher, (0, 3))
    before = held_out_kl(student, teacher, rows, 4)
    done = train(student, rows, supply(teacher, rows), method(), seed=0)
    assert held_out_kl(student, teacher, rows, 4) < 0.8 * before
    assert done.tokens == done.steps * 32 == 800


def test_the_same_seed_makes_the_same_student_and_another_seed_another(tiny: Any, rows: Any) -> None:
    teacher = tiny()
    made = []
    for seed in (0, 0, 1):
        student = keep_layers(teacher, (0, 3))
        train(student, rows, supply(teacher, rows), method(training_tokens=320), seed)
        made.append(flat(student))
    assert torch.equal(made[0], made[1])
    assert not torch.equal(made[0], made[2])


def test_embeddings_stay_the_teachers_where_they_are_frozen_and_move_where_not(tiny: Any, rows: Any) -> None:
    teacher = tiny()
    for frozen in (True, False):
        student = keep_layers(teacher, (0, 3))
        train(student, rows, supply(teacher, rows), method(training_tokens=320), 0, frozen)
        assert torch.equal(student.lm_head.weight, teacher.lm_head.weight) == frozen


@pytest.mark.parametrize("tied", [True, False])
def test_a_whole_step_has_the_gradient_of_automatic_differentiation(tiny: Any, rows: Any, tied: bool) -> None:
    from evalsuite.distill.training import Trainee

    student = tiny(tie_word_embeddings=tied)
    reference = tiny(tie_word_embeddings=tied)
    chosen = rows[:2]
    trainee = Trainee(student, rows, text_supply(rows), method(), torch.arange(2).numpy(), frozen_head=False)
    found: dict[str, torch.Tensor] = {}
    trainee._optimiser.step = lambda: found.update(  # type: ignore[method-assign]
        {name: weight.grad.clone() for name, weight in student.named_parameters()}
    )
    loss = trainee.take_step(1e-3)
    logits = reference(chosen).logits[:, :-1]
    wanted = torch.nn.functional.cross_entropy(logits.flatten(0, 1), chosen[:, 1:].flatten())
    wanted.backward()
    torch.nn.utils.clip_grad_norm_(reference.parameters(), 1.0)
    assert loss == pytest.approx(wanted.item(), rel=1e-5)
    assert found.keys() == dict(reference.named_parameters()).keys()
    for name, weight in reference.named_parameters():
        assert torch.allclose(found[name], weight.grad, atol=1e-5), name


@pytest.mark.parametrize("killed_at", [1, 6, 7, 13, 24])
def test_a_killed_training_goes_on_to_the_same_weights_bit_by_bit(
    tiny: Any, rows: Any, tmp_path: Path, killed_at: int
) -> None:
    teacher = tiny()
    whole = keep_layers(teacher, (0, 3))
    untouched = train(whole, rows, supply(teacher, rows), method(), 0)
    checkpoints = Checkpoints(tmp_path, "key", steps=6)
    steps: list[float] = []

    def kill(tokens: int, loss: float) -> None:
        steps.append(loss)
        if len(steps) == killed_at:
            raise Killed

    with pytest.raises(Killed):
        train(
            keep_layers(teacher, (0, 3)),
            rows,
            supply(teacher, rows),
            method(),
            0,
            checkpoints=checkpoints,
            on_step=kill,
        )
    student = keep_layers(teacher, (0, 3))
    told: list[int] = []
    done = train(
        student, rows, supply(teacher, rows), method(), 0, checkpoints=checkpoints,
        on_step=lambda tokens, loss: told.append(tokens),
    )  # fmt: skip
    assert torch.equal(flat(student), flat(whole))
    assert (done.final_loss_nats, done.tokens) == (untouched.final_loss_nats, untouched.tokens)
    assert sum(told) == 800
    assert (told[0] == 192 * (killed_at // 6)) == (killed_at >= 6)  # six steps of 32 tokens


def test_the_state_of_another_training_or_a_damaged_one_is_not_taken_up(tiny: Any, rows: Any, tmp_path: Path) -> None:
    teacher = tiny()
    wanted = keep_layers(teacher, (0, 3))
    train(wanted, rows, supply(teacher, rows), method(), 0)
    for key, damage in (("other", False), ("key", True)):
        train(
            keep_layers(teacher, (0, 3)), rows, supply(teacher, rows), method(learning_rate=1e-2), 0,
            checkpoints=Checkpoints(tmp_path, key, steps=6),
        )  # fmt: skip
        path = tmp_path / "training.safetensors"
        if damage:
            path.write_bytes(path.read_bytes()[:1000])
        student = keep_layers(teacher, (0, 3))
        train(student, rows, supply(teacher, rows), method(), 0, checkpoints=Checkpoints(tmp_path, "key", steps=100))
        assert torch.equal(flat(student), flat(wanted))


def test_a_loss_that_is_no_number_stops_the_training_and_keeps_the_last_good_state(
    tiny: Any, rows: Any, tmp_path: Path
) -> None:
    teacher = tiny()
    student = keep_layers(teacher, (0, 3))
    steps: list[float] = []

    def spoil(tokens: int, loss: float) -> None:
        steps.append(loss)
        if len(steps) == 9:
            with torch.no_grad():
                student.model.layers[0].mlp.up_proj.weight[0, 0] = math.nan

    with pytest.raises(
        DivergedError, match=r"at step 10 of 25; no student was saved; the state after step 6"
    ) as caught:
        train(
            student, rows, supply(teacher, rows), method(), 0, checkpoints=Checkpoints(tmp_path, "key", steps=6),
            on_step=spoil,
        )  # fmt: skip
    assert "training.safetensors" in str(caught.value)
    assert "lower method.learning_rate (now 0.003)" in str(caught.value)
    assert (tmp_path / "training.safetensors").is_file()


def test_a_full_disk_is_one_message_and_the_earlier_state_stays(
    tiny: Any, rows: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import safetensors.torch
    from safetensors import SafetensorError

    teacher = tiny()
    real = safetensors.torch.save_file
    written: list[Any] = []

    def full(tensors: Any, path: Any, metadata: Any) -> None:
        written.append(path)
        if len(written) > 1:  # as safetensors 0.8 tells it
            raise SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")
        real(tensors, path, metadata=metadata)

    monkeypatch.setattr(safetensors.torch, "save_file", full)
    with pytest.raises(InputError, match="the state that was written before is kept"):
        train(
            keep_layers(teacher, (0, 3)), rows, supply(teacher, rows), method(), 0,
            checkpoints=Checkpoints(tmp_path, "key", steps=6),
        )  # fmt: skip
    assert [path.name for path in tmp_path.iterdir()] == ["training.safetensors"]
    monkeypatch.undo()
    told: list[int] = []
    train(
        keep_layers(teacher, (0, 3)), rows, supply(teacher, rows), method(), 0,
        checkpoints=Checkpoints(tmp_path, "key", steps=6), on_step=lambda tokens, loss: told.append(tokens),
    )  # fmt: skip
    assert told[0] == 192


def test_a_file_that_may_not_grow_is_told_as_a_full_disk(tmp_path: Path) -> None:
    """The real library meets a real limit, in a process of its own."""
    code = (
        "import resource, signal, sys, torch; from pathlib import Path; from safetensors.torch import save_file; "
        "from evalsuite.distill.room import room; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
        "resource.setrlimit(resource.RLIMIT_FSIZE, (10**5, 10**5)); path = Path(sys.argv[1])\n"
        "with room('the state', path.parent, 'nothing is lost'):\n"
        "    save_file({'a': torch.zeros(10**6)}, path)"
    )
    import subprocess
    import sys

    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "x")], capture_output=True, text=True, check=False
    )
    assert "InputError: the state; received" in done.stderr
    assert "nothing is lost" in done.stderr


def test_a_trained_student_in_bfloat16_predicts_as_it_does_after_it_was_saved_and_loaded(
    tiny: Any, rows: Any, tmp_path: Path
) -> None:
    from transformers import AutoModelForCausalLM

    from evalsuite.distill.training import cast

    teacher = tiny()
    cast(teacher, torch.bfloat16)
    student = keep_layers(teacher, (0, 3))
    train(student, rows, supply(teacher, rows), method(training_tokens=320), 0)
    student.save_pretrained(tmp_path)
    loaded = AutoModelForCausalLM.from_pretrained(tmp_path, dtype=torch.bfloat16)
    assert student.model.rotary_emb.inv_freq.dtype == torch.float32
    assert torch.equal(hidden_states(student, rows, 4), hidden_states(loaded, rows, 4))


def test_the_rate_warms_up_and_falls_to_a_tenth() -> None:
    rates = [cosine(step, 100, 0.1) for step in range(100)]
    assert rates[:10] == pytest.approx([0.1 * (step + 1) for step in range(10)])
    assert rates[10] == pytest.approx(1.0)
    assert all(later <= earlier for earlier, later in itertools.pairwise(rates[10:]))
    assert rates[-1] == pytest.approx(0.1, abs=1e-3)
