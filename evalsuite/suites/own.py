"""A task of the user's own: a JSONL or CSV of items, and a few lines of YAML that describe it.

    name: capitals
    file: capitals.csv          # beside the YAML
    task_class: chat            # chat, extract, code, reason or agent
    kind: choice                # choice, or generate
    shots: 0                    # the first items that are shown as examples

Columns: `context`; for a choice `choices` (a list; in a CSV parted by |) and `answer`; for generate `answer` alone. `item`
and `cluster` are optional.

A choice is named by its text or by its place from 0. In JSONL a whole number is a place and a text is a choice; a number
among choices that are numbers, which is the place of one and equal to another, is ambiguous and rejected. A CSV holds
texts alone: what equals a choice is that choice, else it is a place.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from evalsuite.suites.files import write_suite
from evalsuite.suites.suite import Rejected, Suite
from evalsuite.suites.task import Item, Task, TaskClass
from sim.shared.errors import InputError
from sim.shared.yaml import read_described


class OwnTask(BaseModel):
    """What the YAML says."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
    file: str
    task_class: TaskClass
    kind: Literal["choice", "generate"]
    shots: Annotated[int, Field(ge=0, le=50)] = 0
    most_tokens: Annotated[int, Field(ge=1, le=4096)] = 32
    measures: str = "a task of the user's own"
    cluster_is: str = "the item, or what its column cluster names"


def own_suite(path: Path) -> Suite:
    """The suite of one task that a YAML describes.

    Raises:
        InputError, InputErrors: for a file that is missing, or fields that are wrong, all at once.
    """
    described = read_described(OwnTask, path)
    source = path.parent / described.file
    if not source.is_file():
        raise InputError(str(path), "file", described.file, "a JSONL or CSV beside it", "correct the name")
    items: list[Item] = []
    rejected: list[Rejected] = []
    for name, row in _rows(source):
        try:
            if isinstance(row, Exception):
                raise row
            items.append(_item(name, row, described.kind, of_texts=source.suffix == ".csv"))
        except (KeyError, ValueError, TypeError, RecursionError) as error:
            reason = f"the field {error.args[0]!r} is missing" if isinstance(error, KeyError) else str(error)
            rejected.append(Rejected(name, f"{source.name}: {reason}", max(len(items) - described.shots, 0)))
    if len(items) <= described.shots:
        reason = rejected[0].reason if rejected else f"{len(items)} items"
        raise InputError(str(source), "", reason, f"more than the {described.shots} examples", "add items")
    doubled = [name for name, count in Counter(item.item for item in items).items() if count > 1]
    if doubled:
        raise InputError(str(source), "item", doubled[0], "names that differ", "name each item once")
    asked = tuple(items[described.shots :])
    chance = sum(1.0 / len(item.choices) for item in asked) / len(asked) if described.kind == "choice" else 0.0
    task = Task(
        name=described.name,
        task_class=described.task_class,
        kind=described.kind,
        chance=chance,
        floor=False,
        measures=described.measures,
        cluster_is=described.cluster_is,
        items=asked,
        shots=tuple(items[: described.shots]),
        most_tokens=described.most_tokens,
    )
    suite = write_suite(described.name, (task,))
    return Suite(suite.name, (replace(suite.tasks[0], rejected=tuple(rejected)),))


def _rows(source: Path) -> Iterator[tuple[str, Any]]:
    raw = source.read_bytes()
    if source.suffix == ".csv":
        try:
            text = raw.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise InputError(
                str(source), "", f"byte {error.start} is not UTF-8", "UTF-8", "save it as UTF-8"
            ) from error
        try:
            for place, row in enumerate(csv.DictReader(io.StringIO(text, newline=""))):
                yield f"record-{place + 1}", row
        except csv.Error as error:
            raise InputError(str(source), "", str(error), "a CSV that can be read", "correct the file") from error
        return
    for place, line in enumerate(raw.splitlines()):
        if not line.strip():
            continue
        try:
            yield f"line-{place + 1}", json.loads(line.decode("utf-8"))
        except UnicodeDecodeError:
            yield f"line-{place + 1}", ValueError(f"line {place + 1} is not UTF-8")
        except (ValueError, RecursionError) as error:
            yield f"line-{place + 1}", ValueError(f"line {place + 1} is no JSON: {error}")


def _item(name: str, row: dict[str, Any], kind: str, of_texts: bool) -> Item:
    if "\\ud" in json.dumps(row):
        json.dumps(row, ensure_ascii=False).encode()  # half of a character cannot be written
    if not isinstance(row, dict):
        raise ValueError(f"{type(row).__name__} received; an object with fields is needed")
    context, answer = row["context"], row["answer"]
    if not isinstance(context, str) or not context.strip():
        raise ValueError(f"the field 'context' is {context!r}; a text that is not empty is needed")
    item = _name(row.get("item"), name)
    cluster = _name(row.get("cluster"), item)
    if kind == "generate":
        if answer is None or not str(answer).strip():
            raise ValueError("the field 'answer' is empty")
        if isinstance(answer, float) and not math.isfinite(answer):
            raise ValueError(f"the answer is {answer!r}; a text or a finite number is needed")
        return Item(item, cluster, context, (), -1, str(answer).strip())
    choices = row["choices"]
    listed = choices.split("|") if isinstance(choices, str) else list(choices or ())
    texts = [str(choice) for choice in listed]
    distinct = {text.strip() for text in texts}
    if len(texts) < 2 or len(distinct) < len(texts) or "" in distinct:
        raise ValueError(f"the field 'choices' is {choices!r}; at least two different texts are needed")
    gold = _place_of_text(answer, texts) if of_texts else _place(answer, listed, texts)
    if not 0 <= gold < len(texts):
        raise ValueError(f"the answer is {answer!r}; allowed: 0 to {len(texts) - 1}, or one of {texts}")
    spaced = tuple(text if text[:1].isspace() else f" {text}" for text in texts)
    return Item(item, cluster, context, spaced, gold, texts[gold].strip())


def _name(given: Any, otherwise: str) -> str:
    """A name that a row gives; 0 is one, nothing and an empty cell are none."""
    return otherwise if given is None or given == "" else str(given)


def _place(answer: Any, listed: list[Any], texts: list[str]) -> int:
    """The place of a JSON answer among the choices, -1 for none."""
    if isinstance(answer, str):
        return texts.index(answer) if answer in texts else -1
    if not isinstance(answer, int) or isinstance(answer, bool):
        return -1
    other = [place for place, choice in enumerate(listed) if not isinstance(choice, str) and choice == answer]
    if other and answer not in other and 0 <= answer < len(listed):
        raise ValueError(
            f"the answer is {answer}, which is the place of {texts[answer]} and equal to the choice at place {other[0]}; "
            "write it as a text, or the choices as texts"
        )
    return answer


def _place_of_text(answer: Any, texts: list[str]) -> int:
    """The place of a cell's answer among the choices, -1 for none."""
    if answer in texts:
        return texts.index(answer)
    return int(answer) if isinstance(answer, str) and answer.isascii() and answer.strip().isdigit() else -1
