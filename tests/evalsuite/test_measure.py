"""A whole eval run on a tiny random model, through the real lm-eval."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("lm_eval")

from dashboard import cli  # noqa: E402
from evalsuite.harness import Scored, evaluate  # noqa: E402
from evalsuite.measure import run_eval  # noqa: E402
from evalsuite.models import load, resolve  # noqa: E402
from evalsuite.suites.files import write_suite  # noqa: E402
from evalsuite.suites.find import find_suite  # noqa: E402
from evalsuite.suites.mini import mini  # noqa: E402
from sim.shared.errors import InputError  # noqa: E402

TASKS = ["opposites", "extraction"]


def test_a_run_writes_tables_that_agree_with_each_other(
    tmp_path: Path, tiny_models: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    run = run_eval(tiny_models, "mini", tmp_path / "out", limit=12, tasks=TASKS)
    assert run.errors == 0
    assert len(run.samples) == 2 * 2 * 12
    for row in run.quality.to_dict("records"):
        mine = run.samples[(run.samples["model"] == row["model"]) & (run.samples["task"] == row["task"])]
        assert row["score"] == pytest.approx(mine["correct"].mean())
    pair = run.pairs[run.pairs["task"] == "opposites"].iloc[0]
    scores = run.quality[run.quality["task"] == "opposites"].set_index("model")["score"]
    assert pair["difference"] == pytest.approx(scores["pupil"] - scores["teacher"])
    student = run.catalog.rows_of("pupil")
    assert (student["cost_in_ratio"] > 0.0).all()
    assert student["theta_gap"].notna().all()
    assert (tmp_path / "out" / "manifest.json").is_file()
    assert set(run.speed.groupby("phase")["batch"].agg(lambda batches: tuple(sorted(set(batches))))) == {
        (1, 4),
        (1, 16),
    }
    assert set(run.cost["batch"]) == {4, 16}
    assert (run.cost["wh_per_mtok"] > 0).all()
    assert set(run.cost["energy_source"]) <= {"measured", "estimated"}
    assert cli.run(["eval", "cost", str(tmp_path / "out")]) == 0
    shown = capsys.readouterr().out
    assert "Wh per Mtok (" in shown
    assert re.search(r"peak memory of the run: \d+\.\d GB", shown)


def test_a_second_run_takes_its_scores_from_the_cache(tmp_path: Path, tiny_models: tuple[str, str]) -> None:
    first = run_eval(tiny_models[:1], "mini", tmp_path / "a", limit=6, tasks=TASKS)
    second = run_eval(tiny_models[:1], "mini", tmp_path / "b", limit=6, tasks=TASKS)
    assert sum(first.eval_s.values()) > 0
    assert sum(second.eval_s.values()) == 0
    pd.testing.assert_frame_equal(first.samples, second.samples, check_exact=True)


def test_an_interrupted_run_goes_on_at_its_batch_and_ends_with_the_same_tables(
    tmp_path: Path, tiny_models: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from evalsuite import scorer
    from evalsuite.forward import Forward
    from sim.shared.errors import RunInterrupted
    from sim.shared.manifest import read_manifest

    monkeypatch.setitem(scorer.BATCH_TOKENS, "cpu", 96)
    whole = run_eval(tiny_models[:1], "mini", tmp_path / "whole", limit=30, tasks=TASKS)
    monkeypatch.setenv("UNDERCUT_CACHE_DIR", str(tmp_path / "other-cache"))
    answered = 0
    original = Forward._answer

    def interrupted(self: Forward, batch: object) -> object:
        nonlocal answered
        answered += 1
        if answered == 6:  # two of them may be the trial
            raise KeyboardInterrupt
        return original(self, batch)  # type: ignore[arg-type]

    monkeypatch.setattr(Forward, "_answer", interrupted)
    with pytest.raises(RunInterrupted, match="every finished batch"):
        run_eval(tiny_models[:1], "mini", tmp_path / "part", limit=30, tasks=TASKS)
    assert not (tmp_path / "part").exists()
    monkeypatch.setattr(Forward, "_answer", original)
    resumed = run_eval(tiny_models[:1], "mini", tmp_path / "part", limit=30, tasks=TASKS)
    assert read_manifest(tmp_path / "part").took["work"]["recalled_requests"] > 0
    for name in ("samples", "quality"):
        assert (tmp_path / "part" / f"{name}.parquet").read_bytes() == (
            tmp_path / "whole" / f"{name}.parquet"
        ).read_bytes()
    pd.testing.assert_frame_equal(whole.samples, resumed.samples, check_exact=True)


def test_a_limited_run_counts_the_bad_items_that_it_met_and_says_why(
    tmp_path: Path, tiny_models: tuple[str, str]
) -> None:
    from evalsuite.lines import reasons, rejected_lines

    good, bad = {"context": "c", "choices": ["x", "y"], "answer": 0}, {"context": "c", "choices": ["x", "y"]}
    rows = [good, bad, good, bad, {**good, "answer": 9}, bad, good]
    (tmp_path / "mine.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    described = tmp_path / "mine.yaml"
    described.write_text("{name: mine, file: mine.jsonl, task_class: chat, kind: choice}", encoding="utf-8")
    run = run_eval(tiny_models[:1], str(described), tmp_path / "out", limit=2)
    assert run.quality[["n", "errors"]].values.tolist() == [[2, 1]]
    assert reasons(run) == "1 items could not be scored (1 x mine.jsonl: the field 'answer' is missing)"
    (line,) = rejected_lines(find_suite(str(described)).tasks)
    assert line == (
        "mine: 4 items cannot be asked (3 x mine.jsonl: the field 'answer' is missing; 1 x mine.jsonl: the answer is "
        "9; allowed: 0 to 1, or one of ['x', 'y']), the first is line-2"
    )


def test_a_task_scores_the_same_alone_and_beside_others(tmp_path: Path, tiny_models: tuple[str, str]) -> None:
    both = run_eval(tiny_models[:1], "mini", tmp_path / "a", limit=20, tasks=TASKS).samples
    loaded = load(resolve(tiny_models[0]))
    alone = evaluate(loaded, find_suite("mini", tasks=["opposites"]).tasks, limit=20).samples["opposites"]
    mine = both[both["task"] == "opposites"]
    assert mine["right_nats"].tolist() == [sample.right_nats for sample in alone]


def test_the_certificate_of_both_scorers_holds(tiny_models: tuple[str, str]) -> None:
    from evalsuite.parity import certify

    loaded = load(resolve(tiny_models[0]), dtype="float32")
    rows = certify(loaded, find_suite("mini", tasks=TASKS).tasks, 20)
    assert all(row.holds and row.largest_nats < 1e-3 for row in rows)
    assert all(row.computed_tokens < row.asked_tokens for row in rows)
    for row in rows:
        assert row.items == 20
        assert row.shared_accuracy - row.stock_accuracy == pytest.approx(row.accuracy_difference)
        assert row.accuracy_difference_low <= row.accuracy_difference <= row.accuracy_difference_high


def test_an_item_that_differs_is_listed_with_stocks_own_margin_and_moves_the_accuracy(
    tiny_models: tuple[str, str],
) -> None:
    from dataclasses import replace

    from evalsuite.parity import _certificate

    loaded = load(resolve(tiny_models[0]), dtype="float32")
    (task,) = find_suite("mini", tasks=["opposites"]).tasks
    stock = evaluate(loaded, [task], 10, "stock")
    first = next(sample for sample in stock.samples["opposites"] if not sample.correct)
    rest = [sample for sample in stock.samples["opposites"] if sample is not first]
    stock = replace(stock, samples={"opposites": [first, *rest]})
    other = replace(first, answer=first.target, correct=True)
    found = _certificate(loaded, task, replace(stock, samples={"opposites": [other, *rest]}), stock)
    assert found.differing == (first.item,)
    assert found.differing_margin_nats == (first.wrong_nats - first.right_nats,)
    assert not found.holds
    assert found.accuracy_difference == pytest.approx(0.1)
    assert found.accuracy_difference_low < found.accuracy_difference_high


@pytest.mark.parametrize(("apart", "holds"), [(4e-4, True), (0.2, False)])
def test_two_wrong_choices_are_excused_only_if_they_lie_within_rounding(
    tiny_models: tuple[str, str], apart: float, holds: bool
) -> None:
    """The right choice is far behind; lm-eval's own model takes "b" by a hair or by much, the shared scorer "c"."""
    from dataclasses import replace

    from evalsuite.parity import _certificate

    loaded = load(resolve(tiny_models[0]), dtype="float32")
    (task,) = find_suite("mini", tasks=["opposites"]).tasks
    whole = evaluate(loaded, [task], 1, "stock")
    sample = replace(whole.samples["opposites"][0], target="a", correct=False, correct_norm=False, right_nats=-9.0)

    def scored(answer: str, b: float, c: float) -> Scored:
        made = replace(sample, answer=answer, wrong_nats=max(b, c))
        answers = {("q", " a"): (-9.0, False), ("q", " b"): (b, False), ("q", " c"): (c, False)}
        return replace(whole, samples={"opposites": [made]}, answers=answers)

    found = _certificate(loaded, task, scored("c", -1.0, -1.0 + 2e-4), scored("b", -1.0, -1.0 - apart))
    assert found.differing_margin_nats == (pytest.approx(apart),)
    assert found.holds is holds


def test_a_log_likelihood_that_is_no_number_shows_and_does_not_hold(tiny_models: tuple[str, str]) -> None:
    from dataclasses import replace

    from evalsuite.parity import _certificate

    loaded = load(resolve(tiny_models[0]), dtype="float32")
    (task,) = find_suite("mini", tasks=["opposites"]).tasks
    stock = evaluate(loaded, [task], 2, "stock")
    broken = next(iter(stock.answers))
    shared = replace(stock, answers=stock.answers | {broken: (float("nan"), False)})
    found = _certificate(loaded, task, shared, stock)
    assert math.isnan(found.largest_nats)
    assert math.isnan(found.largest_nats_a_token)
    assert not found.holds


def test_logits_that_are_no_numbers_are_errors_and_not_wrong_answers(tiny_models: tuple[str, str]) -> None:
    loaded = load(resolve(tiny_models[0]), dtype="float32")
    with torch.no_grad():
        loaded.model.lm_head.weight[:] = np.nan
    tasks = tuple(task for task in mini() if task.name == "opposites")
    samples = evaluate(loaded, write_suite("one", tasks).tasks, limit=4).samples["opposites"]
    assert [sample.error != "" for sample in samples] == [True] * 4


def test_wrong_names_are_told_with_those_that_exist(tmp_path: Path, tiny_models: tuple[str, str]) -> None:
    with pytest.raises(InputError, match="mini"):
        run_eval(tiny_models, "maxi", tmp_path / "out")
    with pytest.raises(InputError, match="opposites"):
        run_eval(tiny_models, "mini", tmp_path / "out", tasks=["opposite"])
    with pytest.raises(InputError, match="at least 1"):
        run_eval(tiny_models, "mini", tmp_path / "out", limit=0)
    assert not (tmp_path / "out").exists()


def test_a_task_of_the_hub_is_asked_again_and_recalls_its_batches_alone(
    tiny_models: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    from evalsuite import scoring
    from evalsuite.notes import Work
    from sim.shared.console import Progress

    (task,) = find_suite("mini", tasks=["opposites"]).tasks
    asked: list[str] = []

    def asking(loaded: object, tasks: list[object], *rest: object) -> object:
        asked.extend(each.name for each in tasks)
        return evaluate(loaded, [replace(each, include=task.include) for each in tasks], *rest)

    monkeypatch.setattr(scoring, "evaluate", asking)
    subject = scoring.subject_of(resolve(tiny_models[0]))

    def scored(each: object) -> tuple[pd.DataFrame, Work]:
        with Progress("scoring", 20, "requests") as progress:
            found = scoring.score(subject, (each,), 10, "shared", progress)
        return found.samples, found.work

    first, _ = scored(replace(task, include=None))
    again, work = scored(replace(task, include=None))
    assert asked == ["opposites"] * 2
    assert work.recalled_requests == work.requests > 0
    pd.testing.assert_frame_equal(first, again, check_exact=True)
    scored(task)
    scored(task)
    assert asked == ["opposites"] * 3  # files of ours are known by their bytes
