"""The map of regimes: exact where it was run, honest between, and one student run again is the cell of the table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from regime_maps import write_map

from dashboard import regime_charts, regime_map
from dashboard.load import Pair
from dashboard.regime_spot import readings_of_map, readings_of_own, scenario_at, spot
from sim.scenario.scenario import Scenario
from sim.shared.catalog import Catalog
from sim.shared.errors import InputError
from sim.study.entry import run_entry
from sim.study.regimes import AXES, COEXISTENCE, REGIMES, WAR, share_column


@pytest.fixture
def shipped() -> regime_map.RegimeMap:
    path = regime_map.find_map()
    assert path is not None
    return regime_map.read_map(path)


def four(second: str = WAR) -> pd.DataFrame:
    """Cells at the corners of a square, the dearer ones in another regime."""
    rows = []
    for quality in (0.8, 1.0):
        for cost, name in ((0.1, COEXISTENCE), (0.4, second)):
            shares = {share_column(each): float(each == name) for each in REGIMES}
            rows.append(
                {"quality_ratio": quality, "cost_ratio": cost, "regime": name, "certainty": 1.0, **shares,
                 "student_share_of_tokens": quality * cost, "largest_share_of_dollars": 0.5, "change_of_margin": -0.1,
                 "change_of_price": 0.0, "research_evaluated": False, "runs": 5}
            )  # fmt: skip
    return pd.DataFrame(rows)


def test_the_finer_grid_is_the_map_where_that_was_run(shipped: regime_map.RegimeMap) -> None:
    fine = regime_map.finer(shipped.cells)
    run = fine[fine["made"] == regime_map.RUN].sort_values(list(AXES), ignore_index=True)
    wanted = shipped.cells.sort_values(list(AXES), ignore_index=True)
    assert run[list(AXES)].equals(wanted[list(AXES)])
    assert run["regime"].tolist() == wanted["regime"].tolist()
    assert np.allclose(run["certainty"], wanted["certainty"], atol=1e-12)
    assert np.allclose(run[list(regime_map.READ_OFF)], wanted[list(regime_map.READ_OFF)], atol=1e-12)
    assert (fine["made"] == regime_map.INTERPOLATED).sum() > 5 * len(run)


def test_between_two_runs_shares_are_straight_in_quality_and_in_the_logarithm_of_cost() -> None:
    fine = regime_map.finer(four(), steps=2)
    middle = fine[np.isclose(fine["quality_ratio"], 0.8) & np.isclose(fine["cost_ratio"], 0.2)]
    assert middle["made"].tolist() == [regime_map.INTERPOLATED]
    assert middle["certainty"].tolist() == pytest.approx([0.5])
    assert middle["student_share_of_tokens"].tolist() == pytest.approx([(0.08 + 0.32) / 2])
    assert middle["regime"].tolist() == [WAR]  # of equals the first of the rules
    across = fine[np.isclose(fine["quality_ratio"], 0.9) & np.isclose(fine["cost_ratio"], 0.1)]
    assert across["student_share_of_tokens"].tolist() == pytest.approx([0.09])


def test_the_rectangles_cover_the_map_without_gaps_or_overlap() -> None:
    fine = regime_map.finer(four(), steps=4)
    width = fine["quality_high"] - fine["quality_low"]
    height = np.log(fine["cost_high"] / fine["cost_low"])
    whole = (fine["quality_high"].max() - fine["quality_low"].min()) * np.log(
        fine["cost_high"].max() / fine["cost_low"].min()
    )
    assert float((width * height).sum()) == pytest.approx(float(whole))


def test_next_to_a_cell_that_failed_nothing_is_interpolated() -> None:
    fine = regime_map.finer(four().iloc[:3], steps=2)
    assert len(fine) < 9
    assert not (np.isclose(fine["quality_ratio"], 1.0) & np.isclose(fine["cost_ratio"], 0.4)).any()
    assert (np.isclose(fine["quality_ratio"], 0.8) & np.isclose(fine["cost_ratio"], 0.2)).any()


def test_a_regimes_name_stands_on_its_own_ground(shipped: regime_map.RegimeMap) -> None:
    fine = regime_map.finer(shipped.cells)
    names = regime_map.names_at(fine).merge(fine, on=list(AXES), suffixes=("", "_there"))
    assert len(names) >= 2
    assert (names["regime"] == names["regime_there"]).all()


def test_the_rules_stand_in_their_order_with_the_maps_thresholds_and_counts(shipped: regime_map.RegimeMap) -> None:
    rules = regime_map.rules(shipped.cells, shipped.thresholds)
    assert rules["regime"].tolist() == list(REGIMES)
    assert rules["cells"].sum() == len(shipped.cells)
    said = rules.set_index("regime")["holds where"]
    assert "66.7% of all dollars" in said["winner takes all"]
    assert "10.0% below" in said[WAR]


def test_doubt_names_the_cell_in_which_draws_disagree_most() -> None:
    cells = four()
    assert regime_map.doubt(cells) == "In 4 of 4 cells all 5 runs are in one regime."
    cells.loc[1, ["certainty", share_column(WAR), share_column(COEXISTENCE)]] = 0.6, 0.6, 0.4
    said = regime_map.doubt(cells)
    assert "In 3 of 4 cells all 5 runs are in one regime, in 3 at least four in five" in said
    assert "at 0.80 of the quality and 0.4 of the cost: price war in 60.0%, coexistence in 40.0%" in said


def specification(**changes: Any) -> dict[str, Any]:
    cells = four()
    made = {"own": (0.9, 0.2), "title": "t", "own_name": "mine"} | changes
    return json.loads(regime_charts.field(cells, regime_map.finer(cells), **made).chart.to_json())


def test_the_chart_answers_clicks_and_shows_the_own_student() -> None:
    spec = specification()
    assert [param["name"] for param in spec["params"]] == [regime_charts.CLICKED]
    assert spec["params"][0]["select"]["fields"] == list(AXES)
    rows = [row for data in spec["datasets"].values() for row in data if row.get("name") == "mine"]
    assert rows[0] == {"name": "mine", "quality_ratio": 0.9, "cost_ratio": 0.2}
    without = specification(own=None)
    assert not [row for data in without["datasets"].values() for row in data if row.get("name") == "mine"]


def test_no_regime_is_told_by_colour_alone() -> None:
    layers = specification()["layer"]
    shapes = [layer["encoding"]["shape"]["scale"] for layer in layers if "shape" in layer["encoding"]]
    assert shapes
    assert shapes[0]["domain"] == layers[0]["encoding"]["color"]["scale"]["domain"]
    assert len(set(regime_charts.MARKS.values())) == len(REGIMES)
    assert {layer["encoding"]["text"]["field"] for layer in layers if "text" in layer["encoding"]} == {"regime", "name"}


def test_the_map_can_be_drawn() -> None:
    import vl_convert

    assert "<svg" in vl_convert.vegalite_to_svg(specification())


def test_a_map_without_its_manifest_is_refused(shipped: regime_map.RegimeMap, data_folder: Path) -> None:
    shipped.cells.to_parquet(data_folder / "regime_map.parquet")
    with pytest.raises(InputError, match="manifest"):
        regime_map.read_map(data_folder / "regime_map.parquet")


def test_a_cell_run_again_is_the_cell_of_the_table(data_folder: Path, tmp_path: Path, small_catalog: Catalog) -> None:
    cells = write_map(data_folder, tmp_path / "sweep", "small", small_catalog)
    found = regime_map.read_map(data_folder / "simulated" / "regime_map.parquet")
    assert found.draws == 2
    for row in cells.to_dict("records"):
        scenario = scenario_at(found.plan, row["quality_ratio"], row["cost_ratio"])
        pair = Pair(*run_entry(scenario, small_catalog, 0, catalog_draws=2), 2)
        here = spot(pair, readings_of_map(found.plan), found.thresholds)
        assert (here.regime, here.certainty) == (row["regime"], row["certainty"])
        assert here.mean("student_share") == pytest.approx(row["student_share_of_tokens"], rel=1e-12)
        assert here.mean("largest_share") == pytest.approx(row["largest_share_of_dollars"], rel=1e-12)
        assert here.mean("margin_change") == pytest.approx(row["change_of_margin"], rel=1e-9)
        assert here.mean("price_change") == pytest.approx(row["change_of_price"], rel=1e-9)
    assert cells["student_share_of_tokens"].nunique() == 4


def test_another_scenario_is_read_at_the_same_times_after_its_release(
    shipped: regime_map.RegimeMap, small_scenario: Scenario
) -> None:
    # The map's student is released on day 182 of 728, this one on day 60 of 200.
    readings = {each.metric.name: each for each in readings_of_own(shipped.plan, small_scenario)}
    assert readings["posted_prices"].day == 60 + 91
    assert readings["student_share"].day == 200
    assert readings["student_share"].metric.window_days == 140  # no day before the release
    late = small_scenario.model_copy(update={"horizon_days": 50.0})
    with pytest.raises(InputError, match="horizon_days"):
        readings_of_own(shipped.plan, late)
