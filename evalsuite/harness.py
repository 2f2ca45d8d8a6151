"""lm-eval behind one adapter: a task and a loaded model in, typed samples out.

lm-eval's own names ("acc,none", "filtered_resps") end here. A sample whose logits are not finite, or whose prompt is
longer than the model reads, is an error, not a wrong answer: lm-eval would score it as whatever comes out.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import math
import string
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from evalsuite.notes import Memory, Notes, OnRequests, Usage, Work, untold
from evalsuite.suites.suite import Rejected, TaskRef
from evalsuite.tables import ANOTHER
from sim.shared.errors import InputError, MissingExtra

if TYPE_CHECKING:
    from evalsuite.models import LoadedModel
    from evalsuite.remote import ChatLM, CompletionsLM
    from evalsuite.scorer import SharedPrefixLM, StockLM
    from evalsuite.wire import Wire

    AnyLM = SharedPrefixLM | StockLM | CompletionsLM | ChatLM

Scorer = Literal["shared", "stock"]
SCORERS: tuple[Scorer, ...] = ("shared", "stock")
NOT_FINITE = "logits are not finite"
LM_EVAL_SEED, LM_EVAL_OTHER_SEED = 0, 1234  # its defaults: of Python's random numbers, and of all others


@dataclass(frozen=True)
class Sample:
    """One item answered by one model.

    Attributes:
        task: the task's name.
        item: the item's name in the task.
        cluster: the fact or template it rests on.
        correct: whether the answer is right; False where `error` is set.
        correct_norm: the same by log-likelihood per character, where lm-eval scores the task so too; else `correct`.
        target: the right answer; of a choice what tells it from the others, see `_told_apart`.
        answer: the model's answer, in the same words; `ANOTHER` where only the right one's likelihood was asked for.
        right_nats: for a choice task the log-likelihood of the right continuation; else NaN.
        wrong_nats: for a choice task that of the likeliest wrong one; else NaN.
        confidence: the model's own, without knowing the right answer: for a choice the probability of its answer among
            the choices, for what it wrote the geometric mean of the tokens' probabilities; NaN where not known.
        error: why the item could not be scored, or "".
    """

    task: str
    item: str
    cluster: str
    correct: bool
    correct_norm: bool
    target: str
    answer: str
    right_nats: float
    wrong_nats: float
    confidence: float
    error: str


@dataclass(frozen=True)
class Scored:
    """Samples of one model by task, in the items' order, and what it took to make them.

    Attributes:
        answers: by the request's strings, the log-likelihood with its greedy flag, or the text written.
        usage: of an endpoint, by task; empty for weights that lie here.
    """

    samples: dict[str, list[Sample]]
    answers: dict[tuple[str, ...], Any]
    work: Work
    usage: dict[str, Usage]


def evaluate(
    subject: LoadedModel | Wire,
    tasks: Sequence[TaskRef],
    limit: int | None = None,
    scorer: Scorer = "shared",
    memory: Memory | None = None,
    memory_keys: Mapping[str, str] | None = None,
    on_requests: OnRequests = untold,
) -> Scored:
    """Score a model on the first `limit` items of each task (all for None), through lm-eval.

    Each task is batched by itself, so that its scores do not depend on the tasks beside it.

    Args:
        subject: the model: weights in memory, or the wire to an endpoint.
        tasks: of one suite.
        limit: items, the first ones.
        scorer: "shared" computes common prefixes once; "stock" is lm-eval's own model; of no meaning for an endpoint.
        memory: where answers are kept as soon as they are there: the shared scorer's by batch, an endpoint's each.
        memory_keys: by task, what these depend on besides the batch.
        on_requests: called with a task's name, the number of its requests just answered, and the tokens read.

    Raises:
        InputError: if a data set cannot be fetched.
        MissingExtra: if lm-eval is not installed.
    """
    try:
        import datasets
        from lm_eval.evaluator import evaluate as lm_evaluate
    except ImportError as error:
        raise MissingExtra(error.name or "lm_eval", "measure") from error
    datasets.disable_progress_bars()
    names = {task.lm_eval_name: task.name for task in tasks}

    def advance(lm_eval_name: str, count: int, tokens: int) -> None:
        on_requests(names.get(lm_eval_name, lm_eval_name), count, tokens)

    with _offline(all(task.include for task in tasks)), _quiet(), _templates_once():
        keys = {task.lm_eval_name: (memory_keys or {}).get(task.name, "") for task in tasks}
        model, chat = _model(subject, scorer, memory, keys, advance)
        recorder = _Recorder()
        model.cache_hook = recorder
        try:
            found: Any = lm_evaluate(
                model,
                _loaded(tasks),
                limit=limit,
                log_samples=True,
                bootstrap_iters=0,
                apply_chat_template=chat,
                fewshot_as_multiturn=True,
            )
        except (ConnectionError, datasets.exceptions.DatasetNotFoundError) as error:
            raise InputError(
                "--suite", "", f"{type(error).__name__}: {error}", "a hub that can be reached",
                "connect, or use copies of the data sets: --suite local --data-dir FOLDER",
            ) from error  # fmt: skip
    samples = {}
    for task in tasks:
        rows = [
            row for row in found["samples"][task.lm_eval_name] if task.counted_filter in ("", row.get("filter", "none"))
        ]
        samples[task.name] = [_sample(task, row, model) for row in sorted(rows, key=lambda row: row["doc_id"])]
    usage = {names[name]: used for name, used in model.usage.items() if name in names}
    return Scored(samples, recorder.answers, model.work, usage)


def _loaded(tasks: Sequence[TaskRef]) -> Any:
    """The tasks as lm-eval's `simple_evaluate` sets them up, and its seeds.

    It is not called itself because it also lists the machine's packages by a process of pip's, half a second a run.
    """
    import random

    import numpy as np
    import torch
    from lm_eval.tasks import TaskManager

    random.seed(LM_EVAL_SEED)
    np.random.seed(LM_EVAL_OTHER_SEED)
    torch.manual_seed(LM_EVAL_OTHER_SEED)
    folders = sorted({str(task.include) for task in tasks if task.include})
    shipped = any(task.include is None for task in tasks)
    manager = TaskManager(include_path=folders or None, include_defaults=shipped)
    found: Any = manager.load([task.lm_eval_name for task in tasks])
    for task in found["tasks"].values():
        if task.get_config("num_fewshot") is None:
            task.set_config(key="num_fewshot", value=0)
        task.set_fewshot_seed(seed=LM_EVAL_OTHER_SEED)
    return found


def _model(
    subject: LoadedModel | Wire,
    scorer: Scorer,
    memory: Memory | None,
    memory_keys: Mapping[str, str],
    on_requests: OnRequests,
) -> tuple[AnyLM, bool]:
    """lm-eval's model over a subject, and whether prompts go through a chat template."""
    from evalsuite.wire import Wire

    if isinstance(subject, Wire):
        from evalsuite.fetch import tokenizer_folder
        from evalsuite.remote import ChatLM, CompletionsLM

        if subject.endpoint.api == "chat":
            return ChatLM(subject, memory, memory_keys, on_requests), True
        folder = tokenizer_folder(subject.endpoint.tokenizer)
        return CompletionsLM(subject, folder, memory, memory_keys, on_requests), False
    from evalsuite.scorer import SharedPrefixLM, StockLM

    if scorer == "shared":
        return SharedPrefixLM(subject, memory, memory_keys, on_requests), False
    return StockLM(subject, on_requests=on_requests), False


class _Recorder:
    """Stands where lm-eval's cache would: is told every answer when it is there."""

    def __init__(self) -> None:
        self.answers: dict[tuple[str, ...], Any] = {}

    def add_partial(self, kind: str, arguments: tuple[Any, ...], answer: Any) -> None:
        self.answers[_strings(arguments)] = answer


def _strings(arguments: Sequence[Any]) -> tuple[str, ...]:
    """The strings of a request's arguments; a chat is a tuple of one, its messages as JSON."""
    texts = (part[0] if isinstance(part, tuple) and len(part) == 1 else part for part in arguments)
    return tuple(text for text in texts if isinstance(text, str))


def rejection(task: str, item: Rejected) -> Sample:
    """The sample of an item that could not even be asked."""
    nan = math.nan
    return Sample(task, item.item, item.item, False, False, "", "", nan, nan, nan, item.reason)


def _sample(task: TaskRef, raw: dict[str, Any], model: AnyLM) -> Sample:
    doc = raw["doc"]
    item = str(doc.get("item", raw["doc_id"]))
    asked = [_strings(arguments) for arguments in raw["arguments"]]
    notes = model.notes_of(task.lm_eval_name)
    failed = [notes.failed[strings] for strings in asked if strings in notes.failed]
    if failed:
        error = failed[0]
    elif any(strings in notes.cut for strings in asked):
        error = f"longer than the {model.max_length} tokens that the model reads"
    else:
        error = ""
    parts = _written(raw, notes) if task.kind == "generate" else _chosen(task, raw, asked)
    if not error and parts["broken"]:
        error = NOT_FINITE
    return Sample(
        task=task.name,
        item=item,
        cluster=str(doc.get("cluster", item)),
        correct=not error and parts["correct"],
        correct_norm=not error and parts["correct_norm"],
        target=parts["target"],
        answer="" if error else parts["answer"],
        right_nats=math.nan if error else parts["right_nats"],
        wrong_nats=math.nan if error else parts["wrong_nats"],
        confidence=math.nan if error else parts["confidence"],
        error=error,
    )


def _chosen(task: TaskRef, raw: dict[str, Any], asked: list[tuple[Any, ...]]) -> dict[str, Any]:
    """A choice among continuations, or the likelihood of the only one."""
    nats = [float(response[0]) for response in _responses(raw)][: len(asked)]
    broken = not all(math.isfinite(value) for value in nats)
    best = 0 if broken else max(range(len(nats)), key=nats.__getitem__)
    correct = not broken and float(raw["acc"]) == 1.0
    gold = 0 if task.kind == "likelihood" else _gold(raw, asked, best, correct)
    others = [value for place, value in enumerate(nats) if place != gold]
    known = gold is not None and not broken
    names = _told_apart(asked)
    return {
        "broken": broken,
        "correct": correct,
        "correct_norm": not broken and float(raw.get("acc_norm", raw["acc"])) == 1.0,
        "target": names[gold] if gold is not None else "",
        "answer": names[best] if task.kind == "choice" or correct else ANOTHER,
        "right_nats": nats[gold] if known and gold is not None else math.nan,
        "wrong_nats": max(others) if known and others else math.nan,
        "confidence": _top_probability(nats) if not broken and len(nats) > 1 else math.nan,
    }


def _told_apart(asked: Sequence[tuple[Any, ...]]) -> list[str]:
    """What tells the choices of an item apart: their continuations, or what they continue where that alone differs.

    WinoGrande's choices are two beginnings of a sentence with one ending; they are told from the first word on in which
    the beginnings differ.
    """
    contexts, endings = [str(strings[0]) for strings in asked], [str(strings[1]) for strings in asked]
    if len(set(endings)) == len(endings) or len(set(contexts)) == 1:
        return [ending.strip() for ending in endings]
    words = [context.split(" ") for context in contexts]
    start = next(place for place, column in enumerate(itertools.zip_longest(*words)) if len(set(column)) > 1)
    return [f"{' '.join(own[start:])}{ending}".strip() for own, ending in zip(words, endings, strict=True)]


def _top_probability(nats: list[float]) -> float:
    """The probability of the likeliest of the choices, these taken as all there is."""
    best = max(nats)
    return 1.0 / math.fsum(math.exp(value - best) for value in nats)


def _gold(raw: dict[str, Any], asked: list[tuple[Any, ...]], best: int, correct: bool) -> int | None:
    """Which choice is right: as the task says, or told by the score where the task leaves it to the prompt."""
    target = raw["target"]
    if isinstance(target, int) and 0 <= target < len(asked):
        return target
    if correct:
        return best
    return 1 - best if len(asked) == 2 else None


def _written(raw: dict[str, Any], notes: Notes) -> dict[str, Any]:
    prompt = _strings(raw["arguments"][0])[0]
    broken = (prompt,) in notes.broken
    correct = not broken and float(raw["exact_match"]) == 1.0
    nats = notes.confidence.get(prompt, math.nan)
    return {
        "broken": broken,
        "correct": correct,
        "correct_norm": correct,
        "target": str(raw["target"]).strip(),
        "answer": str(_responses(raw)[0]).strip().strip(string.punctuation).strip(),
        "right_nats": math.nan,
        "wrong_nats": math.nan,
        "confidence": math.exp(nats) if math.isfinite(nats) else math.nan,
    }


def _responses(raw: dict[str, Any]) -> list[Any]:
    found = raw["filtered_resps"]
    return list(found) if isinstance(found, (list, tuple)) else [found]


@contextlib.contextmanager
def _offline(wanted: bool) -> Iterator[None]:
    """Keep lm-eval's libraries from asking the hub for what lies here; a task of the hub's may ask it.

    Both read the environment once, when they are imported, and their own names ever after: so these are set, and set
    back for the next suite of this process.
    """
    import datasets.config
    import huggingface_hub.constants

    hub, sets = huggingface_hub.constants, datasets.config
    before = hub.HF_HUB_OFFLINE, sets.HF_HUB_OFFLINE, sets.HF_DATASETS_OFFLINE
    if wanted:
        hub.HF_HUB_OFFLINE = sets.HF_HUB_OFFLINE = sets.HF_DATASETS_OFFLINE = True
    try:
        yield
    finally:
        hub.HF_HUB_OFFLINE, sets.HF_HUB_OFFLINE, sets.HF_DATASETS_OFFLINE = before


@contextlib.contextmanager
def _templates_once() -> Iterator[None]:
    """Let lm-eval compile each of a task's templates once, not once an item."""
    import functools

    from lm_eval.utils import env

    env.from_string = functools.lru_cache(maxsize=256)(env.from_string)
    try:
        yield
    finally:
        del env.from_string


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep lm-eval's bars and notes to itself: progress is shown by Undercut."""
    import functools

    import lm_eval.api.task as task_module

    bar, logger = task_module.tqdm, logging.getLogger("lm_eval")
    level = logger.level
    task_module.tqdm = functools.partial(bar, disable=True)
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        task_module.tqdm = bar
        logger.setLevel(level)
