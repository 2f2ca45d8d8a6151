"""Standard benchmarks in the file formats in which their authors publish them: how each is found and read.

A reader turns the files into documents with the field names that lm-eval's own task expects, so that lm-eval's own prompt
asks them and scores compare. What cannot be read (a missing field, a label out of range, bytes that are not UTF-8) is
rejected by line, with its reason; the rest goes on.
"""

from __future__ import annotations

import csv
import io
import itertools
import json
import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from evalsuite.suites.suite import Kind, Rejected
from evalsuite.suites.task import TaskClass
from sim.shared.errors import InputError

LETTERS = ("A", "B", "C", "D")
ENDINGS = 4  # of an item of HellaSwag
SPLIT = re.compile("_(test|dev|val)$")
SUFFIXES = (".jsonl", ".json", ".csv", ".txt")
TRIED_LINES = 20
MOST_FIELD_BYTES = 10_000_000


class BadLineError(ValueError):
    """A document that cannot be used; the message is the reason."""


# What reading a line of a user's file may give: wrong types, missing fields, numbers too large, nesting too deep.
UNUSABLE = (LookupError, ValueError, TypeError, AttributeError, OverflowError, RecursionError)


@dataclass
class Documents:
    """Documents by split, and what was rejected of the split that is scored."""

    scored: list[dict[str, Any]] = field(default_factory=list)
    shots: list[dict[str, Any]] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)


@dataclass(frozen=True)
class Benchmark:
    """A benchmark: its files, and the lm-eval task whose prompt and metric it takes.

    Attributes:
        files: names of the files, or patterns, of the scored split; the first that exists counts.
        shot_files: the same for worked examples; empty where the task has none.
        based_on: the YAML of lm-eval's own task below its folder `tasks`; "" for a prompt of ours in `settings`.
        settings: what the YAML changes.
        read: from a line's value to a document.
        kind, chance, task_class, cluster_is: see `TaskRef`.
        counted_filter: see `TaskRef`.
    """

    name: str
    files: tuple[str, ...]
    task_class: TaskClass
    kind: Kind
    chance: float
    measures: str
    based_on: str
    read: Callable[[Any], dict[str, Any]]
    settings: dict[str, Any] = field(default_factory=dict)
    shot_files: tuple[str, ...] = ()
    labels: str = ""  # the file of labels beside the scored file, one a line
    cluster_is: str = "the item"
    file_is: str = ""  # the field that takes the name of an item's file, as words, the split left out
    counted_filter: str = ""
    scored_split: str = "validation"

    def documents(self, path: Path) -> Documents:
        """Read the files of a benchmark whose scored file, or folder of files, is `path`."""
        found = Documents()
        labels = _label_lines(path.with_name(self.labels)) if self.labels else None
        sources = sorted(one for one in path.glob("*") if one.suffix in SUFFIXES) if path.is_dir() else [path]
        names: set[str] = set()
        by_source, rejected = [], []
        for source in sources:
            documents, bad = self._read(source, labels, names)
            by_source.append(documents)
            rejected.append(bad)
        # Several files take turns, so that the first items of a limited run come from all of them.
        for turn in range(max(map(len, by_source), default=0)):
            found.scored += [documents[turn] for documents in by_source if turn < len(documents)]
        lengths = [len(documents) for documents in by_source]
        for own, bad in enumerate(rejected):
            for one in bad:
                asked_before = sum(min(length, one.after + (place < own)) for place, length in enumerate(lengths))
                found.rejected.append(replace(one, after=asked_before))
        for name in self.shot_files:
            source = path.parent / name
            if source.is_file():
                found.shots, _ = self._read(source, None, set())
                break
        return found

    def _read(
        self, source: Path, labels: list[str] | None, names: set[str]
    ) -> tuple[list[dict[str, Any]], list[Rejected]]:
        """Documents of one file and what was rejected of it; `names` are those of the files before, and grow."""
        out: list[dict[str, Any]] = []
        rejected: list[Rejected] = []
        count = 0
        for place, (item, value) in enumerate(_values(source)):
            count += 1
            try:
                if isinstance(value, Exception):
                    raise BadLineError(str(value))
                if labels is not None:
                    if place >= len(labels):
                        raise BadLineError(f"{self.labels} has no line {place + 1}")
                    value = {**value, "label": labels[place]}
                document = self.read(value)
                document["item"] = document.get("item") or item
                if self.file_is:
                    document[self.file_is] = SPLIT.sub("", source.stem).replace("_", " ")
                if document["item"] in names:
                    raise BadLineError(f"the item {document['item']!r} is there twice")
                json.dumps(document, ensure_ascii=False).encode()  # half of a character cannot be written
            except UNUSABLE as error:
                reason = f"the field {error.args[0]!r} is missing" if isinstance(error, KeyError) else str(error)
                rejected.append(Rejected(item, f"{source.name}: {reason}", len(out)))
            else:
                names.add(document["item"])
                document.setdefault("cluster", document["item"])
                out.append(document)
        if labels is not None and len(labels) > count:
            raise InputError(
                str(source.with_name(self.labels)), "", f"{len(labels)} labels for the {count} lines of {source.name}",
                "one label a line", "take both files from one publication",
            )  # fmt: skip
        return out, rejected

    def accepts(self, source: Path) -> bool:
        """Whether one of a file's first lines reads as an item of this benchmark: names such as test.jsonl tell nothing."""
        if self.labels:
            return True
        for _, value in itertools.islice(_values(source), TRIED_LINES):
            try:
                if not isinstance(value, Exception):
                    self.read(value)
                    return True
            except UNUSABLE:
                continue
        return False


def _values(source: Path) -> Iterator[tuple[str, Any]]:
    """(name of the item, its value or the error that reading it gave) of a JSONL, JSON, CSV or plain text file."""
    raw = source.read_bytes()
    stem = source.stem
    if source.suffix == ".json":
        try:
            rows = json.loads(raw.decode("utf-8"))
        except (ValueError, RecursionError) as error:
            yield stem, BadLineError(f"no JSON: {error}")
            return
        for place, row in enumerate(rows if isinstance(rows, list) else [rows]):
            yield f"{stem}-{place}", row
        return
    if source.suffix == ".csv":
        # Whole records: a quoted field may hold line breaks.
        try:
            csv.field_size_limit(MOST_FIELD_BYTES)
            for place, record in enumerate(csv.reader(io.StringIO(raw.decode("utf-8"), newline=""))):
                yield f"{stem}-{place}", record
        except (UnicodeDecodeError, csv.Error) as error:
            yield f"{stem}-rest", BadLineError(f"cannot be read as CSV from here on: {error}")
        return
    lines = raw.split(b"\n")
    for place, line in enumerate(lines[:-1] if lines and not lines[-1].strip() else lines):
        name = f"{stem}-{place}"
        try:
            text = line.decode("utf-8").rstrip("\r")
            if source.suffix == ".txt":
                yield name, {"text": text}
            else:
                yield name, json.loads(text)
        except UnicodeDecodeError:
            yield name, BadLineError(f"line {place + 1} is not UTF-8")
        except (ValueError, RecursionError) as error:
            yield name, BadLineError(f"line {place + 1} is no JSON: {error}")


def _label_lines(path: Path) -> list[str]:
    """One label a line; a blank line would shift those behind it, or leave an item without.

    Raises:
        InputError: for a blank line before the last label.
    """
    labels = [line.strip() for line in path.read_bytes().decode("utf-8", errors="replace").rstrip().split("\n")]
    if "" in labels[:-1]:
        raise InputError(
            str(path), f"line {labels.index('') + 1}", "a blank line", "one label a line", "restore the published file"
        )
    return labels if labels != [""] else []


def label(value: Any, count: int) -> int:
    """A label in [0, count), from a whole number or its text."""
    if isinstance(value, bool) or (isinstance(value, float) and not value.is_integer()):
        raise BadLineError(f"the label is {value}; allowed: 0 to {count - 1}")
    number = int(value)
    if not 0 <= number < count:
        raise BadLineError(f"the label is {value}; allowed: 0 to {count - 1}")
    return number


def text(value: Any, name: str) -> str:
    """A text that is not empty and can be written as UTF-8."""
    if not isinstance(value, str) or not value.strip():
        raise BadLineError(f"the field {name!r} is {value!r}; a text that is not empty is needed")
    if any("\ud800" <= letter <= "\udfff" for letter in value):
        raise BadLineError(f"the field {name!r} holds half of a character (a lone surrogate)")
    return value


def _piqa(row: dict[str, Any]) -> dict[str, Any]:
    texts = {name: text(row[name], name) for name in ("goal", "sol1", "sol2")}
    return {**texts, "label": label(row["label"], 2)}


def _gsm8k(row: dict[str, Any]) -> dict[str, Any]:
    answer = text(row["answer"], "answer")
    if "####" not in answer:
        raise BadLineError("the answer has no '#### ' before its number")
    return {"question": text(row["question"], "question"), "answer": answer}


def _svamp(row: dict[str, Any]) -> dict[str, Any]:
    body = text(row["Body"], "Body").strip().rstrip(".")
    number = float(row["Answer"])
    if not math.isfinite(number):
        raise BadLineError(f"the Answer is {number}; a finite number is needed")
    return {
        "item": str(row.get("ID", "")) or None,
        "question": f"{body}. {text(row['Question'], 'Question').strip()}",
        "answer": str(int(number)) if number.is_integer() else str(number),
    }


def _blimp(row: dict[str, Any]) -> dict[str, Any]:
    texts = {name: text(row[name], name) for name in ("sentence_good", "sentence_bad")}
    return {**texts, "item": f"{row['UID']}-{row['pairID']}", "cluster": str(row["UID"])}


def _arithmetic(row: dict[str, Any]) -> dict[str, Any]:
    return {"context": text(row["context"], "context"), "completion": text(row["continuation"], "continuation")}


def _hellaswag(row: dict[str, Any]) -> dict[str, Any]:
    texts = {name: text(row[name], name) for name in ("activity_label", "ctx_a")}
    endings = [text(ending, "endings") for ending in row["endings"]]
    if len(endings) != ENDINGS:
        raise BadLineError(f"{len(endings)} endings; {ENDINGS} are needed")
    return {**texts, "ctx_b": str(row["ctx_b"]), "endings": endings, "label": str(label(row["label"], len(endings)))}


def _arc(row: dict[str, Any]) -> dict[str, Any]:
    stem, choices = row["question"]["stem"], row["question"]["choices"]
    letters = [str(choice["label"]) for choice in choices]
    if len(letters) < 2:
        raise BadLineError(f"{len(letters)} choices; two at least are needed")
    if row["answerKey"] not in letters:
        raise BadLineError(f"the answerKey is {row['answerKey']!r}; allowed: {', '.join(letters)}")
    return {
        "item": str(row.get("id", "")) or None,
        "question": text(stem, "question.stem"),
        "choices": {"text": [text(choice["text"], "choices.text") for choice in choices], "label": letters},
        "answerKey": row["answerKey"],
    }


def _mmlu(row: list[str]) -> dict[str, Any]:
    if len(row) != 6:
        raise BadLineError(f"{len(row)} cells; six are needed: question, A, B, C, D, and the right letter")
    if row[5] not in LETTERS:
        raise BadLineError(f"the right letter is {row[5]!r}; allowed: {', '.join(LETTERS)}")
    choices = [text(choice, letter) for letter, choice in zip(LETTERS, row[1:5], strict=True)]
    return {"question": text(row[0], "question"), "choices": choices, "answer": LETTERS.index(row[5])}


def _boolq(row: dict[str, Any]) -> dict[str, Any]:
    right = row["label"] if "label" in row else row["answer"]
    if right not in (True, False, "true", "false"):
        raise BadLineError(f"the label is {right!r}; allowed: true, false")
    texts = {name: text(row[name], name) for name in ("passage", "question")}
    return {**texts, "label": int(right in (True, "true"))}


def _lambada(row: dict[str, Any]) -> dict[str, Any]:
    whole = text(row["text"], "text")
    if " " not in whole.strip():
        raise BadLineError("a text of one word has no last word to be told")
    return {"text": whole.strip()}


def _winogrande(row: dict[str, Any]) -> dict[str, Any]:
    texts = {name: text(row[name], name) for name in ("sentence", "option1", "option2")}
    if "_" not in texts["sentence"]:
        raise BadLineError("the sentence has no '_'")
    if str(row["answer"]) not in ("1", "2"):
        raise BadLineError(f"the answer is {row['answer']!r}; allowed: 1, 2")
    return {**texts, "item": str(row.get("qID", "")) or None, "answer": str(row["answer"])}


_NUMBER = {
    "output_type": "generate_until",
    "doc_to_text": "Question: {{question}}\nAnswer:",
    "doc_to_target": "{{answer}}",
    "num_fewshot": 0,
    "generation_kwargs": {"until": ["\n", "Question:"], "do_sample": False, "max_gen_toks": 64},
    "filter_list": [
        {
            "name": "number",
            "filter": [
                {"function": "regex", "group_select": -1, "regex_pattern": "(-?[$0-9.,]{2,})|(-?[0-9]+)"},
                {"function": "take_first"},
            ],
        }
    ],
    "metric_list": [
        {
            "metric": "exact_match",
            "aggregation": "mean",
            "higher_is_better": True,
            "regexes_to_ignore": [",", "\\$", "\\.$"],
        }
    ],
}
_KNOWS = "The following are multiple choice questions (with answers) about {{subject}}.\n\n"

BENCHMARKS: tuple[Benchmark, ...] = (
    Benchmark("piqa", ("valid.jsonl",), "reason", "choice", 0.5, "everyday physics (PIQA)", "piqa/piqa.yaml", _piqa,
              labels="valid-labels.lst"),
    Benchmark("gsm8k", ("test.jsonl",), "reason", "generate", 0.0, "grade-school mathematics (GSM8K), five examples",
              "gsm8k/gsm8k.yaml", _gsm8k, shot_files=("train.jsonl",), counted_filter="flexible-extract",
              scored_split="test"),
    Benchmark("svamp", ("SVAMP.json",), "reason", "generate", 0.0, "one-step word problems (SVAMP), no examples", "",
              _svamp, settings=_NUMBER),
    Benchmark("blimp", ("data",), "chat", "choice", 0.5, "minimal pairs of grammar (BLiMP)", "blimp/_template_yaml",
              _blimp, cluster_is="the paradigm"),
    Benchmark("arithmetic_spaced", ("simple_arithmetic_withspaces.jsonl",), "reason", "likelihood", 0.0,
              "sums written with spaces, the answer greedy", "arithmetic/arithmetic_1dc.yaml", _arithmetic),
    Benchmark("arithmetic_dense", ("simple_arithmetic_nospaces.jsonl",), "reason", "likelihood", 0.0,
              "sums written without spaces, the answer greedy", "arithmetic/arithmetic_1dc.yaml", _arithmetic),
    Benchmark("hellaswag", ("hellaswag_val.jsonl",), "chat", "choice", 0.25, "endings of everyday scenes (HellaSwag)",
              "hellaswag/hellaswag.yaml", _hellaswag),
    Benchmark("arc_easy", ("ARC-Easy-Test.jsonl",), "reason", "choice", 0.25, "school science (ARC easy)",
              "arc/arc_easy.yaml", _arc, scored_split="test"),
    Benchmark("arc_challenge", ("ARC-Challenge-Test.jsonl",), "reason", "choice", 0.25,
              "school science (ARC challenge)", "arc/arc_challenge.yaml", _arc, scored_split="test"),
    Benchmark("mmlu", ("test",), "chat", "choice", 0.25, "57 subjects (MMLU), no examples",
              "mmlu/default/_default_template_yaml", _mmlu, settings={"description": _KNOWS}, file_is="subject",
              scored_split="test"),
    Benchmark("boolq", ("val.jsonl", "dev.jsonl"), "extract", "choice", 0.5, "yes or no on a passage (BoolQ)",
              "super_glue/boolq/default.yaml", _boolq),
    Benchmark("lambada", ("lambada_test_en.jsonl", "lambada_test.jsonl", "lambada_test_plain_text.txt"), "chat",
              "likelihood", 0.0, "the last word of a passage (LAMBADA)", "lambada/lambada_openai.yaml", _lambada,
              scored_split="test"),
    Benchmark("winogrande", ("dev.jsonl",), "reason", "choice", 0.5, "which noun a pronoun means (WinoGrande)",
              "winogrande/default.yaml", _winogrande),
)  # fmt: skip
