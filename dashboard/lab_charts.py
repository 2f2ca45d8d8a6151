"""Charts of the distillation lab: dose and response, methods in small worlds, judges, the published law. No streamlit.

What a mark's colour says its shape says too; intervals stand wherever the table holds one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dashboard.figures import FINE, Figure, chart_title, legend_columns, log_ticks, pandas_frame
from dashboard.lab_tables import ABOVE, BELOW, TRUTH_KL, Outcome
from dashboard.theme import BLUE_ON_BOTH, GREY, RULE_COLOUR, STUDENT_COLOUR, VERMILLION, looks

if TYPE_CHECKING:
    import pandas as pd

HEIGHT_PX = 440
Decades = tuple[float, float]
ROW_PX = 34
FRAME_PX = 110
MARKS = (
    "circle", "square", "triangle-up", "diamond", "cross", "triangle-down", "triangle-right", "triangle-left",
)  # fmt: skip
SCALING_TICKS = (1e9, 2e9, 5e9, 1e10, 2e10, 5e10, 1e11, 2e11, 5e11)
DOSE_TICKS = (0, 12_500, 25_000, 50_000, 100_000, 200_000, 400_000, 800_000)
BEND_TOKENS = 10_000  # the axis is straight below it and logarithmic above, so that a dose of 0 has a place
# Vega writes several SI prefixes on one axis alike, so the labels are written here.
THOUSANDS = "datum.value < 1000 ? format(datum.value, 'd') : format(datum.value / 1000, '~g') + 'k'"
BILLIONS = "format(datum.value / 1e9, '~g') + ' bn'"
AXES = {"percent": ".0%", "plain": ".3~g"}
TEACHER = "the teacher itself"


def doses(points: pd.DataFrame, lines: pd.DataFrame, outcome: Outcome, teacher: float) -> Figure:
    """Outcome by tokens bought, a mark a dose with its ends, the fitted curves with their bands, the teacher as a rule.

    Args:
        points: of `dashboard.lab_tables.dose_points`.
        lines: of `dashboard.lab_tables.dose_lines`; where there is none for a name, its marks are joined by dots.
        outcome: what is drawn.
        teacher: its own outcome.
    """
    import altair as alt

    names = list(dict.fromkeys(points["name"]))
    colour, shape = _by_name(names)
    most = float(points["tokens"].max())
    x = alt.X(
        "tokens:Q",
        scale=alt.Scale(type="symlog", constant=BEND_TOKENS, domain=[0, most * 1.08 + 1], nice=False),
        axis=alt.Axis(
            title="tokens bought of the teacher (logarithmic)", labelExpr=THOUSANDS, grid=False,
            values=[tick for tick in DOSE_TICKS if tick <= most * 1.08 + 1], ticks=False, labelPadding=6,
        ),
    )  # fmt: skip
    y, low = _up("value", outcome), _up("low", outcome)
    layers: list[Any] = _teacher_rule(teacher, outcome, most)
    fitted = set(lines["name"])
    if len(lines):
        layers.append(
            alt.Chart(lines).mark_area(opacity=0.12).encode(x=x, y=low, y2="high:Q", color=colour)
        )  # fmt: skip
        layers.append(alt.Chart(lines).mark_line(strokeWidth=2).encode(x=x, y=y, color=colour))
    joined = points[~points["name"].isin(fitted)]
    if len(joined):
        layers.append(
            alt.Chart(joined).mark_line(strokeWidth=1.4, strokeDash=[2, 4], opacity=0.8).encode(x=x, y=y, color=colour)
        )
    layers += _marks(points, x, outcome, colour, shape, "tokens", "tokens bought", ",.0f")
    said = "; ".join(
        f"{name} from {_plain(mine['value'].iloc[0], outcome)} at {mine['tokens'].iloc[0]:,.0f} tokens to "
        f"{_plain(mine['value'].iloc[-1], outcome)} at {mine['tokens'].iloc[-1]:,.0f}"
        for name, mine in points.groupby("name", sort=False)
    )
    chart = alt.layer(*layers).properties(height=HEIGHT_PX, title=chart_title(outcome.title, outcome.unit))
    alt_text = f"{outcome.title} by tokens bought: {said}; {TEACHER}: {_plain(teacher, outcome)}."
    return Figure(chart.configure_view(strokeWidth=0), alt_text, points)


def worlds(points: pd.DataFrame, outcome: Outcome, key: str, teacher: float) -> Figure:
    """Outcome of the methods by answers bought, in one small world.

    Args:
        points: of `dashboard.lab_tables.world_points`.
        outcome: what is drawn.
        key: its column; a distance is drawn on a logarithmic scale.
        teacher: its own outcome.
    """
    import altair as alt

    names = list(dict.fromkeys(points["name"]))
    colour, shape = _by_name(names)
    asked = sorted(set(points["queries"]))
    x = alt.X(
        "queries:Q",
        scale=alt.Scale(type="log", domain=[asked[0] / 1.3, asked[-1] * 1.3], nice=False),
        axis=alt.Axis(
            title="answers bought of the teacher (logarithmic)", format=",d", values=asked, grid=False, ticks=False,
            labelPadding=6,
        ),
    )  # fmt: skip
    decades = _decades(points, teacher) if key == TRUTH_KL else None
    y = _up("value", outcome, decades)
    layers = [
        *_teacher_rule(teacher, outcome, float(asked[-1]), decades),
        alt.Chart(points).mark_line(strokeWidth=1.6, opacity=0.8).encode(
            x=x, y=y, color=colour, strokeDash=_dash(names)
        ),
        *_marks(points, x, outcome, colour, shape, "queries", "answers bought", ",d", decades),
    ]  # fmt: skip
    last = points[points["queries"] == asked[-1]].sort_values("value")
    said = "; ".join(f"{row['name']} {_plain(row['value'], outcome)}" for row in last.to_dict("records"))
    chart = alt.layer(*layers).properties(height=HEIGHT_PX, title=chart_title(outcome.title, outcome.unit))
    alt_text = f"{outcome.title} by answers bought. With {asked[-1]:,}: {said}; {TEACHER}: {_plain(teacher, outcome)}."
    return Figure(chart.configure_view(strokeWidth=0), alt_text, points)


def judges(points: pd.DataFrame, title: str) -> Figure:
    """Each judge and control: share of right answers less the teacher's, with its interval, beside a rule at none.

    Args:
        points: of `dashboard.lab_tables.judge_points`.
        title: of the chart.
    """
    import altair as alt

    order = list(points["name"])
    ends = [min(float(points["low"].min()), 0.0) - 0.02, max(float(points["high"].max()), 0.0) + 0.04]
    y = alt.Y(
        "name:N", sort=order, axis=alt.Axis(title=None, ticks=False, domain=False, labelLimit=190, labelPadding=6)
    )
    scale = alt.Scale(domain=ends, nice=False)
    axis = alt.Axis(format="+.0%", title=None, tickCount=5, ticks=False, domain=False, labelPadding=6)
    tips = [
        alt.Tooltip("name:N", title="judge or control"),
        alt.Tooltip("value:Q", title="less the teacher's", format="+.1%"),
        alt.Tooltip("low:Q", title="low (95%)", format="+.1%"),
        alt.Tooltip("high:Q", title="high (95%)", format="+.1%"),
        alt.Tooltip("seeds:Q", title="seeds"),
    ]
    layers = [
        alt.Chart(pandas_frame([{"x": 0.0}])).mark_rule(color=RULE_COLOUR, strokeDash=[4, 3]).encode(x="x:Q"),
        alt.Chart(points)
        .mark_rule(strokeWidth=1.6, opacity=0.6, color=STUDENT_COLOUR)
        .encode(x=alt.X("low:Q", scale=scale, axis=axis), x2="high:Q", y=y),
        alt.Chart(points)
        .mark_point(filled=True, size=80, opacity=1, color=STUDENT_COLOUR, shape="diamond")
        .encode(x=alt.X("value:Q", scale=scale, axis=axis), y=y, tooltip=tips),
    ]
    unit = "percentage points less the teacher, 95% intervals"
    said = "; ".join(
        f"{row['name']} {row['value']:+.1%} ({row['low']:+.1%} to {row['high']:+.1%})"
        for row in points.to_dict("records")
    )
    chart = (
        alt.layer(*layers)
        .properties(height=ROW_PX * len(order) + FRAME_PX, title=chart_title(title, unit))
        .configure_view(strokeWidth=0)
    )
    return Figure(chart, f"{title}, less the teacher's share: {said}.", points)


def scaling(points: pd.DataFrame, title: str) -> Figure:
    """Published runs: loss above the teacher's by tokens; those at or below the teacher's have another mark.

    Args:
        points: of `dashboard.lab_tables.scaling_points`.
        title: of the chart.
    """
    import altair as alt

    sides = [ABOVE, BELOW]
    legend = alt.Legend(title=None, orient="bottom", columns=1, symbolOpacity=1, symbolSize=70, labelLimit=240)
    colour = alt.Color("side:N", scale=alt.Scale(domain=sides, range=[BLUE_ON_BOTH, VERMILLION]), legend=legend)
    shape = alt.Shape("side:N", scale=alt.Scale(domain=sides, range=["circle", "diamond"]), legend=legend)
    layers = [
        alt.Chart(pandas_frame([{"y": 0.0}])).mark_rule(color=RULE_COLOUR, strokeDash=[4, 3]).encode(y="y:Q"),
        alt.Chart(points).mark_point(filled=True, size=32, opacity=0.75).encode(
            x=alt.X(
                "tokens:Q", scale=alt.Scale(type="log", nice=False),
                axis=alt.Axis(title="training tokens (logarithmic)", labelExpr=BILLIONS, values=list(SCALING_TICKS),
                              grid=False, ticks=False, labelPadding=6),
            ),
            y=alt.Y("value:Q", axis=alt.Axis(title=None, domain=False, ticks=False, tickCount=5, labelPadding=6)),
            color=colour, shape=shape,
            tooltip=[
                alt.Tooltip("value:Q", title="loss above the teacher's", format=".3f"),
                alt.Tooltip("law:Q", title="by the law", format=".3f"),
                alt.Tooltip("tokens:Q", title="tokens", format="~s"),
                alt.Tooltip("student_params:Q", title="parameters", format="~s"),
                alt.Tooltip("teacher_loss_nats:Q", title="teacher's loss", format=".2f"),
            ],
        ),
    ]  # fmt: skip
    below = int((points["side"] == BELOW).sum())
    chart = (
        alt.layer(*layers)
        .properties(height=HEIGHT_PX, title=chart_title(title, "loss above the teacher, nats a token"))
        .configure_view(strokeWidth=0)
    )
    return Figure(chart, f"{title}: {len(points)} runs, {below} of them at or below their teacher's loss.", points)


def _by_name(names: list[str]) -> tuple[Any, Any]:
    """Colour and shape by name, with one legend for both."""
    import altair as alt

    legend = alt.Legend(
        title=None,
        orient="bottom",
        columns=legend_columns(names),
        labelLimit=300,
        symbolOpacity=1,
        symbolSize=90,
        symbolStrokeWidth=0,
    )
    told = looks(names, "", "")
    colours = [look.colour for look in told]
    shapes = [MARKS[place % len(MARKS)] for place in range(len(names))]
    return (
        alt.Color("name:N", scale=alt.Scale(domain=names, range=colours), legend=legend),
        alt.Shape("name:N", scale=alt.Scale(domain=names, range=shapes), legend=legend),
    )


def _dash(names: list[str]) -> Any:
    import altair as alt

    dashes = [list(look.dash) for look in looks(names, "", "")]
    return alt.StrokeDash("name:N", scale=alt.Scale(domain=names, range=dashes), legend=None)


def _decades(points: pd.DataFrame, teacher: float) -> Decades:
    """The ends of a logarithmic axis that holds every interval and the teacher, with room for names."""
    return min(float(points["low"].min()), teacher) / 1.6, max(float(points["high"].max()), teacher) * 1.3


def _up(column: str, outcome: Outcome, decades: Decades | None = None) -> Any:
    import altair as alt

    scale, ticks = alt.Scale(zero=False, nice=True), dict[str, Any](tickCount=5)
    if decades is not None:
        scale, ticks = alt.Scale(type="log", domain=list(decades), nice=False), {"values": log_ticks(list(decades))}
    axis = alt.Axis(format=AXES[outcome.show], title=None, domain=False, ticks=False, labelPadding=6, **ticks)
    return alt.Y(f"{column}:Q", scale=scale, axis=axis)


def _marks(
    points: pd.DataFrame, x: Any, outcome: Outcome, colour: Any, shape: Any, dose: str, dose_title: str,
    dose_format: str, decades: Decades | None = None,
) -> list[Any]:  # fmt: skip
    """The measured marks over their ends."""
    import altair as alt

    tips = [
        alt.Tooltip("name:N", title="student"),
        alt.Tooltip(f"{dose}:Q", title=dose_title, format=dose_format),
        alt.Tooltip("value:Q", title=outcome.title, format=FINE[outcome.show]),
        alt.Tooltip("low:Q", title="low", format=FINE[outcome.show]),
        alt.Tooltip("high:Q", title="high", format=FINE[outcome.show]),
        alt.Tooltip("seeds:Q", title="seeds"),
    ]
    return [
        alt.Chart(points)
        .mark_rule(strokeWidth=1.6, opacity=0.6)
        .encode(x=x, y=_up("low", outcome, decades), y2="high:Q", color=colour),
        alt.Chart(points)
        .mark_point(filled=True, size=80, opacity=1)
        .encode(x=x, y=_up("value", outcome, decades), color=colour, shape=shape, tooltip=tips),
    ]


def _teacher_rule(teacher: float, outcome: Outcome, at: float, decades: Decades | None = None) -> list[Any]:
    import altair as alt

    rule = pandas_frame([{"value": teacher, "name": TEACHER, "at": at}])
    y = _up("value", outcome, decades)
    return [
        alt.Chart(rule).mark_rule(color=GREY, strokeDash=[6, 4], strokeWidth=1.4).encode(y=y),
        alt.Chart(rule)
        .mark_text(align="left", baseline="bottom", dx=4, dy=-4, color=GREY, fontSize=11.5)
        .encode(y=y, x=alt.value(0), text="name:N"),
    ]


def _plain(value: float, outcome: Outcome) -> str:
    return f"{value:.1%}" if outcome.show == "percent" else f"{value:.3g}"
