"""The largest fall of a column within some days."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from sweeps import plan_of

from sim.shared.errors import InputError
from sim.study.readings import OfFall, read_metric


def market(days: list[float], values: list[float | None], replication: int = 0) -> pd.DataFrame:
    return pd.DataFrame({"catalog_draw": 0, "replication": replication, "day": days, "margin": values})


def fall(table: pd.DataFrame, day: float = 150.0, **more: float) -> dict[tuple[int, int], float | None]:
    metric = OfFall(kind="fall", name="fall", column="margin", **{"window_days": 1000.0, "within_days": 60.0} | more)
    return read_metric({"market": table}, metric, day)


def test_the_largest_fall_within_the_days_is_found_in_every_run() -> None:
    days = [30.0, 60.0, 90.0, 120.0, 150.0]
    both = pd.concat([market(days, [1.0, 0.9, 0.6, 0.5, 0.55]), market(days, [1.0, 1.1, 1.2, 1.3, 1.4], 1)])
    assert fall(both)[(0, 0)] == pytest.approx(1.0 - 0.5 / 0.9)
    assert fall(both)[(0, 1)] == 0.0


def test_a_slow_fall_does_not_count_as_a_fast_one() -> None:
    table = market([30.0 * k for k in range(1, 6)], [1.0, 0.8, 0.6, 0.4, 0.2])
    assert fall(table, within_days=30.0)[(0, 0)] == pytest.approx(0.5)  # .4 to .2
    assert fall(table, within_days=120.0)[(0, 0)] == pytest.approx(0.8)


def test_what_lies_before_the_window_or_has_no_number_is_left_out() -> None:
    table = market([30.0, 60.0, 90.0, 120.0, 150.0], [9.0, 1.0, None, 0.8, 0.8])
    assert fall(table, window_days=100.0)[(0, 0)] == pytest.approx(0.2)


def test_a_sweep_may_ask_for_it(tmp_path: Path) -> None:
    asked = {"kind": "fall", "name": "fall", "column": "price_paid_usd_per_mtok", "window_days": 40}
    assert plan_of(tmp_path, metrics=[asked]).sweep.metrics[0].name == "fall"
    with pytest.raises(InputError, match="posted_price_index"):
        plan_of(tmp_path, metrics=[asked | {"column": "nonsense"}])
