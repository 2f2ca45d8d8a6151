"""The pages' numbers against the engine's, without a browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
from streamlit.testing.v1 import AppTest

from dashboard import controls, series
from dashboard.load import Pair, expected
from sim.scenario.load import load_scenario
from sim.shared.catalog import shipped_catalog
from sim.study.entry import entry_answer, run_entry

APP = Path(__file__).parents[2] / "dashboard" / "app.py"
WAIT_S = 60


@pytest.fixture
def app(data_folder: Path) -> Iterator[AppTest]:
    import streamlit as st

    st.cache_resource.clear()
    test = AppTest.from_file(str(APP), default_timeout=WAIT_S)
    test.session_state["control draws"] = 0.0
    yield test
    st.cache_resource.clear()


def plotted(test: AppTest, index: int) -> pd.DataFrame:
    """The lines of one chart: world, name, day, value."""
    proto = test.get("vega_lite_chart")[index].proto
    frames = [pa.ipc.open_stream(part.data.data).read_pandas() for part in proto.datasets]
    lines = [frame for frame in frames if "world" in frame.columns]
    return pd.concat(lines).drop_duplicates(["world", "name", "day"])


def engine(**values: float | str) -> Pair:
    base = expected(load_scenario("small"))
    scenario = controls.apply(base, {**controls.opening(base), **values})
    return Pair(*run_entry(scenario, shipped_catalog(), 0), 0)


def shares_of(pair: Pair) -> pd.DataFrame:
    return series.three_parties(pair, "share_of_tokens", "student", "best", 60.0)


def differs(drawn: pd.DataFrame, wanted: pd.DataFrame) -> float:
    """Largest difference between two tables of lines; infinite where they hold other lines."""
    keys = ["world", "name", "day"]
    joined = drawn.merge(wanted, on=keys, how="outer", suffixes=("", "_wanted"))
    return float((joined["value"] - joined["value_wanted"]).abs().fillna(float("inf")).max())


SHARES_CHART = 2


def test_the_first_page_draws_the_engines_numbers(app: AppTest) -> None:
    app.run()
    assert not app.exception
    assert not app.error
    assert differs(plotted(app, SHARES_CHART), shares_of(engine())) < 1e-12


def test_a_moved_control_draws_the_engines_new_numbers(app: AppTest) -> None:
    app.run()
    before = plotted(app, SHARES_CHART)
    app.slider(key="control quality_percent").set_value(60.0).run()
    after = plotted(app, SHARES_CHART)
    assert differs(after, shares_of(engine(quality_percent=60.0))) < 1e-12
    assert differs(after, before) > 0.01


def test_the_comparison_fails_when_the_controls_are_not_wired(app: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = shares_of(engine(quality_percent=60.0))
    monkeypatch.setattr(controls, "apply", lambda base, values: base)
    app.run()
    app.slider(key="control quality_percent").set_value(60.0).run()
    assert differs(plotted(app, SHARES_CHART), wanted) > 0.01


def test_reset_brings_the_opening_value_back(app: AppTest) -> None:
    app.run()
    app.slider(key="control quality_percent").set_value(60.0).run()
    app.button(key="reset quality_percent").click().run()
    assert app.slider(key="control quality_percent").value == 95.0
    assert differs(plotted(app, SHARES_CHART), shares_of(engine())) < 1e-12


def test_intervals_arrive_with_the_draws(app: AppTest) -> None:
    app.session_state["control draws"] = 4.0
    app.run()
    assert not app.exception
    assert any("[" in text.value and "%" in text.value for text in app.markdown)
    drawn = plotted(app, SHARES_CHART)
    assert (drawn["high"] - drawn["low"]).max() > 0


@pytest.mark.parametrize("page", ["market", "compare", "regimes", "models", "distillation", "claims", "data", "run"])
def test_every_page_opens_without_an_error(app: AppTest, page: str) -> None:
    app.run()
    app.switch_page(f"views/{page}.py").run()
    assert not app.exception
    assert not app.error


def test_a_wrong_input_is_one_message(app: AppTest, data_folder: Path) -> None:
    (data_folder / "published_models.csv").write_text("model\nx\n")
    app.run()
    assert not app.exception
    assert len(app.error) == 1
    assert "published_models.csv" in app.error[0].value


def test_a_link_opens_with_its_values_and_says_what_it_could_not_use(app: AppTest) -> None:
    app.query_params["quality_percent"] = "60"
    app.query_params["nonsense"] = "1"
    app.run()
    assert differs(plotted(app, SHARES_CHART), shares_of(engine(quality_percent=60.0))) < 1e-12
    assert ["nonsense" in warning.value for warning in app.warning] == [True]
    assert app.query_params["quality_percent"] in ("60", ["60"])


def test_the_address_keeps_what_was_set_even_when_it_is_the_default_again(app: AppTest) -> None:
    app.run()
    assert set(app.query_params) == {"v", "scenario", "seed", "draws"}
    app.slider(key="control quality_percent").set_value(60.0).run()
    app.slider(key="control quality_percent").set_value(95.0).run()
    assert app.query_params["quality_percent"] in ("95", ["95"])


def test_pinned_scenarios_stand_side_by_side_and_their_difference_is_split(app: AppTest) -> None:
    app.run()
    app.switch_page("views/compare.py").run()
    pin = next(button for button in app.button if button.label == "Pin this scenario")
    pin.click().run()
    app.slider(key="control quality_percent").set_value(60.0).run()
    app.slider(key="control switching_percent").set_value(10.0).run()
    next(button for button in app.button if button.label == "Pin this scenario").click().run()
    assert not app.exception
    assert not app.error
    assert differs(plotted(app, 0), shares_of(engine())) < 1e-12
    assert differs(plotted(app, 1), shares_of(engine(quality_percent=60.0, switching_percent=10.0))) < 1e-12
    proto = app.get("vega_lite_chart")[-1].proto
    frames = [pa.ipc.open_stream(part.data.data).read_pandas() for part in proto.datasets]
    steps = (
        next(frame for frame in frames if "kind" in frame.columns).drop_duplicates("name").set_index("name")["value"]
    )

    def share(**values: float) -> float:
        pair = engine(**values)
        return entry_answer(pair.with_entry, pair.without, 4.0).estimates["entrant_share_of_tokens"].value

    corners = [share(), share(switching_percent=10.0), share(quality_percent=60.0)]
    last = share(quality_percent=60.0, switching_percent=10.0)
    assert steps["First scenario"] == pytest.approx(corners[0], rel=1e-9)
    assert steps["What is assumed"] == pytest.approx(corners[1] - corners[0], rel=1e-9, abs=1e-12)
    assert steps["What players do"] == pytest.approx(corners[2] - corners[0], rel=1e-9)
    assert steps["Second scenario"] == pytest.approx(last, rel=1e-9)
