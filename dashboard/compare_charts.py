"""Charts that compare scenarios: small multiples on one scale, and a change split into its steps. No streamlit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from dashboard.figures import Event, Figure, Limits, chart_title, over_time, pandas_frame
from dashboard.pins import Step
from dashboard.theme import BLUE_ON_BOTH, GREY, ORANGE, RULE_COLOUR, VERMILLION, Look

if TYPE_CHECKING:
    import pandas as pd

MULTIPLE_HEIGHT_PX = 310
WATERFALL_HEIGHT_PX = 300


def multiples(
    frames: Sequence[pd.DataFrame], column: str, titles: Sequence[str], looks: list[Look], event: Event, show: str
) -> list[Figure]:
    """One chart a scenario, all with the same axes, so that heights and slopes compare by eye."""
    shown = [frame.dropna(subset=["value"]) for frame in frames]
    low = min(float(frame[["value", "low"]].min().min()) for frame in shown)
    high = max(float(frame[["value", "high"]].max().max()) for frame in shown)
    room = 0.04 * (high - low or 1.0)
    months = [float(end) for frame in shown for end in (frame["month"].min(), frame["month"].max())]
    limits = Limits((min(months), max(months)), (low - room if low < 0 else 0.0, high + room))
    out = []
    for frame, title in zip(frames, titles, strict=True):
        figure = over_time(frame, column, title, looks, event, show, limits=limits)
        out.append(replace(figure, chart=figure.chart.properties(height=MULTIPLE_HEIGHT_PX)))
    return out


def waterfall(before: float, steps: Sequence[Step], after: float, title: str, unit: str, format: str) -> Figure:
    """From one value to another in steps; each bar starts where the one before it ended."""
    import altair as alt

    rows: list[dict[str, object]] = [
        {"name": "First scenario", "start": 0.0, "end": before, "value": before, "kind": "level", "low": before,
         "high": before}
    ]  # fmt: skip
    at = before
    for step in steps:
        kind = "rise" if step.value >= 0 else "fall"
        rows.append(
            {"name": step.name, "start": at, "end": at + step.value, "value": step.value, "kind": kind,
             "low": at + step.low, "high": at + step.high}
        )  # fmt: skip
        at += step.value
    rows.append(
        {"name": "Second scenario", "start": 0.0, "end": after, "value": after, "kind": "level", "low": after,
         "high": after}
    )  # fmt: skip
    frame = pandas_frame(rows)
    order = list(frame["name"])
    scale = alt.Scale(zero=True, nice=True)
    axis = alt.Axis(format=format, title=None, domain=False, ticks=False, labelPadding=6, tickCount=5)
    y = alt.Y("name:N", sort=order, title=None, axis=alt.Axis(labelLimit=150, ticks=False, domain=False))
    colour = alt.Color(
        "kind:N",
        scale=alt.Scale(domain=["level", "rise", "fall"], range=[GREY, BLUE_ON_BOTH, VERMILLION]),
        legend=None,
    )
    tips = [
        alt.Tooltip("name:N", title="step"),
        alt.Tooltip("value:Q", title=unit, format=format),
    ]
    bars = alt.Chart(frame).mark_bar(size=26).encode(
        y=y, x=alt.X("start:Q", scale=scale, axis=axis), x2="end:Q", color=colour, tooltip=tips
    )  # fmt: skip
    spread = alt.Chart(frame[frame["high"] > frame["low"]]).mark_rule(strokeWidth=1.6, color=ORANGE).encode(
        y=y, x=alt.X("low:Q", scale=scale, axis=axis), x2="high:Q"
    )  # fmt: skip
    labels = alt.Chart(frame).mark_text(align="left", dx=6, fontSize=11.5, color=RULE_COLOUR).encode(
        y=y,
        x=alt.X("right:Q", scale=scale, axis=axis),
        text=alt.Text("value:Q", format=f"+{format}" if format.startswith(".") else format),
    ).transform_calculate(right="max(datum.start, datum.end, datum.high)")  # fmt: skip
    told = ", ".join(f"{row['name']} {row['value']:.3g}" for row in rows)
    chart = (
        alt.layer(bars, spread, labels)
        .properties(height=WATERFALL_HEIGHT_PX, title=chart_title(title, unit))
        .configure_view(strokeWidth=0)
    )
    return Figure(chart, f"{title}, in {unit}: {told}.", frame)
