"""The claims: eleven verdicts, and for each what decided it, what would flip it, and how to run it again."""

from __future__ import annotations

import streamlit as st

from dashboard import claim_report, session
from sim.claims.registry import NAMES, claims
from sim.shared.paths import data_dir

FOLDER = "simulated/claims"
SHORT = ("claim", "verdict", "sentence", "why")
ICONS = {
    "supported": ":material/check_circle:",
    "not supported": ":material/cancel:",
    "inconclusive": ":material/help:",
}


@st.cache_resource(show_spinner=False)
def shipped(stamp_ns: int) -> claim_report.Verdicts:
    """The verdicts that ship with Undercut; read anew when their manifest is written anew."""
    return claim_report.read_verdicts(data_dir() / FOLDER)


def page() -> None:
    """The page."""
    st.header("Eleven claims, each put to a test that it can fail", anchor=False)
    manifest = data_dir() / FOLDER / "manifest.json"
    if not manifest.is_file():
        st.markdown("No verdicts ship yet: `undercut claims run` makes them, `undercut claims report` shows them.")
        rows = [
            {"Claim": claim.name, "What is claimed": claim.sentence, "Supported if": claim.criterion}
            for claim in claims()
        ]
        st.dataframe(rows, hide_index=True)
        return
    found = shipped(manifest.stat().st_mtime_ns)
    page_of = claim_report.claim_page(found)
    st.markdown(f"#### {page_of.headline[0]}")
    st.dataframe(
        found.verdicts[list(SHORT)], hide_index=True,
        column_config={"claim": "Claim", "verdict": "Verdict", "sentence": "What is claimed", "why": "What decided"},
    )  # fmt: skip
    there = [name for name in NAMES if name in set(found.verdicts["claim"])]
    chosen = st.selectbox("Claim", there, key="claim")
    section = page_of.sections[1 + list(found.verdicts["claim"]).index(chosen)]
    verdict = found.verdicts.set_index("claim").loc[chosen, "verdict"]
    st.subheader(f"{ICONS[verdict]} {chosen}: {verdict}", anchor=False)
    for paragraph in section.text:
        st.markdown(paragraph)
    for picture in section.pictures:
        session.show(picture.figure, picture.name)
    for table in section.tables:
        st.markdown(f"**{table.title}**")
        if table.note:
            st.caption(table.note)
        st.dataframe(table.frame, hide_index=True)
    st.caption(
        f"Made by `{found.manifest.command}`, {found.manifest.written_at[:10]}, version {found.manifest.version}."
    )


page()
