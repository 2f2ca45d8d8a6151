from evalsuite.suites.mini import mini
from evalsuite.suites.overlap import training_overlap

TASKS = mini()
PROSE = "The harbour was quiet that evening. Two fishermen mended their nets and spoke about the price of diesel."


def test_prose_is_clean_and_the_report_says_what_was_read() -> None:
    report = training_overlap([PROSE], TASKS)
    assert report.clean
    assert report.texts == 1
    assert report.items == sum(len(task.items) for task in TASKS)


def test_an_item_of_every_task_is_found_in_a_text_that_copies_it() -> None:
    for task in TASKS:
        item = task.items[17]
        report = training_overlap([f"{PROSE} {item.context} {item.answer}"], TASKS)
        assert f"{task.name}/{item.item}" in report.items_found, task.name
        assert not report.clean


def test_a_new_sentence_from_a_template_is_found() -> None:
    # No item asks the opposite of "icy", but the template is the task's and the answer is one of its answers.
    report = training_overlap(["The opposite of icy is cold, or so he thought."], TASKS)
    assert any(found.startswith("opposites:") for found in report.skeletons_found)
    assert not report.clean


def test_case_and_spacing_do_not_hide_a_copy() -> None:
    item = next(task for task in TASKS if task.name == "facts").items[0]
    assert not training_overlap([f"{item.context.upper()}\n  {item.answer.lower()}"], TASKS).clean
