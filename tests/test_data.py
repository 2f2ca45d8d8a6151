"""What ships: every file described, every number with a unit, a source and a date."""

from __future__ import annotations

import datetime
import importlib.util
import math
import re
from pathlib import Path
from types import ModuleType

import pandas as pd
import pytest

from evalsuite.distill.dose_table import DOSES, read_rows
from evalsuite.distill.plan import lines_of, read_plan
from sim.scenario.load import load_scenario, shipped_scenarios
from sim.scenario.model import CatalogModel
from sim.shared.catalog import CATALOG, read_catalog
from sim.shared.curves import CURVE_DRAWS, CURVES, shipped_curves
from sim.shared.paths import data_dir
from sim.shared.prices import PRICES, shipped_prices
from sim.shared.quality import binomial_stderr, corrected_quality, quality_of_theta, theta_stderr
from sim.shared.tables import TableSpec

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT / "data"
README = (DATA / "README.md").read_text(encoding="utf-8")
TABLES = sorted(path.name for path in DATA.glob("*.csv"))
ISO_DATE = re.compile(r"20\d\d-\d\d(-\d\d)?")


def tool(name: str) -> ModuleType:
    specification = importlib.util.spec_from_file_location(name, ROOT / "tools" / f"{name}.py")
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def described(name: str) -> dict[str, str]:
    """Column -> unit, from the section of a table in the README."""
    section = README.split(f"## `{name}`", 1)[1].split("\n## ", 1)[0]
    rows = re.findall(r"^\| `([^`]+)` \| ([^|]+) \| ([^|]+) \|", section, flags=re.MULTILINE)
    assert all(meaning.strip() for _, _, meaning in rows)
    return {column: unit.strip() for column, unit, _ in rows}


def test_the_folder_is_the_checkouts() -> None:
    assert data_dir() == DATA


def test_the_readme_lists_everything_that_ships_with_source_and_licence() -> None:
    rows = re.findall(r"^\| `([^`]+)` \|([^|]+)\|([^|]+)\|([^|]+)\|$", README.split("\n## ", 1)[0], flags=re.MULTILINE)
    assert all(cell.strip() for row in rows for cell in row)
    listed = {name.rstrip("/") for name, *_ in rows}
    shipped = {path.name for path in DATA.iterdir()} - {"README.md"}
    assert shipped <= listed


@pytest.mark.parametrize("name", TABLES)
def test_every_column_is_described_with_its_unit(name: str) -> None:
    frame = pd.read_csv(DATA / name)
    units = described(name)
    assert list(units) == list(frame.columns)
    for column in frame.columns:
        if pd.api.types.is_float_dtype(frame[column]) and frame[column].notna().any():
            assert units[column] != "-", f"{name}: {column} is a number without a unit"


@pytest.mark.parametrize("name", TABLES)
def test_every_row_names_a_source_and_a_date(name: str) -> None:
    frame = pd.read_csv(DATA / name)
    assert frame["source"].str.strip().str.len().gt(0).all()
    if "date" in frame.columns:
        assert frame["date"].str.fullmatch(ISO_DATE).all()
    else:
        assert frame["source"].str.count(ISO_DATE).ge(2).all(), "the run's date and the price's"


def test_published_models_are_a_catalog_of_cited_figures() -> None:
    frame = read_catalog(DATA / "published_models.csv").frame
    assert list(frame.columns) == CATALOG.column_names
    assert len(frame) >= 40
    assert frame["model"].is_unique
    assert set(frame["role"]) == {"published"}
    assert set(frame["quality_evidence"]) == set(frame["price_evidence"]) == {"cited"}
    assert (frame["price_in_usd_per_mtok"] > 0).all()
    assert (frame["price_out_usd_per_mtok"] >= frame["price_in_usd_per_mtok"]).all()
    assert frame["cost_in_usd_per_mtok"].isna().all()
    assert frame["licence"].str.contains("CC BY").all()


def test_published_qualities_follow_from_their_scores() -> None:
    for row in read_catalog(DATA / "published_models.csv").frame.itertuples():
        correct = row.accuracy * row.items
        quality = corrected_quality(correct, row.items, row.chance)
        stderr = binomial_stderr(correct, row.items)
        assert math.isclose(row.quality, quality, abs_tol=1e-6)
        assert math.isclose(quality_of_theta(row.theta), quality, abs_tol=1e-6)
        assert math.isclose(row.quality_stderr, stderr / 0.75, abs_tol=1e-6)
        assert math.isclose(row.theta_stderr, theta_stderr(stderr, row.theta, row.chance), abs_tol=1e-5)


def test_the_run_nearest_to_the_price_is_kept() -> None:
    def score(value: float, date: str, distance_days: int) -> dict[str, object]:
        return {
            "model": "m", "price_provider": "p", "benchmark": "Epoch GPQA diamond", "score": value, "date": date,
            "price_date": "2025-01-10", "input_usd_per_mtok": 1.0, "output_usd_per_mtok": 2.0, "price_dataset": "x",
            "quality_source": "y", "price_minus_score_days": distance_days,
        }  # fmt: skip

    source = pd.DataFrame([score(0.9, "2024-01-01", 375), score(0.5, "2025-01-12", -2), score(0.7, "2025-01-01", 9)])
    made = tool("published_models").published_models(source)
    assert made["accuracy"].tolist() == [0.5]
    assert made["released_on"].tolist() == ["2025-01-10"]


def test_scenarios_name_models_that_ship() -> None:
    models = set(read_catalog(DATA / "published_models.csv").models)
    measured = DATA / "measured" / "catalog.parquet"
    if measured.is_file():
        models |= set(read_catalog(measured).models)
    assert shipped_scenarios()
    for path in shipped_scenarios():
        named = {model.catalog for model in load_scenario(path).models if isinstance(model, CatalogModel)}
        assert named <= models


def test_prices_are_dated_positive_and_one_a_day() -> None:
    frame = shipped_prices()
    assert list(frame.columns) == PRICES.column_names
    assert not frame.duplicated(["model", "provider", "date"]).any()
    assert (frame["price_in_usd_per_mtok"] > 0).all()
    assert (frame["price_out_usd_per_mtok"] > 0).all()
    for date in frame["date"]:
        datetime.date.fromisoformat(date)


def raw_price(model: str, date: str, price: float) -> dict[str, object]:
    return {
        "model": model, "provider": "p", "date": date, "date_basis": "documented", "event": "release",
        "input_usd_per_mtok": price, "output_usd_per_mtok": 2 * price, "source": "s", "source_licence": "MIT",
        "confirmed_by": "", "note": "",
    }  # fmt: skip


def test_prices_are_only_appended() -> None:
    appended = tool("prices").appended
    kept = appended(None, pd.DataFrame([raw_price("a", "2025-01-01", 1.0), raw_price("b", "2025-02-01", 2.0)]))
    more = appended(kept, pd.DataFrame([raw_price("a", "2025-03-01", 0.5), raw_price("a", "2025-01-01", 1.0)]))
    pd.testing.assert_frame_equal(more.iloc[:2], kept)
    assert more["date"].tolist() == ["2025-01-01", "2025-02-01", "2025-03-01"]


def test_a_price_that_contradicts_a_kept_one_is_refused() -> None:
    appended = tool("prices").appended
    kept = appended(None, pd.DataFrame([raw_price("a", "2025-01-01", 1.0)]))
    with pytest.raises(ValueError, match="only appended"):
        appended(kept, pd.DataFrame([raw_price("a", "2025-01-01", 9.0)]))


def test_rents_are_positive() -> None:
    assert (pd.read_csv(DATA / "hardware.csv")["usd_per_hour"] > 0).all()


@pytest.mark.parametrize("spec", [DOSES, CURVES, CURVE_DRAWS], ids=lambda spec: str(spec.name))
def test_what_is_measured_is_described_with_its_units(spec: TableSpec) -> None:
    names = {"doses": "doses_language.csv", "curves": "curves.parquet", "curve_draws": "curve_draws.parquet"}
    assert described(f"measured/{names[spec.name]}") == {column.name: column.unit or "-" for column in spec.columns}


def test_measured_doses_and_curves_are_tables_of_distinct_rows_of_the_study() -> None:
    path = DATA / "measured" / "doses_language.csv"
    if not path.is_file():
        pytest.skip("no row of data/measured/doses_language.csv is measured yet")
    rows = read_rows(path)
    assert len(rows) == len(pd.read_csv(path))
    for row in rows.values():
        assert row["date"] >= "2026-11-24"
        assert row["accuracy"] * row["items"] == pytest.approx(round(row["accuracy"] * row["items"]))
        assert row["training_tokens"] == row["epochs"] * row["distinct_teacher_tokens"]
    curves = shipped_curves()
    assert set(curves.draws["curve"]) == set(curves.table["curve"])


@pytest.mark.teacher
def test_every_measured_row_is_a_cell_of_the_study() -> None:
    """Else a key has changed, and rows would be measured again."""
    cells = {cell for line in lines_of(read_plan("doses_language")) for cell in line.cells}
    assert set(read_rows(DATA / "measured" / "doses_language.csv")) <= cells


def test_the_text_that_people_wrote_says_what_it_is_made_from() -> None:
    human_text = tool("human_text").human_text
    prose = [
        f"Place {place:03} moved its clocks again. " + "The ministry decided accordingly. " * 8 for place in range(60)
    ]
    parts = ["  Changes to past timestamps", *(text.strip() for text in prose), "Changes to code", "a" * 300]
    news = "\n\n".join(parts)
    with pytest.raises(ValueError, match="public domain"):
        human_text(news)
    made = human_text(news + "\n\nThis file is in the public domain.\n")
    assert len(made.encode()) >= 9000
    assert "a" * 300 not in made
    shipped = (DATA / "human_text.txt").read_text(encoding="utf-8")
    assert len(shipped.encode()) >= 9000
