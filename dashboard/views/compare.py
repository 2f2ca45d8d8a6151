"""Compare: up to four pinned scenarios on the same scales, and what a change consists of."""

from __future__ import annotations

import numpy as np
import pandas as pd
import streamlit as st

from dashboard import compare_charts, labels, pins, rails, series, session
from dashboard.controls import opening
from dashboard.load import Pair
from dashboard.pins import Pin
from dashboard.session import Context
from sim.shared.errors import UndercutError

PINS = "pins"
OUTCOMES = {
    "Student's share of tokens": ("entrant_share_of_tokens", "fraction"),
    "Fixed-quality price, changed by the entry": ("fixed_quality_price_change", "fraction"),
    "Teacher's profit, changed by the entry": ("teacher_profit_change", "fraction"),
    "Student's profit": ("entrant_profit_usd", "usd"),
    "Customers' surplus, changed by the entry": ("consumer_surplus_change", "fraction"),
}
SELLER = "the teacher's seller"


def pinned() -> list[Pin]:
    """The session's pins."""
    found: list[Pin] = st.session_state.setdefault(PINS, [])
    return found


def pin_box(context: Context) -> None:
    """Pin what the rails describe, and remove what is pinned."""
    here = Pin(context.base.name, rails.values(context.base))
    mine = pinned()
    with st.container(horizontal=True):
        if st.button("Pin this scenario", icon=":material/keep:", type="primary", disabled=here in mine):
            try:
                st.session_state[PINS] = pins.with_pin(mine, here)
            except UndercutError as error:
                st.error(str(error), icon=":material/error:")
            else:
                st.rerun()
        for number, pin in enumerate(mine):
            title = pin.title(opening(session.scenarios()[pin.base]))
            if st.button(f"{letter(number)}: {title}", key=f"unpin {number}", icon=":material/close:", help="Remove"):
                st.session_state[PINS] = [other for other in mine if other != pin]
                st.rerun()


def letter(number: int) -> str:
    """A, B, C, D."""
    return "ABCD"[number]


def context_of(pin: Pin) -> Context:
    """The context of a pin."""
    return session.make_context(session.scenarios()[pin.base], pin.values)


def multiples(contexts: list[Context], pairs: list[Pair]) -> None:
    """Each quantity in a row, each scenario in a column."""
    first = contexts[0]
    names = [f"{letter(number)}" for number in range(len(contexts))]
    shares = [
        series.three_parties(pair, "share_of_tokens", context.student, context.teacher, context.release_day)
        for context, pair in zip(contexts, pairs, strict=True)
    ]
    prices = []
    for context, pair in zip(contexts, pairs, strict=True):
        frame = series.offers_over_time(pair, "price_usd_per_mtok", context.release_day)
        prices.append(frame[frame["name"].isin([context.student, context.teacher])])
    profits = [
        series.paired_change(pair, "shares", "profit_usd_per_day", SELLER, context.release_day,
                             context.teacher_provider)
        for context, pair in zip(contexts, pairs, strict=True)
    ]  # fmt: skip
    two = [first.student, first.teacher]
    rows = (
        ("Who serves the tokens", shares, "share_of_tokens", first.looks([*two, series.OTHERS]), "percent"),
        ("Price", prices, "price_usd_per_mtok", first.looks(two), "price"),
        (
            f"Profit of {SELLER}",
            profits,
            "change_of_profit",
            first.looks([SELLER]),
            "change",
        ),
    )
    for title, frames, column, looks, show in rows:
        figures = compare_charts.multiples(
            frames, column, [f"{name}: {title}" for name in names], looks, first.event, show
        )
        for place, figure, name in zip(st.columns(len(figures)), figures, names, strict=True):
            with place:
                session.show(figure, f"compare {column} {name}", table=False)


def numbers(contexts: list[Context], pairs: list[Pair]) -> None:
    """The five numbers of each scenario."""
    rows = {}
    for number, (context, pair) in enumerate(zip(contexts, pairs, strict=True)):
        found = context.answer(pair).estimates
        rows[letter(number)] = {
            title: labels.short_money(found[name].value, signed=True)
            if kind == "usd"
            else labels.percent(found[name].value, signed="share" not in name)
            for title, (name, kind) in OUTCOMES.items()
        }
    st.dataframe(pd.DataFrame(rows).rename_axis("a year after the release").reset_index(), hide_index=True)


def corner(pin: Pin, name: str, draws: int) -> np.ndarray:
    """An outcome over the draws of the catalog's errors, shape (draws,); of the point estimate alone for 0."""
    context = context_of(pin)
    pair = context.paired.pair(draws)
    if not draws:
        return np.array([context.answer(pair).estimates[name].value])
    return np.array([context.answer(one).estimates[name].value for one in pair.by_draw()])


def waterfall(mine: list[Pin]) -> None:
    """What the change from one scenario to another consists of."""
    st.subheader("What the change consists of", anchor=False)
    names = [letter(number) for number in range(len(mine))]
    with st.container(horizontal=True):
        first = st.selectbox("From", names, index=0, key="from")
        second = st.selectbox("To", names, index=len(names) - 1, key="to")
        outcome = st.selectbox("Outcome", list(OUTCOMES), key="outcome")
    before, after = mine[names.index(str(first))], mine[names.index(str(second))]
    if before == after:
        st.caption("Choose two different scenarios.")
        return
    if before.base != after.base:
        st.caption("Two scenarios that start from different markets differ in more than the controls say.")
        return
    name, kind = OUTCOMES[str(outcome)]
    place = st.empty()
    world, players = pins.changed(before, after, "world"), pins.changed(before, after, "players")
    st.caption(
        f"Assumed otherwise: {'; '.join(world) or 'nothing'}. Players do otherwise: {'; '.join(players) or 'nothing'}. "
        "Both together: what the two cause jointly, beyond the sum of each alone. Orange: from the lowest to the "
        "highest of the draws of what is not known about the models, as soon as they are made."
    )
    # The point estimate at once, then again with the draws.
    for draws in dict.fromkeys((0, int(float(after.values["draws"])))):
        with st.spinner("Running the scenarios between the two", show_time=False):
            corners = [
                corner(pin, name, draws)
                for pin in (before, pins.mixed(after, before), pins.mixed(before, after), after)
            ]  # fmt: skip
        figure = compare_charts.waterfall(
            float(corners[0].mean()), pins.steps(*corners), float(corners[3].mean()),
            f"{outcome}: from {first} to {second}",
            "USD" if kind == "usd" else "%", "$.3~s" if kind == "usd" else ".1%",
        )  # fmt: skip
        with place.container():
            session.show(figure, f"waterfall {draws}")


def page() -> None:
    """The page."""
    context = session.context()
    st.header("Scenarios side by side", anchor=False)
    pin_box(context)
    mine = pinned()
    if not mine:
        st.caption("Set the rails as you like, pin the scenario, change something, and pin again: up to four.")
        return
    contexts = [context_of(pin) for pin in mine]
    with st.spinner("Running the markets", show_time=False):
        pairs = [one.paired.best_known() for one in contexts]
    numbers(contexts, pairs)
    multiples(contexts, pairs)
    if len(mine) > 1:
        waterfall(mine)


page()
