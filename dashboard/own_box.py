"""A session's own catalog and scenario: uploaded, shown, removed. Widgets; they live in the session alone."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from dashboard import session, uploads
from dashboard.session import OWN_CATALOG, OWN_SCENARIO
from sim.shared.errors import UndercutError

CATALOG_FILE, SCENARIO_FILE = "own catalog file", "own scenario file"
PROBLEMS = "own problems"
PINS, CHOSEN = "pins", "scenario"  # what else of the session may hold on to an own scenario
MOST_TOLD = 20
MB = 2**20


def draw() -> None:
    """Both uploads side by side, and what came of the last one."""
    st.caption(
        "Only data is read, nothing is executed, and nothing is kept beyond this session: it ends with the page. A "
        f"table may have {uploads.LARGEST_CATALOG_BYTES // MB} MB, a scenario 1 MB."
    )
    left, right = st.columns(2, gap="large")
    with left:
        st.file_uploader(
            "A catalog (CSV, Parquet)", ["csv", "parquet"], key=CATALOG_FILE, on_change=take_catalog,
            max_upload_size=uploads.LARGEST_CATALOG_BYTES // MB,
            help="One row a model and task class, with the columns that the dictionary of published_models.csv names. "
                 "Models of the same name replace the shipped ones.",
        )  # fmt: skip
        own = st.session_state.get(OWN_CATALOG)
        if own is not None:
            st.success(f"Your catalog is in use: {', '.join(own.models[:8])}", icon=":material/check:")
            st.button("Remove your catalog", icon=":material/close:", on_click=forget, args=(OWN_CATALOG,))
    with right:
        st.file_uploader(
            "A scenario (YAML)", ["yaml", "yml"], key=SCENARIO_FILE, on_change=take_scenario, max_upload_size=1,
            help="A market in which a student enters; the download of this page is one to start from, under another "
                 "name. The rails then start from it.",
        )  # fmt: skip
        mine = st.session_state.get(OWN_SCENARIO)
        if mine is not None:
            st.success(f"Your scenario is among the scenarios of the rails: {mine.title}", icon=":material/check:")
            st.button("Remove your scenario", icon=":material/close:", on_click=forget, args=(OWN_SCENARIO,))
    problems: list[str] = st.session_state.get(PROBLEMS, [])
    for problem in problems[:MOST_TOLD]:
        st.error(problem, icon=":material/error:")
    if len(problems) > MOST_TOLD:
        st.caption(f"{len(problems) - MOST_TOLD} problems more of the same file.")


def take_catalog() -> None:
    """Put the uploaded catalog into the session, if it is one."""
    file = st.session_state[CATALOG_FILE]
    if file is not None:
        _try(lambda: _keep(OWN_CATALOG, uploads.read_own_catalog(file.name, file.getvalue())))


def take_scenario() -> None:
    """Put the uploaded scenario into the session, if the pages can ask it, and let the rails start from it."""
    file = st.session_state[SCENARIO_FILE]
    if file is None:
        return

    def take() -> None:
        taken = session.server_scenarios()
        scenario = uploads.read_own_scenario(file.name, file.getvalue(), taken, session.catalog())
        forget(OWN_SCENARIO)
        _keep(OWN_SCENARIO, scenario)
        st.session_state[CHOSEN] = scenario.name

    _try(take)


def forget(key: str) -> None:
    """Take a session's own catalog or scenario out of it, and what rests on it."""
    gone = st.session_state.pop(key, None)
    if key == OWN_SCENARIO and gone is not None:
        st.session_state[PINS] = [pin for pin in st.session_state.get(PINS, []) if pin.base != gone.name]
        st.session_state[CHOSEN] = next(iter(session.server_scenarios()))
    elif key == OWN_CATALOG and st.session_state.get(OWN_SCENARIO) is not None:
        # Its models may have been those of the catalog.
        forget(OWN_SCENARIO)


def _keep(key: str, value: object) -> None:
    st.session_state[key] = value


def _try(act: Callable[[], None]) -> None:
    st.session_state[PROBLEMS] = []
    try:
        act()
    except UndercutError as error:
        st.session_state[PROBLEMS] = str(error).splitlines()
