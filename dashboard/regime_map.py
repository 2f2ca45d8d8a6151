"""The map of regimes as the page reads it: the table, what made it, a finer grid between its cells, its rules in words.

Between the cells that were run, the share of runs in each regime and the figures are interpolated, straight in the
quality ratio and in the logarithm of the cost ratio; the regime there is the one of the largest interpolated share. So
a border on the finer grid is a guess, drawn between two runs, and is marked as one. Pure.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dashboard.labels import percent
from sim.shared.errors import InputError
from sim.shared.manifest import Input, Manifest
from sim.shared.paths import data_dir
from sim.shared.tables import read_table
from sim.study.plan import Plan, parse_plan
from sim.study.regimes import (
    AXES,
    COEXISTENCE,
    COMMODITISED,
    NO_FOOTHOLD,
    REGIME_MAP,
    REGIMES,
    STARVED,
    THRESHOLDS,
    WAR,
    WINNER,
    Thresholds,
    check_axes,
    share_column,
)

if TYPE_CHECKING:
    import pandas as pd

MAP_NAME = "regime_map.parquet"
COMMAND = "undercut sim regimes"
RUNS = Path("runs") / "sweeps"
STEPS = 4  # of the finer grid between two cells that were run
RUN, INTERPOLATED = "run", "interpolated"
READ_OFF = ("student_share_of_tokens", "largest_share_of_dollars", "change_of_margin", "change_of_price")
EDGES = ("quality_low", "quality_high", "cost_low", "cost_high")
SURE, FIRM = 1.0 - 1e-9, 0.8 - 1e-9  # all draws agree; at least four in five do
NAME_CELLS = 2.5  # of the finer grid, by which a dot's own name stands below it
CLEAR = np.array([0.35, 1.0])  # how a cell across and a cell up count as distance from it
EDGE_CELLS = 4  # of the finer grid, within which a name begins at its cell and does not stand over it


@dataclass(frozen=True)
class RegimeMap:
    """A map and what made it.

    Attributes:
        path: of the table.
        cells: conforming to `sim.study.regimes.REGIME_MAP`, one row a cell that was run.
        manifest: of the sweep.
    """

    path: Path
    cells: pd.DataFrame
    manifest: Manifest

    @property
    def thresholds(self) -> Thresholds:
        """Those that the map was drawn with."""
        told = self.manifest.settings.get("thresholds", {})
        known = {part.name for part in fields(Thresholds)}
        return Thresholds(**{name: float(value) for name, value in told.items() if name in known})

    @cached_property
    def plan(self) -> Plan:
        """The sweep that made it, with its scenario as that stands today.

        Raises:
            InputError, InputErrors: if its manifest holds no sweep of a map.
        """
        raw = self.manifest.settings.get("sweep")
        if not isinstance(raw, Mapping):
            raise InputError(
                str(self.path.with_suffix(".json")), "settings.sweep", type(raw).__name__, "the sweep that made it",
                f"make the map again: {COMMAND}",
            )  # fmt: skip
        plan = parse_plan(raw, str(self.path.with_suffix(".json")), self.path.parent)
        check_axes(plan)
        return plan

    @property
    def draws(self) -> int:
        """Draws of the catalog's errors in each cell."""
        return self.plan.sweep.catalog_draws

    @property
    def reach(self) -> dict[str, tuple[float, float]]:
        """The ends of each axis."""
        return {axis: (float(self.cells[axis].min()), float(self.cells[axis].max())) for axis in AXES}

    def holds(self, quality_ratio: float, cost_ratio: float) -> bool:
        """Whether a student lies on the map."""
        place = dict(zip(AXES, (quality_ratio, cost_ratio), strict=True))
        return all(low - 1e-9 <= place[axis] <= high + 1e-9 for axis, (low, high) in self.reach.items())


def find_map(runs: Path = RUNS) -> Path | None:
    """The shipped map, else the latest one that was made in the working folder; None where there is none."""
    shipped = data_dir() / "simulated" / MAP_NAME
    if shipped.is_file():
        return shipped
    made = sorted(runs.glob(f"*/{MAP_NAME}"), key=lambda path: path.stat().st_mtime)
    return made[-1] if made else None


def read_map(path: Path) -> RegimeMap:
    """A map with the manifest beside it.

    Raises:
        InputError, InputErrors: if the table cannot be read or is no such table, or the manifest is none.
    """
    cells = REGIME_MAP.conform(read_table(path), str(path))
    beside = path.with_suffix(".json")
    try:
        raw: dict[str, Any] = json.loads(beside.read_text(encoding="utf-8"))
        raw["inputs"] = tuple(Input(**item) for item in raw.get("inputs", ()))
        manifest = Manifest(**raw)
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise InputError(
            str(beside), "", f"no readable manifest ({type(error).__name__})", "the manifest written with the map",
            f"make the map again: {COMMAND}",
        ) from error  # fmt: skip
    return RegimeMap(path, cells, manifest)


def finer(cells: pd.DataFrame, steps: int = STEPS) -> pd.DataFrame:
    """The map on a grid of `steps` cells between two that were run, those included.

    Args:
        cells: conforming to `REGIME_MAP`, on a whole grid or with gaps; next to a gap nothing is interpolated.
        steps: from one cell that was run to the next.

    Returns:
        One row a fine cell: the axes, regime, certainty, the shares and the figures, `made` (run or interpolated), and
        the four edges at which its rectangle ends.
    """
    import pandas as pd

    quality, cost = (np.sort(cells[axis].unique()) for axis in AXES)
    fine_quality, fine_log_cost = _between(quality, steps), _between(np.log(cost), steps)
    fine_cost = np.exp(fine_log_cost)
    fine_cost[::steps] = cost  # as it was run, to the last digit
    across, along = _weights(fine_quality, quality), _weights(fine_log_cost, np.log(cost))
    shares = [share_column(name) for name in REGIMES]
    made: dict[str, np.ndarray] = {}
    gap = np.zeros((len(quality), len(cost)))
    for column in (*shares, *READ_OFF):
        wide = cells.pivot_table(index=AXES[0], columns=AXES[1], values=column).reindex(index=quality, columns=cost)
        values = wide.to_numpy(dtype=float)
        gap = np.maximum(gap, np.isnan(values))
        made[column] = across @ np.nan_to_num(values) @ along.T
    whole = across @ gap @ along.T < 1e-12
    by_regime = np.stack([made[column] for column in shares])
    places = np.meshgrid(np.arange(len(fine_quality)), np.arange(len(fine_log_cost)), indexing="ij")
    frame = pd.DataFrame(
        {
            AXES[0]: fine_quality[places[0]].ravel(),
            AXES[1]: fine_cost[places[1]].ravel(),
            "regime": np.array(REGIMES)[by_regime.argmax(axis=0)].ravel(),  # of equals the first of the rules
            "certainty": by_regime.max(axis=0).ravel(),
            **{column: values.ravel() for column, values in made.items()},
            "made": np.where((places[0] % steps == 0) & (places[1] % steps == 0), RUN, INTERPOLATED).ravel(),
        }
    )
    low, high = _edges(fine_quality)
    cheap, dear = (np.exp(ends) for ends in _edges(fine_log_cost))
    for name, ends, place in zip(EDGES, (low, high, cheap, dear), (0, 0, 1, 1), strict=True):
        frame[name] = ends[places[place]].ravel()
    return frame[whole.ravel()].reset_index(drop=True)


def names_at(fine: pd.DataFrame, taken: tuple[float, float] | None = None, least_share: float = 0.04) -> pd.DataFrame:
    """Where each regime's name is written: its fine cell that is furthest from other regimes and from the map's edge.

    Args:
        fine: of `finer`.
        taken: quality and cost at which something else stands.
        least_share: of the fine cells, below which a regime's name finds no room.

    Returns:
        regime, the axes, and `align`: left or right for a name that begins or ends at its cell, near an edge.
    """
    import pandas as pd

    grids, columns = zip(*(np.unique(fine[axis], return_inverse=True) for axis in AXES), strict=True)
    places = np.column_stack(columns).astype(float)
    ends = places.max(axis=0)
    wide = np.array([0.5, 2.0])  # a name is wide and low
    obstacles = np.empty((0, 2))
    if taken is not None:
        there = [float(np.interp(at, grid, np.arange(len(grid)))) for at, grid in zip(taken, grids, strict=True)]
        obstacles = np.array([there, [there[0], there[1] - NAME_CELLS]])  # the dot, and its own name below it
    rows = []
    for name in REGIMES:
        mine = (fine["regime"] == name).to_numpy()
        if mine.sum() < least_share * len(fine) or not mine.any():
            continue
        inside, outside = places[mine], places[~mine]
        room = (np.minimum(inside, ends - inside) + 1.0) * wide
        if len(outside):
            apart = np.abs(inside[:, None, :] - outside[None, :, :]) * wide
            room = np.minimum(room, apart.max(axis=2).min(axis=1)[:, None])
        for obstacle in obstacles:
            room = np.minimum(room, (np.abs(inside - obstacle) * CLEAR).max(axis=1)[:, None])
        best = int(room.min(axis=1).argmax())
        across = inside[best, 0]
        align = "left" if across < EDGE_CELLS else "right" if ends[0] - across < EDGE_CELLS else "center"
        cell = fine[mine].iloc[best]
        rows.append({"regime": name, AXES[0]: cell[AXES[0]], AXES[1]: cell[AXES[1]], "align": align})
    return pd.DataFrame(rows, columns=["regime", *AXES, "align"])


def rules(cells: pd.DataFrame, thresholds: Thresholds = THRESHOLDS) -> pd.DataFrame:
    """The rules in words, in the order in which they are tried, with the cells of each on a map.

    Args:
        cells: conforming to `REGIME_MAP`.
        thresholds: that the map was drawn with.
    """
    import pandas as pd

    said = {
        STARVED: f"research spending is at most {percent(thresholds.starved_share)} of that without the entry",
        NO_FOOTHOLD: f"the student serves less than {percent(thresholds.foothold_share)} of all tokens",
        WINNER: f"one provider takes at least {percent(thresholds.winner_share)} of all dollars",
        COMMODITISED: f"the market's margin is at most {percent(thresholds.kept_margin)} of that without the entry",
        WAR: f"{thresholds.war_days:g} days after the release, posted prices are at least "
             f"{percent(thresholds.war_fall)} below those without the entry",
        COEXISTENCE: "none of these",
    }  # fmt: skip
    counts, firm = cells["regime"].value_counts(), cells[cells["certainty"] >= FIRM]["regime"].value_counts()
    evaluated = bool(cells["research_evaluated"].any())
    return pd.DataFrame(
        [
            {
                "order": place,
                "regime": name,
                "holds where": said[name] + ("" if name != STARVED or evaluated else " (not evaluated)"),
                "cells": int(counts.get(name, 0)),
                "four in five draws agree in": int(firm.get(name, 0)),
            }
            for place, name in enumerate(REGIMES, start=1)
        ]
    )


def doubt(cells: pd.DataFrame) -> str:
    """How sure the borders are, in a sentence or two."""
    unsure = cells[cells["certainty"] < SURE]
    draws, firm = int(cells["runs"].max()), int((cells["certainty"] >= FIRM).sum())
    said = f"In {len(cells) - len(unsure)} of {len(cells)} cells all {draws} runs are in one regime"
    if unsure.empty:
        return f"{said}."
    worst = unsure.sort_values("certainty", kind="stable").iloc[0]
    second = max((name for name in REGIMES if name != worst["regime"]), key=lambda name: worst[share_column(name)])
    return (
        f"{said}, in {firm} at least four in five are. They disagree most at {worst['quality_ratio']:.2f} of the "
        f"quality and {worst['cost_ratio']:.2g} of the cost: {worst['regime']} in {percent(worst['certainty'])}, "
        f"{second} in {percent(worst[share_column(second)])} of the runs."
    )


def _between(values: np.ndarray, steps: int) -> np.ndarray:
    """`values` (N,) with `steps - 1` even steps between each two; shape ((N-1)*steps + 1,)."""
    places = np.arange((len(values) - 1) * steps + 1) / steps
    return np.interp(places, np.arange(len(values)), values)


def _weights(at: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Weights (M, N) by which what is known at `values` (N,) is interpolated to `at` (M,)."""
    return np.stack([np.interp(at, values, row) for row in np.eye(len(values))], axis=1)


def _edges(centres: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where the cell around each centre (N,) begins and ends: halfway to its neighbours."""
    if len(centres) == 1:
        return centres - 0.05, centres + 0.05
    halves = np.diff(centres) / 2.0
    return centres - np.concatenate([halves[:1], halves]), centres + np.concatenate([halves, halves[-1:]])
