"""Users' data sets: found by their files, asked with lm-eval's prompts, bad items told and left out."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from evalsuite.suites.find import find_suite
from evalsuite.suites.suite import Suite, TaskRef
from sim.shared.errors import InputError, UndercutError

SHARED = Path(__file__).resolve().parents[4] / "shared" / "datasets"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNDERCUT_CACHE_DIR", str(tmp_path / "cache"))


def lines(path: Path, rows: list[Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def published(root: Path) -> None:
    """Two items of each benchmark, in the layout of its authors."""
    lines(root / "piqa" / "valid.jsonl", [{"goal": f"goal {n}", "sol1": "this", "sol2": "that"} for n in range(2)])
    (root / "piqa" / "valid-labels.lst").write_text("0\n1\n", encoding="utf-8")
    lines(root / "gsm8k" / "test.jsonl", [{"question": f"{n} and 1?", "answer": f"so\n#### {n + 1}"} for n in range(2)])
    lines(root / "gsm8k" / "train.jsonl", [{"question": f"{n}?", "answer": f"#### {n}"} for n in range(8)])
    svamp = [{"ID": f"chal-{n}", "Body": "He had 3 eggs", "Question": "How many?", "Answer": 3.0} for n in range(2)]
    (root / "svamp").mkdir()
    (root / "svamp" / "SVAMP.json").write_text(json.dumps(svamp), encoding="utf-8")
    for name in ("one", "two"):
        pairs = [{"sentence_good": "a b", "sentence_bad": "b a", "UID": name, "pairID": str(n)} for n in range(2)]
        lines(root / "blimp" / "data" / f"{name}.jsonl", pairs)
    for name in ("with", "no"):
        sums = [{"context": "1 + 1 =", "continuation": " 2"}] * 2
        lines(root / "sums" / f"simple_arithmetic_{name}spaces.jsonl", sums)
    scene = {"activity_label": "A", "ctx_a": "He", "ctx_b": "then", "endings": ["a", "b", "c", "d"], "label": 2}
    lines(root / "hellaswag" / "hellaswag_val.jsonl", [scene] * 2)
    for name in ("Easy", "Challenge"):
        choices = [{"text": word, "label": letter} for word, letter in zip(("x", "y", "z"), "ABC", strict=True)]
        question = {"id": name, "question": {"stem": "Which?", "choices": choices}, "answerKey": "B"}
        lines(root / "arc" / f"ARC-{name}-Test.jsonl", [question, {**question, "id": f"{name}2"}])
    (root / "mmlu" / "test").mkdir(parents=True)
    (root / "mmlu" / "test" / "abstract_algebra_test.csv").write_text(
        '"What,\nnow?",a,b,c,d,C\nWhich?,a,b,c,d,A\n', encoding="utf-8"
    )
    lines(root / "boolq" / "dev.jsonl", [{"question": "is it", "title": "t", "answer": True, "passage": "It is."}] * 2)
    lines(root / "lambada" / "lambada_test.jsonl", [{"text": "one two three"}] * 2)
    noun = {"qID": "q", "sentence": "The cat ate as _ was hungry.", "option1": "cat", "option2": "dog", "answer": "1"}
    lines(root / "winogrande" / "dev.jsonl", [noun, {**noun, "qID": "r"}])


def test_every_benchmark_is_found_by_its_layout_and_read_whole(tmp_path: Path) -> None:
    published(tmp_path / "sets")
    suite = find_suite("local", tmp_path / "sets")
    assert {task.name for task in suite.tasks} == {
        "piqa", "gsm8k", "svamp", "blimp", "arithmetic_spaced", "arithmetic_dense", "hellaswag", "arc_easy",
        "arc_challenge", "mmlu", "boolq", "lambada", "winogrande",
    }  # fmt: skip
    assert all(task.items == (4 if task.name == "blimp" else 2) for task in suite.tasks)
    assert not any(task.rejected for task in suite.tasks)
    blimp = next(task for task in suite.tasks if task.name == "blimp")
    assert blimp.clusters == 2
    assert find_suite("local", tmp_path / "sets") == suite


def test_the_prompts_are_those_of_lm_evals_own_tasks(tmp_path: Path) -> None:
    """lm-eval builds the requests of its own task's prompt from our documents."""
    pytest.importorskip("lm_eval")
    from lm_eval.tasks import TaskManager

    published(tmp_path / "sets")
    seen: dict[str, list[Any]] = {}
    for task in find_suite("local", tmp_path / "sets").tasks:
        manager = TaskManager(include_path=str(task.include), include_defaults=False)
        loaded = manager.load([task.lm_eval_name])["tasks"][task.lm_eval_name]
        loaded.build_all_requests(limit=1, rank=0, world_size=1)
        seen[task.name] = [instance.args for instance in loaded.instances]
    assert seen["piqa"] == [("Question: goal 0\nAnswer:", " this"), ("Question: goal 0\nAnswer:", " that")]
    assert seen["gsm8k"][0][0].startswith("Question: 0?\nAnswer: #### 0\n\nQuestion: 1?")
    assert seen["gsm8k"][0][0].endswith("Question: 0 and 1?\nAnswer:")
    assert seen["svamp"][0][0] == "Question: He had 3 eggs. How many?\nAnswer:"
    assert [args[1].strip() for args in seen["blimp"]] == ["a b", "b a"]
    assert seen["arithmetic_dense"] == [("1 + 1 =", " 2")]
    assert seen["hellaswag"][0][0] == "A: He Then"
    assert [args[1] for args in seen["arc_easy"]] == [" x", " y", " z"]
    about = "The following are multiple choice questions (with answers) about abstract algebra.\n\n"
    assert seen["mmlu"][0][0] == about + "What,\nnow?\nA. a\nB. b\nC. c\nD. d\nAnswer:"
    assert seen["boolq"][0] == ("It is.\nQuestion: is it?\nAnswer:", " no")
    assert seen["lambada"] == [("one two", " three")]
    assert seen["winogrande"][0] == ("The cat ate as cat", " was hungry.")


def test_bad_items_are_told_one_by_one_and_the_rest_goes_on(tmp_path: Path) -> None:
    folder = tmp_path / "sets" / "piqa"
    good = {"goal": "g", "sol1": "a", "sol2": "b"}
    lines(folder / "valid.jsonl", [good, {"goal": "g", "sol1": "a"}, good, good, {**good, "goal": ""}, good])
    path = folder / "valid.jsonl"
    path.write_bytes(path.read_bytes() + b'\xff\xfe{"goal"\n{"goal": \n')
    (folder / "valid-labels.lst").write_text("0\n1\n7\n1\n0\n", encoding="utf-8")
    task = find_suite("local", tmp_path / "sets").tasks[0]
    assert task.items == 2
    reasons = {rejected.item: rejected.reason for rejected in task.rejected}
    assert "the field 'sol2' is missing" in reasons["valid-1"]
    assert "the label is 7; allowed: 0 to 1" in reasons["valid-2"]
    assert "not empty" in reasons["valid-4"]
    assert "has no line 6" in reasons["valid-5"]
    assert "not UTF-8" in reasons["valid-6"]
    assert "no JSON" in reasons["valid-7"]


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("mmlu/test/law_test.csv", "Which?,a,b,c,d,AB\n", "the right letter is 'AB'; allowed: A, B, C, D"),
        ("mmlu/test/law_test.csv", "Which?,a,b,c,d,\n", "the right letter is ''"),
        ("mmlu/test/law_test.csv", "Which?,a,,c,d,A\n", "the field 'B' is ''"),
        (
            "hellaswag/hellaswag_val.jsonl",
            '{"activity_label": "A", "ctx_a": "He", "ctx_b": "", "endings": ["x", "y"], "label": 1}\n',
            "2 endings; 4 are needed",
        ),
        (
            "arc/ARC-Easy-Test.jsonl",
            '{"id": "1", "question": {"stem": "Why", "choices": [{"text": "x", "label": "A"}]}, "answerKey": "A"}\n',
            "1 choices; two at least",
        ),
    ],
)
def test_an_item_that_would_change_the_chance_or_the_answer_is_bad(
    tmp_path: Path, name: str, content: str, reason: str
) -> None:
    published(tmp_path / "sets")
    path = next(iter((tmp_path / "sets").rglob(Path(name).name)), tmp_path / "sets" / name)
    good = path.read_text(encoding="utf-8") if path.is_file() else ""
    path.write_text(good + content, encoding="utf-8")
    reasons = [one.reason for task in find_suite("local", tmp_path / "sets").tasks for one in task.rejected]
    assert len(reasons) == 1
    assert reason in reasons[0]


def test_an_empty_benchmark_stops_only_a_run_that_wants_it(tmp_path: Path) -> None:
    published(tmp_path / "sets")
    (tmp_path / "sets" / "svamp" / "SVAMP.json").write_text("", encoding="utf-8")
    assert [task.name for task in find_suite("local", tmp_path / "sets", ["boolq", "piqa"]).tasks] == ["piqa", "boolq"]
    for tasks in (None, ["svamp"]):
        with pytest.raises(InputError, match=r"SVAMP.json.*--tasks piqa,gsm8k,blimp"):
            find_suite("local", tmp_path / "sets", tasks)
    (tmp_path / "sets" / "svamp" / "SVAMP.json").unlink()
    with pytest.raises(InputError, match="squad"):
        find_suite("local", tmp_path / "sets", ["squad"])


def test_an_item_that_stands_twice_is_asked_once(tmp_path: Path) -> None:
    pair = {"sentence_good": "a b", "sentence_bad": "b a", "UID": "one", "pairID": "0"}
    lines(tmp_path / "sets" / "data" / "one.jsonl", [pair, pair])
    task = find_suite("local", tmp_path / "sets").tasks[0]
    assert task.items == 1
    assert "twice" in task.rejected[0].reason


def test_an_empty_file_and_an_empty_folder_are_refused(tmp_path: Path) -> None:
    (tmp_path / "sets" / "svamp").mkdir(parents=True)
    with pytest.raises(InputError, match="no benchmark's files"):
        find_suite("local", tmp_path / "sets")
    (tmp_path / "sets" / "svamp" / "SVAMP.json").write_text("", encoding="utf-8")
    with pytest.raises(InputError, match=r"SVAMP\.json"):
        find_suite("local", tmp_path / "sets")
    with pytest.raises(InputError, match="data-dir"):
        find_suite("local")


def own(tmp_path: Path, rows: list[Any], **described: Any) -> Suite:
    lines(tmp_path / "mine.jsonl", rows)
    fields = {"name": "mine", "file": "mine.jsonl", "task_class": "chat", "kind": "choice", **described}
    (tmp_path / "mine.yaml").write_text(json.dumps(fields), encoding="utf-8")
    return find_suite(str(tmp_path / "mine.yaml"))


def test_a_task_of_ones_own_is_five_lines_and_a_file(tmp_path: Path) -> None:
    rows = [{"context": f"c{n}", "choices": ["x", "y", "z"], "answer": n % 3} for n in range(6)]
    task = own(tmp_path, rows, shots=2).tasks[0]
    assert (task.items, task.chance, task.kind) == (4, pytest.approx(1 / 3), "choice")
    (tmp_path / "table.csv").write_text("context,choices,answer\nc,x|y,y\nd,x|y,0\n", encoding="utf-8")
    assert own(tmp_path, rows, file="table.csv").tasks[0].items == 2
    written = own(tmp_path, [{"context": "2+2=", "answer": 4}], kind="generate").tasks[0]
    assert (written.items, written.chance) == (1, 0.0)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"choices": ["x", "y"], "answer": 0}, "'context' is missing"),
        ({"context": "c", "choices": ["x", "y"], "answer": 2}, "allowed: 0 to 1"),
        ({"context": "c", "choices": ["x"], "answer": 0}, "two different texts"),
        ({"context": " ", "choices": ["x", "y"], "answer": 0}, "not empty"),
        ([1], "an object"),
        ({"context": "\ud800", "choices": ["x", "y"], "answer": 0}, "surrogates"),
        ({"context": "c", "choices": ["x", "y"], "answer": math.inf}, "the answer is inf"),
        ({"context": "c", "choices": ["x", "y"], "answer": 0.9}, "the answer is 0.9"),
        ({"context": "c", "choices": ["x", "y"], "answer": True}, "the answer is True"),
        ({"context": "c", "choices": ["x", "y"], "answer": "0"}, "one of ['x', 'y']"),
        ({"context": "c", "choices": [2, 3, 1], "answer": 1}, "equal to the choice at place 2"),
        ({"context": "c", "choices": ["x", "x "], "answer": 0}, "two different texts"),
    ],
)
def test_bad_items_of_ones_own_are_told(tmp_path: Path, row: Any, reason: str) -> None:
    good = {"context": "c", "choices": ["x", "y"], "answer": "y"}
    task = own(tmp_path, [good, row]).tasks[0]
    assert task.items == 1
    assert reason in task.rejected[0].reason


def deep(levels: int = 100_000) -> str:
    return "[" * levels + "]" * levels


def test_nesting_without_end_and_numbers_without_end_are_items_that_cannot_be_asked(tmp_path: Path) -> None:
    good = {"context": "c", "choices": ["x", "y"], "answer": "y"}
    lines(tmp_path / "mine.jsonl", [good])
    with (tmp_path / "mine.jsonl").open("a", encoding="utf-8") as file:
        file.write(deep() + '\n{"context": "c", "choices": ["x", "y"], "answer": 1e999}\n')
    (tmp_path / "mine.yaml").write_text("{name: mine, file: mine.jsonl, task_class: chat, kind: choice}")
    task = find_suite(str(tmp_path / "mine.yaml")).tasks[0]
    assert task.items == 1
    assert [one.item for one in task.rejected] == ["line-2", "line-3"]
    assert "recursion" in task.rejected[0].reason
    written = own(tmp_path, [{"context": "c", "answer": 4}, {"context": "c", "answer": math.inf}], kind="generate")
    assert "finite" in written.tasks[0].rejected[0].reason

    scene = '{"activity_label": "A", "ctx_a": "He", "ctx_b": "", "endings": ["a", "b", "c", "d"], "label": %s}\n'
    folder = tmp_path / "sets"
    folder.mkdir()
    labels = ("1", "1e999", "0.9", "true", '"1"', '"\\ud800"')
    (folder / "hellaswag_val.jsonl").write_text(deep() + "\n" + "".join(scene % one for one in labels))
    (folder / "SVAMP.json").write_text(
        json.dumps([{"ID": str(n), "Body": "b", "Question": "q?", "Answer": n} for n in (1, math.inf, math.nan)])
    )
    tasks = {task.name: task for task in find_suite("local", folder).tasks}
    reasons = {one.item: one.reason for one in tasks["hellaswag"].rejected}
    assert tasks["hellaswag"].items == 2
    assert set(reasons) == {f"hellaswag_val-{place}" for place in (0, 2, 3, 4, 6)}
    assert "the label is inf" in reasons["hellaswag_val-2"]
    assert "the label is 0.9" in reasons["hellaswag_val-3"]
    assert [one.reason for one in tasks["svamp"].rejected] == [
        f"SVAMP.json: the Answer is {number}; a finite number is needed" for number in ("inf", "nan")
    ]
    (folder / "SVAMP.json").write_text(deep())
    (folder / "hellaswag_val.jsonl").unlink()
    with pytest.raises(InputError):
        find_suite("local", folder)


def golds(task: TaskRef) -> list[int]:
    assert task.include is not None
    text = (task.include / f"{task.name}.json").read_text(encoding="utf-8")
    return [json.loads(line)["gold"] for line in text.splitlines()]


def test_a_number_is_a_place_and_a_text_is_a_choice(tmp_path: Path) -> None:
    numbers = ["2", "3", "1"]
    rows = [
        {"context": "c", "choices": numbers, "answer": 1},
        {"context": "c", "choices": numbers, "answer": "1"},
        {"context": "c", "choices": [5, 6, 7], "answer": 1},
        {"context": "c", "choices": [0, 1, 2], "answer": 1},
    ]
    assert golds(own(tmp_path, rows).tasks[0]) == [1, 2, 1, 1]
    (tmp_path / "table.csv").write_text("context,choices,answer\nc,2|3|1,1\nd,x|y,1\ne,x|y,0.9\n", encoding="utf-8")
    task = own(tmp_path, rows, file="table.csv").tasks[0]
    assert golds(task) == [2, 1]
    assert "the answer is '0.9'" in task.rejected[0].reason


def test_items_and_clusters_may_be_called_0(tmp_path: Path) -> None:
    rows = [{"context": "c", "choices": ["x", "y"], "answer": 0, "item": n, "cluster": 0} for n in range(3)]
    task = own(tmp_path, rows).tasks[0]
    assert (task.items, task.clusters) == (3, 1)
    assert task.include is not None
    named = [json.loads(line)["item"] for line in (task.include / "mine.json").read_text().splitlines()]
    assert named == ["0", "1", "2"]


@pytest.mark.parametrize(
    ("labels", "told"), [("0\n\n1\n", "line 2.*a blank line"), ("0\n1\n1\n", "3 labels for the 2 lines")]
)
def test_labels_that_do_not_stand_beside_their_lines_are_refused(tmp_path: Path, labels: str, told: str) -> None:
    published(tmp_path / "sets")
    (tmp_path / "sets" / "piqa" / "valid-labels.lst").write_text(labels, encoding="utf-8")
    with pytest.raises(InputError, match=told):
        find_suite("local", tmp_path / "sets")


def test_an_item_of_two_files_is_asked_once(tmp_path: Path) -> None:
    pair = {"sentence_good": "a b", "sentence_bad": "b a", "UID": "one", "pairID": "0"}
    for name in ("one", "two"):
        lines(tmp_path / "sets" / "data" / f"{name}.jsonl", [pair, {**pair, "pairID": name}])
    task = find_suite("local", tmp_path / "sets").tasks[0]
    assert task.items == 3
    assert [one.reason for one in task.rejected] == ["two.jsonl: the item 'one-0' is there twice"]


def test_a_limited_run_meets_the_bad_items_up_to_its_last_one(tmp_path: Path) -> None:
    good, bad = {"context": "c", "choices": ["x", "y"], "answer": "y"}, {"context": "c"}
    task = own(tmp_path, [bad, good, bad, good, bad, bad, good, bad], shots=1).tasks[0]
    assert [one.after for one in task.rejected] == [0, 0, 1, 1, 2]
    assert [len(task.rejected_within(limit)) for limit in (1, 2, 3, None)] == [2, 4, 5, 5]
    # Files that take turns: one-0, two-0, one-1.
    pair = {"sentence_good": "a b", "sentence_bad": "b a", "pairID": "0"}
    lines(tmp_path / "sets" / "data" / "one.jsonl", [{**pair, "UID": "a"}, {}, {**pair, "UID": "b"}, {}])
    lines(tmp_path / "sets" / "data" / "two.jsonl", [{}, {**pair, "UID": "c"}, {}])
    task = find_suite("local", tmp_path / "sets").tasks[0]
    assert {one.item: one.after for one in task.rejected} == {"one-1": 2, "one-3": 3, "two-0": 1, "two-2": 3}


def test_a_list_of_tasks_without_a_name_is_refused() -> None:
    with pytest.raises(InputError, match=r"--tasks.*extraction"):
        find_suite("mini", tasks=[])


def test_a_wrong_description_is_told_with_what_is_allowed(tmp_path: Path) -> None:
    good = [{"context": "c", "choices": ["x", "y"], "answer": "y"}]
    with pytest.raises(UndercutError, match="task_class"):
        own(tmp_path, good, task_class="poetry")
    with pytest.raises(UndercutError, match="colour"):
        own(tmp_path, good, colour="blue")
    with pytest.raises(InputError, match="JSONL or CSV"):
        own(tmp_path, good, file="missing.jsonl")
    with pytest.raises(InputError, match="item"):
        own(tmp_path, [{**good[0], "item": "a"}] * 2)


@pytest.mark.skipif(not SHARED.is_dir(), reason=f"needs copies of GSM8K, PIQA, SVAMP and BLiMP in {SHARED.name}/")
def test_published_files_are_read_whole() -> None:
    counts = {task.name: task.items for task in find_suite("local", SHARED).tasks}
    assert counts == {
        "piqa": 1838, "gsm8k": 1319, "svamp": 1000, "blimp": 14000, "arithmetic_spaced": 1000, "arithmetic_dense": 1000,
    }  # fmt: skip
