import math

import pytest

from evalsuite.cost import Rent, costs, read_rent
from evalsuite.meter import Timing
from evalsuite.tables import COST, SPEED
from sim.shared.errors import InputError

RENT = Rent("a machine", "an offer", 3.6, "2026-01-01", "a test")


def timings(model: str, seconds: list[float], tokens: int = 1000) -> list[Timing]:
    return [Timing(model, "prefill", 4, repeat, tokens, value) for repeat, value in enumerate(seconds)]


def test_the_price_is_rent_over_tokens_at_the_median_repeat() -> None:
    (row,) = costs(timings("a", [1.0, 2.0, 100.0]), RENT, {})
    # 3.6 USD an hour is 0.001 USD a second; 500 tokens a second are 2,000 seconds a million tokens.
    assert row.tokens_per_s == 500.0
    assert row.usd_per_mtok == pytest.approx(2.0)
    assert row.low < row.usd_per_mtok < row.high


def test_the_ratio_is_paired_so_a_drift_of_the_machine_cancels() -> None:
    drift = [1.0, 1.5, 2.5, 4.0, 1.2]
    rows = costs(
        timings("teacher", drift) + timings("student", [0.6 * value for value in drift]), RENT, {"student": "teacher"}
    )
    by_model = {row.model: row for row in rows}
    assert by_model["student"].ratio == pytest.approx(0.6)
    assert by_model["student"].ratio_log_stderr == pytest.approx(0.0, abs=1e-12)
    assert by_model["student"].log_stderr > 0.1
    assert math.isnan(by_model["teacher"].ratio)


def test_an_unknown_machine_is_told_with_those_that_have_a_rent() -> None:
    with pytest.raises(InputError, match="CPU 2 vCPU 8 GB"):
        read_rent("abacus")


def test_the_default_machine_has_a_dated_rent() -> None:
    rent = read_rent()
    assert rent.usd_per_hour == 0.0816
    assert rent.date == "2026-06-17"


def test_the_largest_batch_counts_and_energy_is_summed_over_its_repeats() -> None:
    alone = [Timing("a", "decode", 1, repeat, 12, 9.0, 90.0, "estimated") for repeat in range(3)]
    served = [
        Timing("a", "decode", 16, repeat, 192, seconds, joules, "estimated")
        for repeat, (seconds, joules) in enumerate([(1.0, 0.0), (2.0, 72.0), (2.0, 0.0)])
    ]
    (row,) = costs(alone + served, RENT, {})
    assert (row.batch, row.tokens_per_s) == (16, 96.0)
    # 72 J, or 0.02 Wh, for 576 tokens.
    assert row.wh_per_mtok == pytest.approx(0.02 / 576 * 1e6)
    assert row.energy_source == "estimated"


def test_tables_conform_and_those_of_earlier_runs_are_still_read() -> None:
    from dataclasses import asdict

    import pandas as pd

    (row,) = costs(timings("a", [1.0, 2.0, 3.0]), RENT, {})
    frame = pd.DataFrame([asdict(row)])
    assert list(COST.conform(frame, "cost").columns) == COST.column_names
    older = COST.conform(frame.drop(columns=["batch", "wh_per_mtok", "energy_source"]), "cost")
    assert older["wh_per_mtok"].isna().all()
    assert (older["energy_source"] == "").all()
    assert list(SPEED.conform(pd.DataFrame([asdict(timing) for timing in timings("a", [1.0])]), "speed").columns) == (
        SPEED.column_names
    )
