"""Item by item on a page: how many of each verdict, the items of one, and one of them in full. Widgets."""

from __future__ import annotations

import streamlit as st

from dashboard.drilldown import TEACHER_ALONE, VERDICTS, Items

ALL = "all tasks"
MOST_SHOWN = 200


def draw(found: Items, key: str) -> None:
    """Draw a teacher's and a student's items; `key` tells their widgets from others."""
    if found.frame.empty:
        st.caption("No item was answered by both.")
        return
    st.dataframe(found.counts(), hide_index=True)
    if found.left_out:
        st.caption(f"{found.left_out} items are left out: in error for one of them, or asked of one alone.")
    with st.container(horizontal=True):
        task = st.selectbox("Task", [ALL, *dict.fromkeys(found.frame["task"])], key=f"{key} task")
        verdict = st.selectbox("Items where", list(VERDICTS), index=VERDICTS.index(TEACHER_ALONE), key=f"{key} verdict")
    mine = found.of(None if task == ALL else task, verdict)
    if mine.empty:
        st.caption(f"None: there is no item where {verdict}.")
        return
    shown = mine.head(MOST_SHOWN)
    st.caption(f"{len(mine)} items" + (f", the first {MOST_SHOWN} of them:" if len(mine) > len(shown) else ":"))
    st.dataframe(shown.drop(columns=["verdict"]), hide_index=True, height=260)
    names = [f"{row.task}: {row.item}" for row in shown.itertuples()]
    chosen = st.selectbox("In full", range(len(names)), format_func=names.__getitem__, key=f"{key} item")
    row = shown.iloc[int(chosen or 0)]
    if row["question"]:
        st.code(row["question"], language=None, wrap_lines=True)
    sure = row["students_confidence"]
    answers = [
        f"right answer: {row['right_answer']}",
        f"the teacher's: {row['teachers_answer']}",
        f"the student's: {row['students_answer']}" + (f" (sure by {sure:.0%})" if sure == sure else ""),
    ]
    st.code("\n".join(answers), language=None, wrap_lines=True)
