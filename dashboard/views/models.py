"""The models: quality against price and against cost, with intervals; the catalog; what serving costs."""

from __future__ import annotations

import streamlit as st

from dashboard import figures, frontier, session
from dashboard.theme import REST_COLOUR, SOLID, Look, looks

PRICE, COST = "Price to customers", "Cost of serving"


def page() -> None:
    """The page."""
    context = session.context()
    st.header("Quality against price and cost", anchor=False)
    with st.spinner("Running the market", show_time=False):
        pair = context.paired.best_known()
    groups = frontier.Groups(context.student, context.teacher)
    across = st.segmented_control(
        "Across", [PRICE, COST], default=PRICE, required=True, key="across", label_visibility="collapsed"
    )
    everything = across == PRICE and st.toggle("Show all models of the catalog", key="everything")
    told = looks([groups.student, groups.teacher, groups.offered], context.student, context.teacher)
    rest = Look(groups.other, REST_COLOUR, SOLID)
    if across == COST:
        points = frontier.by_cost(pair, groups)
        figure = figures.frontier(points, "Quality against cost of serving", "cost_output_usd_per_mtok", told, None)
    else:
        points = frontier.by_price(pair, session.catalog(), groups)
        figure = figures.frontier(
            points, "Quality against list price", "price_output_usd_per_mtok", told, rest, near=not everything
        )
    st.caption(
        "Bars: 95% intervals. Dashed: the frontier, models that no other beats in both. The student stands at the last "
        "price that it posted. Costs of published models are inferred from their list prices; see below."
    )
    session.show(figure, "frontier")
    st.subheader("What serving costs, and how that is known", anchor=False)
    st.caption("implied: inferred from the list price. teacher: the teacher's cost times the student's ratio.")
    st.dataframe(frontier.costs(pair), hide_index=True)
    st.subheader("The catalog", anchor=False)
    frame = session.catalog().frame
    st.caption(f"{frame['model'].nunique()} models. NaN or empty: not known.")
    st.dataframe(frame, hide_index=True, height=360)


page()
