"""The market as a whole: prices, shares of tokens and of dollars, margins and profits of every offer."""

from __future__ import annotations

import streamlit as st

from dashboard import figures, series, session
from dashboard.theme import looks


def page() -> None:
    """The page."""
    context = session.context()
    st.header("The market, offer by offer", anchor=False)
    with st.spinner("Running the market", show_time=False):
        pair = context.paired.best_known()
    both = st.toggle(f"Show the market without {context.student} as dotted lines", key="ghosts")
    st.caption(
        "Bands: from the lowest to the highest of the draws of what is not known about the models."
        if pair.draws
        else "Without bands: stay on the page Answer until its intervals are there."
    )
    scenario, release, event = context.question.scenario, context.release_day, context.event
    offers = sorted(
        (offer.name for offer in scenario.offers), key=lambda name: name not in (context.student, context.teacher)
    )
    providers = [provider.name for provider in scenario.providers]
    owner = next(p.name for p in scenario.providers if context.student in [offer.name for offer in p.offers])
    providers.sort(key=lambda name: name not in (owner, context.teacher_provider))
    left, right = st.columns(2, gap="large")
    plans = (
        (left, "price_usd_per_mtok", "Posted price", "price", True),
        (right, "margin", "Margin", "percent", False),
        (left, "share_of_tokens", "Share of tokens", "percent", False),
        (right, "share_of_dollars", "Share of dollars", "percent", False),
    )
    for place, column, title, show, step in plans:
        frame = series.offers_over_time(pair, column, release, both)
        with place:
            session.show(
                figures.over_time(
                    frame, column, title, context.looks(offers), event, show,
                    log=step and series.spans_decades(frame), step=step,
                ),
                f"market {column}",
            )  # fmt: skip
    with left:
        profits = series.providers_profit(pair, release, both)
        session.show(
            figures.over_time(
                profits, "profit_usd_per_day", "Profit by provider, before training",
                looks(providers, owner, context.teacher_provider), event, "money",
            ),
            "market profit",
        )  # fmt: skip
    with right:
        concentration = series.market_over_time(pair, "hhi_tokens", "concentration", release)
        if not both:
            concentration = concentration[concentration["world"] == series.WITH]
        session.show(
            figures.over_time(
                concentration, "hhi_tokens", "Concentration of providers",
                looks(["concentration"], "", "concentration"), event, zero=False,
            ),
            "market hhi_tokens",
        )  # fmt: skip
    st.subheader("What happened", anchor=False)
    events = pair.with_entry.tables["events"]
    first = events[(events["catalog_draw"] == events["catalog_draw"].min()) & (events["event"] != "on_sale")]
    st.dataframe(first.drop(columns=["catalog_draw", "replication"]), hide_index=True)


page()
