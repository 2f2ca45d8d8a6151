"""What kind of market an entry leads to, as rules over a few figures; and the map of these kinds over a sweep.

The rules are tried from top to bottom, and the first that holds names the regime:

    frontier starved   research spending is at most `starved_share` of that without the entry
    no foothold        the student serves less than `foothold_share` of all tokens: what is, is not the entry's doing
    winner takes all   one provider takes at least `winner_share` of all dollars
    commoditised       the market's margin is at most `kept_margin` of that without the entry
    price war          `war_days` after the release, posted prices of the offers of day 0 are at least `war_fall` below
                       those without the entry, at unchanged cost
    coexistence        none of these

A rule whose figure is absent (a market in which nobody decides on research) is not evaluated.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from sim.shared.errors import InputError
from sim.shared.manifest import read_manifest
from sim.shared.paths import write_text
from sim.shared.tables import Column, TableSpec, read_table, write_parquet
from sim.study.plan import Plan

if TYPE_CHECKING:
    import pandas as pd

STARVED, WINNER, COMMODITISED, WAR, NO_FOOTHOLD, COEXISTENCE = (
    "frontier starved", "winner takes all", "commoditised", "price war", "no foothold", "coexistence",
)  # fmt: skip
REGIMES = (STARVED, NO_FOOTHOLD, WINNER, COMMODITISED, WAR, COEXISTENCE)  # in the order of the rules
AXES = ("quality_ratio", "cost_ratio")
# The figures by the names of a sweep's metrics; those that may be absent last.
FIGURES = ("student_share", "largest_share", "margin", "posted_prices")
RESEARCH = "research_spending"


@dataclass(frozen=True)
class Thresholds:
    """Where a figure turns into another regime. All are conventions; none is estimated.

    Attributes:
        starved_share: research spending, of that without the entry.
        winner_share: of all dollars.
        kept_margin: of the market's margin without the entry; half, as the claim of commoditisation has it.
        war_fall: of posted prices. A tenth is the upper end of the rise that competition authorities call significant
            (5 to 10 per cent: US Horizontal Merger Guidelines 2010, section 4.1.2).
        war_days: after the release, at which posted prices are compared; the sweep's metric reads that day.
        foothold_share: of all tokens.
    """

    starved_share: float = 0.5
    winner_share: float = 2.0 / 3.0
    kept_margin: float = 0.5
    war_fall: float = 0.1
    war_days: float = 91.0
    foothold_share: float = 0.01


THRESHOLDS = Thresholds()


@dataclass(frozen=True)
class Figures:
    """What the rules look at, of one run.

    Attributes:
        student_share: of all tokens.
        largest_share: of all dollars, of the provider that takes most.
        margin_change: of the market's margin, relative to that without the entry.
        price_change: of posted prices `war_days` after the release, relative to those without the entry.
        research_change: of research spending, relative to that without the entry; None where nobody decides on it.
    """

    student_share: float
    largest_share: float
    margin_change: float
    price_change: float
    research_change: float | None = None


def regime(figures: Figures, thresholds: Thresholds = THRESHOLDS) -> str:
    """The first rule that holds; one of `REGIMES`."""
    if figures.research_change is not None and 1.0 + figures.research_change <= thresholds.starved_share:
        return STARVED
    if figures.student_share < thresholds.foothold_share:
        return NO_FOOTHOLD
    if figures.largest_share >= thresholds.winner_share:
        return WINNER
    if 1.0 + figures.margin_change <= thresholds.kept_margin:
        return COMMODITISED
    return WAR if figures.price_change <= -thresholds.war_fall else COEXISTENCE


def share_column(name: str) -> str:
    """The column of the map that holds the share of runs in a regime."""
    return f"share_{name.replace(' ', '_')}"


REGIME_MAP = TableSpec(
    "regime_map",
    "one cell: a student of this quality and cost relative to its teacher",
    (
        Column("quality_ratio", "number", "ratio", "student's quality over the teacher's"),
        Column("cost_ratio", "number", "ratio", "student's cost of serving over the teacher's"),
        Column("regime", "text", "", "in which most runs are; of equals the first of the rules"),
        Column("certainty", "number", "fraction", "of the runs, in that regime"),
        *(Column(share_column(name), "number", "fraction", f"of the runs: {name}") for name in REGIMES),
        Column("student_share_of_tokens", "number", "fraction", "of all tokens, mean over runs"),
        Column("largest_share_of_dollars", "number", "fraction", "of the provider that takes most, mean over runs"),
        Column("change_of_margin", "number", "fraction", "of the market's margin, relative to no entry, mean"),
        Column("change_of_price", "number", "fraction", "of posted prices, relative to no entry, mean over runs"),
        Column("research_evaluated", "flag", "", "false where nobody decides on research: no run can be starved"),
        Column("runs", "integer", "", "draws and replications"),
    ),
)


def check_axes(plan: Plan) -> None:
    """Raise unless a sweep varies what the map's axes are and keeps the figures of the rules.

    Raises:
        InputError: names what is missing.
    """
    if plan.sweep.arms:
        arms = ", ".join(arm.name for arm in plan.sweep.arms)
        raise InputError(plan.source, "arms", arms, "none, for a map", "make the arm's changes in `changes`")
    for field, wanted, items in (
        ("parameters", AXES, plan.sweep.parameters),
        ("metrics", FIGURES, plan.sweep.metrics),
    ):
        names = [item.name for item in items]
        missing = [name for name in wanted if name not in names]
        if missing:
            raise InputError(
                plan.source, field, ", ".join(names), f"{', '.join(wanted)} among them",
                f"add {', '.join(missing)}; the sweep regime_map shows how",
            )  # fmt: skip


def regime_map(folder: Path, thresholds: Thresholds = THRESHOLDS) -> pd.DataFrame:
    """The table `regime_map` of a finished sweep; points that failed are left out.

    Args:
        folder: where the sweep lies.
        thresholds: of the rules.
    """
    import pandas as pd

    points = read_table(folder / "points.parquet").set_index("point")
    metrics = read_table(folder / "metrics.parquet")
    wide = metrics.pivot_table(index=["point", "catalog_draw", "replication"], columns="metric", values="value")
    wide = wide.dropna(subset=list(FIGURES)).reset_index()
    researched = RESEARCH in wide.columns
    wide["regime"] = [
        regime(
            Figures(
                row.student_share, row.largest_share, row.margin, row.posted_prices,
                float(getattr(row, RESEARCH)) if researched and pd.notna(getattr(row, RESEARCH)) else None,
            ),
            thresholds,
        )
        for row in wide.itertuples()
    ]  # fmt: skip
    rows = []
    for point, runs in wide.groupby("point", sort=True):
        shares = {name: float((runs["regime"] == name).mean()) for name in REGIMES}
        modal = max(REGIMES, key=lambda name: shares[name])
        rows.append(
            {axis: float(points.loc[point, axis]) for axis in AXES}
            | {share_column(name): share for name, share in shares.items()}
            | {
                "regime": modal,
                "certainty": shares[modal],
                "student_share_of_tokens": float(runs["student_share"].mean()),
                "largest_share_of_dollars": float(runs["largest_share"].mean()),
                "change_of_margin": float(runs["margin"].mean()),
                "change_of_price": float(runs["posted_prices"].mean()),
                "research_evaluated": researched,
                "runs": len(runs),
            }
        )
    frame = pd.DataFrame(rows, columns=REGIME_MAP.column_names)
    return REGIME_MAP.conform(frame.sort_values(list(AXES), ignore_index=True), "regime_map")


def write_regime_map(folder: Path, path: Path, thresholds: Thresholds = THRESHOLDS) -> pd.DataFrame:
    """Write the map of a finished sweep as Parquet, with the sweep's manifest and the thresholds beside it.

    Raises:
        InputError: if the folder holds no finished sweep.
    """
    frame = regime_map(folder, thresholds)
    manifest = read_manifest(folder)
    digest = write_parquet(frame, path)
    settings = manifest.settings | {"thresholds": asdict(thresholds)}
    beside = replace(manifest, kind="sim regimes", settings=settings, content={path.name: digest})
    write_text(path.with_suffix(".json"), json.dumps(asdict(beside), indent=2, sort_keys=True) + "\n")
    return frame
