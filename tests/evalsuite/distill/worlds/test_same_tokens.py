"""lm-eval, TRL and the lab's own loop feed a model the same tokens: beginning, delimiter, end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")

import torch

from evalsuite.distill.judge_rl import reinforce
from evalsuite.distill.losses import TextTargets
from evalsuite.distill.on_policy import train_on_policy
from evalsuite.distill.recipe import JudgeRL, OnPolicy
from evalsuite.distill.supply import text_supply
from evalsuite.distill.training import At
from evalsuite.distill.worlds.answers import answers_only, before_answers
from evalsuite.distill.worlds.judge import Verifier, make_judge
from evalsuite.distill.worlds.kinds import WORLDS
from evalsuite.distill.worlds.sampling import write_answers
from evalsuite.distill.worlds.school import document_rows
from evalsuite.distill.worlds.suite import right_by_lm_eval
from evalsuite.distill.worlds.tokens import PAD, make_tokenizer
from evalsuite.models import load, resolve

from .conftest import tiny_countdown

TRAINING = {"training_tokens": 8, "learning_rate": 1e-4, "batch_sequences": 4}


@contextmanager
def fed(model: Any) -> Iterator[list[list[int]]]:
    """The token ids of every row that the model reads, padding left out."""
    rows: list[list[int]] = []

    def note(module: Any, arguments: Any, named: Any) -> None:
        ids = named.get("input_ids", arguments[0] if arguments else None)
        mask = named.get("attention_mask")
        for place, row in enumerate(ids.tolist()):
            kept = mask[place][-len(row) :].tolist() if mask is not None and mask.dim() == 2 else [1] * len(row)
            rows.append([token for token, real in zip(row, kept, strict=False) if real])

    hook = model.model.register_forward_pre_hook(note, with_kwargs=True)
    try:
        yield rows
    finally:
        hook.remove()


def test_lm_eval_trl_and_the_loop_feed_the_same_tokens(
    countdown_teacher: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("trl")
    pytest.importorskip("lm_eval")
    monkeypatch.setenv("UNDERCUT_CACHE_DIR", str(tmp_path))
    world = tiny_countdown()
    loaded = load(resolve(str(countdown_teacher)), "float32")
    tokenizer = loaded.tokenizer
    question = world.questions("held_out")[0]
    vocabulary = tokenizer.get_vocab()
    given, target = question.prompt[1:-1].split("=")
    a, b, c = given.split(",")
    expected = [vocabulary[symbol] for symbol in ("^", a, ",", b, ",", c, "=", target, "?")]

    # The loop: the row holds question, answer and end, and what is learned is the answer and its end.
    rows = document_rows([question.document] * 3, tokenizer, 32)
    document = rows[0][: rows[0].tolist().index(vocabulary["$"]) + 1].tolist()
    assert document[: len(expected)] == expected
    targets = answers_only(text_supply(rows), rows, tokenizer, world)(np.array([0]))
    assert isinstance(targets, At)
    assert isinstance(targets.targets, TextTargets)
    answer = document[len(expected) :]
    assert targets.targets.tokens[: len(answer)].tolist() == answer
    assert answer[-1] == vocabulary["$"] == tokenizer.eos_token_id

    def heads(rows: list[list[int]]) -> list[list[int]]:
        return [row[: len(expected)] for row in rows if len(row) >= len(expected)]

    with fed(loaded.model) as seen:
        right_by_lm_eval(loaded, world, [question])
    asked = [row for row in heads(seen) if row[:2] == expected[:2]]  # the scorer tries itself on rows of its own
    assert asked
    assert all(row == expected for row in asked)

    judge = make_judge(Verifier(), world, None, 0)
    method = JudgeRL(kind="judge_rl", judge=Verifier(), group=2, **TRAINING)
    with fed(loaded.model) as seen:
        reinforce(loaded.model, tokenizer, [question.prompt], judge, method, world.answer_tokens, 0)
    assert heads(seen)
    assert all(row == expected for row in heads(seen))

    reader = load(resolve(str(countdown_teacher)), "float32").model
    own = OnPolicy(kind="on_policy", answer_tokens=8, **TRAINING)
    with fed(loaded.model) as seen, fed(reader) as read:
        train_on_policy(loaded.model, reader, tokenizer, [question.prompt] * 4, own, 0, False)
    for each in (seen, read):
        assert heads(each)
        assert all(row == expected for row in heads(each))


@pytest.mark.parametrize("kind", list(WORLDS))
def test_text_comes_back_from_its_tokens_and_nothing_is_added(kind: str) -> None:
    world = WORLDS[kind]
    tokenizer = make_tokenizer(world)
    for document in world.demonstrations(200, seed=0):
        ids = tokenizer(document).input_ids
        assert ids == tokenizer(document, add_special_tokens=False).input_ids
        assert tokenizer.decode(ids) == document
        assert tokenizer.unk_token_id not in ids
        told = tokenizer.apply_chat_template(
            [{"role": "user", "content": document}], tokenize=False, add_generation_prompt=True
        )
        assert told == document
    assert tokenizer.pad_token == PAD


def test_only_answers_are_learned_and_a_row_without_its_question_is_left_out() -> None:
    world = WORLDS["countdown"]
    tokenizer = make_tokenizer(world)
    text = "3=62?1+2$^9,8,7=24?9+8+7$^9+8+7!17,24;9,8,7=24~y$^9,8"
    ids = tokenizer(text).input_ids
    told = before_answers(torch.tensor([ids]), tokenizer, world)[0].tolist()
    learned = [tokenizer.decode([ids[place + 1]]) for place, counts in enumerate(told[:-1]) if counts]
    assert "".join(learned) == "9+8+7$17,24;y$"


def test_the_samplers_greedy_answers_are_those_of_lm_eval_and_of_generate(
    countdown_teacher: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("lm_eval")
    monkeypatch.setenv("UNDERCUT_CACHE_DIR", str(tmp_path))
    world = tiny_countdown()
    loaded = load(resolve(str(countdown_teacher)), "float32")
    questions = world.questions("held_out")[:40]
    prompts = [question.prompt for question in questions]
    mine = write_answers(loaded.model, loaded.tokenizer, prompts, world.answer_tokens, 0.0)
    ids = loaded.tokenizer(prompts, return_tensors="pt")
    out = loaded.model.generate(**ids, max_new_tokens=world.answer_tokens, do_sample=False)
    theirs = [
        loaded.tokenizer.decode(row, skip_special_tokens=True) for row in out[:, ids["input_ids"].shape[1] :].tolist()
    ]
    assert mine == theirs
    assert len(set(mine)) > 5
    rights = [world.right(*pair) for pair in zip(prompts, mine, strict=True)]
    assert right_by_lm_eval(loaded, world, questions) == rights
    assert any(rights)


def test_sampling_follows_the_models_probabilities(countdown_teacher: Path) -> None:
    loaded = load(resolve(str(countdown_teacher)), "float32")
    prompt = tiny_countdown().questions("held_out")[0].prompt
    drawn = write_answers(loaded.model, loaded.tokenizer, [prompt] * 4000, 1, 1.0, seed=2)
    with torch.inference_mode():
        ids = loaded.tokenizer(prompt, return_tensors="pt").input_ids
        p = torch.softmax(loaded.model(input_ids=ids).logits[0, -1], dim=-1)
    best = int(p.argmax())
    share = drawn.count(loaded.tokenizer.decode([best])) / 4000
    assert share == pytest.approx(float(p[best]), abs=0.03)
    assert drawn == write_answers(loaded.model, loaded.tokenizer, [prompt] * 4000, 1, 1.0, seed=2)
