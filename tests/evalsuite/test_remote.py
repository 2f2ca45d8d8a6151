"""A tiny model served over HTTP and measured through lm-eval: the same numbers as its weights give here."""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from serving import Answer, ModelServer, answer, beside_a_loop, serving

torch = pytest.importorskip("torch")
pytest.importorskip("lm_eval")

from evalsuite.analysis import read_run  # noqa: E402
from evalsuite.endpoint import read_endpoint  # noqa: E402
from evalsuite.harness import Sample, evaluate  # noqa: E402
from evalsuite.ledgers import ledger_table, listed  # noqa: E402
from evalsuite.measure import EvalRun, run_eval  # noqa: E402
from evalsuite.models import LoadedModel, load, resolve  # noqa: E402
from evalsuite.suites.find import find_suite  # noqa: E402
from evalsuite.wire import Wire  # noqa: E402
from sim.shared.errors import InputError  # noqa: E402

KEY = "sk-a-secret-that-must-not-be-told"
CHOICE, WRITTEN = "brackets", "extraction"


@pytest.fixture
def teacher(tiny_models: tuple[str, str]) -> LoadedModel:
    return load(resolve(tiny_models[0]), "float32")


class Faulty:
    """A server whose replies to some prompts are wrong, while `faults` says so."""

    def __init__(self, inner: ModelServer, wrong: Answer) -> None:
        self.inner, self.wrong, self.faults = inner, wrong, True

    def __call__(self, number: int, path: str, asked: dict[str, Any], headers: dict[str, str]) -> Answer:
        bad = self.faults and sum(map(ord, json.dumps(asked))) % 3 == 0
        return self.wrong if bad else self.inner(number, path, asked, headers)


@pytest.fixture
def server(teacher: LoadedModel) -> ModelServer:
    return ModelServer(teacher.model, teacher.tokenizer)


@pytest.fixture
def address(server: ModelServer) -> Iterator[str]:
    with serving(server) as found:
        yield found


def described(tmp_path: Path, base_url: str, tokenizer: str = "", **more: Any) -> str:
    path = tmp_path / "far.yaml"
    settings = {"name": "far", "api": "completions", "base_url": base_url, "model": "m", "attempts": 1, "version": "1"}
    path.write_text(yaml.safe_dump(settings | {"tokenizer": tokenizer} | more), encoding="utf-8")
    return str(path)


def run(tmp_path: Path, models: list[str], tasks: list[str], limit: int = 4) -> EvalRun:
    return run_eval(models, "mini", tmp_path / "run", limit=limit, tasks=tasks)


def here(loaded: LoadedModel, task: str, limit: int) -> list[Sample]:
    return evaluate(loaded, find_suite("mini", tasks=[task]).tasks, limit).samples[task]


@pytest.mark.parametrize("sends", ["tokens", "text"])
def test_a_served_model_scores_as_its_weights_do(
    sends: str, tmp_path: Path, teacher: LoadedModel, server: ModelServer, address: str
) -> None:
    far = described(tmp_path, address, str(teacher.directory), sends=sends)
    rows = run(tmp_path, [far], [CHOICE, WRITTEN]).samples.to_dict("records")
    same = [*here(teacher, WRITTEN, 4), *here(teacher, CHOICE, 4)]
    assert len(rows) == len(same) == 8
    for row, sample in zip(rows, same, strict=True):
        assert (row["item"], row["answer"], row["correct"], row["error"]) == (
            sample.item, sample.answer, sample.correct, "",
        )  # fmt: skip
        if row["task"] == CHOICE:
            assert row["right_nats"] == pytest.approx(sample.right_nats, abs=1e-4)
            assert row["wrong_nats"] == pytest.approx(sample.wrong_nats, abs=1e-4)
    kinds = {type(asked["prompt"]) for asked in server.requests if asked.get("echo")}
    assert kinds == {list if sends == "tokens" else str}


def test_a_chat_writes_and_is_refused_where_likelihoods_are_compared(
    tmp_path: Path, server: ModelServer, address: str
) -> None:
    far = described(tmp_path, address, api="chat")
    with pytest.raises(InputError, match=f"{CHOICE}.*tells no log-likelihoods.*{WRITTEN}"):
        run(tmp_path, [far], [CHOICE, WRITTEN])
    assert not server.requests
    found = run(tmp_path, [far], [WRITTEN])
    assert found.errors == 0
    assert len(found.samples) == 4
    assert [asked["messages"][-1]["role"] for asked in server.requests] == ["user"] * 4


NESTED = b'{"choices": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"


@pytest.mark.parametrize(("api", "task"), [("completions", CHOICE), ("chat", WRITTEN)])
@pytest.mark.parametrize(
    "wrong",
    [
        (200, {}, b'{"choices": [{"lo', 0.0),
        (200, {}, NESTED, 0.0),
        answer({"choices": [{"index": 0}]}),
        answer({"choices": [{"index": 0, "message": {"content": None}, "text": None}]}),
        answer({"choices": [{"message": {"content": ""}, "text": "", "finish_reason": "length"}]}),
        answer({"choices": [{"message": {"content": "\ud800 x"}, "text": "\ud800 x"}]}),
        answer({"error": "x"}),
        answer({"error": "x"}, 522),
    ],
    ids=["half", "nested", "no answer", "null", "cut off", "half a character", "an error as a success", "HTTP 522"],
)
def test_what_is_no_answer_is_an_error_of_its_item(
    api: str, task: str, wrong: Answer, tmp_path: Path, teacher: LoadedModel, server: ModelServer
) -> None:
    tasks = find_suite("mini", tasks=[task]).tasks
    with serving(Faulty(server, wrong)) as address:
        far = described(tmp_path, address, str(teacher.directory), api=api)
        found = evaluate(Wire(read_endpoint(Path(far))), tasks, 9).samples[task]
    errors = [sample for sample in found if sample.error]
    assert 0 < len(errors) < 9
    assert not any(sample.correct or sample.answer for sample in errors)
    if api == "completions":
        for sample, same in zip(found, here(teacher, task, 9), strict=True):
            assert sample.error or (sample.correct, sample.answer) == (same.correct, same.answer)


@pytest.mark.parametrize("task", [CHOICE, WRITTEN])
def test_what_was_not_answered_is_asked_again_next_time(
    task: str, tmp_path: Path, teacher: LoadedModel, server: ModelServer
) -> None:
    faulty = Faulty(server, answer({"error": "x"}, 500))
    with serving(faulty) as address:
        far = described(tmp_path, address, str(teacher.directory))
        first = run(tmp_path, [far], [task], limit=9)
        answered = len(server.requests)
        faulty.faults = False
        second = run(tmp_path, [far], [task], limit=9)
    assert 0 < first.errors < 9
    assert int(first.quality["n"].iloc[0]) == 9 - first.errors
    assert int(first.quality["errors"].iloc[0]) == first.errors
    assert second.errors == 0
    asked_again = len(server.requests) - answered
    assert first.errors <= asked_again <= first.errors * 2  # a choice has two requests, one of which may be kept
    assert list(second.samples["correct"]) == [sample.correct for sample in here(teacher, task, 9)]


def test_usage_at_the_list_price_is_a_ledger_of_its_own(
    tmp_path: Path, teacher: LoadedModel, server: ModelServer, address: str
) -> None:
    prices = {"usd_per_mtok_in": 2.0, "usd_per_mtok_out": 5.0, "price_date": "2026-11-01", "price_source": "a page"}
    far = described(tmp_path, address, str(teacher.directory), role="student", parent="teacher", **prices)
    run(tmp_path, [str(teacher.directory), far], [WRITTEN])
    # Again, from what was kept: usage is the same, nothing is asked.
    before = len(server.requests)
    run(tmp_path, [str(teacher.directory), far], [WRITTEN])
    assert len(server.requests) == before == 4
    found = read_run(tmp_path / "run")
    [row] = found.usage.to_dict("records")
    lengths = [len(teacher.tokenizer(asked["prompt"]).input_ids) for asked in server.requests]
    assert (row["requests"], row["tokens_in"]) == (4, sum(lengths))
    assert row["usd"] == pytest.approx((row["tokens_in"] * 2.0 + row["tokens_out"] * 5.0) / 1e6)
    [price] = listed(found.usage)
    assert (price.ledger, price.usd_in, price.usd_out) == ("list price", 2.0, 5.0)
    table = ledger_table([price], found.shapes, found.samples, found.quality)
    # One byte is one token of this tokenizer.
    assert float(table["usd_per_mb_in"].iloc[0]) == pytest.approx(2.0)
    assert set(found.cost["model"]) == {"teacher"}
    assert list(found.quality["model"]) == ["teacher", "far"]
    from sim.shared.catalog import read_catalog

    mine = read_catalog(tmp_path / "run" / "catalog.parquet").rows_of("far").iloc[0]
    assert (mine["price_in_usd_per_mtok"], mine["price_evidence"]) == (2.0, "cited")
    assert math.isnan(mine["cost_in_usd_per_mtok"])
    assert mine["theta_gap"] == pytest.approx(0.0)  # the same weights


def test_the_key_is_nowhere_but_in_the_request(
    tmp_path: Path, teacher: LoadedModel, server: ModelServer, capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    from dashboard.cli import run as command

    monkeypatch.setenv("FAR_KEY", KEY)
    monkeypatch.chdir(tmp_path)
    faulty = Faulty(server, answer({"error": f"you sent {KEY}"}, 500))
    with serving(faulty) as address:
        far = described(tmp_path, address, str(teacher.directory), key_env="FAR_KEY")
        code = command(["eval", "run", "--models", far, "--tasks", WRITTEN, "--limit", "9", "--out", "run"])
    assert code == 3
    assert server.headers[0]["Authorization"] == f"Bearer {KEY}"
    said = capfd.readouterr()
    assert KEY not in said.out + said.err
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert any(path.name == "scores.sqlite" for path in files)
    assert any(path.name == "samples.parquet" for path in files)
    assert not [path for path in files if KEY.encode() in path.read_bytes()]
    assert "***" in "".join(read_run(tmp_path / "run").samples["error"])


def test_a_reached_budget_leaves_errors_that_say_so(tmp_path: Path, teacher: LoadedModel, address: str) -> None:
    far = described(
        tmp_path, address, str(teacher.directory), usd_per_mtok_in=1000.0, usd_per_mtok_out=1000.0, budget_usd=0.5,
    )  # fmt: skip
    found = run(tmp_path, [far], [WRITTEN], limit=20)
    assert 0 < found.errors < 20
    errors = found.samples[found.samples["error"] != ""]["error"]
    assert all("not asked: the budget of 0.5 USD could be passed" in error for error in errors)
    assert float(read_run(found.out).usage["usd"].sum()) <= 0.5


def test_a_budget_holds_over_runs(tmp_path: Path, teacher: LoadedModel, address: str) -> None:
    prices = {"usd_per_mtok_in": 1000.0, "usd_per_mtok_out": 1000.0, "budget_usd": 0.5, "concurrent": 1}
    far = described(tmp_path, address, str(teacher.directory), **prices)
    first = run(tmp_path, [far], [WRITTEN], limit=20)
    second = run(tmp_path, [far], [WRITTEN], limit=20)
    assert first.errors == second.errors > 0
    spent = float(read_run(second.out).usage["usd"].sum())
    assert 0 < spent <= 0.5
    prices["budget_usd"] = 5.0
    more = run(tmp_path, [described(tmp_path, address, str(teacher.directory), **prices)], [WRITTEN], limit=20)
    assert more.errors == 0


def test_a_run_inside_of_a_notebook_keeps_its_answers(tmp_path: Path, teacher: LoadedModel, address: str) -> None:
    async def inside(limit: int) -> EvalRun:
        return run(tmp_path, [described(tmp_path, address)], [WRITTEN], limit)

    assert beside_a_loop(inside(4)).errors == 0


def test_equal_questions_are_asked_once(tmp_path: Path, server: ModelServer, address: str) -> None:
    items = [{"context": "Two and two are", "answer": "four", "item": name} for name in "abc"]
    (tmp_path / "sums.jsonl").write_text("\n".join(json.dumps(item) for item in items), encoding="utf-8")
    task = {"name": "sums", "file": "sums.jsonl", "task_class": "reason", "kind": "generate", "most_tokens": 2}
    (tmp_path / "sums.yaml").write_text(yaml.safe_dump(task), encoding="utf-8")
    found = run_eval([described(tmp_path, address)], str(tmp_path / "sums.yaml"), tmp_path / "run")
    assert (len(found.samples), found.errors, len(server.requests)) == (3, 0, 1)


def test_one_broken_model_takes_nothing_from_the_others(tmp_path: Path, teacher: LoadedModel) -> None:
    with serving(lambda *_: answer({"error": "x"})) as address:
        far = described(tmp_path, address, role="student", parent="teacher")
        found = run(tmp_path, [str(teacher.directory), far], [WRITTEN])
        alone = run(tmp_path, [far], [WRITTEN])
    assert found.errors == alone.errors == 4
    assert found.catalog.models == ["teacher"]
    assert alone.catalog.models == []
    assert set(found.samples["model"]) == {"teacher", "far"}


@pytest.mark.slow
@pytest.mark.teacher
def test_the_default_teacher_served_over_http_scores_as_it_does_here(tmp_path: Path) -> None:
    from evalsuite.models import DEFAULT_TEACHER

    loaded = load(resolve(DEFAULT_TEACHER), "float32")
    tasks = ["facts", WRITTEN, CHOICE]
    with serving(ModelServer(loaded.model, loaded.tokenizer)) as address:
        far = described(tmp_path, address, DEFAULT_TEACHER, timeout_s=300)
        found = evaluate(Wire(read_endpoint(Path(far))), find_suite("mini", tasks=tasks).tasks, 20)
    for task in tasks:
        for served, same in zip(found.samples[task], here(loaded, task, 20), strict=True):
            assert (served.item, served.answer, served.correct, served.error) == (
                same.item, same.answer, same.correct, "",
            )  # fmt: skip
            if not math.isnan(same.right_nats):
                assert served.right_nats == pytest.approx(same.right_nats, abs=1e-3)
    assert found.usage["facts"].requests == 40
