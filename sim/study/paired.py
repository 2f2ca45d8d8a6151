"""Paired comparison of two scenarios on common random numbers: the same customers, tastes and errors in both."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sim.metrics import MARKET, RUN, SHARES
from sim.results import RunResult
from sim.scenario.scenario import Scenario
from sim.shared.errors import InputError
from sim.shared.tables import Column, TableSpec
from sim.study.intervals import Estimate, estimate

if TYPE_CHECKING:
    import pandas as pd

DIFFERENCES = TableSpec(
    "differences",
    "one metric of the market or of an offer at one day: variant minus base, paired",
    (
        Column("day", "number", "days", "end of the interval, days since the start of the scenario"),
        Column("subject", "text", "", "an offer, or 'market'"),
        Column("metric", "text", "", "column of the table shares or market"),
        Column("unit", "text", "", "unit of the metric"),
        Column("base", "number", "see unit", "mean in the base"),
        Column("variant", "number", "see unit", "mean in the variant"),
        Column("difference", "number", "see unit", "mean paired difference"),
        Column("low", "number", "see unit", "95%, catalog and simulation together"),
        Column("high", "number", "see unit", "95%, catalog and simulation together"),
        Column("simulation_low", "number", "see unit", "95%, simulation alone"),
        Column("simulation_high", "number", "see unit", "95%, simulation alone"),
    ),
)


def check_pairable(base: RunResult, variant: RunResult) -> None:
    """Raise unless both results share seed, replications, catalog draws and catalog.

    Raises:
        InputError: names the setting that differs.
    """
    for key in ("seed", "replications", "catalog_draws", "catalog_sha256"):
        if base.settings[key] != variant.settings[key]:
            raise InputError(
                "the variant",
                key,
                variant.settings[key],
                str(base.settings[key]),
                "run both with the same --seed, --replications, --catalog-draws and --catalog",
            )


STATES = ("price_usd_per_mtok", "margin")  # an offer that is not there has none; its shares and flows are 0


def paired_values(base: pd.DataFrame, variant: pd.DataFrame, column: str) -> tuple[np.ndarray, np.ndarray]:
    """A column of two tables that hold one row per run, as arrays (D, R); runs absent from one side count as 0."""
    left, right = base.set_index(RUN)[column], variant.set_index(RUN)[column]
    both = left.index.union(right.index)
    draws, replications = (len(both.unique(level)) for level in RUN)
    shape = (draws, replications)
    return (
        left.reindex(both, fill_value=0.0).to_numpy().reshape(shape),
        right.reindex(both, fill_value=0.0).to_numpy().reshape(shape),
    )


def differences(base: RunResult, variant: RunResult, days: list[float]) -> pd.DataFrame:
    """The table `differences` at the given report days.

    Raises:
        InputError: if the results cannot be paired, or a day is not a report day of both.
    """
    import pandas as pd

    check_pairable(base, variant)
    known = sorted(set(base.tables["market"]["day"]) & set(variant.tables["market"]["day"]))
    rows = []
    for day in days:
        if day not in known:
            nearest = sorted(known, key=lambda other: abs(other - day))[:3]
            raise InputError("--day", "", day, f"a report day of both runs, such as {nearest}", "correct the option")
        for spec in (MARKET, SHARES):
            left = base.tables[spec.name]
            right = variant.tables[spec.name]
            left, right = left[left["day"] == day], right[right["day"] == day]
            subjects = ["market"] if spec is MARKET else sorted(set(left["offer"]) | set(right["offer"]))
            for subject in subjects:
                one = left if spec is MARKET else left[left["offer"] == subject]
                other = right if spec is MARKET else right[right["offer"] == subject]
                for column in spec.columns:
                    if column.kind == "number" and column.name not in (*RUN, "day"):
                        if column.name in STATES and len(one) != len(other):
                            continue
                        a, b = paired_values(one, other, column.name)
                        found: Estimate = estimate(column.name, column.unit, b - a)
                        rows.append(
                            (
                                day, subject, column.name, column.unit, float(a.mean()), float(b.mean()), found.value,
                                found.low, found.high, found.simulation_low, found.simulation_high,
                            )
                        )  # fmt: skip
    return DIFFERENCES.conform(pd.DataFrame(rows, columns=DIFFERENCES.column_names), "differences")


def scenario_change(base: Scenario, variant: Scenario) -> list[str]:
    """The fields in which two scenarios differ, as "path: old -> new"."""
    return _changes(base.model_dump(mode="json"), variant.model_dump(mode="json"), "")


def _changes(old: object, new: object, path: str) -> list[str]:
    if isinstance(old, dict) and isinstance(new, dict):
        keys = [*old, *(key for key in new if key not in old)]
        return [line for key in keys for line in _changes(old.get(key), new.get(key), f"{path}.{key}".lstrip("."))]
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        pairs = enumerate(zip(old, new, strict=True))
        return [line for index, (a, b) in pairs for line in _changes(a, b, f"{path}.{index}")]
    return [] if old == new else [f"{path}: {old!r} -> {new!r}"]
