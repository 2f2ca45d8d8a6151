"""Studies of assumptions are found where they lie, and a flip is told with the value that still holds."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from dashboard import assumption_tables
from sim.shared.errors import InputErrors
from sim.shared.manifest import Manifest
from sim.shared.tables import write_parquet
from sim.study.assumptions import KIND
from sim.study.flips import FLIPS, NEVER
from sim.study.sensitivity import TORNADO


def tornado() -> pd.DataFrame:
    rows = [
        ("share", "cost", 0.5, 1.0, 1.5, 0.6, 0.4, 0.1, 0.5),
        ("profit", "cost", 0.5, 1.0, 1.5, None, 0.4, 0.1, None),
    ]
    return TORNADO.conform(pd.DataFrame(rows, columns=TORNADO.column_names), "tornado")


def flips() -> pd.DataFrame:
    head = ("small", "the student stays below a tenth", True, 0.05)
    rows = [
        (*head, "patience", 1.0, 0.0, 10.0, None, None, None, NEVER),
        (*head, "cost", 0.2, 0.0, 1.0, 0.7, 0.6, 0.5, ""),
        (*head, "quality", 0.9, 0.5, 1.0, 0.95, 0.94, 0.05, ""),
    ]
    return FLIPS.conform(pd.DataFrame(rows, columns=FLIPS.column_names), "flips")


def write_study(folder: Path, kind: str = KIND) -> Path:
    folder.mkdir(parents=True)
    for name, frame in (("tornado", tornado()), ("flips", flips())):
        write_parquet(frame, folder / f"{name}.parquet")
    Manifest(kind, f"undercut sim sensitivity {folder.name}", {"sweep": {"name": "mine"}}).write(folder)
    return folder


def test_shipped_studies_come_first_and_other_folders_are_left_alone(data_folder: Path, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    assert assumption_tables.find_studies(runs) == []
    made = write_study(runs / "sensitivity" / "mine")
    write_study(runs / "sweeps" / "other", kind="sim sweep")
    simulated = data_folder / "simulated"
    simulated.mkdir()
    write_parquet(tornado(), simulated / "entry_prior_tornado.parquet")
    assert assumption_tables.find_studies(runs) == [made]  # half of a pair is none
    write_parquet(flips(), simulated / "entry_prior_flips.parquet")
    found = assumption_tables.find_studies(runs)
    assert found == [simulated / "entry_prior_tornado.parquet", made]
    names = [assumption_tables.read_study(path).name for path in found]
    assert names == ["entry_prior", "mine"]
    assert assumption_tables.read_study(made).metrics == ["share"]  # what has a number at both ends


def test_flips_are_told_nearest_first_with_both_sides() -> None:
    told = assumption_tables.flips_in_words(flips())
    assert told["assumption"].tolist() == ["quality", "cost", "patience"]
    assert told["reversed"].tolist() == ["at 0.95 (still so at 0.94)", "at 0.7 (still so at 0.6)", NEVER]
    assert set(told["in the base"]) == {"holds"}


def test_tables_of_another_kind_are_refused(tmp_path: Path) -> None:
    folder = write_study(tmp_path / "a")
    write_parquet(pd.DataFrame({"metric": ["x"]}), folder / "tornado.parquet")
    with pytest.raises(InputErrors, match=r"tornado\.parquet"):
        assumption_tables.read_study(folder)
