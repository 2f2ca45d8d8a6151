"""Regimes: what kind of market an entry leads to, where the own student stands on the map, and what that hangs on."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from dashboard import assumption_figures, assumption_tables, labels, rails, regime_charts, regime_map, session, studies
from dashboard.load import PairedRuns, question
from dashboard.regime_map import RegimeMap
from dashboard.regime_spot import Spot, readings_of_map, readings_of_own, scenario_at, spot
from dashboard.session import Context
from sim.scenario.model import RelativeStudent
from sim.shared.errors import UndercutError
from sim.study.point import code_key

CHART_KEY, ASKED_KEY = "regime map", "regime asked"
QUALITY_KEY, COST_KEY = "regime quality", "regime cost"
FIRST = (0.95, 0.1)  # the question that the dashboard opens with
FIGURE_TITLES = {
    "student_share": "Student's tokens",
    "largest_share": "Largest dollar share",
    "margin_change": "Margin, change",
    "price_change": "Posted prices, change",
}


def place_of(context: Context) -> tuple[float, float]:
    """The own student's quality and cost, both relative to its teacher.

    Stated ones are exact; of a measured one they are means over the task classes, of the run that the pages show.
    """
    scenario = context.question.scenario
    offer = next(offer for offer in scenario.offers if offer.name == scenario.entrant)
    model = scenario.model_named(offer.model)
    if isinstance(model, RelativeStudent):
        return model.quality_ratio, model.cost_ratio
    offers = context.paired.best_known().with_entry.tables["offers"]
    mean = offers.groupby("offer")[["quality", "cost_output_usd_per_mtok"]].mean()
    ratio = mean.loc[context.student] / mean.loc[context.teacher]
    return float(ratio["quality"]), float(ratio["cost_output_usd_per_mtok"])


def own_box(context: Context, found: RegimeMap, place: tuple[float, float]) -> None:
    """The regime of the scenario that the rails describe, from its own runs."""
    pair = context.paired.best_known()
    here = spot(pair, readings_of_own(found.plan, context.question.scenario), found.thresholds)
    st.subheader(f"Your scenario: {here.regime}", anchor=False)
    sure = (
        f"in {labels.percent(here.certainty)} of {len(here.regimes)} draws"
        if pair.draws
        else "by the point estimate; the page Answer makes the draws"
    )
    off = "" if found.holds(*place) else " It lies outside the map."
    st.markdown(
        f"{labels.percent(place[0])} of its teacher's quality at {labels.percent(place[1])} of the cost: "
        f"**{here.regime}**, {sure}.{off}"
    )
    st.caption(
        "Computed from this scenario's own runs, all rails included. The map is of a smaller market with the rails as "
        "they open, so that the dot's ground may say otherwise."
    )
    figures_table(here)


def figures_table(here: Spot) -> None:
    """The figures of the rules: mean and ends over the draws."""
    rows = []
    for name, title in FIGURE_TITLES.items():
        low, high = here.ends(name)
        signed = name.endswith("_change")
        row = {"figure": title, "mean": labels.percent(here.mean(name), signed)}
        if len(here.by_run) > 1:
            row["draws"] = f"{labels.percent(low, signed)} to {labels.percent(high, signed)}"
        rows.append(row)
    st.dataframe(pd.DataFrame(rows), hide_index=True)


def clicked() -> None:
    """A click on the map asks for the place under it."""
    picked = st.session_state[CHART_KEY].selection.get(regime_charts.CLICKED)
    if picked:
        ask(float(picked[0]["quality_ratio"]), float(picked[0]["cost_ratio"]))


def ask(quality_ratio: float, cost_ratio: float) -> None:
    """Ask for a place; the two fields show it."""
    st.session_state[QUALITY_KEY], st.session_state[COST_KEY] = 100 * quality_ratio, 100 * cost_ratio
    st.session_state[ASKED_KEY] = (quality_ratio, cost_ratio)


def typed() -> None:
    """The fields ask for what they hold."""
    ask(st.session_state[QUALITY_KEY] / 100, st.session_state[COST_KEY] / 100)


def exact_box(context: Context, found: RegimeMap) -> None:
    """The exact model at one place of the map: by a click, or typed in."""
    st.subheader("Run the model at one place", anchor=False)
    st.caption("Click on the map, or type. The map's own market is run there, with and without the student.")
    asked = st.session_state.get(ASKED_KEY)
    reach = [(100 * low, 100 * high) for low, high in found.reach.values()]
    # Widgets that were not drawn are forgotten, what was asked is not; and no digit may lie outside of the map.
    for key, value, (low, high) in zip((QUALITY_KEY, COST_KEY), asked or FIRST, reach, strict=True):
        st.session_state[key] = min(max(st.session_state.get(key, 100 * value), low), high)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        for title, key, (low, high) in zip(("Quality", "Cost"), (QUALITY_KEY, COST_KEY), reach, strict=True):
            st.number_input(f"{title} (% of the teacher's)", low, high, step=1.0, key=key, format="%.4g", width=190)
        st.button("Run it here", icon=":material/play_arrow:", on_click=typed, key="regime run")
        if asked is not None:
            st.button(
                "Set the rails to this student", icon=":material/tune:", key="regime to rails",
                on_click=to_rails, args=(context, *asked),
            )  # fmt: skip
    if asked is None:
        return
    plan = found.plan
    with st.spinner(f"Running {2 * max(found.draws, 1)} markets", show_time=False):
        scenario = scenario_at(plan, *asked)
        wanted = question(scenario, session.catalog(), plan.sweep.seed, found.draws)
        here = spot(PairedRuns(session.runs(), wanted).pair(found.draws), readings_of_map(plan), found.thresholds)
    st.markdown(
        f"At {labels.percent(asked[0])} of the quality and {labels.percent(asked[1])} of the cost: **{here.regime}**, "
        f"in {here.regimes.count(here.regime)} of {len(here.regimes)} draws."
    )
    figures_table(here)


def to_rails(context: Context, quality_ratio: float, cost_ratio: float) -> None:
    """Set the rails to a student of the map, in whole percent as the rails have them."""
    rails.put(
        context.base,
        {
            "student": "stated",
            "quality_percent": float(round(100 * quality_ratio)),
            "cost_percent": float(max(round(100 * cost_ratio), 1)),
        },
    )


def map_section(context: Context) -> None:
    """The map, the own scenario on it, the exact model under a click, and the rules."""
    shown = studies.shown_map()
    if shown is None:
        st.markdown(f"No map of regimes is here. This makes one: `{regime_map.COMMAND}`")
        return
    found, fine = shown
    place = place_of(context)
    figure = regime_charts.field(
        found.cells, fine, place if found.holds(*place) else None, "What an entry leads to", "your student"
    )
    left, right = st.columns([3, 2], gap="large")
    with left:
        session.show(figure, CHART_KEY, on_select=clicked)
        st.caption(
            f"{len(found.cells)} cells were run under {found.draws} draws of the models' errors; what lies between "
            "is interpolated, and the hover says which. " + regime_map.doubt(found.cells)
        )
    with right:
        own_box(context, found, place)
        exact_box(context, found)
    st.subheader("The rules, tried from top to bottom", anchor=False)
    st.caption(
        "Conventions, none estimated. Nothing on the map is measured: the market's tastes and tasks are assumed."
    )
    st.dataframe(regime_map.rules(found.cells, found.thresholds), hide_index=True)
    made = found.manifest
    earlier = made.settings.get("code") != code_key()
    st.caption(
        f"Made by `{made.command}` on {made.written_at[:10]}."
        + (" The market has changed since; a click runs today's." if earlier else "")
    )


def assumptions_section() -> None:
    """What moves the outcomes most, and what reverses the conclusions."""
    st.subheader("What it hangs on", anchor=False)
    known = studies.shown_studies()
    if not known:
        st.markdown(
            "No study of the assumptions is here yet. This makes one, and this page then shows it: "
            f"`{assumption_tables.COMMAND}`",
        )
        return
    names = [study.name for study in known]
    name = st.selectbox("Study", names, key="study") if len(names) > 1 else names[0]
    study = known[names.index(str(name))]
    metric = st.selectbox("Outcome", study.metrics, key="tornado metric") if study.metrics else None
    if metric is not None:
        unit = assumption_tables.UNITS.get(str(metric), str(metric))
        figure = assumption_figures.tornado(study.tornado, str(metric), f"What moves {metric} most", unit)
        session.show(figure, f"tornado {study.name} {metric}")
    st.markdown("**What it takes to reverse a conclusion**, one assumption at a time, all others as in the base:")
    st.dataframe(assumption_tables.flips_in_words(study.flips), hide_index=True)
    st.caption(f"Every answer is a run. Made by `{study.command}`.")


def page() -> None:
    """The page."""
    context = session.context()
    st.header("What kind of market an entry leads to", anchor=False)
    with st.spinner("Running the market", show_time=False):
        context.paired.best_known()
    try:
        map_section(context)
    except UndercutError as error:
        st.error(str(error), icon=":material/error:")
    assumptions_section()


page()
