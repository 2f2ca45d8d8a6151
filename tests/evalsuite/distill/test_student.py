"""Students from recipe to card, on a tiny teacher: every method and start, resumed, repeated, and kept by name."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from safetensors.torch import load_file  # noqa: E402

from evalsuite.distill.outputs import kept_folders  # noqa: E402
from evalsuite.distill.recipe import Recipe  # noqa: E402
from evalsuite.distill.student import make_student, read_student  # noqa: E402
from evalsuite.models import load, models_dir, resolve  # noqa: E402
from sim.shared.errors import InputError  # noqa: E402
from sim.shared.paths import cache_dir  # noqa: E402

SCRATCH = {
    "kind": "scratch", "layers": 1, "hidden_size": 16, "intermediate_size": 24, "heads": 2, "key_value_heads": 1,
}  # fmt: skip


def weights(name: str) -> bytes:
    return (models_dir() / name / "model.safetensors").read_bytes()


@pytest.mark.parametrize(
    ("student", "method"),
    [
        ({"kind": "important_layers", "layers": 1}, {"kind": "logit_kd"}),
        ({"kind": "width", "hidden_size": 16}, {"kind": "topk_kd"}),
        (SCRATCH, {"kind": "outputs"}),
        ({"kind": "same"}, {"kind": "born_again", "generations": 2}),
    ],
    ids=["full", "topk", "outputs", "born-again"],
)
def test_every_method_makes_a_student_that_is_known_by_name_and_better_than_its_start(
    recipe_of: Any, student: Any, method: Any
) -> None:
    access = None
    if method["kind"] == "topk_kd":
        access = {"regime": {"kind": "topk", "k": 8, "tail_draws": 4}}
    text = {"tokens": 800, "batch": 32, "answer_tokens": 24}
    made = make_student(recipe_of(student=student, method=method, access=access, text=text), "mine", tokens=3200)
    assert made.held_out_kl_nats is not None
    assert made.held_out_kl_pruned_nats is not None
    assert made.held_out_kl_nats < 0.9 * made.held_out_kl_pruned_nats
    assert made.training_tokens == 3200 * method.get("generations", 1)
    spec = resolve("mine")
    assert (spec.role, spec.parent, spec.licence) == ("student", "teacher", "unknown")
    loaded = load(spec, "float32")
    assert sum(weight.numel() for weight in loaded.model.parameters()) == made.params
    assert read_student("mine") == made
    assert (models_dir() / "mine-pruned").exists() == (student["kind"] in ("depth", "important_layers", "width"))


def test_the_card_tells_what_was_taken_and_what_it_cost(recipe_of: Any) -> None:
    access = {"regime": {"kind": "full"}, "price_in_usd_per_mtok": 100.0, "price_out_usd_per_mtok": 1000.0}
    made = make_student(recipe_of(access=access), "mine")
    assert made.taken is not None
    assert made.bill is not None
    assert made.taken.written_tokens >= made.distinct_teacher_tokens == 400
    assert made.taken.read_tokens % 16 == 0
    assert 0 < made.taken.read_tokens <= 400
    usd = made.taken.written_tokens * 1e-3 + made.taken.read_tokens * 1e-4
    assert made.taken.usd == made.bill.paid_usd == pytest.approx(usd)
    assert made.bill.measured_teacher_usd > 0
    assert made.bill.measured_training_usd > 0
    assert made.bill.modelled_training_usd == pytest.approx(
        6 * made.params * made.training_tokens / (989e12 * 0.4) / 3600 * _rent("H100 SXM 80GB")
    )
    page = (models_dir() / "mine" / "README.md").read_text()
    for told in (
        "A student of teacher (licence of the parent: unknown)",
        "recipe: small (sha256",
        "Paid to the teacher",
    ):
        assert told in page
    again = make_student(recipe_of(access=access, method={"learning_rate": 1e-3}), "other")
    assert again.taken == made.taken
    assert again.bill is not None
    assert again.bill.measured_teacher_usd == pytest.approx(made.bill.measured_teacher_usd)


def _rent(hardware: str) -> float:
    from evalsuite.cost import read_rent

    return read_rent(hardware).usd_per_hour


def test_text_alone_takes_no_probabilities(recipe_of: Any) -> None:
    made = make_student(recipe_of(method={"kind": "outputs"}), "mine")
    assert made.taken is not None
    assert made.taken.read_tokens == 0
    assert kept_folders() == []


def test_a_second_student_is_taken_from_the_cache_and_fresh_ones_are_the_same(recipe_of: Any) -> None:
    recipe = recipe_of()
    made = make_student(recipe, "mine")
    first = weights("mine")
    assert make_student(recipe, "mine") == made
    assert make_student(recipe, "mine", fresh=True).key == made.key
    assert weights("mine") == first
    assert not (cache_dir() / "training").exists() or not list((cache_dir() / "training").iterdir())


def test_a_budget_that_pays_for_less_trains_on_less(recipe_of: Any, capsys: Any) -> None:
    access = {"regime": {"kind": "full"}, "tokens": 560}
    made = make_student(recipe_of(access=access), "mine")
    assert made.taken is not None
    assert made.taken.written_tokens + made.taken.read_tokens <= 560
    assert "the budget pays for the probabilities of" in capsys.readouterr().err
    with pytest.raises(InputError, match="at least 144"):
        make_student(recipe_of(access=access | {"tokens": 130}), "mine")


def test_another_tokenizer_learns_from_the_text_and_is_compared_by_the_byte(
    recipe_of: Any, tiny_models: tuple[str, str], tmp_path: Path
) -> None:
    import shutil

    other = tmp_path / "other"
    shutil.copytree(tiny_models[0], other)
    tokenizer = json.loads((other / "tokenizer.json").read_text())
    tokenizer["model"]["merges"] = [["a", "b"]]
    tokenizer["model"]["vocab"]["ab"] = len(tokenizer["model"]["vocab"])
    (other / "tokenizer.json").write_text(json.dumps(tokenizer))
    config = json.loads((other / "config.json").read_text())
    config["vocab_size"] += 1
    (other / "config.json").write_text(json.dumps(config))
    state = load_file(other / "model.safetensors")
    grown = {
        name: torch.cat([w, w[:1]]) if name.startswith(("model.embed", "lm_head")) else w for name, w in state.items()
    }
    from safetensors.torch import save_file

    save_file(grown, other / "model.safetensors", metadata={"format": "pt"})
    recipe = recipe_of(student=SCRATCH | {"tokenizer": str(other)}, method={"kind": "outputs"})
    made = make_student(recipe, "mine", tokens=3200)
    assert made.held_out_kl_nats is None
    assert made.held_out_nats_per_byte < made.held_out_nats_per_byte_start
    assert len(load(resolve("mine"), "float32").tokenizer) == config["vocab_size"]
    assert "not comparable" in (models_dir() / "mine" / "README.md").read_text()


def test_later_generations_learn_from_the_one_before(recipe_of: Any) -> None:
    made = [
        make_student(recipe_of(student=SCRATCH, method={"kind": "born_again", "generations": count}), f"g{count}")
        for count in (2, 3)
    ]
    plain = make_student(recipe_of(student=SCRATCH), "plain")
    assert len({weights(name) for name in ("g2", "g3", "plain")}) == 3
    assert [student.training_tokens for student in made] == [2 * plain.training_tokens, 3 * plain.training_tokens]
    assert made[0].taken == plain.taken  # the original teacher is asked once


def test_on_policy_learns_from_the_students_own_text_and_counts_what_the_teacher_read(recipe_of: Any) -> None:
    pytest.importorskip("trl")
    method = {
        "kind": "on_policy", "batch_sequences": 4, "answer_tokens": 16, "learning_rate": 3e-3, "training_tokens": 512,
    }  # fmt: skip
    made = make_student(recipe_of(method=method), "mine")
    assert made.taken is not None
    assert made.held_out_kl_nats is not None
    assert made.held_out_kl_pruned_nats is not None
    assert made.held_out_kl_nats < made.held_out_kl_pruned_nats
    assert 512 <= made.training_tokens <= 512 + 4 * 16
    assert made.taken.read_tokens > made.training_tokens  # the prompts are read with the answers
    with pytest.raises(InputError, match="at least 1024 more than the text takes"):
        make_student(recipe_of(method=method, access={"regime": {"kind": "full"}, "tokens": 1000}), "other")


def test_minutes_are_turned_into_tokens_and_not_together_with_tokens(recipe_of: Any) -> None:
    made = make_student(recipe_of(), "mine", minutes=0.02)
    assert made.training_tokens % 32 == 0
    with pytest.raises(InputError, match="either --tokens or --minutes"):
        make_student(recipe_of(), "mine", tokens=1, minutes=1.0)
    with pytest.raises(InputError, match="positive"):
        make_student(recipe_of(), "mine", minutes=0.0)


def test_a_card_of_an_earlier_version_is_made_again(recipe_of: Any) -> None:
    make_student(recipe_of(), "mine")
    path = models_dir() / "mine" / "card.json"
    card = json.loads(path.read_text())
    del card["bill"]
    path.write_text(json.dumps(card))
    assert read_student("mine") is None
    assert make_student(recipe_of(), "mine").bill is not None


@pytest.mark.parametrize("frozen", [True, False])
def test_a_model_by_its_folder_is_trained_further_with_its_embeddings_or_without(
    recipe_of: Any, tmp_path: Path, frozen: bool
) -> None:
    make_student(recipe_of(), "first", tokens=1600)
    folder = tmp_path / "elsewhere"
    shutil.copytree(models_dir() / "first", folder)
    start = {"kind": "model", "name": str(folder), "frozen_head": frozen}
    again = make_student(recipe_of(student=start), "again", tokens=1600)
    first = load_file(folder / "model.safetensors")
    made = load_file(models_dir() / "again" / "model.safetensors")
    kept = torch.equal(first["model.embed_tokens.weight"], made["model.embed_tokens.weight"])
    assert kept == frozen
    assert again.start == "model"
    assert again.held_out_kl_nats < again.held_out_kl_pruned_nats


PROGRAM = """
import sys
from evalsuite import models
from evalsuite.distill import growth, student, training
models.fastest_dtype = lambda: "float32"
from evalsuite.distill.recipe import Recipe
real = training.Checkpoints
growth.Checkpoints = lambda folder, key, keep_last: real(folder, key, steps=5, keep_last=keep_last)
recipe = Recipe.model_validate_json(sys.argv[1])
student.make_student(recipe, sys.argv[2])
"""


def test_a_student_whose_process_is_killed_has_the_same_weights_as_one_that_is_not(recipe_of: Any) -> None:
    recipe: Recipe = recipe_of(method={"training_tokens": 9600}, student={"kind": "depth", "keep": [0]})
    environment = dict(os.environ) | {"OMP_NUM_THREADS": str(torch.get_num_threads())}

    def start(name: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-c", PROGRAM, recipe.model_dump_json(), name]
        return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    with start("killed") as process:
        states = cache_dir() / "training"
        while process.poll() is None and not list(states.glob("*/1/training.safetensors")):
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert not (models_dir() / "killed").exists()
    kept = next(states.glob("*/1/training.safetensors"))
    assert 0 < json.loads(_story(kept))["step"] < 300
    with start("killed") as process:
        assert process.wait() == 0
    with start("whole") as process:
        assert process.wait() == 0
    assert weights("killed") == weights("whole")


def _story(path: Path) -> str:
    from safetensors import safe_open

    with safe_open(path, framework="pt") as kept:
        return str(kept.metadata()["story"])
