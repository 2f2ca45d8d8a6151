import pandas as pd
import pytest

from evalsuite.cost import Cost
from evalsuite.publish import Published, publish
from evalsuite.suites.task import Item, Task
from sim.shared.catalog import Catalog
from sim.shared.quality import corrected_quality, theta_of_quality

ITEMS = 100
MODELS = (
    Published("teacher", "teacher", "", "aaa", "Apache-2.0"),
    Published("student", "student", "teacher", "bbb", "Apache-2.0"),
)


def task(name: str, chance: float = 0.5, floor: bool = False, task_class: str = "chat") -> Task:
    items = tuple(Item(f"{name}-{i}", f"fact-{i}", "?", ("a", "b"), 0, "a") for i in range(ITEMS))
    return Task(name, task_class, "choice", chance, floor, "what", "fact", items)  # type: ignore[arg-type]


def answers(model: str, name: str, right: int, errors: int = 0) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "model": model,
            "task": name,
            "item": [f"{name}-{i}" for i in range(ITEMS)],
            "cluster": [f"fact-{i}" for i in range(ITEMS)],
            "correct": [i < right for i in range(ITEMS)],
            "answer": ["a" if i < right else "b" for i in range(ITEMS)],
            "error": ["logits are not finite" if i >= ITEMS - errors else "" for i in range(ITEMS)],
        }
    )


def published(rights: dict[tuple[str, str], int], tasks: list[Task], costs: tuple[Cost, ...] = ()) -> Catalog:
    samples = pd.concat([answers(model, name, right) for (model, name), right in rights.items()], ignore_index=True)
    return publish(samples, tasks, costs, MODELS, "test")


def test_a_class_is_the_mean_of_its_tasks_corrected_for_chance_and_floors_stay_out() -> None:
    rights = {(m, t): {"teacher": 90, "student": 60}[m] for m in ("teacher", "student") for t in ("one", "two")}
    rights |= {("teacher", "two"): 70, ("teacher", "low"): 0, ("student", "low"): 0}
    catalog = published(rights, [task("one"), task("two"), task("low", floor=True)])
    row = catalog.rows_of("teacher").iloc[0]
    assert row["quality"] == pytest.approx((corrected_quality(90, 100, 0.5) + corrected_quality(70, 100, 0.5)) / 2)
    assert row["theta"] == pytest.approx(theta_of_quality(row["quality"]))
    assert row["items"] == 200
    assert row["informative"]


def test_a_class_that_no_model_masters_is_marked_and_still_written() -> None:
    catalog = published({("teacher", "one"): 52, ("student", "one"): 49}, [task("one")])
    assert not catalog.frame["informative"].any()
    assert (catalog.frame["quality"] >= 0.01).all()


def test_the_gap_is_paired_and_sharper_than_two_separate_errors() -> None:
    catalog = published({("teacher", "one"): 80, ("student", "one"): 75}, [task("one")])
    teacher, student = catalog.rows_of("teacher").iloc[0], catalog.rows_of("student").iloc[0]
    assert student["theta_gap"] == pytest.approx(student["theta"] - teacher["theta"])
    separate = (student["theta_stderr"] ** 2 + teacher["theta_stderr"] ** 2) ** 0.5
    # The student fails where the teacher fails and on five items more.
    assert 0 < student["theta_gap_stderr"] < 0.6 * separate


def test_equal_answers_give_no_gap_and_yet_an_error() -> None:
    catalog = published({("teacher", "one"): 100, ("student", "one"): 100}, [task("one")])
    student = catalog.rows_of("student").iloc[0]
    assert student["theta_gap"] == 0.0
    assert student["theta_gap_stderr"] > 0


def test_items_in_error_are_left_out_of_both_sides_of_the_pair() -> None:
    samples = pd.concat([answers("teacher", "one", 80, errors=20), answers("student", "one", 80)], ignore_index=True)
    catalog = publish(samples, [task("one")], (), MODELS, "test")
    assert catalog.rows_of("teacher").iloc[0]["items"] == 80
    assert catalog.rows_of("teacher").iloc[0]["accuracy"] == 1.0
    # On the 80 items that both answered they are equal.
    assert catalog.rows_of("student").iloc[0]["accuracy"] == 1.0
    assert catalog.rows_of("student").iloc[0]["theta_gap"] == 0.0


def test_a_gap_at_the_end_of_the_scale_is_no_surer_than_two_models_apart() -> None:
    catalog = published({("teacher", "one"): 99, ("student", "one"): 0}, [task("one")])
    teacher, student = catalog.rows_of("teacher").iloc[0], catalog.rows_of("student").iloc[0]
    separate = (student["theta_stderr"] ** 2 + teacher["theta_stderr"] ** 2) ** 0.5
    assert student["theta_gap_stderr"] >= 0.99 * separate


def test_equal_perfect_answers_leave_half_an_item_of_doubt_in_logits() -> None:
    catalog = published({("teacher", "one"): 100, ("student", "one"): 100}, [task("one")])
    assert catalog.rows_of("student").iloc[0]["theta_gap_stderr"] > 0.3


def test_a_task_below_chance_pulls_its_class_down() -> None:
    right = {("teacher", "one"): 90, ("teacher", "two"): 30, ("student", "one"): 90, ("student", "two"): 45}
    catalog = published(right, [task("one"), task("two")])
    teacher, student = catalog.rows_of("teacher").iloc[0], catalog.rows_of("student").iloc[0]
    assert teacher["quality"] < student["quality"] - 0.1
    assert student["theta_gap"] > 0


def test_costs_and_ratios_come_with_their_errors() -> None:
    def cost(model: str, phase: str, price: float, ratio: float) -> Cost:
        return Cost(model, phase, "m", 1.0, 1.0, 0.0, price, price, price, 0.02, ratio, 0.01, 16, 1.0, "")  # type: ignore[arg-type]

    nan = float("nan")
    ledger = (
        cost("teacher", "prefill", 1.0, nan),
        cost("teacher", "decode", 4.0, nan),
        cost("student", "prefill", 0.7, 0.7),
        cost("student", "decode", 3.0, 0.75),
    )
    catalog = published({("teacher", "one"): 80, ("student", "one"): 75}, [task("one")], ledger)
    student = catalog.rows_of("student").iloc[0]
    assert (student["cost_in_usd_per_mtok"], student["cost_out_usd_per_mtok"]) == (0.7, 3.0)
    assert (student["cost_in_ratio"], student["cost_out_ratio"]) == (0.7, 0.75)
    assert student["cost_ledger"] == student["cost_evidence"] == "measured"
    assert pd.isna(catalog.rows_of("teacher").iloc[0]["cost_in_ratio"])
