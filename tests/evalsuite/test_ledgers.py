"""Both ledgers: requests priced by hand, right answers dearer than answers, and the scenario's own tokens."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from evalsuite.ledgers import (
    REQUEST_TOKENS,
    Price,
    accelerator,
    ledger_table,
    modelled,
    request_usd,
    with_modelled_costs,
)
from evalsuite.shapes import ModelShape
from sim.scenario.load import load_scenario
from sim.shared.catalog import Catalog
from sim.shared.errors import InputError
from sim.shared.roofline import Serving

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
