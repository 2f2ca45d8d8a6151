"""Charts of what a result hangs on: the tornado of a metric, and the map of regimes. No streamlit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dashboard.figures import Figure, chart_title
from dashboard.theme import BLUE_ON_BOTH, GREEN, GREY, ORANGE, PINK, RULE_COLOUR, VERMILLION
from sim.study.regimes import COEXISTENCE, COMMODITISED, NO_FOOTHOLD, REGIMES, STARVED, WAR, WINNER

if TYPE_CHECKING:
    import pandas as pd

BAR_PX = 28
FRAME_PX = 110  # title, axis and legend
CELL_PX = 30
COLOURS = {
    COEXISTENCE: GREEN, WAR: VERMILLION, WINNER: BLUE_ON_BOTH, COMMODITISED: ORANGE, STARVED: PINK, NO_FOOTHOLD: GREY,
}  # fmt: skip


def tornado(frame: pd.DataFrame, metric: str, title: str, unit: str) -> Figure:
    """A bar a parameter, from the metric at the range's lower end to that at its upper end; the rule is the base.

    Args:
        frame: the table `tornado` of a sensitivity.
        metric: one of its metrics.
        title: of the chart.
        unit: of the metric.
    """
    import altair as alt
    import pandas as pd

    mine = frame[(frame["metric"] == metric)].dropna(subset=["at_low", "at_base", "at_high"])
    order = mine["parameter"].tolist()
    ends = pd.concat(
        [
            mine.assign(end=f"{name} end of the range", value=mine[f"at_{column}"], setting=mine[column])
            for column, name in (("low", "lower"), ("high", "upper"))
        ],
        ignore_index=True,
    )
    y = alt.Y("parameter:N", sort=order, axis=alt.Axis(title=None, ticks=False, domain=False, labelLimit=180))
    x = alt.X("value:Q", scale=alt.Scale(zero=False), axis=alt.Axis(title=None, format=".3~g", tickCount=4))
    tips = [
        alt.Tooltip("parameter:N", title="assumption"),
        alt.Tooltip("end:N", title="at"),
        alt.Tooltip("setting:Q", title="its value", format=".3~g"),
        alt.Tooltip("value:Q", title=metric, format=".3~g"),
    ]
    domain = ["lower end of the range", "upper end of the range"]
    scale = alt.Scale(domain=domain, range=[BLUE_ON_BOTH, VERMILLION])
    colour = alt.Color("end:N", scale=scale, legend=alt.Legend(title=None, orient="bottom"))
    base = mine["at_base"].iloc[:1].to_frame("value")
    chart = (
        alt.layer(
            alt.Chart(ends).mark_bar(height=BAR_PX * 0.6).encode(x=x, x2="at_base:Q", y=y, color=colour, tooltip=tips),
            alt.Chart(base).mark_rule(color=RULE_COLOUR, strokeWidth=1.5).encode(x=x),
        )
        .properties(height=BAR_PX * max(len(order), 1) + FRAME_PX, title=chart_title(title, unit))
        .configure_view(strokeWidth=0)
    )
    widest = mine.iloc[0] if len(mine) else None
    said = (
        "No assumption could be tried at both ends of its range."
        if widest is None
        else f"{widest['parameter']} moves {metric} most: from {widest['at_low']:.3g} to {widest['at_high']:.3g}, "
        f"around {widest['at_base']:.3g}."
    )
    return Figure(chart, said, mine)


def regimes(frame: pd.DataFrame, title: str) -> Figure:
    """The map of regimes: a cell a student, its colour the regime of most runs, paler where fewer agree.

    Args:
        frame: the table `regime_map`.
        title: of the chart.
    """
    import altair as alt

    present = [name for name in REGIMES if name in set(frame["regime"])]
    colour = alt.Color(
        "regime:N",
        scale=alt.Scale(domain=present, range=[COLOURS[name] for name in present]),
        legend=alt.Legend(title=None, orient="bottom", columns=2, labelLimit=180),
    )
    columns, rows = frame["quality_ratio"].nunique(), frame["cost_ratio"].nunique()
    cells = (
        alt.Chart(frame)
        .mark_rect(stroke=None)
        .encode(
            x=alt.X("quality_ratio:O", axis=alt.Axis(title="student's quality over its teacher's", format=".2f")),
            y=alt.Y("cost_ratio:O", sort="descending",
                    axis=alt.Axis(title="student's cost over its teacher's", format=".2~g")),
            color=colour,
            opacity=alt.Opacity("certainty:Q", scale=alt.Scale(domain=[0.3, 1.0], range=[0.25, 1.0]), legend=None),
            tooltip=[
                alt.Tooltip("regime:N"),
                alt.Tooltip("certainty:Q", title="of the runs", format=".0%"),
                alt.Tooltip("quality_ratio:Q", title="quality ratio", format=".2f"),
                alt.Tooltip("cost_ratio:Q", title="cost ratio", format=".2~g"),
                alt.Tooltip("student_share_of_tokens:Q", title="student's tokens", format=".1%"),
                alt.Tooltip("largest_share_of_dollars:Q", title="largest share of dollars", format=".1%"),
                alt.Tooltip("change_of_price:Q", title="posted prices", format="+.1%"),
                alt.Tooltip("change_of_margin:Q", title="market's margin", format="+.1%"),
            ],
        )
    )  # fmt: skip
    chart = cells.properties(
        width=CELL_PX * columns, height=CELL_PX * rows, title=chart_title(title, "paler: fewer runs agree")
    )
    counts = frame["regime"].value_counts()
    said = "; ".join(f"{name} in {counts[name]} of {len(frame)} cells" for name in present)
    return Figure(chart.configure_view(strokeWidth=0), f"{said[:1].upper()}{said[1:]}.", frame)
