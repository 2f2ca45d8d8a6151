"""Which assumptions matter: screening (Morris 1991), shares of variance (Sobol 2001, Saltelli 2010), low and high ends.

Screening and indices are sweeps of their own design, so they resume, fail point by point and use any engine. Intervals
are SALib's bootstrap, at 95%. A point that failed takes its trajectory, or its group of points, out of the estimate.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from sim.shared.catalog import Catalog
from sim.shared.errors import CheckFailed, InputError
from sim.shared.tables import Column, TableSpec
from sim.study.design import point_count, problem, whole_matrix
from sim.study.distributions import Ranged
from sim.study.engines.engine import Engine
from sim.study.plan import Morris, Parameter, Plan, Saltelli, metric_names
from sim.study.probe import Prober
from sim.study.sweep import run_sweep

if TYPE_CHECKING:
    import pandas as pd

RESAMPLES = 200

_SUBJECT = (
    Column("metric", "text", "", "as the sweep names it"),
    Column("parameter", "text", "", "as the sweep names it"),
)
SCREENING = TableSpec(
    "screening",
    "one parameter's elementary effects on one metric",
    (
        *_SUBJECT,
        Column("mu_star", "number", "see the sweep", "mean size of the effects, over the parameter's whole range"),
        Column("mu_star_half_width", "number", "see the sweep", "half of its 95% interval"),
        Column("mu", "number", "see the sweep", "mean of the effects with their signs"),
        Column("sigma", "number", "see the sweep", "their standard deviation: curvature and interaction"),
        Column("trajectories", "integer", "", "that the estimate rests on"),
    ),
)
INDICES = TableSpec(
    "indices",
    "one parameter's shares of one metric's variance",
    (
        *_SUBJECT,
        Column("first", "number", "fraction", "of the variance, by the parameter alone"),
        Column("first_low", "number", "fraction", "lower end of its 95% interval"),
        Column("first_high", "number", "fraction", "upper end"),
        Column("total", "number", "fraction", "of the variance, by the parameter and all its interactions"),
        Column("total_low", "number", "fraction", "lower end of its 95% interval"),
        Column("total_high", "number", "fraction", "upper end"),
        Column("samples", "integer", "", "groups of points that the estimate rests on"),
    ),
)
TORNADO = TableSpec(
    "tornado",
    "one parameter at the ends of its range, all others as in the base; one metric",
    (
        *_SUBJECT,
        Column("low", "number", "the parameter's", "lower end"),
        Column("base", "number", "the parameter's", "in the base"),
        Column("high", "number", "the parameter's", "upper end"),
        Column("at_low", "number", "the metric's", "there", missing=True),
        Column("at_base", "number", "the metric's", "there", missing=True),
        Column("at_high", "number", "the metric's", "there", missing=True),
        Column("swing", "number", "the metric's", "largest less smallest of the three", missing=True),
    ),
)


def check_ranges(plan: Plan) -> None:
    """Raise unless every parameter has a range that holds its number in the base.

    Raises:
        InputError: names the first that has not.
    """
    for number, parameter in enumerate(plan.sweep.parameters):
        part, base = parameter.distribution, plan.base_value(parameter)
        where = f"parameters.{number} ({parameter.name})"
        if not isinstance(part, Ranged):
            allowed = "uniform, loguniform, normal, lognormal or grid, for a sensitivity"
            raise InputError(plan.source, f"{where}: distribution.kind", part.kind, allowed, "give a range")
        low, high = part.ends
        if not isinstance(base, int | float) or isinstance(base, bool) or not low <= base <= high:
            raise InputError(
                plan.source, f"{where}: value in the scenario", base, f"a number from {low:g} to {high:g}",
                "widen the range, or change the base under 'changes'",
            )  # fmt: skip


def base_of(plan: Plan, parameter: Parameter) -> float:
    """A parameter's number in the base, after `check_ranges`."""
    return float(plan.base_value(parameter))  # type: ignore[arg-type]


def ends_of(parameter: Parameter) -> tuple[float, float]:
    """The ends of a parameter's range, after `check_ranges`."""
    assert isinstance(parameter.distribution, Ranged)
    return parameter.distribution.ends


def screening(plan: Plan, catalog: Catalog, engine: Engine, folder: Path) -> pd.DataFrame:
    """The table `screening`, by the sweep's `morris` settings; runs trajectories * (parameters + 1) points."""
    import pandas as pd
    from SALib.analyze import morris

    chosen = with_design(plan, plan.sweep.morris)
    unit, values = _answers(chosen, catalog, engine, folder / "morris")
    group, levels = len(plan.sweep.parameters) + 1, plan.sweep.morris.levels
    rows = []
    for metric, answers in values.items():
        x, y = _whole_groups(unit, answers, group)
        _check_enough(len(y) // group, "trajectories", metric)
        found = morris.analyze(
            problem(chosen.sweep),
            x,
            y,
            num_resamples=RESAMPLES,
            num_levels=levels,
            seed=_resampling(),
        )
        for index, parameter in enumerate(plan.sweep.parameters):
            cells = (found["mu_star"], found["mu_star_conf"], found["mu"], found["sigma"])
            rows.append((metric, parameter.name, *(float(cell[index]) for cell in cells), len(y) // group))
    return SCREENING.conform(pd.DataFrame(rows, columns=SCREENING.column_names), "screening")


def indices(plan: Plan, catalog: Catalog, engine: Engine, folder: Path) -> pd.DataFrame:
    """The table `indices`, by the sweep's `saltelli` settings; runs samples * (parameters + 2) points."""
    import pandas as pd
    from SALib.analyze import sobol

    chosen = with_design(plan, plan.sweep.saltelli)
    unit, values = _answers(chosen, catalog, engine, folder / "saltelli")
    group = len(plan.sweep.parameters) + 2
    rows = []
    for metric, answers in values.items():
        _, y = _whole_groups(unit, answers, group)
        _check_enough(len(y) // group, "groups of points", metric)
        if np.ptp(y) == 0:  # no variance to share
            rows += [(metric, parameter.name, *[0.0] * 6, len(y) // group) for parameter in plan.sweep.parameters]
            continue
        found = sobol.analyze(
            problem(chosen.sweep), y, calc_second_order=False, num_resamples=RESAMPLES, seed=_resampling()
        )
        for index, parameter in enumerate(plan.sweep.parameters):
            cells = []
            for name in ("S1", "ST"):
                value, half = float(found[name][index]), float(found[f"{name}_conf"][index])
                cells += [value, value - half, value + half]
            rows.append((metric, parameter.name, *cells, len(y) // group))
    return INDICES.conform(pd.DataFrame(rows, columns=INDICES.column_names), "indices")


def tornado(plan: Plan, prober: Prober) -> pd.DataFrame:
    """The table `tornado`: one parameter at a time at both ends of its range, largest swing of each metric first."""
    import pandas as pd

    parameters = plan.sweep.parameters
    batch = [{}, *({part.name: end} for part in parameters for end in ends_of(part))]
    base, *ends = prober.ask(batch, "ends of the ranges")  # type: ignore[arg-type]
    rows = []
    for called in metric_names(plan.sweep):
        for index, parameter in enumerate(parameters):
            low, high = ends_of(parameter)
            three = [probe.metrics.get(called) for probe in (ends[2 * index], base, ends[2 * index + 1])]
            known = [value for value in three if value is not None]
            swing = max(known) - min(known) if len(known) == 3 else None
            rows.append((called, parameter.name, low, base_of(plan, parameter), high, *three, swing))
    frame = TORNADO.conform(pd.DataFrame(rows, columns=TORNADO.column_names), "tornado")
    order = {called: index for index, called in enumerate(metric_names(plan.sweep))}
    frame["_order"] = frame["metric"].map(order)
    frame = frame.sort_values(["_order", "swing"], ascending=[True, False], kind="stable", ignore_index=True)
    return frame.drop(columns="_order")


def with_design(plan: Plan, design: Morris | Saltelli) -> Plan:
    """The same experiment at the points of another design."""
    return replace(plan, sweep=plan.sweep.model_copy(update={"design": design}))


def _answers(plan: Plan, catalog: Catalog, engine: Engine, folder: Path) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """The design on the unit cube (points, parameters), and each metric's values (points,), NaN where a point failed.

    A metric's value is the mean over draws and replications at its last day.
    """
    import pandas as pd

    run_sweep(plan, catalog, engine, folder)
    table = pd.read_parquet(folder / "metrics.parquet")
    every = range(point_count(plan.sweep))
    values = {}
    for called, (name, arm) in metric_names(plan.sweep).items():
        mine = table[(table["metric"] == name) & (table["arm"] == arm)]
        mine = mine[mine["day"] == mine.groupby("point")["day"].transform("max")]
        # A run without a number makes the point's mean none.
        by_point = mine.groupby("point")["value"].agg(lambda column: column.mean(skipna=False))
        values[called] = by_point.reindex(every).to_numpy(dtype=float)
    return whole_matrix(plan.sweep), values


def _whole_groups(unit: np.ndarray, answers: np.ndarray, group: int) -> tuple[np.ndarray, np.ndarray]:
    """The groups of rows that belong together and have all their answers."""
    whole = np.isfinite(answers.reshape(-1, group)).all(axis=1)
    keep = np.repeat(whole, group)
    return unit[keep], answers[keep]


def _check_enough(count: int, what: str, metric: str) -> None:
    if count < 2:
        raise CheckFailed(f"{metric}: {count} {what} have all their points; two are the least (see points.parquet)")


def _resampling() -> np.random.Generator:
    """SALib takes a seed of 0 for none; a generator it takes as it is."""
    return np.random.default_rng(0)
