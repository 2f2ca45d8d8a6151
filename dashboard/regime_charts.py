"""The map of regimes as a chart: what was run, what is interpolated between, and where the reader's student stands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dashboard.assumption_figures import COLOURS
from dashboard.figures import Figure, chart_title, pandas_frame
from dashboard.regime_map import FIRM, names_at
from dashboard.theme import VERMILLION
from sim.study.regimes import COEXISTENCE, COMMODITISED, NO_FOOTHOLD, REGIMES, STARVED, WAR, WINNER

if TYPE_CHECKING:
    import pandas as pd

MAP_HEIGHT_PX = 520
CLICKED = "cell"  # name of the selection
INK, PAPER = "#1f2328", "#ffffff"  # on cells of any colour, on either page
MARKS = {
    COEXISTENCE: "circle", WAR: "triangle-down", WINNER: "square", COMMODITISED: "diamond", STARVED: "cross",
    NO_FOOTHOLD: "triangle-right",
}  # fmt: skip
LOG_TICKS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0)


def field(
    cells: pd.DataFrame, fine: pd.DataFrame, own: tuple[float, float] | None, title: str, own_name: str
) -> Figure:
    """The map: colour and mark are the regime, faintness and a dark mark its doubt, the large dot the own student.

    Args:
        cells: that were run, conforming to `sim.study.regimes.REGIME_MAP`.
        fine: of `dashboard.regime_map.finer`.
        own: quality and cost of the own student, relative to its teacher; None where it has no place on the map.
        title: of the chart.
        own_name: what the dot is called.
    """
    import altair as alt

    present = [name for name in REGIMES if name in {*fine["regime"], *cells["regime"]}]
    legend = alt.Legend(
        title=None, orient="bottom", columns=2, labelLimit=180, symbolSize=110, symbolOpacity=1, symbolStrokeWidth=0
    )
    colour = alt.Color(
        "regime:N", scale=alt.Scale(domain=present, range=[COLOURS[name] for name in present]), legend=legend
    )
    shape = alt.Shape(
        "regime:N", scale=alt.Scale(domain=present, range=[MARKS[name] for name in present]), legend=legend
    )
    across, up = _axes(fine)
    at_x, at_y = alt.X("quality_ratio:Q", **across), alt.Y("cost_ratio:Q", **up)
    clicked = alt.selection_point(name=CLICKED, fields=["quality_ratio", "cost_ratio"], on="click", empty=False)
    ground = (
        alt.Chart(fine)
        .mark_rect(strokeWidth=0)
        .encode(
            x=alt.X("quality_low:Q", **across), x2="quality_high:Q", y=alt.Y("cost_low:Q", **up), y2="cost_high:Q",
            color=colour,
            opacity=alt.Opacity("certainty:Q", scale=alt.Scale(domain=[0.35, 1.0], range=[0.25, 0.95], clamp=True),
                                legend=None),
            tooltip=_tips(),
        )
        .add_params(clicked)
    )  # fmt: skip
    told = cells.assign(agree=cells["certainty"] >= FIRM, made="run")
    marks = [
        alt.Chart(told[told["agree"] == agree])
        .mark_point(filled=True, size=46, opacity=1, fill=fill, stroke=stroke, strokeWidth=1)
        .encode(x=at_x, y=at_y, shape=shape, tooltip=_tips())
        for agree, fill, stroke in ((True, PAPER, INK), (False, INK, PAPER))
    ]
    names = names_at(fine, own)
    text = {"fontSize": 13, "fontWeight": "bold", "dy": -13}
    layers: list[Any] = [
        ground,
        *marks,
    ]
    for align, part in names.groupby("align", sort=True):
        named = alt.Chart(part).encode(x=at_x, y=at_y, text="regime:N")
        layers += [
            named.mark_text(**text, align=align, stroke=INK, strokeWidth=3, strokeJoin="round", opacity=0.75),
            named.mark_text(**text, align=align, color=PAPER),
        ]
    if own is not None:
        dot = alt.Chart(
            pandas_frame([{"name": own_name, "quality_ratio": own[0], "cost_ratio": own[1]}])
        ).encode(
            x=at_x, y=at_y,
            tooltip=[
                alt.Tooltip("name:N", title="student"),
                alt.Tooltip("quality_ratio:Q", title="quality over its teacher's", format=".2f"),
                alt.Tooltip("cost_ratio:Q", title="cost over its teacher's", format=".2~g"),
            ],
        )  # fmt: skip
        layers += [
            dot.mark_point(filled=True, size=330, opacity=1, fill=PAPER, stroke=INK, strokeWidth=1.5, shape="circle"),
            dot.mark_point(filled=True, size=150, opacity=1, fill=VERMILLION, stroke=PAPER, strokeWidth=1),
            dot.encode(text="name:N").mark_text(
                fontSize=13, fontWeight="bold", dy=24, stroke=INK, strokeWidth=3, strokeJoin="round", opacity=0.75
            ),
            dot.encode(text="name:N").mark_text(fontSize=13, fontWeight="bold", dy=24, color=PAPER),
        ]
    chart = (
        alt.layer(*layers)
        .properties(
            height=MAP_HEIGHT_PX,
            title=chart_title(title, "faint, dark marks: draws disagree"),
        )
        .configure_view(strokeWidth=0)
    )
    return Figure(chart, _said(cells, own, own_name), cells)


def _axes(fine: pd.DataFrame) -> tuple[dict[str, Any], dict[str, Any]]:
    """Scale and axis of quality and of cost, for every layer the same."""
    import altair as alt

    quality = [float(fine["quality_low"].min()), float(fine["quality_high"].max())]
    cost = [float(fine["cost_low"].min()), float(fine["cost_high"].max())]
    across = {
        "scale": alt.Scale(domain=quality, nice=False, zero=False),
        "axis": alt.Axis(
            title="student's quality over its teacher's", format=".0%", grid=False, ticks=False, labelPadding=6
        ),
    }
    up = {
        "scale": alt.Scale(type="log", domain=cost, nice=False),
        "axis": alt.Axis(
            title="student's cost over its teacher's (logarithmic)", format=".0%", grid=False, ticks=False,
            labelPadding=6, values=[tick for tick in LOG_TICKS if cost[0] <= tick <= cost[1]],
        ),
    }  # fmt: skip
    return across, up


def _tips() -> list[Any]:
    import altair as alt

    return [
        alt.Tooltip("made:N", title="this place was"),
        alt.Tooltip("regime:N", title="regime"),
        alt.Tooltip("certainty:Q", title="of the draws", format=".0%"),
        alt.Tooltip("quality_ratio:Q", title="quality over its teacher's", format=".3~f"),
        alt.Tooltip("cost_ratio:Q", title="cost over its teacher's", format=".2~g"),
        alt.Tooltip("student_share_of_tokens:Q", title="student's share of tokens", format=".1%"),
        alt.Tooltip("largest_share_of_dollars:Q", title="largest share of dollars", format=".1%"),
        alt.Tooltip("change_of_margin:Q", title="market's margin", format="+.1%"),
        alt.Tooltip("change_of_price:Q", title="posted prices", format="+.1%"),
    ]


def _said(cells: pd.DataFrame, own: tuple[float, float] | None, own_name: str) -> str:
    counts = cells["regime"].value_counts()
    parts = [f"{name} in {counts[name]} of {len(cells)} cells" for name in REGIMES if name in counts]
    text = f"Regimes by the student's quality and cost relative to its teacher: {'; '.join(parts)}."
    if own is None:
        return text
    return f"{text} {own_name} stands at {own[0]:.2f} of the quality and {own[1]:.2g} of the cost."
