"""What pages show besides runs of the market, read once a server: the map of regimes, studies, measured tables.

Nothing here belongs to a session, so everything may be shared. A file that is written anew is read anew.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from dashboard import assumption_tables, regime_map
from dashboard.assumption_tables import Study
from dashboard.findings import Findings, read_findings
from dashboard.lab_tables import Lab, read_lab
from dashboard.regime_map import RegimeMap
from sim.shared.manifest import MANIFEST_NAME
from sim.shared.paths import data_dir

if TYPE_CHECKING:
    import pandas as pd


def shown_map() -> tuple[RegimeMap, pd.DataFrame] | None:
    """The map of regimes with its finer grid; None where there is none."""
    path = regime_map.find_map()
    return None if path is None else _map(path, path.stat().st_mtime_ns)


def shown_studies() -> list[Study]:
    """The studies of assumptions that are there, shipped ones first."""
    return [_study(path, path.stat().st_mtime_ns) for path in assumption_tables.find_studies()]


@st.cache_resource(show_spinner=False, max_entries=8)
def _map(path: Path, written_ns: int) -> tuple[RegimeMap, pd.DataFrame]:
    found = regime_map.read_map(path)
    return found, regime_map.finer(found.cells)


@st.cache_resource(show_spinner=False, max_entries=16)
def _study(path: Path, written_ns: int) -> Study:
    return assumption_tables.read_study(path)


def shown_lab() -> Lab:
    """What the distillation lab measured, as it ships."""
    files = [path for path in (data_dir() / "measured").glob("*") if path.suffix in (".csv", ".parquet")]
    return _lab(data_dir(), max((path.stat().st_mtime_ns for path in files), default=0))


@st.cache_resource(show_spinner=False, max_entries=4)
def _lab(folder: Path, written_ns: int) -> Lab:
    return read_lab(folder)


def shown_findings(folder: Path, teacher: str | None = None, student: str | None = None) -> Findings:
    """What an eval run says of a pair of its models; by default of the pair that its report is about.

    Raises:
        InputError: if the folder is no eval run or was changed.
    """
    return _findings(folder, (folder / MANIFEST_NAME).stat().st_mtime_ns, teacher, student)


@st.cache_resource(show_spinner=False, max_entries=8)
def _findings(folder: Path, written_ns: int, teacher: str | None, student: str | None) -> Findings:
    return read_findings(folder, teacher, student)
