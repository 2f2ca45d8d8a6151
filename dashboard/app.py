"""The web application: navigation and the two rails of controls; each page lies in `views/`."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from dashboard import permalink, rails, session
from sim.shared.errors import UndercutError

# A file of our own: named icons would be fetched from elsewhere.
ICON = str(Path(__file__).with_name("icon.svg"))
VIEWS = Path(__file__).parent / "views"
STYLE = """
<style>
.block-container {padding-top: 4.2rem; padding-bottom: 4rem; max-width: 1240px;}
[data-testid="stMetricValue"] {font-size: 1.55rem;}
[data-testid="stMetricDelta"] {font-size: .8rem;}
h2 {font-size: 1.7rem !important;}
@media (max-width: 640px) {h2 {font-size: 1.35rem !important;}}
.stMain h3 {font-size: 1.25rem;}
.stSidebar h3 {padding-top: .2rem; font-size: 1.05rem;}
</style>
"""


def main() -> None:
    """Draw the rails, then the page; a wrong input is one message on the page."""
    st.set_page_config(page_title="Undercut", page_icon=ICON, layout="wide")
    st.html(STYLE)
    page = st.navigation(
        [
            st.Page(VIEWS / "answer.py", title="Answer", icon=":material/lightbulb:", default=True),
            st.Page(VIEWS / "market.py", title="Market", icon=":material/storefront:"),
            st.Page(VIEWS / "compare.py", title="Compare", icon=":material/compare:"),
            st.Page(VIEWS / "regimes.py", title="Regimes", icon=":material/map:"),
            st.Page(VIEWS / "models.py", title="Models", icon=":material/scatter_plot:"),
            st.Page(VIEWS / "distillation.py", title="Distillation", icon=":material/science:"),
            st.Page(VIEWS / "claims.py", title="Claims", icon=":material/gavel:"),
            st.Page(VIEWS / "data.py", title="Data", icon=":material/table:"),
            st.Page(VIEWS / "run.py", title="Run", icon=":material/play_circle:"),
        ],
        position="top",
    )
    try:
        known = session.scenarios()
        link = permalink.read(known)
        for problem in link.problems:
            st.warning(f"In the address: {problem}", icon=":material/link_off:")
        with st.sidebar:
            name = opened = link.scenario or next(iter(known))
            st.session_state.setdefault("scenario", opened)
            if len(known) > 1:
                name = st.selectbox(
                    "Scenario", list(known), format_func=lambda key: known[key].title, key="scenario",
                    help="The market that the controls below start from.",
                )  # fmt: skip
            values = rails.draw(known[name], link.values if name == opened else {})
        permalink.write(name, values, rails.touched(known[name]))
        st.session_state[session.CONTEXT_KEY] = session.make_context(known[name], values)
        page.run()
    except UndercutError as error:
        st.error(str(error), icon=":material/error:")


main()
