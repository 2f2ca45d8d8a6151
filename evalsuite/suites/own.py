"""A task of the user's own: a JSONL or CSV of items, and a few lines of YAML that describe it.

    name: capitals
    file: capitals.csv          # beside the YAML
    task_class: chat            # chat, extract, code, reason or agent
    kind: choice                # choice, or generate
    shots: 0                    # the first items that are shown as examples

Columns: `context`; for a choice `choices` (a list; in a CSV parted by |) and `answer` (its place from 0, or its text); for
generate `answer` alone. `item` and `cluster` are optional.
"""

from __future__ import annotations

import csv
import io
import json
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
            items.append(_item(name, row, described.kind))
        except KeyError as error:
            rejected.append(Rejected(name, f"{source.name}: the field {error.args[0]!r} is missing"))
        except (ValueError, TypeError) as error:
            rejected.append(Rejected(name, f"{source.name}: {error}"))
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
        except ValueError as error:
            yield f"line-{place + 1}", ValueError(f"line {place + 1} is no JSON: {error}")


def _item(name: str, row: dict[str, Any], kind: str) -> Item:
    if "\\ud" in json.dumps(row):
        json.dumps(row, ensure_ascii=False).encode()  # half of a character cannot be written
    if not isinstance(row, dict):
        raise ValueError(f"{type(row).__name__} received; an object with fields is needed")
    context, answer = row["context"], row["answer"]
    if not isinstance(context, str) or not context.strip():
        raise ValueError(f"the field 'context' is {context!r}; a text that is not empty is needed")
    item = str(row.get("item") or name)
    cluster = str(row.get("cluster") or item)
    if kind == "generate":
        if answer is None or not str(answer).strip():
            raise ValueError("the field 'answer' is empty")
        return Item(item, cluster, context, (), -1, str(answer).strip())
    choices = row["choices"]
    texts = [str(choice) for choice in (choices.split("|") if isinstance(choices, str) else choices or ())]
    if len(texts) < 2 or len(set(texts)) < len(texts) or not all(text.strip() for text in texts):
        raise ValueError(f"the field 'choices' is {choices!r}; at least two different texts are needed")
    gold = _gold(answer, texts)
    spaced = tuple(text if text[:1].isspace() else f" {text}" for text in texts)
    return Item(item, cluster, context, spaced, gold, texts[gold].strip())


def _gold(answer: Any, texts: list[str]) -> int:
    if str(answer) in texts:
        return texts.index(str(answer))
    try:
        place = int(answer)
    except (ValueError, TypeError):
        place = -1
    if not 0 <= place < len(texts):
        raise ValueError(f"the answer is {answer!r}; allowed: 0 to {len(texts) - 1}, or one of {texts}")
    return place
