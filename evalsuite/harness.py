"""lm-eval behind one adapter: tasks and a loaded model in, typed samples out.

lm-eval's own names ("acc,none", "filtered_resps") end here. A sample whose logits are not finite is an error, not a
wrong answer: lm-eval would score it as whatever `argmax` of NaN gives.
"""

from __future__ import annotations

import contextlib
import logging
import math
import os
import string
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from evalsuite.suites.files import SuiteFiles, lm_eval_name
from evalsuite.suites.task import Task
from sim.shared.errors import MissingExtra

if TYPE_CHECKING:
    from evalsuite.models import LoadedModel

# Measured on two cores: 32, 64 and 128 differ by less than 8 per cent in time; 64 keeps the logits below 1 GB.
BATCH_SIZE = 64
NOT_FINITE = "logits are not finite"


@dataclass(frozen=True)
class Sample:
    """One item answered by one model.

    Attributes:
        task: the task's name.
        item: the item's name in the task.
        cluster: the fact or template it rests on.
        correct: whether the answer is right; False where `error` is set.
        target: the right answer.
        answer: the model's answer.
        right_nats: for a choice task the log-likelihood of the right continuation; else NaN.
        wrong_nats: for a choice task that of the wrong one; else NaN.
        error: why the item could not be scored, or "".
    """

    task: str
    item: str
    cluster: str
    correct: bool
    target: str
    answer: str
    right_nats: float
    wrong_nats: float
    error: str


def evaluate(
    loaded: LoadedModel, task: Task, files: SuiteFiles, limit: int | None, batch_size: int = BATCH_SIZE
) -> list[Sample]:
    """Score a model on the first `limit` items of a task (all for None), through lm-eval; in the items' order."""
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    os.environ.setdefault("HF_DATASETS_OFFLINE", "1")
    try:
        import datasets
        import lm_eval
        from lm_eval.tasks import TaskManager
    except ImportError as error:
        raise MissingExtra(error.name or "lm_eval", "measure") from error
    datasets.disable_progress_bars()
    with _quiet():
        model = _adapter(loaded, batch_size)
        manager = TaskManager(include_path=str(files.folder), include_defaults=False)
        name = lm_eval_name(task)
        found: Any = lm_eval.simple_evaluate(
            model=model, tasks=[name], task_manager=manager, limit=limit, log_samples=True, bootstrap_iters=0
        )
    ordered = sorted(found["samples"][name], key=lambda sample: sample["doc_id"])
    return [_choice(task, raw) if task.kind == "choice" else _written(task, raw, model) for raw in ordered]


def _choice(task: Task, raw: dict[str, Any]) -> Sample:
    doc = raw["doc"]
    nats = [float(response[0]) for response in raw["filtered_resps"]]
    finite = all(math.isfinite(value) for value in nats)
    best = max(range(len(nats)), key=nats.__getitem__) if finite else 0
    return Sample(
        task=task.name,
        item=doc["item"],
        cluster=doc["cluster"],
        correct=finite and float(raw["acc"]) == 1.0,
        target=doc["choices"][doc["gold"]].strip(),
        answer=doc["choices"][best].strip() if finite else "",
        right_nats=nats[doc["gold"]] if finite else math.nan,
        wrong_nats=nats[1 - doc["gold"]] if finite else math.nan,
        error="" if finite else NOT_FINITE,
    )


def _written(task: Task, raw: dict[str, Any], model: Any) -> Sample:
    doc = raw["doc"]
    broken = model.was_broken(raw["arguments"][0][0])
    answer = str(raw["filtered_resps"][0]).strip().strip(string.punctuation).strip()
    return Sample(
        task=task.name,
        item=doc["item"],
        cluster=doc["cluster"],
        correct=not broken and float(raw["exact_match"]) == 1.0,
        target=doc["answer"],
        answer="" if broken else answer,
        right_nats=math.nan,
        wrong_nats=math.nan,
        error=NOT_FINITE if broken else "",
    )


def _adapter(loaded: LoadedModel, batch_size: int) -> Any:
    """lm-eval's model over loaded weights: without bars, log-likelihoods in float32, and broken generations noted."""
    import torch
    from lm_eval.models.huggingface import HFLM
    from transformers import LogitsProcessor, LogitsProcessorList

    class Watch(LogitsProcessor):
        """Notes the rows whose logits are not finite."""

        def __init__(self, rows: int) -> None:
            self.broken = torch.zeros(rows, dtype=torch.bool)

        def __call__(self, input_ids: Any, scores: Any) -> Any:
            self.broken |= ~torch.isfinite(scores).all(dim=-1).cpu()
            return scores

    class Adapter(HFLM):
        """HFLM with what is said above."""

        def __init__(self) -> None:
            super().__init__(
                pretrained=loaded.model,
                tokenizer=loaded.tokenizer,
                batch_size=batch_size,
                softmax_dtype=torch.float32,
            )
            self._broken: set[tuple[int, ...]] = set()

        def loglikelihood(self, requests: Any, disable_tqdm: bool = False) -> Any:
            return super().loglikelihood(requests, disable_tqdm=True)

        def generate_until(self, requests: Any, disable_tqdm: bool = False) -> Any:
            return super().generate_until(requests, disable_tqdm=True)

        def _model_generate(self, context: Any, max_length: int, stop: list[str], **settings: Any) -> Any:
            watch = Watch(context.shape[0])
            out = super()._model_generate(
                context, max_length, stop, logits_processor=LogitsProcessorList([watch]), **settings
            )
            for row in watch.broken.nonzero().flatten().tolist():
                self._broken.add(tuple(context[row][settings["attention_mask"][row].bool()].tolist()))
            return out

        def was_broken(self, prompt: str) -> bool:
            """Whether the generation from this prompt met logits that are not finite."""
            if not self._broken:
                return False
            tokens, _ = self.tok_batch_encode([prompt])
            return tuple(tokens[0].tolist()) in self._broken

    return Adapter()


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
