"""The answer first: one sentence, five numbers and four pictures, refined while the intervals arrive."""

from __future__ import annotations

import streamlit as st

from dashboard import figures, labels, series, session
from dashboard.load import FEWEST_DRAWS, Pair
from dashboard.session import Context
from dashboard.theme import looks
from sim.study.entry import EntryAnswer

SHOWN_AFTER = (FEWEST_DRAWS, 8, 16, 24, 32)


def headline(answer: EntryAnswer, certain: bool) -> None:
    """The answer in words."""
    found = answer.estimates
    share, profit = found["entrant_share_of_tokens"].value, found["teacher_profit_change"].value
    when = "A year" if answer.months == session.MONTHS else f"{answer.months:g} months"
    earns = f"{labels.percent(abs(profit))} {'less' if profit < 0 else 'more'}"
    st.header(
        f"{when} on, the {answer.entrant} serves {labels.percent(share)} of all tokens, and "
        f"{answer.teacher_provider} earns {earns}",
        anchor=False,
    )
    st.markdown(labels.typeset(answer.sentence if certain else labels.without_intervals(answer.sentence)))


TILES: tuple[tuple[str, str, str, bool, str], ...] = (
    ("Student's share", "entrant_share_of_tokens", "percent", True, "Of all tokens served in the last four weeks."),
    ("Fixed-quality price", "fixed_quality_price_change", "percent", False,
     "Cheapest posted price among offers at least as good as the median of day 0, against the market without entry."),
    ("Teacher's profit", "teacher_profit_change", "percent", False,
     "Profit since the release of the provider that sells the teacher, against the market without entry."),
    ("Student's profit", "entrant_profit_usd", "money", False, "Since the release, after training and tokens bought."),
    ("Customers' surplus", "consumer_surplus_change", "percent", False,
     "What using models is worth to customers beyond what they pay, against the market without entry."),
)  # fmt: skip


def tiles(answer: EntryAnswer, certain: bool) -> None:
    """The numbers, each with its interval."""
    with st.container(horizontal=True, gap="small"):
        for title, name, show, share, meaning in TILES:
            estimate = answer.estimates[name]
            value = (
                labels.short_money(estimate.value, signed=True)
                if show == "money"
                else labels.percent(estimate.value, signed=not share)
            )
            text = labels.interval(estimate, show, FLOORS.get(name)) if certain else "interval follows"
            st.metric(
                title, value, text, delta_color="off", delta_arrow="off", border=True, width=TILE_PX, help=meaning
            )


# Least values that make sense: no share below none, no price below nothing.
FLOORS = {"entrant_share_of_tokens": 0.0, "fixed_quality_price_change": -1.0}
TILE_PX = 171  # five in a row beside the rails, two on a phone


def pictures(context: Context, pair: Pair) -> None:
    """Prices, shares, profits and the price index, with the entry and without."""
    last = pair.draws >= context.question.draws  # earlier ones are drawn over
    st.caption(
        f"Solid: with {context.student}. Dotted: the same market without it, on the same random numbers. "
        + (
            f"Bands: from the lowest to the highest of {pair.draws} draws of what is not known about the models."
            if pair.draws
            else "Bands follow."
        )
    )
    release, event = context.release_day, context.event
    two = [context.student, context.teacher]
    prices = series.offers_over_time(pair, "price_usd_per_mtok", release)
    prices = prices[prices["name"].isin(two)]
    shares = series.three_parties(pair, "share_of_tokens", context.student, context.teacher, release)
    seller = context.teacher_provider
    profit = series.paired_change(pair, "shares", "profit_usd_per_day", seller, release, seller)
    index_name = "cheapest good offer"
    index = series.paired_change(pair, "market", "fixed_quality_price_index", index_name, release, floor=-1.0)
    left, right = st.columns(2, gap="large")
    with left:
        session.show(
            figures.over_time(
                prices, "price_usd_per_mtok", "Price", context.looks(two), event, "price",
                log=series.spans_decades(prices), step=True,
            ),
            "prices",
            files=last,
        )  # fmt: skip
        session.show(
            figures.over_time(
                profit, "change_of_profit", f"Profit of {seller}, changed by the entry",
                looks([seller], "", seller), event, "change",
            ),
            "profits",
            files=last,
        )  # fmt: skip
    with right:
        session.show(
            figures.over_time(
                shares,
                "share_of_tokens",
                "Who serves the tokens",
                context.looks([*two, series.OTHERS]),
                event,
                "percent",
            ),
            "shares",
            files=last,
        )
        session.show(
            figures.over_time(
                index, "change_of_price", "Cheapest price at a fixed quality, changed by the entry",
                looks([index_name], "", index_name), event, "change", step=True,
            ),
            "index",
            files=last,
        )  # fmt: skip


def page() -> None:
    """The page: what is known at once, then again as the draws arrive."""
    context = session.context()
    top, body, foot = st.empty(), st.empty(), st.empty()
    with st.spinner("Running the market", show_time=False):
        pair = context.paired.best_known()
    draw(context, pair, top, body)
    wanted = context.question.draws
    if pair.draws >= wanted:
        return
    for made in context.paired.refine():
        foot.progress(made / wanted, text=f"Intervals: draw {made} of {wanted} of the catalog's errors")
        if made > pair.draws and (made in SHOWN_AFTER or made == wanted) and made >= FEWEST_DRAWS:
            pair = context.paired.pair(made)
            draw(context, pair, top, body)
    foot.empty()


def draw(
    context: Context, pair: Pair, top: st.delta_generator.DeltaGenerator, body: st.delta_generator.DeltaGenerator
) -> None:
    """Everything that a pair says, in its two places."""
    answer = context.answer(pair)
    certain = pair.draws > 0
    with top.container():
        headline(answer, certain)
        tiles(answer, certain)
    with body.container():
        pictures(context, pair)


page()
