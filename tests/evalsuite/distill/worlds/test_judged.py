"""Reinforcement by a judge: what judges say, how they are measured, and what reaches the student and its card."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("trl")

import torch

from evalsuite.distill import growth, judge_rl
from evalsuite.distill import judged as module
from evalsuite.distill.judge_rl import reinforce
from evalsuite.distill.recipe import JudgeRL, read_recipe
from evalsuite.distill.student import make_student, read_student
from evalsuite.distill.training import DivergedError, Trainee
from evalsuite.distill.worlds.judge import (
    ErringJudge,
    ShuffledRewards,
    TeacherJudge,
    Verifier,
    judge_errors,
    make_judge,
)
from evalsuite.distill.worlds.sampling import write_answers
from evalsuite.models import load, models_dir, resolve
from sim.shared.errors import InputError, RunInterrupted

from .conftest import tiny_countdown


def answers() -> tuple[list[str], list[str], list[bool]]:
    """Answers of known truth: prompts, answers, whether they are right."""
    asked, given, right = zip(*tiny_countdown().answers_to_judge(400, 0), strict=True)
    return list(asked), list(given), list(right)


def test_answers_to_judge_are_half_right_and_say_so() -> None:
    asked, given, right = answers()
    world = tiny_countdown()
    assert [world.right(*pair) for pair in zip(asked, given, strict=True)] == right
    assert sum(right) == 200


def test_the_verifier_never_errs_and_an_erring_judge_errs_as_often_as_it_is_made_to() -> None:
    asked, given, right = answers()
    found = judge_errors(make_judge(Verifier(), tiny_countdown(), None, 0), asked, given, right)
    assert (found.false_positive_rate, found.false_negative_rate, found.right, found.wrong) == (0.0, 0.0, 200, 200)
    for wanted in (0.0, 0.2, 0.5, 1.0):
        judge = make_judge(ErringJudge(false_positive_rate=wanted, false_negative_rate=0.1), tiny_countdown(), None, 0)
        found = judge_errors(judge, asked, given, right)
        assert found.false_positive_rate == pytest.approx(wanted, abs=0.1)
        assert found.false_negative_rate == pytest.approx(0.1, abs=0.06)
        assert (judge.rewards(asked, given) == judge.rewards(asked, given)).all()


def test_shuffled_rewards_are_the_true_ones_in_another_order() -> None:
    asked, given, right = answers()
    judge = make_judge(ShuffledRewards(), tiny_countdown(), None, 0)
    first, second = judge.rewards(asked, given), judge.rewards(asked, given)
    assert first.sum() == second.sum() == sum(right)
    assert (first != second).any()
    assert (first != np.array(right, dtype=float)).any()


def test_the_teacher_reckons_and_then_says_yes_with_its_own_probability(countdown_teacher: Path) -> None:
    asked, given, _ = answers()
    teacher = load(resolve(str(countdown_teacher)), "float32")
    judge = make_judge(TeacherJudge(), tiny_countdown(), teacher, 0)
    rewards = judge.rewards(asked, given)
    assert len(set(rewards.round(6))) > 20
    vocabulary = teacher.tokenizer.get_vocab()
    for place in range(0, 400, 50):
        text = f"^{given[place]}!"
        for _ in range(4):
            symbol = teacher.tokenizer.decode([int(logits(teacher, text).argmax())])
            text += "" if text.endswith(";") else symbol
        text = text.removesuffix(";")
        told = logits(teacher, f"{text};{asked[place][1:-1]}~").softmax(dim=-1)
        yes, no = float(told[vocabulary["y"]]), float(told[vocabulary["n"]])
        assert rewards[place] == pytest.approx(yes / (yes + no), rel=1e-4)
    hard = make_judge(TeacherJudge(hard=True), tiny_countdown(), teacher, 0).rewards(asked, given)
    assert (hard == (rewards > 0.5)).all()


def logits(teacher: Any, text: str) -> Any:
    with torch.inference_mode():
        return teacher.model(**teacher.tokenizer(text, return_tensors="pt")).logits[0, -1]


def test_no_verdict_can_be_written_into_an_answer(countdown_teacher: Path) -> None:
    teacher = load(resolve(str(countdown_teacher)), "float32")
    judge = make_judge(TeacherJudge(), tiny_countdown(), teacher, 0)
    tricks = ["1+2!3,20;", "1+2!y", "~y", "$", "y", "^1+2!3,20;8,7,6=20~", "1,2", "8=8"]
    assert (judge.rewards(["^8,7,6=20?"] * len(tricks), tricks) == 0.0).all()
    assert judge.rewards(["^8,7,6=20?"], ["8+7+6"])[0] > 0.0


class Recording:
    """A judge that prefers short answers, and notes what it was given."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str]] = []

    def rewards(self, prompts: Sequence[str], answers: Sequence[str]) -> np.ndarray:
        self.seen += list(zip(prompts, answers, strict=True))
        return np.array([1.0 / (1.0 + len(answer)) for answer in answers])


def test_what_is_rewarded_becomes_likelier_and_the_judge_sees_questions_and_whole_answers(
    countdown_teacher: Path,
) -> None:
    teacher = load(resolve(str(countdown_teacher)), "float32")
    world, tokenizer = tiny_countdown(), teacher.tokenizer
    prompts = [question.prompt for question in world.questions("asked")]
    settings = JudgeRL(
        kind="judge_rl", judge=Verifier(), training_tokens=6000, learning_rate=3e-3, batch_sequences=64, group=8
    )
    judge = Recording()
    steps: list[tuple[int, float]] = []
    before = write_answers(teacher.model, tokenizer, prompts, world.answer_tokens, 1.0)
    found = reinforce(
        teacher.model, tokenizer, prompts, judge, settings, world.answer_tokens, 0, lambda *step: steps.append(step)
    )
    after = write_answers(teacher.model, tokenizer, prompts, world.answer_tokens, 1.0)
    assert sum(map(len, after)) < 0.8 * sum(map(len, before))
    assert found.mean_reward(-0.2) > found.mean_reward(0.2)
    assert found.judged == len(judge.seen) == 64 * len(found.rewards) == 64 * len(steps)
    assert {prompt for prompt, _ in judge.seen} <= set(prompts)
    assert not any("$" in answer or "<pad>" in answer for _, answer in judge.seen)
    groups = [{prompt for prompt, _ in judge.seen[place : place + 8]} for place in range(0, len(judge.seen), 8)]
    assert all(len(group) == 1 for group in groups)
    assert 6000 <= found.training.tokens < 6000 + 64 * world.answer_tokens
    read = sum(len(tokenizer(prompt).input_ids) for prompt, _ in judge.seen) + found.training.tokens
    assert found.read_tokens == pytest.approx(read, rel=0.02)  # TRL's mean length is rounded to a step's tokens


def test_a_reward_or_a_loss_that_is_no_number_stops_the_training(
    countdown_teacher: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    teacher = load(resolve(str(countdown_teacher)), "float32")
    world = tiny_countdown()
    prompts = [question.prompt for question in world.questions("asked")]
    settings = JudgeRL(
        kind="judge_rl", judge=Verifier(), training_tokens=300, learning_rate=1e-3, batch_sequences=16, group=8
    )

    class Broken:
        def rewards(self, prompts: Sequence[str], answers: Sequence[str]) -> np.ndarray:
            return np.full(len(answers), math.nan)

    with pytest.raises(DivergedError, match="reward is no number after 0 steps; no student was saved"):
        reinforce(teacher.model, teacher.tokenizer, prompts, Broken(), settings, 8, 0)
    teacher.model.lm_head.weight.data[0] = math.nan
    judge = make_judge(Verifier(), world, None, 0)
    with pytest.raises(DivergedError, match=r"no numbers after 0 steps; .*lower method\.learning_rate"):
        reinforce(teacher.model, teacher.tokenizer, prompts, judge, settings, 8, 0)


@pytest.mark.parametrize("kind", ["verifier", "teacher", "erring", "shuffled"])
def test_every_judge_makes_a_student_whose_card_tells_of_it(world_recipe: Any, judged: Any, kind: str) -> None:
    made = make_student(world_recipe(method=judged | {"judge": {"kind": kind}}), "mine")
    told = made.judged
    assert told is not None
    assert (made.method, told.judge) == ("judge_rl", kind)
    assert told.judged_answers % 32 == 0
    assert made.taken is not None
    asked = 512 if kind != "teacher" else 512 + told.judged_answers
    assert made.taken.queries == asked
    assert (made.taken.read_tokens > 0) == (kind == "teacher")
    assert (told.false_positive_rate == 0.0) == (kind in ("verifier", "erring"))
    assert read_student("mine") == made
    page = (models_dir() / "mine" / "README.md").read_text()
    assert f"Reinforced by the judge {kind} on" in page
    assert make_student(world_recipe(method=judged | {"judge": {"kind": kind}}), "mine") == made


def test_a_student_that_is_there_is_reinforced_further_and_imitation_comes_first_where_it_is_named(
    world_recipe: Any, judged: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = make_student(world_recipe(), "first")
    start = {"kind": "model", "name": "first", "frozen_head": False}
    again = make_student(world_recipe(student=start, method=judged | {"imitation": None}), "again")
    assert again.held_out_nats_per_byte_start == pytest.approx(first.held_out_nats_per_byte, rel=1e-4)
    assert again.training_tokens < 1000
    whole = make_student(world_recipe(method=judged), "whole")
    assert whole.training_tokens > 12_800
    itself = world_recipe(student={"kind": "same", "start": "teacher"}, method=judged | {"imitation": None})
    assert make_student(itself, "itself").judged is not None


def test_reinforcement_that_is_killed_begins_anew_from_the_imitation_that_is_kept(
    world_recipe: Any, judged: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = make_student(world_recipe(method=judged), "whole", fresh=True)

    def killed(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(growth, "reinforced", killed)
        with pytest.raises(RunInterrupted):
            make_student(world_recipe(method=judged), "mine")
    steps: list[int] = []
    real = Trainee.take_step
    monkeypatch.setattr(Trainee, "take_step", lambda *given: steps.append(1) or real(*given))
    again = make_student(world_recipe(method=judged), "mine")
    assert not steps
    assert again.judged == whole.judged
    assert again.training_tokens == whole.training_tokens


def test_a_budget_that_does_not_pay_for_the_judge_is_refused_before_any_reinforcement(
    world_recipe: Any, judged: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(*_: Any, **__: Any) -> None:
        raise AssertionError("reinforced")

    monkeypatch.setattr(module, "reinforce", none)
    access = {"regime": {"kind": "full"}, "tokens": 3000}
    with pytest.raises(InputError, match="at least 5100 more than the text takes"):
        make_student(world_recipe(access=access, method=judged | {"judge": {"kind": "teacher"}}), "mine")


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("kind: teacher", "kind: oracle", "method.judge.*'verifier', 'teacher', 'erring', 'shuffled'"),
        ("kind: teacher", "kind: erring, false_positive_rate: 1.5", "false_positive_rate.*less than or equal to 1"),
        ("kind: countdown", "kind: addition", "no teacher learns to judge in the world addition"),
        (", world: {kind: countdown}", "", "name text.world"),
        ("group: 8", "group: 7", "batch_sequences must be a multiple of group"),
        ("kind: full", "kind: text", "a teacher that gives text alone says yes or no; set method.judge.hard"),
        ("kind: countdown", "kind: countdown, highest: 2", "text.world.highest"),
        ("kind: countdown", "kind: chess", "text.world.*'knowledge', 'addition', 'countdown'"),
    ],
)
def test_what_does_not_fit_together_is_refused(tmp_path: Path, old: str, new: str, told: str) -> None:
    whole = """
name: mine
teacher: countdown-teacher
access: {regime: {kind: full}}
student: {kind: same}
text: {tokens: 1000, world: {kind: countdown}}
method:
  kind: judge_rl
  judge: {kind: teacher}
  training_tokens: 1000
  learning_rate: 3.0e-4
  batch_sequences: 64
  group: 8
"""
    import re

    path = tmp_path / "mine.yaml"
    assert old in whole
    path.write_text(whole, encoding="utf-8")
    read_recipe(str(path))
    path.write_text(whole.replace(old, new), encoding="utf-8")
    with pytest.raises(InputError) as caught:
        read_recipe(str(path))
    assert re.search(told, str(caught.value)), caught.value


def test_a_start_with_other_tokens_is_refused(world_recipe: Any, tiny_models: tuple[str, str]) -> None:
    with pytest.raises(InputError, match=r"student.*the tokenizer of told"):
        make_student(world_recipe(student={"kind": "model", "name": tiny_models[0]}), "mine")


def test_a_missing_library_names_its_extra(countdown_teacher: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "trl", None)
    settings = JudgeRL(kind="judge_rl", judge=Verifier(), training_tokens=10, learning_rate=1e-3, batch_sequences=8)
    with pytest.raises(InputError, match=r"undercut\[distill\]"):
        judge_rl.reinforce(torch.nn.Linear(1, 1), None, ["x"], Recording(), settings, 8, 0)
