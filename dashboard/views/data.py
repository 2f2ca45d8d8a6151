"""The data: what is measured, cited or assumed, every table with its dictionary, and all of it to take away."""

from __future__ import annotations

import functools

import pandas as pd
import streamlit as st

from dashboard import own_box, permalink, session, shelf
from dashboard.export import FORMATS, export_result
from dashboard.session import Context
from sim.results import RESULT_TABLES, RunResult
from sim.runner import run
from sim.scenario.load import dump_scenario
from sim.shared.tables import dictionary

FORMAT_TITLES = {
    "bundle": "Everything (zip)",
    "xlsx": "Workbook (XLSX)",
    "csv": "Tidy CSV (zip)",
    "csv-safe": "CSV for spreadsheets (zip)",
    "parquet": "Parquet (zip)",
    "md": "Page (Markdown)",
    "tex": "Tables (LaTeX)",
}


def result_of(context: Context) -> RunResult:
    """The run that the page shows, whole: as `undercut sim run` makes it from the same scenario."""
    asked = context.question
    return run(asked.scenario, asked.catalog, asked.seed, 1, asked.draws)


def content_of(context: Context, format: str, link: str) -> bytes:
    """The bytes of a download."""
    return export_result(result_of(context), format, link).content


def take_away(context: Context) -> None:
    """Downloads, and the command that makes the same."""
    scenario, asked = context.question.scenario, context.question
    st.subheader("Take it away", anchor=False)
    st.caption(
        "Made when you ask for it: about a second a draw. The command line's export of the same run has the same "
        "bytes; only the time and the host in manifest.json differ."
    )
    link = permalink.address()
    with st.container(horizontal=True):
        st.download_button(
            "Scenario (YAML)", dump_scenario(scenario), f"{scenario.name}.yaml", "application/yaml",
            icon=":material/download:", on_click="ignore",
        )  # fmt: skip
        for name, title in FORMAT_TITLES.items():
            st.download_button(
                title, functools.partial(content_of, context, name, link), f"{scenario.name}{FORMATS[name].suffix}",
                FORMATS[name].mime, key=f"download {name}", icon=":material/download:", on_click="ignore",
            )  # fmt: skip
    st.caption("This page, with this scenario, these controls and this seed, in any browser that reaches the server:")
    st.code(link, language=None)
    draws = f" --catalog-draws {asked.draws}" if asked.draws else ""
    own = " --catalog YOURS" if session.has_own_catalog() else ""
    st.code(
        f"undercut sim run {scenario.name}.yaml{own} --seed {asked.seed}{draws} --out run\n"
        "undercut export run --format xlsx --out run.xlsx",
        language="bash",
    )


def shipped_section() -> None:
    """What ships: sources and licences, and any table with its dictionary."""
    st.subheader("What ships with Undercut", anchor=False)
    found = shelf.read_shelf()
    st.caption("; ".join(f"{name}: {meaning}" for name, meaning in shelf.MEANINGS.items()) + ".")
    if found.entries:
        st.dataframe(
            pd.DataFrame(
                [
                    (part.evidence, part.name, part.holds.replace("`", ""), part.source.replace("`", ""), part.licence)
                    for part in found.entries
                ],
                columns=["is", "file", "what it holds", "source", "licence"],
            ),
            hide_index=True,
        )
    if not found.tables:
        return
    name = st.selectbox("Shipped table", found.tables, key="shipped table")
    frame = found.table(str(name))
    st.caption(f"{shelf.evidence_of(str(name)).capitalize()}: {shelf.MEANINGS[shelf.evidence_of(str(name))]}. "
               f"{len(frame):,} rows.")  # fmt: skip
    st.dataframe(frame, hide_index=True, height=300)
    columns = found.columns(str(name))
    if len(columns):
        st.dataframe(columns, hide_index=True, height=240)


def page() -> None:
    """The page."""
    context = session.context()
    st.header("Where the numbers come from", anchor=False)
    with st.spinner("Running the market", show_time=False):
        pair = context.paired.best_known()
    inputs = pair.with_entry.inputs
    st.dataframe(
        pd.DataFrame([(part.evidence, part.name, part.source) for part in inputs], columns=["is", "what", "source"]),
        hide_index=True,
    )
    take_away(context)
    st.subheader("Bring your own", anchor=False)
    own_box.draw()
    st.subheader("Tables of this run", anchor=False)
    name = st.selectbox("Table", list(pair.with_entry.tables), key="table")
    spec = next(spec for spec in RESULT_TABLES if spec.name == name)
    st.caption(f"One row: {spec.row}. All tables that the dictionary names come with the downloads.")
    st.dataframe(pair.with_entry.tables[name], hide_index=True, height=300)
    st.caption("The dictionary of all tables of a run:")
    st.dataframe(dictionary(RESULT_TABLES), hide_index=True, height=300)
    shipped_section()


page()
