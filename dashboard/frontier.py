"""Models as points: what they cost a customer or their seller, how good they are, how sure that is. Pure.

A model is on the frontier when none is both at least as good and at most as dear, judged by the point values.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dashboard.load import Pair
from dashboard.series import banded
from evalsuite.frontier import frontier_probability
from sim.metrics import RUN
from sim.shared.catalog import Catalog

if TYPE_CHECKING:
    import pandas as pd

NORMAL_95 = 1.959964
POINT_COLUMNS = ["name", "x", "value", "low", "high", "group", "evidence"]
FRONTIER_DRAWS, FRONTIER_SEED = 500, 0  # of the qualities, for the probability of lying on the frontier


@dataclass(frozen=True)
class Groups:
    """Names of the groups that a chart tells apart."""

    student: str
    teacher: str
    offered: str = "on sale in this market"
    other: str = "other models"


def by_price(pair: Pair, catalog: Catalog, groups: Groups) -> pd.DataFrame:
    """Models by their list price of output (USD per Mtok); the student by the last price that it posted.

    Columns `POINT_COLUMNS`, `on_frontier` and `frontier_probability`; qualities are fractions.
    """
    import pandas as pd

    offers = _offers(pair, "list_output_usd_per_mtok", groups)
    posted = pair.with_entry.tables["prices"]
    last = posted[posted["offer"] == groups.student].sort_values("day").drop_duplicates(RUN, keep="last")
    offers.loc[offers["name"] == groups.student, "x"] = float(last["price_output_usd_per_mtok"].mean())
    shown = set(_catalog_names(pair))
    frame = catalog.frame
    rest = frame[(frame["price_out_usd_per_mtok"] > 0) & ~frame["model"].isin(shown)]
    rest = rest.groupby("model", as_index=False).agg(
        x=("price_out_usd_per_mtok", "first"), value=("quality", "mean"), error=("quality_stderr", "mean"),
        evidence=("quality_evidence", "first"),
    )  # fmt: skip
    rest = rest.rename(columns={"model": "name"}).assign(
        low=(rest["value"] - NORMAL_95 * rest["error"]).clip(lower=0.0),
        high=(rest["value"] + NORMAL_95 * rest["error"]).clip(upper=1.0),
        group=groups.other,
    )
    return _with_frontier(pd.concat([offers, rest[POINT_COLUMNS]], ignore_index=True))


def by_cost(pair: Pair, groups: Groups) -> pd.DataFrame:
    """The offers of the market by their cost of serving output (USD per Mtok)."""
    return _with_frontier(_offers(pair, "cost_output_usd_per_mtok", groups))


def by_request(measured: pd.DataFrame, groups: Groups) -> pd.DataFrame:
    """The models of an eval run by the cost of a request (USD), with the intervals of both.

    Args:
        measured: conforming to `evalsuite.tables.FRONTIER`.
        groups: `student` and `teacher` may be "".
    """
    known = {groups.student: groups.student, groups.teacher: groups.teacher}
    points = measured.rename(
        columns={
            "model": "name", "accuracy": "value", "accuracy_low": "low", "accuracy_high": "high",
            "usd_per_request": "x", "usd_per_request_low": "x_low", "usd_per_request_high": "x_high",
        }
    )  # fmt: skip
    points = points.assign(group=[known.get(name, groups.other) for name in points["name"]], evidence="measured")
    return points[[*POINT_COLUMNS, "x_low", "x_high", "on_frontier", "frontier_probability"]]


def costs(pair: Pair) -> pd.DataFrame:
    """What every offer costs to serve and how that is known, one row an offer, means over the runs."""
    offers = pair.with_entry.tables["offers"]
    columns = ["cost_input_usd_per_mtok", "cost_cached_usd_per_mtok", "cost_output_usd_per_mtok"]
    keys = ["offer", "provider", "model", "teacher"]
    known = offers.groupby(keys, as_index=False, sort=False)[columns].mean()
    basis = offers.drop_duplicates("offer").set_index("offer")[["cost_basis", "source"]]
    return known.join(basis, on="offer")


def _offers(pair: Pair, x_column: str, groups: Groups) -> pd.DataFrame:
    offers = pair.with_entry.tables["offers"]
    mean = offers.groupby([*RUN, "offer"], as_index=False).agg(
        quality=("quality", "mean"), x=(x_column, "mean"), evidence=("quality_evidence", "first")
    )
    points = banded(mean, "quality", ["offer"])
    points["high"] = points["high"].clip(upper=1.0)
    points["x"] = points["offer"].map(mean.groupby("offer")["x"].mean())
    points["evidence"] = points["offer"].map(mean.drop_duplicates("offer").set_index("offer")["evidence"])
    points["group"] = groups.offered
    points.loc[points["offer"] == groups.student, "group"] = groups.student
    points.loc[points["offer"] == groups.teacher, "group"] = groups.teacher
    return points.rename(columns={"offer": "name"})[POINT_COLUMNS]


def _catalog_names(pair: Pair) -> list[str]:
    scenario = pair.with_entry.scenario
    return [model.catalog for model in scenario.models if model.kind == "catalog"]


def _with_frontier(points: pd.DataFrame) -> pd.DataFrame:
    ordered = points.sort_values(["x", "value"], ascending=[True, False], kind="stable")
    best = ordered["value"].cummax()
    on = (ordered["value"] >= best) & (best > best.shift(fill_value=-1.0))
    return ordered.assign(on_frontier=on, frontier_probability=_probability(ordered)).reset_index(drop=True)


def _probability(points: pd.DataFrame) -> np.ndarray:
    """How surely each model lies on the frontier: qualities drawn with the errors of their intervals, prices fixed.

    Errors are taken as normal and independent; shape (models,).
    """
    stderr = ((points["high"] - points["low"]) / (2 * NORMAL_95)).to_numpy(dtype=float)
    noise = np.random.default_rng(FRONTIER_SEED).standard_normal((FRONTIER_DRAWS, len(points)))
    quality = points["value"].to_numpy(dtype=float) + noise * stderr
    return frontier_probability(quality, np.broadcast_to(points["x"].to_numpy(dtype=float), quality.shape))
