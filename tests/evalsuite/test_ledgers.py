"""Both ledgers: requests priced by hand, right answers dearer than answers, and the scenario's own tokens."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from eval_run import write_run

from dashboard import cli
from evalsuite.analysis import frontier_table, read_run
from evalsuite.ledgers import (
    REQUEST_TOKENS,
    Price,
    accelerator,
    half_95,
    ledger_table,
    measured,
    modelled,
    request_usd,
    with_modelled_costs,
)
from evalsuite.shapes import ModelShape
from evalsuite.tables import SHAPES
from sim.scenario.load import load_scenario
from sim.shared.catalog import Catalog
from sim.shared.errors import InputError
from sim.shared.roofline import Serving
from sim.shared.tables import write_parquet

SHAPE = ModelShape("m", 7e9, 7e9, 28, 57344.0, 4.0)
PRICE = Price("m", "measured", "box", 1.0, 4.0, 0.01)


def test_request_tokens_are_those_of_the_default_scenario() -> None:
    tasks = {task.name: task for task in load_scenario("default").tasks}
    for name, (read, written) in REQUEST_TOKENS.items():
        assert read == tasks[name].input_tokens + tasks[name].cached_input_tokens
        assert written == tasks[name].output_tokens


def test_a_request_costs_its_tokens() -> None:
    read, written = REQUEST_TOKENS["chat"]
    assert request_usd(PRICE, "chat") == pytest.approx((read * 1.0 + written * 4.0) / 1e6)


def test_a_right_answer_costs_an_answer_over_accuracy_and_text_by_its_bytes() -> None:
    samples = pd.DataFrame(
        {
            "model": "m", "task": "t", "item": [str(n) for n in range(100)], "cluster": [str(n) for n in range(100)],
            "correct": [n < 50 for n in range(100)], "error": "",
        }
    )  # fmt: skip
    quality = pd.DataFrame({"model": ["m"], "task": ["t"], "task_class": ["chat"], "floor": [False]})
    row = ledger_table([PRICE], [SHAPE], samples, quality).iloc[0]
    assert row["usd_per_correct"] == pytest.approx(2 * row["usd_per_request"])
    assert row["usd_per_correct_low"] < row["usd_per_correct"] < row["usd_per_correct_high"]
    assert row["usd_per_mb_in"] == pytest.approx(1.0 / 4.0)


def test_the_modelled_ledger_is_dearer_at_half_use_and_refuses_what_does_not_fit() -> None:
    device = accelerator("A100 SXM 80GB")
    full, half = (modelled([SHAPE], device, Serving(batch=8, utilisation=use))[0] for use in (1.0, 0.5))
    assert half.usd_out == pytest.approx(2 * full.usd_out)
    with pytest.raises(InputError, match="--batch"):
        modelled([SHAPE], device, Serving(batch=4096, context_tokens=8192))
    with pytest.raises(InputError, match="L40S"):
        accelerator("Abacus")


def test_a_catalog_takes_its_costs_from_one_ledger_alone(small_catalog: Catalog) -> None:
    prices = [
        Price("tiny-teacher", "modelled", "an accelerator", 0.4, 2.0, 0.0),
        Price("tiny-student", "modelled", "an accelerator", 0.1, 1.0, 0.0),
    ]
    found = with_modelled_costs(small_catalog, prices)
    student = found.rows_of("tiny-student").iloc[0]
    assert (student["cost_in_usd_per_mtok"], student["cost_out_usd_per_mtok"]) == (0.1, 1.0)
    assert (student["cost_in_ratio"], student["cost_out_ratio"]) == (0.25, 0.5)
    assert (student["cost_ledger"], student["cost_evidence"]) == ("modelled", "assumed")
    assert np.isnan(found.rows_of("best").iloc[0]["cost_in_usd_per_mtok"])
    assert found.rows_of("tiny-teacher").iloc[0]["theta"] == 0.8
    only_teacher = with_modelled_costs(small_catalog, prices[:1]).rows_of("tiny-student").iloc[0]
    assert np.isnan(only_teacher["cost_in_usd_per_mtok"])  # the measured cost does not stay beside a modelled one


@pytest.mark.parametrize("right", [0, 6])
def test_six_of_six_and_none_of_six_leave_doubt(right: int) -> None:
    items = [str(n) for n in range(6)]
    samples = pd.DataFrame(
        {"model": "m", "task": "t", "item": items, "cluster": items, "correct": right == 6, "error": ""}
    )
    quality = pd.DataFrame({"model": ["m"], "task": ["t"], "task_class": ["chat"], "floor": [False]})
    row = ledger_table([replace(PRICE, log_stderr=0.0)], [SHAPE], samples, quality).iloc[0]
    if right:
        # Beta(6.5, 0.5): 97.5 per cent of it lie above 0.66.
        assert row["usd_per_correct_high"] == pytest.approx(row["usd_per_request"] / 0.665, rel=0.05)
    else:
        assert row["usd_per_request"] / 0.5 < row["usd_per_correct_low"] < row["usd_per_request"] / 0.25
        assert math.isinf(row["usd_per_correct_high"])


def test_the_frontier_knows_doubt_at_the_ends_takes_students_quantile_and_the_paired_ratio(tmp_path: Path) -> None:
    run = read_run(write_run(tmp_path / "run"))
    whole = run.samples.assign(correct=run.samples["model"] == "master")
    cost = run.cost
    sure = run.cost.assign(ratio_log_stderr=run.cost["ratio_log_stderr"].where(run.cost["ratio"].isna(), 1e-9))
    # The student's cost is the teacher's but for a hair, and both are known badly.
    same = cost.loc[cost["model"] == "master"].set_index("phase")
    for name, factor in (("usd_per_mtok", 0.99), ("high", 1.5), ("low", 0.5)):
        sure[name] = sure["phase"].map(same["usd_per_mtok"]) * factor
    sure["log_stderr"] = np.log(1.5 / 0.99) / 2.4469
    sure.loc[sure["model"] == "master", "usd_per_mtok"] /= 0.99
    table = frontier_table(replace(run, samples=whole, cost=cost), measured(cost)).set_index("model")
    assert table.loc["master", "accuracy_low"] < 1.0 == table.loc["master", "accuracy_high"]
    assert table.loc["pupil", "accuracy_high"] > 0.0 == table.loc["pupil", "accuracy_low"]
    prices = measured(cost)
    assert [price.degrees for price in prices] == [6.0, 6.0]
    half = half_95(prices[0])
    assert half == pytest.approx(2.446912 * prices[0].log_stderr)
    row = table.loc["master"]
    assert row["usd_per_request_high"] == pytest.approx(row["usd_per_request"] * math.exp(half))

    paired = replace(run, cost=sure, samples=whole)
    assert frontier_table(paired, measured(sure)).set_index("model").loc["pupil", "frontier_probability"] == 1.0
    alone = replace(paired, teachers={})
    assert frontier_table(alone, measured(sure)).set_index("model").loc["pupil", "frontier_probability"] < 0.9


def test_the_command_leaves_out_what_does_not_fit_and_more_accelerators_hold_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_run(tmp_path / "run")
    shapes = [replace(SHAPE, model="master", active_params=90e9, total_params=90e9), replace(SHAPE, model="pupil")]
    write_parquet(
        SHAPES.conform(pd.DataFrame([asdict(shape) for shape in shapes]), "shapes"), folder / "shapes.parquet"
    )
    assert cli.run(["eval", "cost", str(folder), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {row["model"] for row in found["rows"] if row["ledger"] == "modelled"} == {"pupil"}
    assert found["not_modelled"] == {"master": "does not fit into one A100 SXM 80GB"}
    assert sorted({row["fitted"] for row in found["roofline"]}) == [False, True]
    assert cli.run(["eval", "cost", str(folder)]) == 0
    assert "not modelled: master does not fit into one A100 SXM 80GB" in capsys.readouterr().out

    assert cli.run(["eval", "cost", str(folder), "--accelerators", "4", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {row["model"] for row in found["rows"] if row["ledger"] == "modelled"} == {"master", "pupil"}
    assert found["not_modelled"] == {}
