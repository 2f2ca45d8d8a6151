"""Samples that lm-eval wrote, from a user's files: `samples_TASK_DATE.jsonl`, or a results file that holds samples.

Only data is read: lines of JSON. Everything that is wrong is told at once, the first problems by line. Pure.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dashboard.drilldown import Questions
from evalsuite.tables import SAMPLES
from sim.shared.errors import InputError, raise_all

if TYPE_CHECKING:
    import pandas as pd

LARGEST_BYTES = 20 * 2**20
MOST_FILES = 60
MOST_ITEMS = 50_000
MOST_PROBLEMS = 20
FILE_NAME = re.compile(r"^samples_(?P<task>.+?)_\d{4}-\d{2}-\d{2}T")
SCORES = ("acc", "exact_match", "acc_norm")  # the first of these that a sample has says whether it is right
QUESTION_LETTERS = 4000


@dataclass(frozen=True)
class Answers:
    """One model's answers.

    Attributes:
        samples: conforming to `evalsuite.tables.SAMPLES`.
        questions: what each (task, item) asked.
    """

    samples: pd.DataFrame
    questions: Questions


def read_answers(model: str, files: Sequence[tuple[str, bytes]]) -> Answers:
    """The answers of one model from its files.

    Args:
        model: how it is to be called.
        files: name and content.

    Raises:
        InputError, InputErrors: for a file that is too large or no such file, and samples without what is needed; all
            problems at once, the first `MOST_PROBLEMS` of them.
    """
    import pandas as pd

    problems: list[InputError] = []
    rows: dict[tuple[str, str], dict[str, object]] = {}
    questions: dict[tuple[str, str], str] = {}
    if len(files) > MOST_FILES:
        raise InputError(model, "", f"{len(files)} files", f"at most {MOST_FILES}", "leave tasks out")
    for name, content in files:
        for task, line, raw in _samples(name, content, problems):
            try:
                row, question = _row(model, task, raw)
            except (KeyError, TypeError, ValueError, IndexError) as error:
                problems.append(
                    InputError(
                        name, f"sample {line}", f"{type(error).__name__}: {error}"[:120],
                        f"doc_id, target, arguments, filtered_resps and one of {', '.join(SCORES)}",
                        "write it with: lm_eval --log_samples",
                    )
                )  # fmt: skip
                continue
            # lm-eval writes a line a filter; the first one counts.
            key = (task, str(row["item"]))
            rows.setdefault(key, row)
            questions.setdefault(key, question)
    if len(rows) > MOST_ITEMS:
        problems.append(InputError(model, "", f"{len(rows)} items", f"at most {MOST_ITEMS}", "leave tasks out"))
    if not rows and not problems:
        problems.append(InputError(model, "", "no sample", "at least one", "choose the files that lm-eval wrote"))
    raise_all(problems[:MOST_PROBLEMS])
    return Answers(SAMPLES.conform(pd.DataFrame(list(rows.values())), model), questions)


def together(teacher: Answers, student: Answers) -> Answers:
    """Both models' answers in one table.

    Raises:
        InputError: if they have no item in common: other tasks, or other versions of them.
    """
    import pandas as pd

    if not set(teacher.questions) & set(student.questions):
        raise InputError(
            "the uploaded files", "", "no item that both answered", "the same tasks, in the same version, for both",
            "run lm_eval with the same tasks",
        )  # fmt: skip
    samples = pd.concat([teacher.samples, student.samples], ignore_index=True)
    return Answers(samples, {**student.questions, **teacher.questions})


def _samples(
    name: str, content: bytes, problems: list[InputError]
) -> Iterable[tuple[str, int, Mapping[str, Any]]]:  # fmt: skip
    """Task, number and content of each sample of a file; what is no sample becomes a problem."""
    if len(content) > LARGEST_BYTES:
        problems.append(InputError(name, "", f"{len(content)} bytes", f"at most {LARGEST_BYTES}", "upload fewer items"))
        return
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        problems.append(InputError(name, "", f"byte {error.start} is not UTF-8", "UTF-8 text", "upload another file"))
        return
    if name.endswith(".jsonl"):
        found = FILE_NAME.match(name)
        task = found["task"] if found else name.removesuffix(".jsonl")
        for number, line in enumerate(text.splitlines(), start=1):
            if line.strip():
                raw = _loaded(name, f"line {number}", line, problems)
                if raw is not None:
                    yield task, number, raw
        return
    whole = _loaded(name, "", text, problems)
    if whole is None:
        return
    by_task = whole.get("samples")
    if not isinstance(by_task, Mapping):
        problems.append(
            InputError(name, "samples", "nothing", "samples by task", "upload the samples_*.jsonl beside this file too")
        )
        return
    for task, many in by_task.items():
        for number, raw in enumerate(many if isinstance(many, list) else [], start=1):
            if isinstance(raw, Mapping):
                yield str(task), number, raw


def _loaded(name: str, where: str, text: str, problems: list[InputError]) -> Mapping[str, Any] | None:
    try:
        raw = json.loads(text)
    except (ValueError, RecursionError) as error:
        problems.append(InputError(name, where, str(error)[:120], "JSON", "upload the file as lm-eval wrote it"))
        return None
    if isinstance(raw, Mapping):
        return raw
    problems.append(InputError(name, where, type(raw).__name__, "a JSON object", "upload the file as lm-eval wrote it"))
    return None


def _row(model: str, task: str, raw: Mapping[str, Any]) -> tuple[dict[str, object], str]:
    """A sample as a row of `SAMPLES`, and what was asked."""
    score = next((name for name in SCORES if isinstance(raw.get(name), int | float | bool)), None)
    if score is None:
        raise KeyError(f"none of {', '.join(SCORES)}")
    value = float(raw[score])
    if value not in (0.0, 1.0):
        raise ValueError(f"{score} = {value:g}; 0 or 1 is needed")
    doc_hash = str(raw.get("doc_hash", ""))[:8]
    item = f"{int(raw['doc_id'])}" + (f"/{doc_hash}" if doc_hash else "")
    asked = _arguments(raw["arguments"])
    answer, confidence = _answer(raw["filtered_resps"], [ending for _, ending in asked])
    row: dict[str, object] = {
        "model": model, "task": task, "item": item, "cluster": item, "correct": value == 1.0,
        "correct_norm": float(raw.get("acc_norm", value)) == 1.0, "target": str(raw["target"]), "answer": answer,
        "confidence": confidence,
    }  # fmt: skip
    return row, asked[0][0][-QUESTION_LETTERS:]


def _arguments(raw: Any) -> list[tuple[str, str]]:
    """Context and ending of each request, from the objects that lm-eval writes into files, or lists of pairs."""
    if isinstance(raw, Mapping):
        return [(str(part["arg_0"]), str(part.get("arg_1", ""))) for part in raw.values()]
    return [(str(part[0]), str(part[1])) for part in raw]


def _answer(responses: Any, endings: Sequence[str]) -> tuple[str, float]:
    """What the model answered, and its probability among the choices; NaN for what it wrote freely."""
    if not isinstance(responses, list):
        raise TypeError("filtered_resps is no list")
    first = responses[0]
    if not isinstance(first, list | tuple):
        return str(first).strip(), math.nan
    nats = [float(part[0]) for part in responses]
    best = max(range(len(nats)), key=nats.__getitem__)
    weights = [math.exp(value - nats[best]) for value in nats]
    return endings[best].strip() if best < len(endings) else str(best), 1.0 / sum(weights)
