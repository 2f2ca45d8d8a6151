"""The suite `standard`: lm-eval's own tasks by their names, their data from the hub.

A data set may change under its name, so finished tasks are never recalled (see `evalsuite.scores`); batches are, by
their tokens.
"""

from __future__ import annotations

from evalsuite.suites.suite import Kind, Suite, TaskRef
from evalsuite.suites.task import TaskClass
from sim.shared.manifest import library_versions, sha256_of_json

# name in lm-eval, class of work, kind, chance, what it asks, the filter that counts
TASKS: tuple[tuple[str, TaskClass, Kind, float, str, str], ...] = (
    ("arc_challenge", "reason", "choice", 0.25, "school science (ARC challenge)", ""),
    ("arc_easy", "reason", "choice", 0.25, "school science (ARC easy)", ""),
    ("boolq", "extract", "choice", 0.5, "yes or no on a passage (BoolQ)", ""),
    ("commonsense_qa", "reason", "choice", 0.2, "common sense (CommonsenseQA)", ""),
    ("gsm8k", "reason", "generate", 0.0, "grade-school mathematics (GSM8K)", "flexible-extract"),
    ("hellaswag", "chat", "choice", 0.25, "endings of everyday scenes (HellaSwag)", ""),
    ("lambada_openai", "chat", "likelihood", 0.0, "the last word of a passage (LAMBADA)", ""),
    ("openbookqa", "reason", "choice", 0.25, "science with common knowledge (OpenBookQA)", ""),
    ("piqa", "reason", "choice", 0.5, "everyday physics (PIQA)", ""),
    ("sciq", "extract", "choice", 0.25, "science with a passage (SciQ)", ""),
    ("winogrande", "reason", "choice", 0.5, "which noun a pronoun means (WinoGrande)", ""),
)


def standard_suite() -> Suite:
    """The tasks; their data sets are fetched when they are run."""
    version = library_versions().get("lm_eval", "")
    return Suite(
        "standard",
        tuple(
            TaskRef(
                name=name,
                task_class=task_class,
                kind=kind,
                chance=chance,
                floor=False,
                measures=measures,
                cluster_is="the item",
                items=None,
                clusters=None,
                lm_eval_name=name,
                include=None,
                content_sha256=sha256_of_json(["standard", name, version]),
                counted_filter=counted,
            )
            for name, task_class, kind, chance, measures, counted in TASKS
        ),
    )
