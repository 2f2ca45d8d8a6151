"""The chart of dose and response: points by seed, the fitted curve, and the teacher's own outcome as a rule."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from evalsuite.distill.dose_fit import OUTCOMES
from sim.shared.curves import curve_of
from sim.shared.paths import write_text

if TYPE_CHECKING:
    import pandas as pd

CURVE_POINTS = 60
TITLES = {
    "held_out_kl_nats": "KL to the teacher, nats a token",
    "teacher_nats_per_byte": "cross-entropy of the teacher's text, nats a byte",
    "human_nats_per_byte": "cross-entropy of people's text, nats a byte",
}


def write_chart(table: pd.DataFrame, curves: pd.DataFrame, folder: Path) -> None:
    """Write `chart.vl.json`, a Vega-Lite specification, and `chart.html`, which shows it."""
    chart = dose_chart(table, curves)
    write_text(folder / "chart.vl.json", chart.to_json() + "\n")
    write_text(folder / "chart.html", chart.to_html())


def dose_chart(table: pd.DataFrame, curves: pd.DataFrame) -> Any:
    """One panel an outcome, above each other."""
    import altair as alt

    return alt.vconcat(*(_panel(table, curves, outcome) for outcome in OUTCOMES)).resolve_scale(color="independent")


def _panel(table: pd.DataFrame, curves: pd.DataFrame, outcome: str) -> Any:
    import altair as alt
    import pandas as pd

    x = alt.X(
        "distinct_teacher_tokens:Q",
        title="distinct teacher tokens bought",
        scale=alt.Scale(type="symlog", constant=5000),
    )
    y = alt.Y(f"{outcome}:Q", title=TITLES[outcome], scale=alt.Scale(zero=False))
    points = table[["distinct_teacher_tokens", "seed", "epochs", outcome]]
    layers = [alt.Chart(points).mark_point(filled=True, size=60).encode(x=x, y=y, color="seed:N", shape="epochs:N")]
    mine = curves[curves["outcome"] == outcome]
    for name in mine["curve"]:
        doses = np.linspace(0.0, float(table["distinct_teacher_tokens"].max()) ** 0.5, CURVE_POINTS) ** 2
        line = pd.DataFrame({"distinct_teacher_tokens": doses, outcome: curve_of(curves, name, outcome).at(doses)})
        layers.append(alt.Chart(line).mark_line(opacity=0.6).encode(x=x, y=y))
    own = OUTCOMES[outcome]
    level = float(table[own].mean()) if own else 0.0
    rule = pd.DataFrame({outcome: [level], "what": ["the teacher itself"]})
    layers.append(alt.Chart(rule).mark_rule(strokeDash=[4, 3]).encode(y=y, tooltip="what:N"))
    return alt.layer(*layers).properties(width=480, height=220)
