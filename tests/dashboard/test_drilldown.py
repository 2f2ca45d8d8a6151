"""Item by item: the four verdicts are those of the answers, and the files of lm-eval are read as what they are."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from eval_run import write_run

from dashboard import drilldown, eval_runs, lm_eval_file
from dashboard.drilldown import BOTH_RIGHT, BOTH_WRONG, STUDENT_ALONE, TEACHER_ALONE
from dashboard.findings import read_findings
from dashboard.page_frames import frame_of
from dashboard.report import report_page
from evalsuite.analysis import read_run
from sim.shared.errors import InputError, InputErrors

FILE = "samples_facts_2026-11-24T10-00-00.000000.jsonl"


def test_each_item_has_the_verdict_of_its_two_answers(tmp_path: Path) -> None:
    samples = read_run(write_run(tmp_path / "run")).samples
    found = drilldown.items(samples, "master", "pupil")
    right = samples.pivot_table(index=["task", "item"], columns="model", values="correct", aggfunc="first")
    clean = samples[samples["error"] == ""].groupby(["task", "item"])["model"].nunique() == 2
    right = right[clean].astype(bool)
    wanted = {
        TEACHER_ALONE: int((right["master"] & ~right["pupil"]).sum()),
        STUDENT_ALONE: int((~right["master"] & right["pupil"]).sum()),
        BOTH_RIGHT: int((right["master"] & right["pupil"]).sum()),
        BOTH_WRONG: int((~right["master"] & ~right["pupil"]).sum()),
    }
    counts = found.counts()
    assert {name: int(counts[name].sum()) for name in wanted} == wanted
    assert found.left_out == 3  # those in error for the pupil
    mine = found.of("facts", TEACHER_ALONE)
    assert set(mine["task"]) == {"facts"}
    assert len(mine) == int(counts.set_index("task").loc["facts", TEACHER_ALONE])


def test_the_shipped_suite_tells_what_was_asked() -> None:
    asked = drilldown.questions_of_suite("mini")
    assert len(asked) > 1000
    assert all(text.strip() for text in asked.values())
    assert drilldown.questions_of_suite("standard") == {}


def test_runs_are_found_and_other_sessions_jobs_are_not(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    (runs / "demo").mkdir(parents=True)
    write_run(runs / "one")
    write_run(runs / "demo" / "eval")
    jobs = runs / "jobs"
    for name in ("mine", "theirs"):
        (jobs / name).mkdir(parents=True)
        write_run(jobs / name / "out")
    (runs / "other").mkdir()
    found = eval_runs.find_eval_runs([jobs / "mine" / "out"], runs, jobs)
    assert set(found) == {runs / "one", runs / "demo" / "eval", jobs / "mine" / "out"}


def test_a_reports_tables_become_frames_with_unique_titles(tmp_path: Path) -> None:
    page = report_page(read_findings(write_run(tmp_path / "run")))
    for section in page.sections:
        for table in section.tables:
            frame = frame_of(table)
            assert frame.columns.is_unique, table.title
            assert len(frame) == len(table.frame)
    titles = {table.title for section in page.sections for table in section.tables}
    assert {"Cascade", "The ledgers, by token and by text", "Frontier, measured ledger"} <= titles


def choice(number: int, right: bool, **more: Any) -> dict[str, Any]:
    """A sample of two choices as lm-eval writes it."""
    return {
        "doc_id": number, "doc": {"question": f"q{number}"}, "target": "0",
        "arguments": {"gen_args_0": {"arg_0": f"question {number}", "arg_1": " yes"},
                      "gen_args_1": {"arg_0": f"question {number}", "arg_1": " no"}},
        "resps": [[["-1.0", "True"]], [["-2.0", "False"]]],
        "filtered_resps": [["-1.0", "True"], ["-2.0", "False"]] if right else [["-3.0", "False"], ["-1.0", "True"]],
        "filter": "none", "metrics": ["acc"], "doc_hash": f"{number:08d}abc", "acc": 1.0 if right else 0.0,
    } | more  # fmt: skip


def lines(*rows: dict[str, Any]) -> bytes:
    return "\n".join(json.dumps(row) for row in rows).encode()


def test_lm_evals_files_give_the_same_table_as_a_run() -> None:
    teacher = lm_eval_file.read_answers("big", [(FILE, lines(choice(0, True), choice(1, True)))])
    student = lm_eval_file.read_answers("small", [(FILE, lines(choice(0, True), choice(1, False)))])
    both = lm_eval_file.together(teacher, student)
    found = drilldown.items(both.samples, "big", "small", both.questions)
    assert found.frame["task"].tolist() == ["facts", "facts"]
    assert found.frame["verdict"].tolist() == [BOTH_RIGHT, TEACHER_ALONE]
    assert found.frame["question"].tolist() == ["question 0", "question 1"]
    assert found.frame["students_answer"].tolist() == ["yes", "no"]
    assert found.frame["students_confidence"].tolist() == pytest.approx(
        [1 / (1 + math.exp(-1)), 1 / (1 + math.exp(-2))]
    )


def test_a_results_file_with_samples_and_a_written_answer_are_read_too() -> None:
    written = {
        "doc_id": 4, "target": "Paris", "arguments": [["Capital of France?", {"until": ["\n"]}]],
        "filtered_resps": [" Paris"], "filter": "strict-match", "exact_match": 1.0,
    }  # fmt: skip
    flexible = written | {"filter": "flexible-extract", "exact_match": 0.0}
    content = json.dumps({"results": {}, "samples": {"capitals": [written, flexible]}}).encode()
    found = lm_eval_file.read_answers("m", [("results_x.json", content)])
    assert found.samples[["task", "item", "answer", "correct"]].values.tolist() == [["capitals", "4", "Paris", True]]
    assert found.samples["confidence"].isna().all()


def test_everything_wrong_is_told_at_once() -> None:
    broken = lines(choice(0, True)) + b"\nno json\n" + lines({"doc_id": 1}, choice(2, True, acc=0.5))
    with pytest.raises(InputErrors) as caught:
        lm_eval_file.read_answers("m", [(FILE, broken), ("results.json", b'{"results": {}}')])
    said = str(caught.value)
    assert "line 2" in said
    assert "sample 3" in said
    assert "acc = 0.5" in said
    assert "samples_*.jsonl" in said


def test_too_large_a_file_and_no_common_item_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = lm_eval_file.read_answers("m", [(FILE, lines(choice(0, True)))])
    other = lm_eval_file.read_answers("n", [(FILE, lines(choice(0, True, doc_hash="another")))])
    with pytest.raises(InputError, match="no item that both answered"):
        lm_eval_file.together(answers, other)
    monkeypatch.setattr(lm_eval_file, "LARGEST_BYTES", 10)
    with pytest.raises(InputError, match="at most 10"):
        lm_eval_file.read_answers("m", [(FILE, lines(choice(0, True)))])
