"""Run: start a measurement, a distillation or a market from the page; progress, log, cancel, resume."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from dashboard import errands, session
from dashboard.errands import Errand
from dashboard.jobs import Job
from sim.scenario.load import shipped_scenarios
from sim.shared.errors import UndercutError
from sim.shared.paths import data_dir

MEASURE, DISTIL, MARKET = "Measure models", "Make a student", "Run a market"
LOOK_S = 1.0
LOG_LINES = 14


def chosen() -> Errand:
    """The errand that the widgets describe.

    Raises:
        InputError: if they describe none.
    """
    kind = st.segmented_control(
        "What", [MEASURE, DISTIL, MARKET], default=MEASURE, required=True, key="errand", label_visibility="collapsed"
    )
    seed = "errand seed"
    if kind == MEASURE:
        from evalsuite.models import known_models

        known = [model.name for model in known_models()]
        models = st.multiselect("Models, the teacher first", known, default=known[:1], key="errand models")
        limit = st.slider(
            "Items a task", 0, 280, 10, 10, key="errand limit", help="0: all, about a minute a model on two processors."
        )
        return errands.measure(models, known, limit)
    if kind == DISTIL:
        recipes = sorted(path.stem for path in (data_dir() / "recipes").glob("*.yaml"))
        recipe = st.selectbox("Recipe", recipes, index=recipes.index("demo") if "demo" in recipes else 0, key="recipe")
        return errands.distil(str(recipe), recipes, int(st.number_input("Seed", 0, 9999, 0, key=seed)))
    scenarios = [path.stem for path in shipped_scenarios()]
    first = scenarios.index("default") if "default" in scenarios else 0
    scenario = st.selectbox("Scenario", scenarios, index=first, key="errand scenario")
    draws = st.slider("Draws of the models' errors", 0, 64, 8, key="errand draws")
    return errands.play(str(scenario), scenarios, draws, int(st.number_input("Seed", 0, 9999, 0, key=seed)))


def start_box() -> None:
    """Choose and start."""
    with st.container(border=True):
        errand = None
        try:
            errand = chosen()
        except UndercutError as error:
            st.info(str(error), icon=":material/info:")
        if st.button("Start", type="primary", icon=":material/play_arrow:", disabled=errand is None) and errand:
            _try(lambda: session.jobs().start(session.identity(), errand.title, errand.words))


def resume_box() -> None:
    """Resume by name."""
    with st.expander("Resume a job by its name"):
        st.caption("A job is called by a name that only the page that started it has told. It runs its command again, "
                   "and takes up what it had saved.")  # fmt: skip
        name = st.text_input("Name of the job", key="job name", max_chars=40)
        if st.button("Resume", icon=":material/replay:", disabled=not name):
            _try(lambda: session.jobs().resume(session.identity(), name.strip()))


@st.fragment(run_every=LOOK_S)
def watch_box() -> None:
    """The jobs of this session, looked at every second."""
    mine = session.jobs().of(session.identity())
    st.subheader("Jobs of this session", anchor=False)
    if not mine:
        st.caption("None yet. A job ends when it is done, when it is cancelled, and a minute after this page is left.")
    for job in mine:
        with st.container(border=True):
            _draw(job)


def _draw(job: Job) -> None:
    ended = job.ended
    state = "running" if ended is None else _told(ended.reason, ended.code)
    st.markdown(f"**{job.title}**: {state}")
    if ended is None:
        done = job.progress
        st.progress(done or 0.0, text=f"{done:.0%}" if done is not None else "starting")
        st.button(
            "Cancel", key=f"cancel {job.name}", icon=":material/stop:", on_click=session.jobs().cancel, args=(job,)
        )
    lines = job.log.splitlines()[-LOG_LINES:]
    if lines:
        st.code("\n".join(lines), language=None)
    st.caption(f"Its name: `{job.name}`. From a terminal (measurements and students take up what was saved):")
    st.code(job.command, language="bash")


def _told(reason: str, code: int) -> str:
    if reason != "finished":
        return f"{reason}; what it saved is kept"
    known = {0: "done", 3: "done, some items in error", 2: "refused; see what it said"}
    return known.get(code, f"failed with exit code {code}")


def _try(act: Callable[[], object]) -> None:
    try:
        act()
    except UndercutError as error:
        st.error(str(error), icon=":material/error:")


def page() -> None:
    """The page."""
    st.header("Run it yourself", anchor=False)
    start_box()
    watch_box()
    resume_box()


page()
