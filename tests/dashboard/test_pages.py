"""The pages beside the market's: what they draw against the tables and the engine, without a browser."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
from eval_run import write_run
from regime_maps import write_map
from streamlit.testing.v1 import AppTest

from dashboard import lab_tables, regime_map, session
from dashboard.load import Pair, expected
from dashboard.regime_spot import readings_of_own, spot
from evalsuite.analysis import read_run
from evalsuite.pairs import compare
from sim.scenario.load import dump_scenario, load_scenario
from sim.scenario.scenario import Scenario
from sim.shared.catalog import Catalog, shipped_catalog
from sim.study.entry import run_entry

ROOT = Path(__file__).parents[2]
APP = ROOT / "dashboard" / "app.py"
WAIT_S = 60


@pytest.fixture
def app(data_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    # What lies in the checkout's folder runs/ is no part of a test.
    place = tmp_path / "place"
    place.mkdir()
    monkeypatch.chdir(place)
    # The server's worker processes are kept from test to test; what it read of the data is not.
    for cached in (session.server_catalog, session.server_scenarios):
        cached.clear()
    test = AppTest.from_file(str(APP), default_timeout=WAIT_S)
    test.session_state["control draws"] = 0.0
    return test


@pytest.fixture(scope="module", autouse=True)
def end_the_workers() -> Iterator[None]:
    import streamlit as st

    yield
    st.cache_resource.clear()


def opened(app: AppTest, page: str, **state: str) -> AppTest:
    """A page as the first that a session opens, some widgets set beforehand."""
    for key, value in state.items():
        app.session_state[key.replace("_", " ")] = value
    app.switch_page(f"views/{page}.py").run()
    assert not app.exception
    assert not app.error
    return app


def plotted(app: AppTest, column: str) -> pd.DataFrame:
    """The rows that have a column, of all charts of the page."""
    frames = [
        pa.ipc.open_stream(part.data.data).read_pandas()
        for chart in app.get("vega_lite_chart")
        for part in chart.proto.datasets
    ]
    return pd.concat([frame for frame in frames if column in frame.columns], ignore_index=True)


def said(app: AppTest) -> str:
    """All text of the page."""
    return "\n".join(part.value for kind in (app.markdown, app.caption, app.subheader) for part in kind)


def test_without_a_map_and_without_doses_the_pages_say_which_command_makes_them(app: AppTest) -> None:
    assert regime_map.COMMAND in said(opened(app, "regimes"))
    assert "undercut sim sensitivity" in said(app)
    assert "undercut distill reproduce" in said(opened(app, "distillation"))
    opened(app, "models", models_shown="Measured here")
    assert "undercut eval run" in said(app)


def test_the_regimes_page_draws_the_map_runs_a_place_exactly_and_sets_the_rails(
    app: AppTest, data_folder: Path, tmp_path: Path, small_catalog: Catalog
) -> None:
    cells = write_map(data_folder, tmp_path / "sweep", "small", small_catalog)
    opened(app, "regimes")
    drawn = plotted(app, "certainty")
    run = drawn[drawn["made"] == "run"].drop_duplicates(["quality_ratio", "cost_ratio"])
    joined = run.merge(cells, on=["quality_ratio", "cost_ratio"], suffixes=("", "_wanted"))
    assert len(joined) == len(cells) == 4
    assert joined["regime"].tolist() == joined["regime_wanted"].tolist()
    assert (drawn["made"] == "interpolated").any()
    own = plotted(app, "quality_ratio")
    dot = own[own["name"] == "your student"].iloc[0]
    assert (dot["quality_ratio"], dot["cost_ratio"]) == (0.95, 0.1)

    base = expected(load_scenario("small"))
    pair = Pair(*run_entry(base, shipped_catalog(), 0), 0)
    found = regime_map.read_map(data_folder / "simulated" / "regime_map.parquet")
    here = spot(pair, readings_of_own(found.plan, base), found.thresholds)
    assert f"Your scenario: {here.regime}" in said(app)

    wanted = cells.iloc[1]
    app.number_input(key="regime quality").set_value(100 * wanted["quality_ratio"])
    app.number_input(key="regime cost").set_value(100 * wanted["cost_ratio"])
    app.button(key="regime run").click().run()
    assert not app.exception
    assert f"**{wanted['regime']}**, in {round(2 * wanted['certainty'])} of 2 draws" in said(app)
    exact = [part.value for part in app.dataframe if "figure" in part.value.columns][-1]
    figures = exact.set_index("figure")["mean"]
    assert figures["Student's tokens"] == f"{wanted['student_share_of_tokens']:.1%}"

    app.button(key="regime to rails").click().run()
    assert not app.exception
    assert app.slider(key="control quality_percent").value == round(100 * wanted["quality_ratio"])
    assert app.slider(key="control cost_percent").value == round(100 * wanted["cost_ratio"])


def test_the_distillation_page_draws_the_measured_tables(app: AppTest, data_folder: Path) -> None:
    for name in ("doses_language.csv", "small_worlds.csv", "judge_rl.csv"):
        shutil.copy(ROOT / "data" / "measured" / name, data_folder / "measured" / name)
    (data_folder / "studies").mkdir()
    shutil.copy(ROOT / "data" / "studies" / "doses_language.yaml", data_folder / "studies")
    opened(app, "distillation")
    lab = lab_tables.read_lab(data_folder)
    drawn = plotted(app, "tokens").dropna(subset=["seeds"]).drop_duplicates(["recipe", "epochs", "tokens"])
    wanted = lab.doses.groupby(["recipe", "epochs", "distinct_teacher_tokens"])["held_out_kl_nats"].mean()
    assert len(drawn) == len(wanted)
    for row in drawn.to_dict("records"):
        assert row["value"] == pytest.approx(wanted[(row["recipe"], row["epochs"], row["tokens"])], rel=1e-12)
    worlds = plotted(app, "queries").drop_duplicates(["name", "queries"])
    mine = lab.worlds[lab.worlds["world"] == lab.worlds["world"].iloc[0]]
    truth = mine.groupby(["method", "queries"])["truth_kl_nats"].mean()
    assert {(row.name_, row.queries): row.value for row in worlds.rename(columns={"name": "name_"}).itertuples()} == {
        key: pytest.approx(value, rel=1e-12) for key, value in truth.items()
    }
    text = said(app)
    missing = lab_tables.lacking(lab_tables.shipped_plan(), lab.doses)  # type: ignore[arg-type]
    left = int((missing["wanted"] - missing["measured"]).sum())
    assert not left or f"{left} of the study's 82 cells" in text
    assert "undercut distill run defended" in text
    app.segmented_control(key="dose outcome").set_value("accuracy").run()
    assert not app.exception
    accuracy = plotted(app, "tokens").dropna(subset=["seeds"]).drop_duplicates(["recipe", "epochs", "tokens"])
    shares = lab.doses.groupby(["recipe", "epochs", "distinct_teacher_tokens"])["accuracy"].mean()
    assert sorted(accuracy["value"]) == pytest.approx(sorted(shares))


def test_the_models_page_shows_an_eval_run_item_by_item(app: AppTest, tmp_path: Path, data_folder: Path) -> None:
    (tmp_path / "place" / "runs").mkdir()
    shutil.copy(ROOT / "data" / "hardware.csv", data_folder / "hardware.csv")
    folder = write_run(tmp_path / "place" / "runs" / "mine")
    opened(app, "models", models_shown="Measured here")
    assert not app.exception
    assert not app.error
    run = read_run(folder)
    pairs = compare(run.samples, "master", "pupil")
    drawn = plotted(app, "difference").drop_duplicates("task").set_index("task")["difference"]
    assert drawn.to_dict() == pytest.approx(pairs.set_index("task")["difference"].to_dict())
    curve = plotted(app, "line")
    assert set(curve["line"]) == {"cascade: the least sure items go up", "items go up at random"}
    counts = next(part.value for part in app.dataframe if "teacher alone is right" in part.value.columns)
    assert counts["task"].tolist() == ["facts", "digits", "riddles"]
    titles = [title for part in app.dataframe for title in part.value.columns]
    assert any(title.startswith("measured:") for title in titles)
    assert any(title.startswith("modelled:") for title in titles)
    app.selectbox(key="run verdict").set_value("student alone is right").run()
    assert not app.exception


def test_uploaded_samples_are_compared_and_what_is_wrong_is_said(app: AppTest) -> None:
    def lines(right: str) -> bytes:
        rows = [
            {"doc_id": place, "target": "0", "arguments": [["q", " yes"], ["q", " no"]], "acc": float(letter == "r"),
             "filtered_resps": [["-1", "True"], ["-2", "False"]], "doc_hash": f"{place}"}
            for place, letter in enumerate(right)
        ]  # fmt: skip
        return "\n".join(json.dumps(row) for row in rows).encode()

    opened(app, "models", models_shown="From your lm-eval files")
    kind = "application/json"
    app.file_uploader(key="files teacher").set_value([("samples_facts.jsonl", lines("rrrrrrww"), kind)])
    app.file_uploader(key="files student").set_value([("samples_facts.jsonl", b"no json", kind)])
    app.run()
    assert [("line 1" in error.value, "JSON" in error.value) for error in app.error] == [(True, True)]
    app.file_uploader(key="files student").set_value([("samples_facts.jsonl", lines("rrrwwwwr"), kind)])
    app.run()
    assert not app.error
    assert not app.exception
    assert plotted(app, "difference")["difference"].tolist()[0] == pytest.approx(-0.25)
    counts = next(part.value for part in app.dataframe if "both are wrong" in part.value.columns)
    assert counts.iloc[0].tolist() == ["samples_facts", 3, 1, 1, 3]


def test_an_own_catalog_and_scenario_are_used_and_leave_with_the_session(
    app: AppTest, small_catalog: Catalog, small_scenario: Scenario
) -> None:
    opened(app, "data")
    dear = small_catalog.frame[small_catalog.frame["model"] == "best"].assign(price_out_usd_per_mtok=99.0)
    broken = dear.assign(role="king", quality=7.0).to_csv(index=False).encode()
    app.file_uploader(key="own catalog file").set_value(("mine.csv", broken, "text/csv")).run()
    assert len(app.error) == 2
    app.file_uploader(key="own catalog file").set_value(
        ("mine.csv", dear.to_csv(index=False).encode(), "text/csv")
    ).run()
    assert not app.error
    mine = small_scenario.model_copy(update={"name": "mine", "title": "my own market"})
    app.file_uploader(key="own scenario file").set_value(("a.yaml", dump_scenario(mine).encode(), "text/yaml")).run()
    assert not app.error
    assert not app.exception
    assert app.selectbox(key="scenario").value == "mine"
    offers = app.session_state["context"].paired.best_known().with_entry.tables["offers"]
    assert set(offers[offers["offer"] == "best"]["list_output_usd_per_mtok"]) == {99.0}
    next(button for button in app.button if button.label == "Remove your scenario").click().run()
    assert not app.exception
    next(button for button in app.button if button.label == "Remove your catalog").click().run()
    assert not app.exception
    offers = app.session_state["context"].paired.best_known().with_entry.tables["offers"]
    assert set(offers[offers["offer"] == "best"]["list_output_usd_per_mtok"]) == {8.0}


def test_the_data_page_shows_every_shipped_table_with_its_dictionary(
    app: AppTest, monkeypatch: pytest.MonkeyPatch, data_folder: Path
) -> None:
    for name in ("README.md", "prices.csv"):
        shutil.copy(ROOT / "data" / name, data_folder / name)
    opened(app, "data")
    assert "prices.csv" in app.selectbox(key="shipped table").options
    app.selectbox(key="shipped table").set_value("prices.csv").run()
    assert not app.exception
    shown = [part.value for part in app.dataframe]
    assert any(list(frame.columns) == ["is", "file", "what it holds", "source", "licence"] for frame in shown)
    prices = pd.read_csv(ROOT / "data" / "prices.csv")
    assert any(list(frame.columns) == list(prices.columns) and len(frame) == len(prices) for frame in shown)
    described = next(frame for frame in shown if list(frame.columns) == ["column", "unit", "meaning"])
    assert described["column"].tolist() == list(prices.columns)
