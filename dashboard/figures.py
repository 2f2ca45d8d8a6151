"""Charts: a table in, a Vega-Altair chart out, with its text for people who cannot see it. No streamlit.

Every chart has its unit on the axis, the event it is about as a rule, and a band wherever its numbers are uncertain.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dashboard.labels import label
from dashboard.series import WITH, WITHOUT
from dashboard.theme import GHOST_DASH, HEIGHT_PX, RULE_COLOUR, Look

if TYPE_CHECKING:
    import pandas as pd

MARK_EVERY_DAYS = 28.0
FRONTIER_HEIGHT_PX = 520
LABEL_GAP = 0.045  # of the height: two lines of text apart
LABEL_REACH = 0.7  # of the range of prices: the length of a name on a narrow screen
LEGEND_LETTERS = 24  # of a name that fits beside another on a narrow screen
SHAPES = ("diamond", "square", "triangle-up")
FINE = {"percent": ".1%", "change": "+.1%", "money": "$.3~s", "plain": ".3~g", "price": "$.3~g"}
AXIS = {"percent": ".0%", "change": "+~%", "money": "$~s", "plain": ".3~g", "price": "$~g"}


@dataclass(frozen=True)
class Figure:
    """A chart, what it says in words, and the table it draws."""

    chart: Any
    alt: str
    table: pd.DataFrame


@dataclass(frozen=True)
class Event:
    """A vertical rule at a month since the release."""

    month: float
    text: str


@dataclass(frozen=True)
class Limits:
    """The ends of both axes, in months since the release and in the unit of the values."""

    months: tuple[float, float]
    values: tuple[float, float]


def over_time(
    frame: pd.DataFrame,
    column: str,
    title: str,
    looks: list[Look],
    event: Event | None,
    show: str = "plain",
    log: bool = False,
    step: bool = False,
    zero: bool = True,
    limits: Limits | None = None,
) -> Figure:
    """Lines over months since the release, each with its band; dotted lines are the market without the entry.

    Args:
        frame: month, day, name, world, value, low, high.
        column: names the quantity; its unit stands on the axis.
        looks: one for each name, in the order of the legend.
        event: what months are counted from; None counts them from the start of the scenario.
        show: "percent", "money", "price" or "plain": how numbers are written.
        log: a logarithmic scale.
        step: values hold until they change, as prices do.
        zero: whether a linear axis starts at 0.
        limits: of both axes, where several charts shall have the same; by default those of the frame.
    """
    import altair as alt

    frame = frame.dropna(subset=["value"])
    quantity = label(column)
    scale = alt.Scale(type="log", nice=False, domain=_decades(frame)) if log else alt.Scale(zero=zero, nice=True)
    if limits is not None:
        scale = alt.Scale(nice=False, domain=list(limits.values))
    ticks = {"values": log_ticks(_decades(frame))} if log else {"tickCount": 4}
    y_axis = alt.Axis(format=AXIS[show], title=None, domain=False, ticks=False, labelPadding=6, **ticks)
    first, last = limits.months if limits else (float(frame["month"].min()), float(frame["month"].max()))
    since = "the release" if event else "the start"
    x = alt.X(
        "month:Q",
        scale=alt.Scale(domain=[first, last], nice=False),
        axis=alt.Axis(
            title=f"months since {since}", grid=False, values=_ticks(first, last),
            format="d", ticks=False, labelPadding=6,
        ),
    )  # fmt: skip
    names = [look.name for look in looks]
    legend = (
        alt.Legend(
            title=None,
            orient="bottom",
            columns=2,
            symbolSize=300,
            symbolStrokeWidth=2.5,
            symbolOpacity=1,
            labelLimit=180,
        )
        if len(names) > 1
        else None
    )
    colour = alt.Color("name:N", scale=alt.Scale(domain=names, range=[look.colour for look in looks]), legend=legend)
    dash = alt.StrokeDash(
        "name:N", scale=alt.Scale(domain=names, range=[list(look.dash) for look in looks]), legend=legend
    )
    shape = "step-after" if step else "linear"
    value = alt.Y("value:Q", scale=scale, axis=y_axis)
    entered = frame[frame["world"] == WITH]
    ghost = frame[frame["world"] == WITHOUT]
    tips = [
        alt.Tooltip("name:N", title="who"),
        alt.Tooltip("month:Q", title=f"months since {since}", format=".1f"),
        alt.Tooltip("value:Q", title=quantity.title, format=FINE[show]),
        alt.Tooltip("low:Q", title="low", format=FINE[show]),
        alt.Tooltip("high:Q", title="high", format=FINE[show]),
        alt.Tooltip("world:N", title="market"),
    ]
    layers = (
        []
        if event is None
        else [
            alt.Chart(pandas_frame([{"month": event.month, "text": event.text}]))
            .mark_rule(color=RULE_COLOUR, strokeDash=[3, 3], strokeWidth=1)
            .encode(x=x),
            alt.Chart(pandas_frame([{"month": event.month, "text": event.text}]))
            .mark_text(align="left", dx=-2, baseline="bottom", color=RULE_COLOUR, fontSize=11)
            .encode(x=x, y=alt.value(-4), text="text:N"),
        ]
    )
    if bool((entered["high"] - entered["low"]).abs().max() > 1e-12):
        band = entered[entered["low"] > 0] if log else entered
        layers.append(
            alt.Chart(band)
            .mark_area(opacity=0.16 if len(names) <= 3 else 0.07, interpolate=shape, clip=True)
            .encode(x=x, y=alt.Y("low:Q", scale=scale, axis=y_axis), y2="high:Q", color=colour)
        )
    if len(ghost):
        layers.append(
            alt.Chart(ghost)
            .mark_line(strokeWidth=1.6, opacity=0.75, strokeDash=list(GHOST_DASH), interpolate=shape)
            .encode(x=x, y=value, color=colour, detail="world:N")
        )
    layers.append(
        alt.Chart(entered)
        .mark_line(strokeWidth=2.4, interpolate=shape, clip=True)
        .encode(x=x, y=value, color=colour, strokeDash=dash)
    )
    marked = entered[(entered["day"] / MARK_EVERY_DAYS).round() * MARK_EVERY_DAYS == entered["day"]]
    layers.append(
        alt.Chart(marked).mark_point(size=90, opacity=0, filled=True).encode(x=x, y=value, color=colour, tooltip=tips)
    )
    chart = (
        alt.layer(*layers)
        .properties(
            height=HEIGHT_PX, title=chart_title(title, f"{quantity.unit}; logarithmic" if log else quantity.unit)
        )
        .configure_view(strokeWidth=0)
        .configure_legend(symbolType="stroke", rowPadding=4, columnPadding=18, offset=4)
    )
    told = f"{title}, by week{', with the entry' if event else ''}"
    return Figure(chart, _described(entered, told, quantity.unit, show), frame)


def frontier(
    frame: pd.DataFrame,
    title: str,
    x_column: str,
    looks: list[Look],
    rest: Look | None,
    near: bool = True,
    unit: str = "% of tasks solved, corrected for guessing",
) -> Figure:
    """Quality against price or cost, one point a model, with 95% intervals; the best at each price are joined.

    Args:
        frame: name, x (USD), value, low, high (fractions), group (a look's name), on_frontier, evidence; x_low and
            x_high where the cost is uncertain too; frontier_probability where it is known.
        x_column: names the horizontal quantity, with its unit.
        looks, rest: of the models on sale, and of the others, which are not named.
        near: shows only the surroundings of the models on sale.
        unit: what the vertical axis says.
    """
    import altair as alt

    every = [*looks, rest] if rest else looks
    on_sale = frame if rest is None else frame[frame["group"] != rest.name]
    shown = _surroundings(frame, on_sale) if near else frame
    names = [look.name for look in every]
    x = alt.X(
        "x:Q",
        scale=alt.Scale(type="log", nice=False, domain=_price_domain(shown)),
        axis=alt.Axis(title=label(x_column).text, format="$~g", grid=False, tickCount=5, ticks=False, labelPadding=6),
    )
    y_axis = alt.Axis(format=".0%", title=None, domain=False, ticks=False, tickCount=5, labelPadding=6)
    limits = alt.Scale(zero=False, nice=False, domain=_domain(shown))
    y = alt.Y("value:Q", scale=limits, axis=y_axis)
    legend = alt.Legend(
        title=None, orient="bottom", columns=legend_columns(names), labelLimit=200, symbolOpacity=1, symbolSize=90
    )
    colour = alt.Color(
        "group:N",
        scale=alt.Scale(domain=names, range=[look.colour for look in every]),
        legend=legend,
    )
    shape = alt.Shape(
        "group:N",
        scale=alt.Scale(domain=names, range=[*SHAPES[: len(looks)], "circle"]),
        legend=legend,
    )
    tips = [
        alt.Tooltip("name:N", title="model"),
        alt.Tooltip("x:Q", title=label(x_column).text, format="$.3~g"),
        alt.Tooltip("value:Q", title="quality", format=".1%"),
        alt.Tooltip("low:Q", title="low (95%)", format=".1%"),
        alt.Tooltip("high:Q", title="high (95%)", format=".1%"),
        alt.Tooltip("evidence:N", title="quality is"),
    ]
    if "frontier_probability" in frame:
        tips.append(alt.Tooltip("frontier_probability:Q", title="probability of lying on the frontier", format=".0%"))
    told = _label_places(on_sale, _domain(shown))
    layers = [
        alt.Chart(shown[shown["on_frontier"]].sort_values("x"))
        .mark_line(interpolate="step-after", color=RULE_COLOUR, strokeWidth=1.2, strokeDash=[4, 3])
        .encode(x=x, y=y),
        alt.Chart(shown).mark_rule(strokeWidth=1.2, opacity=0.45, clip=True).encode(
            x=x, y=alt.Y("low:Q", scale=limits, axis=y_axis), y2="high:Q", color=colour
        ),
        alt.Chart(shown).mark_point(filled=True, size=70, opacity=1, clip=True).encode(
            x=x, y=y, color=colour, shape=shape, tooltip=tips
        ),
    ]  # fmt: skip
    # Above the bar of an uncertain cost, and towards the middle, so that a long name finds room on a narrow screen.
    far = told["x"] > math.prod(_price_domain(shown)) ** 0.5 if "x_low" in frame else told["x"].isna()
    for names_of, align, dx in ((told[~far], "left", 9), (told[far], "right", -9)):
        if names_of.empty:
            continue
        layers.append(
            alt.Chart(names_of)
            .mark_text(align=align, dx=dx, dy=-9 if "x_low" in frame else 0, fontSize=11.5, fontWeight="bold")
            .encode(x=x, y=alt.Y("label_at:Q", scale=limits, axis=y_axis), text="name:N", color=colour)
        )
    if "x_low" in frame:
        across = x.copy()
        across.shorthand = "x_low:Q"
        layers.insert(
            1,
            alt.Chart(shown)
            .mark_rule(strokeWidth=1.2, opacity=0.45, clip=True)
            .encode(x=across, x2="x_high:Q", y=y, color=colour),
        )
    best = ", ".join(frame[frame["on_frontier"]].sort_values("x")["name"])
    alt_text = (
        f"{title}: {len(frame)} models, quality in {unit} against {label(x_column).text}, "
        f"with 95% intervals. No model is both better and cheaper than: {best}."
    )
    chart = (
        alt.layer(*layers)
        .properties(height=FRONTIER_HEIGHT_PX, title=chart_title(title, unit))
        .configure_view(strokeWidth=0)
    )
    return Figure(chart, alt_text, frame)


def pandas_frame(rows: list[dict[str, object]]) -> pd.DataFrame:
    """A small table from rows."""
    import pandas as pd

    return pd.DataFrame(rows)


def chart_title(text: str, unit: str) -> Any:
    """A chart's title, with its unit under it."""
    import altair as alt

    return alt.TitleParams(
        text, subtitle=unit, anchor="start", frame="bounds", fontSize=15, fontWeight=600, offset=20,
        subtitleFontSize=12, subtitlePadding=4, subtitleColor=RULE_COLOUR,
    )  # fmt: skip


def legend_columns(names: list[str]) -> int:
    """Two, where the names fit side by side on a narrow screen."""
    return 2 if max(map(len, names)) <= LEGEND_LETTERS else 1


def _described(frame: pd.DataFrame, title: str, unit: str, show: str) -> str:
    """The chart in words: where each line begins and ends."""
    parts = []
    for name, rows in frame.sort_values("day").groupby("name", sort=False):
        first, last = float(rows["value"].iloc[0]), float(rows["value"].iloc[-1])
        text = (
            f"{first:.1%} to {last:.1%}"
            if show in ("percent", "change")
            else f"{first:.3g} to {last:.3g} {unit}".strip()
        )
        parts.append(f"{name} from {text}")
    return f"{title}: {'; '.join(parts)}."


def _ticks(low: float, high: float) -> list[int]:
    """Every half year."""
    return [month for month in range(-120, 1200, 6) if low - 0.2 <= month <= high + 0.2]


def _domain(frame: pd.DataFrame) -> list[float]:
    """Limits of quality that hold every interval, in steps of 5%."""
    low, high = float(frame["low"].min()), float(frame["high"].max())
    return [max(int(low * 20) / 20, 0.0), min(int(high * 20 + 1) / 20, 1.0)]


def _label_places(frame: pd.DataFrame, domain: list[float]) -> pd.DataFrame:
    """`label_at`: the quality at which a model's name is written, moved down until no two names meet."""
    gap = LABEL_GAP * (domain[1] - domain[0])
    ordered = frame.sort_values("value", ascending=False)
    reach = LABEL_REACH * math.log(float(frame["x"].max()) / float(frame["x"].min()) + 1e-9)
    places: list[tuple[float, float]] = []
    for x, value in zip(ordered["x"], ordered["value"], strict=True):
        at, across = float(value), math.log(float(x))
        for other_across, other_at in places:
            if abs(other_across - across) < reach and abs(other_at - at) < gap * (1 - 1e-9):
                at = other_at - gap
        places.append((across, at))
    return ordered.assign(label_at=[at for _, at in places])


def _surroundings(frame: pd.DataFrame, on_sale: pd.DataFrame) -> pd.DataFrame:
    """The models whose price or cost, and whose quality, come near those of the models on sale."""
    low, high = float(on_sale["x"].min()) / 2.0, float(on_sale["x"].max()) * 2.0
    return frame[frame["x"].between(low, high) & (frame["value"] >= float(on_sale["low"].min()) - 0.02)]


def _price_domain(frame: pd.DataFrame) -> list[float]:
    """Limits with room for a name at the right, on a narrow screen too."""
    low, high = float(frame["x"].min()), float(frame["x"].max())
    return [low / 1.25, high * max((high / low) ** 0.55, 2.0)]


def _decades(frame: pd.DataFrame) -> list[float]:
    """Limits of a logarithmic axis: those of the lines; bands that reach towards 0 are cut."""
    positive = frame[frame["value"] > 0]
    return [float(positive["value"].min()) / 1.6, float(positive["high"].max()) * 1.1]


def log_ticks(domain: list[float]) -> list[float]:
    """1, 3, 10, 30 and so on within the limits."""
    steps = [step * 10.0**power for power in range(-9, 10) for step in (1.0, 3.0)]
    return [round(step, 12) for step in steps if domain[0] <= step <= domain[1]]
