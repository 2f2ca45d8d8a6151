"""Charts of claims: what was estimated, with its interval, beside the threshold that it had to pass. No streamlit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dashboard.figures import Figure, chart_title
from dashboard.theme import BLUE_ON_BOTH, GREY, RULE_COLOUR, VERMILLION

if TYPE_CHECKING:
    import pandas as pd

ROW_PX = 26
PASSES, FAILS, OPEN, NO_LIMIT = "all of it passes", "none of it passes", "on both sides", "no threshold"
COLOURS = {PASSES: BLUE_ON_BOTH, FAILS: VERMILLION, OPEN: GREY, NO_LIMIT: GREY}
SHAPES = {PASSES: "circle", FAILS: "cross", OPEN: "diamond", NO_LIMIT: "triangle-up"}


def estimates(frame: pd.DataFrame, title: str, unit: str) -> Figure:
    """A row an estimate: the dot, its interval, and a tick where its threshold lies.

    Args:
        frame: rows of the table `estimates` of one unit.
        title: of the chart.
        unit: of the estimates.
    """
    import altair as alt

    frame = frame.assign(stands=[_stands(row) for row in frame.itertuples()])
    order = frame["name"].tolist()
    y = alt.Y("name:N", sort=order, axis=alt.Axis(title=None, ticks=False, domain=False, labelLimit=240))
    axis = alt.Axis(title=None, format=".3~g", tickCount=4)
    scale = alt.Scale(zero=False)
    present = [name for name in COLOURS if name in set(frame["stands"])]
    legend = alt.Legend(title=None, orient="bottom", columns=2)
    colour = alt.Color(
        "stands:N", scale=alt.Scale(domain=present, range=[COLOURS[name] for name in present]), legend=legend
    )
    shape = alt.Shape(
        "stands:N", scale=alt.Scale(domain=present, range=[SHAPES[name] for name in present]), legend=legend
    )
    tips = [
        alt.Tooltip("name:N", title="estimate"),
        alt.Tooltip("value:Q", title=unit, format=".3~g"),
        alt.Tooltip("low:Q", title="from", format=".3~g"),
        alt.Tooltip("high:Q", title="to", format=".3~g"),
        alt.Tooltip("threshold:Q", title="threshold", format=".3~g"),
        alt.Tooltip("rests_on:N", title="rests on"),
    ]
    base = alt.Chart(frame)
    chart = (
        alt.layer(
            base.mark_rule(strokeWidth=2).encode(
                x=alt.X("low:Q", scale=scale, axis=axis), x2="high:Q", y=y, color=colour
            ),
            base.mark_point(filled=True, size=70).encode(x="value:Q", y=y, color=colour, shape=shape, tooltip=tips),
            alt.Chart(frame.dropna(subset=["threshold"]))
            .mark_tick(thickness=2, size=ROW_PX * 0.8, color=RULE_COLOUR)
            .encode(x="threshold:Q", y=y),
        )
        .properties(height=ROW_PX * max(len(order), 1), title=chart_title(title, unit))
        .configure_view(strokeWidth=0)
    )
    return Figure(chart, _said(frame), frame)


def _stands(row: Any) -> str:
    """Where an interval lies, seen from its threshold."""
    if row.threshold is None or row.threshold != row.threshold:
        return NO_LIMIT
    above = row.comparison == "above"
    worst, best = (row.low, row.high) if above else (row.high, row.low)
    passes, fails = (worst > row.threshold, best <= row.threshold) if above else (
        worst < row.threshold, best >= row.threshold
    )  # fmt: skip
    return PASSES if passes else FAILS if fails else OPEN


def _said(frame: pd.DataFrame) -> str:
    counts = frame["stands"].value_counts()
    parts = [f"{counts[name]} of {len(frame)}: {name}" for name in COLOURS if name in counts]
    return f"{'; '.join(parts)}."
