"""Distillation: what a student is worth for what was bought of its teacher, by method and judge, and what lacks."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from dashboard import lab_charts, lab_tables, labels, session, studies
from dashboard.lab_tables import DOSE_OUTCOMES, SAMPLED, TRUTH_KL, WORLD_OUTCOMES, Lab, Outcome

GROW = "undercut distill reproduce --minutes 30"
WORLDS = "undercut distill worlds"
DEFENDED = "undercut distill run defended"
WORLD_TITLES = {"knowledge": "Knowledge", "addition": "Addition", "countdown": "Countdown"}


def doses_section(lab: Lab) -> None:
    """Dose and response in language, and which cells of the study lack."""
    st.subheader("Dose and response", anchor=False)
    if lab.doses.empty:
        st.markdown(f"No dose is measured here yet. This measures: `{GROW}`")
        return
    known = [name for name in DOSE_OUTCOMES if lab.doses[name].notna().any()]
    outcome = str(
        st.segmented_control(
            "Outcome", known, default=known[0], required=True, key="dose outcome",
            format_func=lambda name: DOSE_OUTCOMES[name].title, label_visibility="collapsed",
        )
    )  # fmt: skip
    said = DOSE_OUTCOMES[outcome]
    points = lab_tables.dose_points(lab.doses, outcome)
    lines = lab_tables.dose_lines(lab.doses, lab.curves, outcome)
    one = lab_tables.at_one_dose(points)
    if len(one):
        ranked = "; ".join(f"**{row['name']}** {shown(row['value'], said)}" for row in one.to_dict("records"))
        st.markdown(
            f"With {one['tokens'].iloc[0]:,.0f} tokens bought, the largest dose that can be compared: {ranked}."
        )
    teacher = lab_tables.teachers_own(lab.doses, said)
    session.show(lab_charts.doses(points, lines, said, teacher), f"doses {outcome}")
    st.caption(interval_note(points, lines, outcome))
    verdicts(lab, outcome)
    lacking_box(lab)


def interval_note(points: pd.DataFrame, lines: pd.DataFrame, outcome: str) -> str:
    """What the bars are, and what has none."""
    if outcome == lab_tables.ACCURACY:
        bars = "Bars: 95% intervals over the items, taken as independent."
    elif (points["seeds"] > 1).any():
        bars = "Bars: least and largest of the seeds; a mark without a bar is one seed."
    else:
        bars = "Each mark is one seed, so there is no interval yet."
    fitted = (
        "Lines with bands are fitted curves, e + a (N + N0)^-b, with 95% bands from resampled residuals."
        if len(lines)
        else "No curve is fitted yet: that takes four doses of a recipe; dots only join the marks."
    )
    return f"{bars} {fitted}"


def verdicts(lab: Lab, outcome: str) -> None:
    """Where the fitted curves end, against the teacher."""
    mine = lab.curves.table[lab.curves.table["outcome"] == outcome]
    if mine.empty:
        return
    st.markdown("**Where the curves end**, with doses without end, against the teacher itself:")
    st.dataframe(
        pd.DataFrame(
            {
                "curve": mine["curve"],
                "ends at": [labels.shown(value, "figures", "") for value in mine["e"]],
                "95% interval": [
                    f"{labels.shown(low, 'figures', '')} to {labels.shown(high, 'figures', '')}"
                    for low, high in zip(mine["e_low"], mine["e_high"], strict=True)
                ],
                "the teacher": [labels.shown(value, "figures", "") for value in mine["teacher_outcome"]],
                "verdict": mine["verdict"],
                "points": mine["points"],
                "seeds": mine["seeds"],
            }
        ),
        hide_index=True,
    )


def lacking_box(lab: Lab) -> None:
    """What the study wants and does not have."""
    plan = lab_tables.shipped_plan()
    if plan is None:
        return
    frame = lab_tables.lacking(plan, lab.doses)
    wanted, there = int(frame["wanted"].sum()), int(frame["measured"].sum())
    if there == wanted:
        st.caption(f"All {wanted} cells of the study are measured.")
        return
    st.markdown(f"**Not measured yet**: {wanted - there} of the study's {wanted} cells. This goes on: `{GROW}`")
    with st.expander("Which"):
        st.dataframe(frame, hide_index=True)


def worlds_section(lab: Lab) -> None:
    """Methods in small worlds, whose truth is known."""
    st.subheader("Methods, where the truth is known", anchor=False)
    if lab.worlds.empty:
        st.markdown(f"No small world is measured here yet. This measures: `{WORLDS}`")
        return
    there = list(dict.fromkeys(lab.worlds["world"]))
    world = there[0]
    if len(there) > 1:
        world = str(st.selectbox("World", there, format_func=lambda name: WORLD_TITLES.get(name, name), key="world"))
    mine = lab.worlds[lab.worlds["world"] == world]
    known = [name for name in (TRUTH_KL, SAMPLED) if mine[name].notna().any()]
    key = str(
        st.segmented_control(
            "Outcome", known, default=known[0], required=True, key=f"world outcome {world}",
            format_func=lambda name: WORLD_OUTCOMES[name].title, label_visibility="collapsed",
        )
    )  # fmt: skip
    outcome = WORLD_OUTCOMES[key]
    points = lab_tables.world_points(lab.worlds, world, key)
    session.show(
        lab_charts.worlds(points, outcome, key, lab_tables.teachers_own(mine, outcome)), f"world {world} {key}"
    )
    seeds = sorted(set(points["seeds"]))
    bars = "95% intervals over questions, of all seeds together" if key == SAMPLED else "least and largest of the seeds"
    st.caption(
        f"{WORLD_TITLES.get(world, world)}: {int(mine['student_params'].iloc[0]):,} parameters, all trained on "
        f"as many tokens; seeds: {', '.join(map(str, seeds))}. Bars: {bars}. Equal answers are not equal prices: who "
        "asks for probabilities pays for reading too; `paid_usd` in the table says what."
    )
    others = [WORLD_TITLES[name] for name in WORLD_TITLES if name not in there]
    if others:
        st.markdown(f"**Not measured yet**: doses in {' and '.join(others)}. This measures them: `{WORLDS}`")


def judges_section(lab: Lab) -> None:
    """Reinforcement by judges."""
    st.subheader("A judge instead of a model answer", anchor=False)
    if lab.judges.empty:
        st.markdown(f"No judge is measured here yet. This measures: `{WORLDS} --study judge`")
        return
    points = lab_tables.judge_points(lab.judges)
    first = points[points["name"] == "teacher"]
    session.show(lab_charts.judges(points, "Right answers after the training"), "judges")
    seeds = int(points["seeds"].max())
    st.caption(
        f"Countdown, {int(lab.judges['items'].iloc[0]):,} held-out problems; the distance from the teacher is paired "
        f"by problem. {seeds} seed{'s' if seeds > 1 else ''}: the intervals are over problems, not over seeds."
    )
    if len(first):
        row = first.iloc[0]
        passed = "passes" if row["low"] > 0 else "stays below" if row["high"] < 0 else "is not told apart from"
        st.markdown(
            f"With the teacher as its judge the student {passed} its teacher: "
            f"{labels.percent(row['value'], signed=True)} ({labels.percent(row['low'], signed=True)} to "
            f"{labels.percent(row['high'], signed=True)})."
        )
    with st.expander("Rewards, and what the judges got wrong"):
        st.dataframe(
            lab.judges[
                ["condition", "seed", "sampled_share", "greedy_share", "solved_share", "first_reward", "last_reward",
                 "judge_false_positive_rate", "judge_false_negative_rate", "own_false_positive_rate",
                 "own_false_negative_rate", "paid_usd", "training_s"]
            ],
            hide_index=True,
        )  # fmt: skip


def defences_section(lab: Lab) -> None:
    """Students of defended teachers: measured ones are marks of the doses; else it is said that there are none."""
    st.subheader("Defences", anchor=False)
    defended = lab.doses[lab.doses["defences"] != ""]
    if len(defended):
        st.dataframe(defended[["recipe", "defences", "distinct_teacher_tokens", *DOSE_OUTCOMES]], hide_index=True)
        return
    st.markdown(
        "**Not measured yet**: what rounding, noise and refusals take from a student. The lab can make one: "
        f"`{DEFENDED}`. What a defence does to a market is simulated: `undercut sim compare attack attack_defended`."
    )


def published_section(lab: Lab) -> None:
    """The published runs behind the scaling law."""
    if lab.scaling.empty:
        return
    st.subheader("Published runs, at larger scale", anchor=False)
    session.show(
        lab_charts.scaling(lab_tables.scaling_points(lab.scaling), "Students of teachers of known loss"), "scaling"
    )
    st.caption(
        "Cited, not measured here: 143 million to 1.8 billion parameters; no intervals are published. The law that "
        "scenarios may use is fitted to them and cannot express a student at or below its teacher's loss; hover for "
        "its value. `undercut distill scaling` repeats the fit."
    )


def shown(value: float, outcome: Outcome) -> str:
    """A value of an outcome."""
    return labels.percent(value) if outcome.show == "percent" else labels.shown(value, "figures", "")


def page() -> None:
    """The page."""
    st.header("What a student is worth for what it took", anchor=False)
    lab = studies.shown_lab()
    doses_section(lab)
    worlds_section(lab)
    judges_section(lab)
    defences_section(lab)
    published_section(lab)


page()
