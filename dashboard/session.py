"""What a page asks for: the question that the controls put, its runs, and how a figure is shown.

The server's runs and catalog are shared by all sessions; nothing of one session reaches another.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from dashboard import controls
from dashboard.drawing import alone, png, svg
from dashboard.figures import Event, Figure
from dashboard.jobs import ROOT, Jobs
from dashboard.load import Pair, PairedRuns, Question, expected, question
from dashboard.runs import Runs
from dashboard.serve import CATALOG_VARIABLE
from dashboard.theme import Look, looks
from sim.scenario.load import load_scenario, shipped_scenarios
from sim.scenario.scenario import Scenario
from sim.shared.catalog import Catalog, read_catalog, shipped_catalog
from sim.shared.errors import InputError
from sim.shared.units import DAYS_PER_MONTH
from sim.study.entry import EntryAnswer, entry_answer

MONTHS = 12.0
CONTEXT_KEY = "context"
PICTURE_PX = 880
# What a session uploaded; gone with it.
OWN_CATALOG, OWN_SCENARIO = "own catalog", "own scenario"


@dataclass(frozen=True)
class Context:
    """What all pages share in one run of the script.

    Attributes:
        question: the scenario that the controls describe.
        base: the scenario that they started from.
        student, teacher: names of offers.
    """

    question: Question
    base: Scenario
    student: str
    teacher: str
    teacher_provider: str
    release_day: float
    paired: PairedRuns

    @property
    def event(self) -> Event:
        """The release, as charts mark it."""
        return Event(0.0, f"{self.student} released")

    @property
    def months(self) -> float:
        """Months after the release that the answer speaks of: a year, or what the horizon allows."""
        left = (self.question.scenario.horizon_days - self.release_day) / DAYS_PER_MONTH
        return MONTHS if left >= MONTHS + 0.5 else float(max(int(left - 0.5), 1))

    def answer(self, pair: Pair) -> EntryAnswer:
        """The answer that a pair holds."""
        return entry_answer(pair.with_entry, pair.without, self.months)

    def looks(self, names: list[str]) -> list[Look]:
        """The look of each name; the student and the teacher keep theirs on every page."""
        return looks(names, self.student, self.teacher)


@st.cache_resource(show_spinner=False)
def runs() -> Runs:
    """The server's runs."""
    return Runs()


@st.cache_resource(show_spinner=False)
def jobs() -> Jobs:
    """The server's jobs."""
    from streamlit.runtime import get_instance

    return Jobs(ROOT, lambda name: get_instance().is_active_session(name))


def identity() -> str:
    """What tells this session from the others of the server."""
    from streamlit.runtime.scriptrunner import get_script_run_ctx

    found = get_script_run_ctx()
    return found.session_id if found else ""


@st.cache_resource(show_spinner=False)
def server_catalog() -> Catalog:
    """The catalog that the command named, else the shipped one."""
    named = os.environ.get(CATALOG_VARIABLE)
    return read_catalog(Path(named)) if named else shipped_catalog()


def catalog() -> Catalog:
    """The server's catalog, with the rows that this session uploaded in the place of its own."""
    own: Catalog | None = st.session_state.get(OWN_CATALOG)
    return server_catalog() if own is None else server_catalog().with_rows(own)


def has_own_catalog() -> bool:
    """Whether this session uploaded a catalog."""
    return st.session_state.get(OWN_CATALOG) is not None


@st.cache_resource(show_spinner=False)
def server_scenarios() -> dict[str, Scenario]:
    """The shipped scenarios in which a student enters, by name; customers in expectation."""
    found = {}
    for path in shipped_scenarios():
        scenario = expected(load_scenario(path))
        try:
            controls.defaults(scenario)
        except InputError:
            # Scenarios without a student that enters have no such answer; the command line runs them.
            continue
        found[scenario.name] = scenario
    return found


def scenarios() -> dict[str, Scenario]:
    """The scenarios that the rails may start from: the server's, and the one that this session uploaded."""
    own: Scenario | None = st.session_state.get(OWN_SCENARIO)
    return server_scenarios() if own is None else {**server_scenarios(), own.name: own}


def make_context(base: Scenario, values: controls.Values) -> Context:
    """The context of one run of the script.

    Raises:
        InputError, InputErrors: for values that the scenario refuses.
    """
    scenario = controls.apply(base, values)
    asked = question(scenario, catalog(), int(float(values["seed"])), int(float(values["draws"])))
    teacher = controls.teacher_offer_of(scenario)
    owner = next(part for part in scenario.providers if teacher in [offer.name for offer in part.offers])
    release_day = next(
        release.release_day
        for part in scenario.providers
        for release in part.lab.releases
        if release.offer == scenario.entrant and release.release_day is not None
    )
    return Context(asked, base, scenario.entrant or "", teacher, owner.name, release_day, PairedRuns(runs(), asked))


def context() -> Context:
    """The context that `app.py` made for this run of the script."""
    made: Context = st.session_state[CONTEXT_KEY]
    return made


def show(
    figure: Figure, key: str, table: bool = True, on_select: Callable[[], None] | None = None, files: bool = True
) -> None:
    """A figure with its words; its table and the figure as a file folded below.

    Args:
        figure: what is drawn.
        key: of the widget, unique on its page; names the files too.
        table: whether the fold is there.
        on_select: called when something in the chart is clicked, if its specification says that this can be.
        files: whether the figure can be taken away; once in a run of the page, however often it is drawn in it.
    """
    st.altair_chart(figure.chart, width="stretch", key=key, alt=figure.alt, on_select=on_select or "ignore")
    if not table:
        return
    with st.popover("Table and picture", type="tertiary", icon=":material/table_rows:"):
        st.dataframe(figure.table, hide_index=True, height=240)
        if not files:
            return
        with st.container(horizontal=True):
            for suffix, mime, draw in (("svg", "image/svg+xml", _svg), ("png", "image/png", _png)):
                # Drawn when asked for: a picture takes longer than a page may.
                st.download_button(
                    suffix.upper(), functools.partial(draw, figure), f"{key.replace(' ', '-')}.{suffix}", mime,
                    key=f"{suffix} of {key}", icon=":material/download:", on_click="ignore",
                )  # fmt: skip


def _svg(figure: Figure) -> bytes:
    return alone(svg(figure, PICTURE_PX, "picture")).encode()


def _png(figure: Figure) -> bytes:
    return png(figure, PICTURE_PX)
