"""The files lm-eval reads: for each task a JSON of items and a YAML that names it.

They lie in the cache under the hash of their content and place, so that a changed item is another suite. Paths in the
YAML are absolute, because lm-eval reads them from wherever it runs; a task's own hash is of its content without them.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from evalsuite.suites.suite import Suite, TaskRef
from evalsuite.suites.task import Item, Task
from sim.shared.manifest import sha256_of_bytes
from sim.shared.paths import cache_dir, replacing_dir, write_text

MARK = "suite.json"
# One space follows the colon of "Answer:"; the model writes it as part of the first word.
TARGET_DELIMITER = " "


def lm_eval_name(task: Task) -> str:
    """The task's name in lm-eval, kept apart from the tasks that lm-eval ships."""
    return f"undercut_{task.name}"


def write_suite(name: str, tasks: tuple[Task, ...]) -> Suite:
    """Write the tasks' files into the cache, whole or not at all, unless they are there already.

    The folder holds TASK.json, TASK.yaml and, for tasks with worked examples, TASK.shots.json.
    """
    hashes = {task.name: sha256_of_bytes(_content(task)) for task in tasks}
    # The place is part of the name: the YAML holds absolute paths, which a cache that was moved would not honour.
    root = (cache_dir() / "suites").resolve()
    digest = sha256_of_bytes("\0".join([str(root), *(hashes[task.name] for task in tasks)]).encode())[:16]
    folder = root / digest
    if not (folder / MARK).is_file():
        root.mkdir(exist_ok=True)
        with replacing_dir(folder, MARK, source="the cache folder") as beside:
            for task in tasks:
                (beside / f"{task.name}.json").write_bytes(items_json(task.items))
                files = {"test": str(folder / f"{task.name}.json")}
                if task.shots:
                    (beside / f"{task.name}.shots.json").write_bytes(items_json(task.shots))
                    files["shots"] = str(folder / f"{task.name}.shots.json")
                # JSON is YAML; the name ends in .yaml because lm-eval looks for that.
                config = settings(task) | {
                    "dataset_kwargs": {"data_files": files, "cache_dir": str(cache_dir() / "datasets")}
                }
                write_text(beside / f"{task.name}.yaml", json.dumps(config, indent=2) + "\n")
            write_text(beside / MARK, json.dumps(hashes, indent=2, sort_keys=True) + "\n")
    return Suite(name, tuple(_ref(task, folder, hashes[task.name]) for task in tasks))


def _ref(task: Task, folder: Path, content_sha256: str) -> TaskRef:
    return TaskRef(
        name=task.name,
        task_class=task.task_class,
        kind=task.kind,
        chance=task.chance,
        floor=task.floor,
        measures=task.measures,
        cluster_is=task.cluster_is,
        items=len(task.items),
        clusters=task.clusters,
        lm_eval_name=lm_eval_name(task),
        include=folder,
        content_sha256=content_sha256,
    )


def items_json(items: tuple[Item, ...]) -> bytes:
    """One JSON object a line, in the items' order."""
    rows = (
        {
            "item": item.item,
            "cluster": item.cluster,
            "context": item.context,
            "choices": list(item.choices),
            "gold": item.gold,
            "answer": item.answer,
        }
        for item in items
    )
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def settings(task: Task) -> dict[str, Any]:
    """What the YAML says besides where the items lie."""
    common: dict[str, Any] = {
        "task": lm_eval_name(task),
        "dataset_path": "json",
        "test_split": "test",
        "doc_to_text": "{{context}}",
        "num_fewshot": len(task.shots),
        "metadata": {"version": 1},
    }
    if task.shots:
        common |= {"fewshot_split": "shots", "fewshot_config": {"sampler": "first_n"}}
    if task.kind == "choice":
        return common | {
            "output_type": "multiple_choice",
            "doc_to_choice": "choices",
            "doc_to_target": "gold",
            "target_delimiter": "",
            "metric_list": [{"metric": "acc", "aggregation": "mean", "higher_is_better": True}],
        }
    return common | {
        "output_type": "generate_until",
        "doc_to_target": "answer",
        "target_delimiter": TARGET_DELIMITER,
        "generation_kwargs": {"until": ["\n"], "do_sample": False, "max_gen_toks": task.most_tokens},
        "filter_list": [
            {
                "name": "first_line",
                "filter": [
                    {"function": "regex", "regex_pattern": "^\\s*([^\\n]*)", "group_select": 0, "fallback": ""},
                    {"function": "take_first"},
                ],
            }
        ],
        "metric_list": [
            {
                "metric": "exact_match",
                "aggregation": "mean",
                "higher_is_better": True,
                "ignore_case": True,
                "ignore_punctuation": True,
            }
        ],
    }


def _content(task: Task) -> bytes:
    config = json.dumps(settings(task), sort_keys=True).encode()
    return b"\0".join([config, items_json(task.items), items_json(task.shots)])
