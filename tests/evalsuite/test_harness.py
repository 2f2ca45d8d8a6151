"""The adapter to lm-eval on a model of one layer: right answers counted as lm-eval counts them, and broken logits."""

import dataclasses
import math
from pathlib import Path

import pandas as pd
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("lm_eval")

from evalsuite.harness import NOT_FINITE, SCORERS, Sample, Scorer, evaluate  # noqa: E402
from evalsuite.models import LoadedModel, LocalSource, ModelSpec  # noqa: E402
from evalsuite.scores import samples_table  # noqa: E402
from evalsuite.suites.files import write_suite  # noqa: E402
from evalsuite.suites.mini import mini  # noqa: E402
from evalsuite.suites.suite import Suite, TaskRef  # noqa: E402

CHOICE, WRITTEN = (next(task for task in mini() if task.name == name) for name in ("brackets", "extraction"))


def scored(loaded: LoadedModel, task: TaskRef, limit: int, scorer: Scorer) -> list[Sample]:
    return evaluate(loaded, [task], limit, scorer).samples[task.name]


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Suite:
    monkeypatch.setenv("UNDERCUT_CACHE_DIR", str(tmp_path))
    return write_suite("two", (CHOICE, WRITTEN))


@pytest.fixture
def loaded() -> LoadedModel:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    vocabulary = {token: index for index, token in enumerate(["<|end|>", *sorted(pre_tokenizers.ByteLevel.alphabet())])}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|end|>", pad_token="<|end|>")
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(vocabulary), hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2,
        num_key_value_heads=1, max_position_embeddings=1024, eos_token_id=0, pad_token_id=0,
    )  # fmt: skip
    model = LlamaForCausalLM(config).eval()
    spec = ModelSpec("tiny", "teacher", LocalSource(Path()), "none")
    return LoadedModel(spec, model, fast, Path(), "w", "t", "float32", torch.get_num_threads())


@pytest.mark.parametrize("scorer", SCORERS)
def test_the_answer_is_the_likelier_continuation_and_likelihoods_are_the_models_own(
    loaded: LoadedModel, files: Suite, scorer: Scorer
) -> None:
    samples = scored(loaded, files.tasks[0], 10, scorer)
    assert [sample.item for sample in samples] == [item.item for item in CHOICE.items[:10]]
    for sample, item in zip(samples, CHOICE.items, strict=False):
        assert sample.correct == (sample.right_nats > sample.wrong_nats)
        ids = loaded.tokenizer(item.context, return_tensors="pt").input_ids
        with torch.inference_mode():
            after = torch.log_softmax(loaded.model(ids).logits[0, -1].float(), dim=-1)
        right = loaded.tokenizer(item.answer).input_ids[0]
        assert sample.right_nats == pytest.approx(float(after[right]), abs=1e-4)


def test_a_right_first_line_counts_whatever_its_case_and_punctuation(
    loaded: LoadedModel, files: Suite, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = [item.answer for item in WRITTEN.items[:4]]
    written = iter([f" {answers[0].upper()}.\nmore", f"{answers[1]}", f" not {answers[2]}", ""])
    from lm_eval.models.huggingface import HFLM

    monkeypatch.setattr(
        HFLM, "generate_until", lambda self, requests, disable_tqdm=False: [next(written) for _ in requests]
    )
    samples = scored(loaded, files.tasks[1], 4, "stock")
    assert [sample.correct for sample in samples] == [True, True, False, False]


def test_both_scorers_answer_the_same(loaded: LoadedModel, files: Suite) -> None:
    for task in files.tasks:
        shared, stock = (scored(loaded, task, 40, scorer) for scorer in SCORERS)
        for one, other in zip(shared, stock, strict=True):
            assert (one.item, one.answer, one.correct, one.target) == (
                other.item,
                other.answer,
                other.correct,
                other.target,
            )
            if task.kind == "choice":
                assert one.right_nats == pytest.approx(other.right_nats, abs=1e-5)
                assert one.confidence == pytest.approx(other.confidence, abs=1e-5)


@pytest.mark.parametrize(
    "settings",
    [
        {"eos_token_id": None},
        {"eos_token_id": list(range(0, 250, 3))},
        {"eos_token_id": list(range(1, 250, 3))},
        {"repetition_penalty": 1.5},
        {"eos_token_id": list(range(0, 250, 3)), "min_new_tokens": 3},
        {"max_new_tokens": 2},
        {"suppress_tokens": list(range(100, 200))},
        {"do_sample": True, "temperature": 0.6, "top_p": 0.9},
        {"cache_implementation": "hybrid"},
    ],
    ids=lambda settings: ",".join(settings),
)
def test_both_scorers_write_what_the_models_own_settings_of_generation_say(
    loaded: LoadedModel, files: Suite, settings: dict[str, object]
) -> None:
    plain = [sample.answer for sample in scored(loaded, files.tasks[1], 20, "shared")]
    loaded.model.generation_config.update(**settings)
    shared, stock = (scored(loaded, files.tasks[1], 20, scorer) for scorer in SCORERS)
    assert [sample.error for sample in stock] == [sample.error for sample in shared] == [""] * 20
    answers = [sample.answer for sample in stock]
    assert [sample.answer for sample in shared] == answers
    without_effect = settings == {"eos_token_id": None} or {"do_sample", "cache_implementation"} & set(settings)
    assert (answers == plain) == bool(without_effect)  # this model never writes its own end


def test_a_model_that_names_several_ends_is_still_written_from_shared_prefixes(
    loaded: LoadedModel, files: Suite
) -> None:
    loaded.model.generation_config.eos_token_id = [0, 70]
    work = evaluate(loaded, [files.tasks[1]], 20, "shared").work
    assert 0 < work.computed_tokens < work.asked_tokens


def test_written_answers_are_kept_by_what_ends_a_text(loaded: LoadedModel, files: Suite, tmp_path: Path) -> None:
    from sim.shared.store import Store

    def recalled() -> int:
        return evaluate(loaded, [files.tasks[1]], 10, "shared", store).work.recalled_requests

    with Store(tmp_path / "kept.sqlite") as store:
        assert recalled() == 0
        assert recalled() == 10
        loaded.model.generation_config.eos_token_id = [0, 70]
        assert recalled() == 0


@pytest.mark.parametrize("scorer", SCORERS)
@pytest.mark.parametrize("place", [0, 1], ids=["choice", "written"])
def test_logits_that_are_no_numbers_make_an_error_and_not_a_wrong_answer(
    place: int, loaded: LoadedModel, files: Suite, scorer: Scorer
) -> None:
    with torch.no_grad():
        loaded.model.lm_head.weight[:] = math.nan
    samples = scored(loaded, files.tasks[place], 5, scorer)
    assert [sample.error for sample in samples] == [NOT_FINITE] * 5
    assert not any(sample.correct for sample in samples)


def test_choices_with_one_ending_are_told_apart_by_their_beginnings(
    loaded: LoadedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import json

    from evalsuite.pairs import compare
    from evalsuite.suites.find import find_suite
    from evalsuite.suites.upstream import BENCHMARKS

    assert any(benchmark.name == "winogrande" for benchmark in BENCHMARKS)
    monkeypatch.setenv("UNDERCUT_CACHE_DIR", str(tmp_path / "cache"))
    nouns = ["cat", "car", "door", "man", "tree", "house", "bird", "hill"]
    rows = [
        {"qID": f"{one}-{other}", "sentence": f"The {one} saw the {other} as _ was old.", "option1": one,
         "option2": other, "answer": str(1 + (len(one) + len(other)) % 2)}
        for one in nouns for other in nouns if one != other
    ]  # fmt: skip
    (tmp_path / "dev.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    (task,) = find_suite("local", tmp_path).tasks
    samples = scored(loaded, task, 56, "shared")
    for row, sample in zip(rows, samples, strict=True):
        endings = [f"{row['option1']} was old.", f"{row['option2']} was old."]
        assert sample.target == endings[int(row["answer"]) - 1]
        assert sample.answer in endings
        assert sample.correct == (sample.answer == sample.target)
    assert 0 < sum(sample.correct for sample in samples) < 56
    # A model that takes the other choice on one item agrees on all but that.
    other = dataclasses.replace(
        samples[0], answer=next(s for s in ("cat was old.", "car was old.") if s != samples[0].answer),
        correct=not samples[0].correct,
    )  # fmt: skip
    frames = [samples_table(found).assign(model=name) for name, found in (("a", samples), ("b", [other, *samples[1:]]))]
    assert compare(pd.concat(frames), "a", "b")["agreement"].tolist() == [pytest.approx(55 / 56)]


def test_a_suite_that_lies_here_asks_no_hub_and_leaves_the_next_one_free_to(
    loaded: LoadedModel, files: Suite, monkeypatch: pytest.MonkeyPatch
) -> None:
    import datasets.config
    import huggingface_hub.constants
    from lm_eval.tasks import TaskManager

    from evalsuite.harness import _offline

    def offline() -> tuple[bool, bool]:
        return bool(datasets.config.HF_HUB_OFFLINE), bool(huggingface_hub.is_offline_mode())

    seen: list[tuple[bool, bool]] = []
    whole = TaskManager.load
    monkeypatch.setattr(TaskManager, "load", lambda self, names: (seen.append(offline()), whole(self, names))[1])
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    scored(loaded, files.tasks[0], 2, "shared")
    assert seen == [(True, True)]
    assert offline() == (False, False)
    with _offline(False):
        assert offline() == (False, False)


def test_tasks_are_asked_as_lm_evals_own_front_door_asks_them(loaded: LoadedModel, files: Suite) -> None:
    import lm_eval
    from lm_eval.tasks import TaskManager

    from evalsuite.scorer import StockLM

    folders = sorted({str(task.include) for task in files.tasks})
    theirs = lm_eval.simple_evaluate(
        StockLM(loaded),
        tasks=[task.lm_eval_name for task in files.tasks],
        task_manager=TaskManager(include_path=folders, include_defaults=False),
        limit=6,
        bootstrap_iters=0,
    )
    assert theirs is not None
    rows = [row for found in theirs["samples"].values() for row in found]
    asked = {tuple(part for part in one if isinstance(part, str)) for row in rows for one in row["arguments"]}
    ours = evaluate(loaded, files.tasks, 6, scorer="stock")
    assert set(ours.answers) == asked
    for task in files.tasks:
        theirs_right = [row.get("acc", row.get("exact_match")) == 1.0 for row in theirs["samples"][task.lm_eval_name]]
        assert [sample.correct for sample in ours.samples[task.name]] == theirs_right


def test_notes_of_one_task_say_nothing_of_an_equal_request_of_another(loaded: LoadedModel) -> None:
    from lm_eval.api.instance import Instance

    from evalsuite.scorer import SharedPrefixLM

    model = SharedPrefixLM(loaded)
    long = ("x" * 2000, " y")
    model.loglikelihood(
        [
            Instance("loglikelihood", {}, arguments, 0, metadata=(task, 0, 1))
            for task, arguments in (("one", long), ("two", ("x", " y")))
        ]
    )
    assert model.notes_of("one").cut == {long}
    assert model.notes_of("two").cut == set()


@pytest.mark.parametrize("scorer", SCORERS)
def test_a_prompt_longer_than_the_model_reads_is_an_error(loaded: LoadedModel, files: Suite, scorer: Scorer) -> None:
    lengths = [len(f"{item.context}{item.choices[0]}".encode()) for item in CHOICE.items[:40]]
    loaded.model.config.max_position_embeddings = sorted(lengths)[20]
    found = [sample.error for sample in scored(loaded, files.tasks[0], 40, scorer)]
    assert any("tokens that the model reads" in error for error in found)
    assert any(not error for error in found)
    loaded.model.config.max_position_embeddings = 60  # shorter than the worked examples
    assert all("model reads" in sample.error for sample in scored(loaded, files.tasks[1], 4, scorer))


@pytest.mark.parametrize("scorer", SCORERS)
def test_only_the_items_that_broke_are_in_error(loaded: LoadedModel, files: Suite, scorer: Scorer) -> None:
    # One byte's embedding is broken: items whose prompt holds it are in error, the others are not.
    shots = "".join(shot.context + shot.answer for shot in WRITTEN.shots)
    contexts = [item.context for item in WRITTEN.items[:60]]
    letter = next(
        letter for letter in "MPVJL" if letter not in shots and 5 < sum(letter in context for context in contexts) < 55
    )
    with torch.no_grad():
        loaded.model.model.embed_tokens.weight[loaded.tokenizer(letter).input_ids[0]] = math.nan
    found = [sample.error != "" for sample in scored(loaded, files.tasks[1], 60, scorer)]
    assert found == [letter in context for context in contexts]


def test_timing_takes_turns_and_counts_its_tokens(loaded: LoadedModel) -> None:
    from evalsuite import meter
    from evalsuite.energy import Estimate

    gauge = Estimate(10.0, "a test")
    timings = meter.meter_models([loaded], gauge, repeats=3)
    assert {(timing.phase, timing.batch, timing.repeat) for timing in timings} == {
        (phase, batch, repeat)
        for phase, batches in (("prefill", meter.PREFILL_BATCHES), ("decode", meter.DECODE_BATCHES))
        for batch in batches
        for repeat in range(3)
    }
    for timing in timings:
        length = meter.PREFILL_TOKENS if timing.phase == "prefill" else meter.DECODE_TOKENS
        assert timing.tokens == timing.batch * length
        assert timing.seconds > 0
        assert timing.energy_source == "estimated"
        assert timing.energy_j == pytest.approx(10.0 * timing.seconds, abs=0.02)
    with pytest.raises(ValueError, match="two repeats"):
        meter.meter_models([loaded], gauge, repeats=1)


def test_wrapping_a_loaded_model_is_quiet_and_lm_eval_is_heard_otherwise(
    loaded: LoadedModel, caplog: pytest.LogCaptureFixture
) -> None:
    import logging

    from lm_eval.models import huggingface

    from evalsuite.scorer import SharedPrefixLM, StockLM

    with caplog.at_level(logging.WARNING):
        StockLM(loaded)
        SharedPrefixLM(loaded)
        assert caplog.records == []
        # lm-eval's own model says it, and its module is not silenced.
        huggingface.HFLM(pretrained=loaded.model, tokenizer=loaded.tokenizer)
    assert len([record for record in caplog.records if "already-initialized" in record.getMessage()]) == 1
