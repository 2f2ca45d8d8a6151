"""The models: on the market's frontier, as an eval run measured them, and item by item, from a run or from files."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from dashboard import (
    comparisons,
    drilldown,
    eval_runs,
    figures,
    frontier,
    item_view,
    labels,
    lm_eval_file,
    session,
    studies,
)
from dashboard.jobs import OUT
from dashboard.page import Section
from dashboard.page_frames import frame_of
from dashboard.report import report_page
from dashboard.theme import REST_COLOUR, SOLID, Look, looks
from evalsuite.pairs import compare
from sim.shared.errors import UndercutError

PRICE, COST = "Price to customers", "Cost of serving"
MARKET, MEASURED, FILES = "In the market", "Measured here", "From your lm-eval files"
LETTERS = 60


def market_section() -> None:
    """Quality against price and against cost; what serving costs; the catalog."""
    context = session.context()
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
        "price that it posted. Hover, or the table: how surely each lies on the frontier, errors as wide as the bars "
        "and independent. Costs of published models are inferred from their list prices; see below."
    )
    session.show(figure, "frontier")
    st.subheader("What serving costs, and how that is known", anchor=False)
    st.caption("implied: inferred from the list price. teacher: the teacher's cost times the student's ratio.")
    st.dataframe(frontier.costs(pair), hide_index=True)
    st.subheader("The catalog", anchor=False)
    frame = session.catalog().frame
    st.caption(f"{frame['model'].nunique()} models. NaN or empty: not known.")
    st.dataframe(frame, hide_index=True, height=360)


def measured_section() -> None:
    """An eval run: everything that its report shows, and the items on which teacher and student differ."""
    own = [job.folder / OUT for job in session.jobs().of(session.identity())]
    runs = eval_runs.find_eval_runs(own)
    if not runs:
        st.markdown(
            "No eval run is here. The page Run starts one, or this does, and this page then shows it: "
            f"`{eval_runs.COMMAND}`"
        )
        catalogued_section()
        return
    folder = st.selectbox("Eval run", runs, format_func=name_of, key="eval run") if len(runs) > 1 else runs[0]
    if folder is None:
        return
    found = studies.shown_findings(folder)
    models = found.run.models
    if len(models) > 2 and found.pair is not None:
        with st.container(horizontal=True):
            teacher = st.selectbox("Teacher", models, index=models.index(found.pair.teacher), key="run teacher")
            others = [model for model in models if model != teacher]
            first = others.index(found.pair.student) if found.pair.student in others else 0
            student = st.selectbox("Student", others, index=first, key="run student")
        found = studies.shown_findings(folder, teacher, student)
    page = report_page(found)
    for sentence in page.headline:
        st.markdown(labels.typeset(sentence))
    for section in page.sections:
        draw_section(section)
        if section.title.startswith("Student minus teacher") and found.pair is not None:
            st.subheader("Item by item", anchor=False)
            suite = str(found.source.manifest.settings.get("suite", ""))
            told = drilldown.items(
                found.run.samples, found.pair.teacher, found.pair.student, drilldown.questions_of_suite(suite)
            )
            item_view.draw(told, "run")


def name_of(folder: Path) -> str:
    """A run as the list calls it."""
    return folder.parent.name if folder.name in (OUT, "eval") else folder.name


def draw_section(section: Section) -> None:
    """A section of a report: its paragraphs, charts and tables."""
    st.subheader(section.title, anchor=False)
    for paragraph in section.text:
        st.caption(paragraph.replace("$", r"\$"))
    for picture in section.pictures:
        session.show(picture.figure, f"run {picture.name}")
    for table in section.tables:
        if table.title:
            st.markdown(f"**{table.title}**")
        if table.note:
            st.caption(table.note)
        st.dataframe(frame_of(table), hide_index=True)


def catalogued_section() -> None:
    """Teacher and student as the catalog has them, where no run with items is here."""
    frame = session.catalog().frame
    mine = frame[frame["role"] != "published"]
    if mine.empty:
        return
    st.subheader("What the catalog has of measured models", anchor=False)
    columns = [
        "model", "teacher", "task_class", "items", "accuracy", "chance", "quality", "quality_stderr", "theta_gap",
        "theta_gap_stderr", "cost_ledger", "cost_in_usd_per_mtok", "cost_out_usd_per_mtok", "cost_out_ratio",
        "cost_ratio_log_stderr", "quality_evidence", "source",
    ]  # fmt: skip
    st.dataframe(mine[columns], hide_index=True)


def files_section() -> None:
    """Two models from a user's files: paired differences and items. Kept in this session alone."""
    st.caption(
        "Samples as `lm_eval --log_samples` writes them (samples_TASK_DATE.jsonl), or results files that hold samples: "
        f"the same tasks for both models, at most {lm_eval_file.LARGEST_BYTES // 2**20} MB a file. Only data is read, "
        "nothing is executed, and nothing is kept beyond this session."
    )
    left, right = st.columns(2, gap="large")
    named: dict[str, str] = {}
    uploaded: dict[str, list[tuple[str, bytes]]] = {}
    for place, role in ((left, "teacher"), (right, "student")):
        with place:
            named[role] = st.text_input(f"Name of the {role}", f"your {role}", max_chars=LETTERS, key=f"own {role}")
            many = st.file_uploader(
                f"Samples of the {role}",
                ["jsonl", "json"],
                accept_multiple_files=True,
                key=f"files {role}",
                max_upload_size=lm_eval_file.LARGEST_BYTES // 2**20,
            )
            uploaded[role] = [(file.name, file.getvalue()) for file in many]
    if not all(uploaded.values()):
        return
    teacher, student = named["teacher"].strip() or "teacher", named["student"].strip() or "student"
    if teacher == student:
        st.error("Give the two models different names.", icon=":material/error:")
        return
    both = lm_eval_file.together(
        lm_eval_file.read_answers(teacher, uploaded["teacher"]), lm_eval_file.read_answers(student, uploaded["student"])
    )
    pairs = compare(both.samples, teacher, student)
    session.show(comparisons.differences(pairs, "Student minus teacher"), "own differences")
    st.caption(
        "Percentage points with 95% intervals (Tango's). Items are taken as independent: the files do not say which "
        "share a fact. p_holm adjusts McNemar's test over the tasks."
    )
    st.dataframe(pairs, hide_index=True)
    st.subheader("Item by item", anchor=False)
    item_view.draw(drilldown.items(both.samples, teacher, student, both.questions), "own")


SECTIONS = {MARKET: market_section, MEASURED: measured_section, FILES: files_section}


def page() -> None:
    """The page."""
    st.header("Quality against price and cost", anchor=False)
    chosen = st.segmented_control(
        "Show", list(SECTIONS), default=MARKET, required=True, key="models shown", label_visibility="collapsed"
    )
    try:
        SECTIONS[str(chosen)]()
    except UndercutError as error:
        for problem in str(error).splitlines():
            st.error(problem, icon=":material/error:")


page()
