"""Draw the pictures of docs/calibration.md from the tables that ship.

    .venv/bin/python tools/calibration_charts.py data/simulated/calibration docs/calibration

Figures and events: an interval of 90% and its median, as the market predicts it, over what was observed; the rule at 1
is what happened. Parameters: prior and posterior. Forecast: fans of 50% and 90%.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import altair as alt
import pandas as pd

from dashboard.drawing import alone, svg
from dashboard.figures import Figure
from dashboard.theme import BLUE_ON_BOTH, GREY, VERMILLION
from sim.shared.console import note

WIDTH_PX = 720
ROW_PX = 26
ENDS = ("predicted_low", "predicted_median", "predicted_high")


def beside_observed(frame: pd.DataFrame, label: str, title: str) -> Figure:
    """Predicted over observed, one row a figure; the rule at 1 is what happened. Below 0 both are taken negative."""
    rows = frame.dropna(subset=list(ENDS)).assign(label=frame[label] + " (" + frame["role"].str.replace("_", " ") + ")")
    for name in (*ENDS, "observed_low", "observed_high"):
        rows[name] = rows[name] / rows["observed"]
    rows[["predicted_low", "predicted_high"]] = rows[["predicted_low", "predicted_high"]].apply(
        lambda ends: sorted(ends), axis=1, result_type="expand"
    )
    floor = 1e-3
    rows[list(ENDS)] = rows[list(ENDS)].clip(lower=floor)
    y = alt.Y("label:N", sort=None, axis=alt.Axis(title=None, ticks=False, domain=False, labelLimit=260))
    scale = alt.Scale(type="log")
    told = alt.Axis(title="predicted over observed", format=".3~g")
    base = alt.Chart(rows)
    colour = alt.Color(
        "verdict:N", scale=alt.Scale(domain=["reproduced", "missed"], range=[BLUE_ON_BOTH, VERMILLION]), title=None
    )
    bars = base.mark_bar(height=8, opacity=0.6).encode(
        y=y, x=alt.X("predicted_low:Q", scale=scale, axis=told), x2="predicted_high:Q", color=colour
    )
    middles = base.mark_tick(thickness=2, size=16).encode(y=y, x="predicted_median:Q", color=colour)
    truth = alt.Chart(pd.DataFrame({"x": [1.0]})).mark_rule(strokeDash=[4, 3], color="currentColor").encode(x="x:Q")
    chart = (bars + middles + truth).properties(title=title, height=ROW_PX * len(rows))
    return Figure(chart, title, rows)


def contracted(frame: pd.DataFrame, title: str) -> Figure:
    """Posterior of each parameter in the prior's 90% interval (in logs where positive)."""
    import numpy as np

    rows = []
    for row in frame.itertuples():
        logs = row.prior_low > 0

        def place(value: float, row: object = row, logs: bool = logs) -> float:
            low, high, at = (np.log(x) if logs else x for x in (row.prior_low, row.prior_high, value))  # type: ignore[attr-defined]
            return float((at - low) / (high - low))

        rows.append(
            {
                "parameter": f"{row.parameter} ({row.verdict})",
                "low": place(row.posterior_low),
                "middle": place(row.posterior_median),
                "high": place(row.posterior_high),
            }
        )
    told = pd.DataFrame(rows)
    y = alt.Y("parameter:N", sort=None, axis=alt.Axis(title=None, ticks=False, domain=False, labelLimit=260))
    axis = alt.Axis(title="place in the prior's 90% interval", format=".1f")
    prior = alt.Chart(told.assign(zero=0.0, one=1.0)).mark_bar(height=14, color=GREY, opacity=0.3)
    after = alt.Chart(told).mark_bar(height=8, color=BLUE_ON_BOTH, opacity=0.7)
    middle = alt.Chart(told).mark_tick(thickness=2, size=16, color=BLUE_ON_BOTH)
    chart = (
        prior.encode(y=y, x=alt.X("zero:Q", axis=axis), x2="one:Q")
        + after.encode(y=y, x="low:Q", x2="high:Q")
        + middle.encode(y=y, x="middle:Q")
    ).properties(title=title, height=ROW_PX * len(told))
    return Figure(chart, title, told)


def fan(frame: pd.DataFrame, figure: str, unit: str) -> Figure:
    """The fan of one figure over time."""
    rows = frame[frame["figure"] == figure].assign(date=lambda part: pd.to_datetime(part["date"]))
    title = f"{figure.replace('_', ' ')}, {unit}"
    logs = unit != "fraction" and bool((rows["q05"] > 0).all())
    scale = alt.Scale(type="log") if logs else alt.Scale(zero=False)
    base = alt.Chart(rows).encode(x=alt.X("date:T", axis=alt.Axis(title=None, format="%b %Y", tickCount=5)))
    y = alt.Y("q05:Q", scale=scale, axis=alt.Axis(title=None, format=".3~g"))
    chart = (
        base.mark_area(color=BLUE_ON_BOTH, opacity=0.2).encode(y=y, y2="q95:Q")
        + base.mark_area(color=BLUE_ON_BOTH, opacity=0.35).encode(y="q25:Q", y2="q75:Q")
        + base.mark_line(color=BLUE_ON_BOTH).encode(y="q50:Q")
    ).properties(title=title, height=180)
    return Figure(chart, title, rows)


def main() -> None:
    """Draw every picture whose table is there."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tables", type=Path)
    parser.add_argument("pictures", type=Path)
    given = parser.parse_args()
    given.pictures.mkdir(parents=True, exist_ok=True)
    read = {path.stem: pd.read_parquet(path) for path in given.tables.glob("*.parquet")}
    made = {
        "fit": beside_observed(read["fit"], "summary", "The real market: predicted over observed, 90%"),
        "parameters": contracted(read["identification"], "Six parameters, before (grey) and after (blue) the data"),
    }
    if "backtests" in read:
        events = read["backtests"].assign(label=lambda part: part["event"] + ": " + part["summary"])
        made["events"] = beside_observed(events, "label", "Events held out: predicted over observed, 90%")
    if "forecast" in read:
        units = read["forecast"].drop_duplicates("figure").set_index("figure")["unit"]
        made |= {f"forecast_{name}": fan(read["forecast"], str(name), str(unit)) for name, unit in units.items()}
    for name, figure in made.items():
        (given.pictures / f"{name}.svg").write_text(alone(svg(figure, WIDTH_PX, name)), encoding="utf-8")
        note(str(given.pictures / f"{name}.svg"))


if __name__ == "__main__":
    main()
