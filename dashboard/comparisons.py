"""Charts of measured models: scores by task, paired differences, what a cascade buys. No streamlit.

Intervals are of 95 per cent. What a mark's colour says its shape or its place says too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dashboard.figures import SHAPES, Figure, chart_title, legend_columns, pandas_frame
from dashboard.labels import label, percent
from dashboard.theme import BLUE_ON_BOTH, GREEN, HEIGHT_PX, RULE_COLOUR, STUDENT_COLOUR, Look

if TYPE_CHECKING:
    import pandas as pd

NORMAL_95 = 1.959964
ROW_PX = 17  # of a model in a task's band
FRAME_PX = 120  # title, axis and legend
CASCADE, MIXTURE = "cascade: the least sure items go up", "items go up at random"


def scores(quality: pd.DataFrame, title: str, looks: list[Look]) -> Figure:
    """Score by task, a point a model, with its interval; a grey stroke where guessing would be.

    Args:
        quality: conforming to `evalsuite.tables.QUALITY`; tasks without a scored item are left out.
        title: of the chart.
        looks: one for each model, in the order of the legend.
    """
    import altair as alt

    frame = quality.dropna(subset=["score"])
    frame = frame.assign(
        low=(frame["score"] - NORMAL_95 * frame["stderr"]).clip(lower=0.0),
        high=(frame["score"] + NORMAL_95 * frame["stderr"]).clip(upper=1.0),
    )
    names, tasks = [look.name for look in looks], list(dict.fromkeys(frame["task"]))
    y = alt.Y("task:N", sort=tasks, axis=_tasks_axis(), scale=alt.Scale(paddingInner=0.25))
    offset = alt.YOffset("model:N", sort=names)
    scale = alt.Scale(domain=[0, 1], nice=False)
    axis = alt.Axis(format=".0%", title=None, tickCount=5, ticks=False, domain=False, labelPadding=6)
    legend = alt.Legend(
        title=None, orient="bottom", columns=legend_columns(names), labelLimit=240, symbolOpacity=1, symbolSize=80,
        columnPadding=28,
    )  # fmt: skip
    colour = alt.Color(
        "model:N", scale=alt.Scale(domain=names, range=[look.colour for look in looks]), legend=legend
    )  # fmt: skip
    shapes = [(*SHAPES, "circle")[place % 4] for place in range(len(names))]
    shape = alt.Shape("model:N", scale=alt.Scale(domain=names, range=shapes), legend=legend)
    layers = [
        alt.Chart(frame.drop_duplicates("task"))
        .mark_tick(color=RULE_COLOUR, thickness=2, opacity=0.8)
        .encode(x=alt.X("chance:Q", scale=scale, axis=axis), y=y),
        alt.Chart(frame)
        .mark_rule(strokeWidth=1.4, opacity=0.6)
        .encode(x=alt.X("low:Q", scale=scale, axis=axis), x2="high:Q", y=y, yOffset=offset, color=colour),
        alt.Chart(frame)
        .mark_point(filled=True, size=60, opacity=1)
        .encode(x=alt.X("score:Q", scale=scale, axis=axis), y=y, yOffset=offset, color=colour, shape=shape),
    ]
    chart = (
        alt.layer(*layers)
        .properties(
            height=ROW_PX * len(tasks) * max(len(names), 2) + FRAME_PX,
            title=chart_title(title, "% of items right, 95% intervals; grey: guessing"),
        )
        .configure_view(strokeWidth=0)
    )
    said = [
        f"{name}: " + ", ".join(f"{row['task']} {percent(row['score'])}" for row in rows.to_dict("records"))
        for name, rows in frame.groupby("model", sort=False)
    ]
    return Figure(chart, f"{title}, percent of items right. {'; '.join(said)}.", frame)


def differences(pairs: pd.DataFrame, title: str) -> Figure:
    """Student minus teacher by task, with its interval, beside a rule at no difference.

    Args:
        pairs: of one teacher and student, conforming to `evalsuite.tables.PAIRS`.
        title: of the chart.
    """
    import altair as alt

    tasks = list(pairs["task"])
    y = alt.Y("task:N", sort=tasks, axis=_tasks_axis())
    ends = [min(float(pairs["low"].min()), 0.0) - 0.02, max(float(pairs["high"].max()), 0.0) + 0.02]
    scale = alt.Scale(domain=ends, nice=False)
    axis = alt.Axis(format="+.0%", title=None, tickCount=5, ticks=False, domain=False, labelPadding=6)
    layers = [
        alt.Chart(pandas_frame([{"x": 0.0}])).mark_rule(color=RULE_COLOUR, strokeDash=[4, 3]).encode(x="x:Q"),
        alt.Chart(pairs)
        .mark_rule(strokeWidth=1.6, opacity=0.6, color=STUDENT_COLOUR)
        .encode(x=alt.X("low:Q", scale=scale, axis=axis), x2="high:Q", y=y),
        alt.Chart(pairs)
        .mark_point(filled=True, size=70, opacity=1, color=STUDENT_COLOUR, shape="diamond")
        .encode(x=alt.X("difference:Q", scale=scale, axis=axis), y=y),
    ]
    chart = (
        alt.layer(*layers)
        .properties(
            height=ROW_PX * 1.5 * len(tasks) + FRAME_PX - 30,
            title=chart_title(title, "percentage points, 95% intervals"),
        )
        .configure_view(strokeWidth=0)
    )
    said = []
    for row in pairs.to_dict("records"):
        points, low, high = (percent(row[name], signed=True) for name in ("difference", "low", "high"))
        said.append(f"{row['task']} {points} ({low} to {high})")
    return Figure(chart, f"{title}, by task: {'; '.join(said)}.", pairs)


def cascade_curve(curve: pd.DataFrame, title: str) -> Figure:
    """What a cascade buys: accuracy against cost of a request, beside the straight line between the two models.

    Args:
        curve: of one teacher and student, conforming to `evalsuite.tables.CASCADE`: its first row is the student alone,
            its last one asks both about every item.
        title: of the chart.
    """
    import altair as alt

    first, last = curve.iloc[0], curve.iloc[-1]
    ends = pandas_frame(
        [
            {"name": first["student"], "x": first["cost_usd"], "value": first["accuracy"]},
            {"name": first["teacher"], "x": last["cost_usd"] - first["cost_usd"], "value": last["accuracy"]},
        ]
    )
    lines = pandas_frame(
        [
            *({"line": CASCADE, "x": row["cost_usd"], "value": row["accuracy"]} for row in curve.to_dict("records")),
            *({"line": MIXTURE, "x": row["x"], "value": row["value"]} for row in ends.to_dict("records")),
        ]
    )
    low, high = float(lines["value"].min()), float(lines["value"].max())
    room = max(0.12 * (high - low), 0.01)
    y = alt.Y(
        "value:Q",
        scale=alt.Scale(domain=[max(low - room, 0.0), min(high + room, 1.0)], nice=False),
        axis=alt.Axis(format=".0%", title=None, tickCount=5, ticks=False, domain=False, labelPadding=6),
    )
    x = alt.X(
        "x:Q",
        scale=alt.Scale(domain=[0.0, 1.05 * float(lines["x"].max())], nice=False),
        axis=alt.Axis(
            title=label("cost_of_request_usd").text, format="$.2~g", grid=False, tickCount=4, ticks=False,
            labelPadding=6,
        ),
    )  # fmt: skip
    legend = alt.Legend(title=None, orient="bottom", columns=1, labelLimit=300, symbolType="stroke", symbolSize=300)
    colour = alt.Color("line:N", scale=alt.Scale(domain=[CASCADE, MIXTURE], range=[GREEN, RULE_COLOUR]), legend=legend)
    dash = alt.StrokeDash("line:N", scale=alt.Scale(domain=[CASCADE, MIXTURE], range=[[1, 0], [4, 3]]), legend=legend)
    layers = [alt.Chart(lines).mark_line(strokeWidth=2).encode(x=x, y=y, color=colour, strokeDash=dash)]
    for place, (drawn, align, dy) in enumerate(((STUDENT_COLOUR, "left", 16), (BLUE_ON_BOTH, "center", -14))):
        end = alt.Chart(ends.iloc[[place]]).encode(x=x, y=y)
        layers.append(end.mark_point(filled=True, size=90, opacity=1, color=drawn, shape=SHAPES[place]))
        layers.append(
            end.mark_text(align=align, dy=dy, fontSize=11.5, fontWeight="bold", color=drawn).encode(text="name:N")
        )
    chart = (
        alt.layer(*layers)
        .properties(height=HEIGHT_PX + 40, title=chart_title(title, "% of items right, over all counted tasks"))
        .configure_view(strokeWidth=0)
    )
    best = curve.loc[(curve["accuracy"] - curve["mixture_accuracy"]).idxmax()]
    above = (
        f"furthest above the straight line with {percent(best['escalated'])} of them sent up, "
        f"{percent(best['accuracy'])} against {percent(best['mixture_accuracy'])} at the same cost"
        if best["accuracy"] > best["mixture_accuracy"]
        else "nowhere above the straight line between the two models"
    )
    said = (
        f"{title}: from {percent(first['accuracy'])} of the items right with {first['student']} alone to "
        f"{percent(last['accuracy'])} with every item sent up to {first['teacher']}; {above}."
    )
    return Figure(chart, said, curve)


def _tasks_axis() -> object:
    import altair as alt

    return alt.Axis(title=None, ticks=False, domain=False, labelLimit=130, labelPadding=6)
