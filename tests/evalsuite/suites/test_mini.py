"""The mini suite: enough independent items, the same in every process, and apart from training texts."""

from __future__ import annotations

import math

import pytest

from evalsuite.suites.files import items_json, write_suite
from evalsuite.suites.mini import mini
from evalsuite.suites.overlap import training_overlap
from evalsuite.suites.task import TASK_CLASSES, Task

TASKS = mini()


def test_there_are_eight_tasks_of_all_classes_and_two_floors_at_most() -> None:
    assert len(TASKS) >= 8
    assert {task.task_class for task in TASKS} == set(TASK_CLASSES)
    assert sum(task.floor for task in TASKS) <= 2


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_a_task_has_enough_items_and_its_choices_are_fair(task: Task) -> None:
    assert len({item.item for item in task.items}) == len(task.items)
    assert len({(item.context, item.choices, item.answer) for item in task.items}) >= 250
    if task.kind == "choice":
        assert all(len(set(item.choices)) == 2 for item in task.items)
        assert all(item.choices[item.gold].strip() == item.answer for item in task.items)
        right_first = sum(item.gold == 0 for item in task.items) / len(task.items)
        assert abs(right_first - 0.5) < 4 * 0.5 / math.sqrt(len(task.items))
    else:
        assert len(task.shots) == 2


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_standard_errors_stay_small_or_the_reason_is_stated(task: Task) -> None:
    worst = 0.5 / math.sqrt(task.clusters)
    assert worst <= 0.0305 or len(task.cluster_is) > 20, f"{task.clusters} clusters give {worst:.3f} at p = .5"


def test_the_files_are_the_same_each_time(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNDERCUT_CACHE_DIR", str(tmp_path))
    first = write_suite("mini", TASKS)
    mini.cache_clear()
    again = mini()
    assert [items_json(task.items) for task in again] == [items_json(task.items) for task in TASKS]
    assert write_suite("mini", again) == first


def test_a_copied_item_is_found_and_ordinary_prose_is_not() -> None:
    item = max(TASKS[0].items, key=lambda item: len(item.answer))
    prose = "The harbour lay quiet in the evening, and nobody spoke of the storm that had passed over it."
    assert training_overlap([prose], TASKS).clean
    copied = training_overlap([prose, f"They wrote: {item.context} {item.answer} And so on."], TASKS)
    assert not copied.clean


@pytest.mark.slow
@pytest.mark.teacher
def test_the_training_text_of_the_demo_holds_no_item_and_no_template() -> None:
    from evalsuite.distill.account import Account
    from evalsuite.distill.recipe import read_recipe
    from evalsuite.distill.teacher import LocalTeacher
    from evalsuite.distill.text import corpus_texts, write_corpus
    from evalsuite.models import load, resolve

    recipe = read_recipe("demo")
    teacher = LocalTeacher(load(resolve(recipe.teacher)), recipe.terms)
    corpus = write_corpus(teacher, Account(recipe.terms, recipe.seed), recipe.text, recipe.seed)
    found = training_overlap(corpus_texts(teacher, corpus), TASKS)
    assert (found.items_found, found.skeletons_found) == ((), ())
