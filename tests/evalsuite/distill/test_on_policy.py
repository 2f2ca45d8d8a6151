"""On-policy training that was stopped goes on from its checkpoint, and comes to the same weights."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("trl")

from evalsuite.distill.on_policy import train_on_policy  # noqa: E402
from evalsuite.distill.prune import keep_layers  # noqa: E402
from evalsuite.distill.recipe import OnPolicy  # noqa: E402
from evalsuite.models import load, resolve  # noqa: E402

SETTINGS = OnPolicy(
    kind="on_policy", training_tokens=480, learning_rate=3e-3, batch_sequences=4, answer_tokens=16
)  # fmt: skip


class Killed(Exception):
    pass


def test_a_stopped_training_comes_to_the_weights_of_one_that_was_not(
    recipe_of: Any, tiny_models: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    loaded = load(resolve(tiny_models[0]), "float32")
    start = keep_layers(loaded.model, (0,))
    prompts = [f"Write about place {place}." for place in range(10)]

    def train(folder: Path | None, stop_at: int = 0) -> tuple[Any, list[int], Any]:
        student = copy.deepcopy(start)
        told: list[int] = []

        def on_step(tokens: int, loss: float) -> None:
            told.append(tokens)
            if len(told) == stop_at:
                raise Killed

        try:
            done = train_on_policy(
                student, loaded.model, loaded.tokenizer, prompts, SETTINGS, 0, True, on_step, folder, interval_s=0.0
            )
        except Killed:
            return student, told, None
        return student, told, done

    whole, steps, done = train(None)
    assert capsys.readouterr().out == ""  # stdout belongs to the command
    folder = tmp_path / "states"
    train(folder, stop_at=4)
    assert [path.name for path in folder.glob("checkpoint-*")] == ["checkpoint-3"]
    broken = folder / "checkpoint-4"
    broken.mkdir()
    (broken / "trainer_state.json").write_text('{"epoch": 1.')  # the file that a killed writer was in
    again, rest, resumed = train(folder)
    assert rest == [sum(steps[:3]), *steps[3:]]
    assert (resumed.training.tokens, resumed.training.steps) == (done.training.tokens, done.training.steps)
    assert resumed.read_tokens == done.read_tokens
    assert resumed.training.final_loss_nats == done.training.final_loss_nats
    for name, weight in whole.state_dict().items():
        assert torch.equal(weight, again.state_dict()[name]), name
    assert not torch.equal(whole.model.layers[0].mlp.up_proj.weight, start.model.layers[0].mlp.up_proj.weight)
