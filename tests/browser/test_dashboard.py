"""Journeys in a real browser against a real server."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from dashboard import controls, regime_map
from dashboard.export import export_run
from dashboard.load import expected
from sim.results import write_result
from sim.runner import run
from sim.scenario.load import load_scenario, parse_scenario
from sim.scenario.scenario import Scenario
from sim.shared.catalog import Catalog, shipped_catalog
from sim.shared.yaml import read_yaml
from sim.study.entry import entry_answer, run_entry

pytestmark = pytest.mark.browser
PAGES = ["", "market", "compare", "regimes", "models", "distillation", "claims", "data", "run"]
HARMLESS = re.compile(r"404.*/_stcore/(health|host-config)")  # Streamlit asks for both under a page's path first


@pytest.fixture
def catalog(data_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Catalog:
    monkeypatch.setenv("UNDERCUT_DATA_DIR", str(data_folder))
    return shipped_catalog()


@pytest.fixture
def scenario(catalog: Catalog) -> Scenario:
    return expected(load_scenario("small"))


def wait_for_intervals(page: Any) -> None:
    page.wait_for_function("() => !document.body.innerText.includes('Intervals: draw')", timeout=60_000)
    page.wait_for_function("() => document.body.innerText.includes('Bands: from the lowest')", timeout=60_000)


def share_tile(page: Any) -> str:
    return str(page.locator("[data-testid=stMetricValue]").first.inner_text())


def plotted_shares(page: Any) -> list[str]:
    """What the marks of the student's share say, read from the picture itself."""
    labels = page.locator("[data-testid=stVegaLiteChart] path[aria-label*='who: student']")
    return [str(labels.nth(index).get_attribute("aria-label")) for index in range(labels.count())]


def test_a_control_moved_by_keyboard_changes_the_plotted_data_to_the_engines(
    open_page: Callable[..., Any], scenario: Scenario, catalog: Catalog
) -> None:
    page = open_page()
    wait_for_intervals(page)
    before = share_tile(page)
    slider = page.get_by_role("slider", name="Its quality")
    slider.focus()
    for _ in range(20):
        page.keyboard.press("ArrowLeft")
    changed = controls.apply(scenario, {**controls.opening(scenario), "quality_percent": 75.0})
    with_entry, without = run_entry(changed, catalog, seed=0, catalog_draws=8)
    months = min(12.0, float(int((400 - 91) / (365 / 12) - 0.5)))
    answer = entry_answer(with_entry, without, months)
    share = answer.estimates["entrant_share_of_tokens"].value
    page.wait_for_function(
        f"() => document.querySelector('[data-testid=stMetricValue]')?.innerText === '{share:.1%}'", timeout=20_000
    )
    assert share_tile(page) != before
    wait_for_intervals(page)
    page.wait_for_timeout(500)
    shares = with_entry.tables["shares"]
    mine = shares[shares["offer"] == "student"].groupby("day")["share_of_tokens"].mean()
    said = [text for text in plotted_shares(page) if "Share of tokens" in text]
    found = [re.search(r"months since the release: ([\d.]+).*Share of tokens: ([\d.]+)%", text) for text in said]
    drawn = {match[1]: match[2] for match in found if match is not None}
    assert len(drawn) >= 5
    for day, value in mine.items():
        if day % 28 == 0:
            assert drawn[f"{(float(day) - 91) / (365 / 12):.1f}"] == f"{100 * value:.1f}", day


def test_a_download_is_the_command_lines_export(
    open_page: Callable[..., Any], catalog: Catalog, tmp_path: Path
) -> None:
    page = open_page("data")
    page.wait_for_selector("text=Take it away", timeout=60_000)
    assert page.url.split("?")[1] in page.locator("[data-testid=stCode]").first.inner_text()
    for button, name in (("Scenario (YAML)", "scenario.yaml"), ("Workbook (XLSX)", "page.xlsx")):
        with page.expect_download(timeout=60_000) as waiting:
            page.get_by_role("button", name=button, exact=True).click()
        waiting.value.save_as(tmp_path / name)
    scenario = parse_scenario(read_yaml(tmp_path / "scenario.yaml"), "the download")
    write_result(run(scenario, catalog, seed=0, replications=1, catalog_draws=8), tmp_path / "run")
    export_run(tmp_path / "run", "xlsx", tmp_path / "command.xlsx")
    assert (tmp_path / "page.xlsx").read_bytes() == (tmp_path / "command.xlsx").read_bytes()


@pytest.mark.parametrize("width_px", [390, 1440])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_shows_an_error_or_needs_sideways_scrolling(
    open_page: Callable[..., Any], width_px: int, scheme: str
) -> None:
    for path in PAGES:
        page = open_page(path, width_px, scheme)
        page.wait_for_selector(
            "[data-testid=stVegaLiteChart] svg, [data-testid=stDataFrame], .stMain [data-testid=stButton]",
            timeout=60_000,
        )
        page.wait_for_timeout(300)
        assert page.locator("[data-testid=stException], [data-testid=stAlert]").count() == 0, path
        wide = page.evaluate("() => document.documentElement.scrollWidth - window.innerWidth")
        assert wide <= 0, path
        assert [error for error in page.errors if not HARMLESS.search(error)] == [], path
        page.context.close()


def test_a_click_on_the_map_runs_the_exact_model_there(open_page: Callable[..., Any], data_folder: Path) -> None:
    page = open_page("regimes")
    cells = page.locator("[data-testid=stVegaLiteChart] svg g.mark-rect path")
    cells.first.wait_for(timeout=60_000)
    cells.nth(0).click(force=True)
    page.get_by_text(re.compile(r"in \d of 2 draws")).wait_for(timeout=60_000)
    found = regime_map.read_map(data_folder / "simulated" / "regime_map.parquet")
    said = page.get_by_text(re.compile(r"^At .* of the cost: ")).inner_text()
    place = [float(number) / 100 for number in re.findall(r"([\d.]+)%", said)]
    nearest = (found.cells["quality_ratio"] - place[0]).abs() + (found.cells["cost_ratio"] - place[1]).abs()
    # The first rectangle is a corner of the map, which was run: the page finds what the table holds.
    assert nearest.min() < 0.001
    row = found.cells.loc[nearest.idxmin()]
    assert f"{row['regime']}, in {round(2 * row['certainty'])} of 2 draws" in said


@pytest.mark.parametrize("path", ["", "market"])
def test_a_link_opens_the_same_in_a_fresh_browser(open_page: Callable[..., Any], path: str) -> None:
    first = open_page()
    wait_for_intervals(first)
    slider = first.get_by_role("slider", name="Its quality")
    slider.focus()
    for _ in range(3):
        first.keyboard.press("ArrowLeft")
    first.wait_for_function("() => location.search.includes('quality_percent=92')", timeout=20_000)
    wait_for_intervals(first)
    wanted, query = share_tile(first), first.url.split("?")[1]
    again = open_page(f"{path}?{query}")
    again.wait_for_function("() => location.search.includes('quality_percent=92')", timeout=20_000)
    assert again.get_by_role("slider", name="Its quality").input_value() == "92"
    if not path:
        wait_for_intervals(again)
        assert share_tile(again) == wanted
    else:
        assert again.url.split("?")[0].endswith("/market")


def test_a_link_is_understood_as_the_first_request_of_a_fresh_server(
    browser: Any, start_server: Callable[[], AbstractContextManager[str]]
) -> None:
    with start_server() as address:
        context = browser.new_context()
        page = context.new_page()
        page.goto(f"{address}/market?v=1&scenario=small&seed=3&quality_percent=80&switching_percent=7.5")
        page.wait_for_selector("h2", timeout=60_000)
        assert page.get_by_role("heading", name="The market, offer by offer").count() == 1
        assert page.get_by_role("slider", name="Its quality").input_value() == "80"
        assert page.get_by_role("slider", name="Cost of switching").input_value() == "7.5"
        context.close()


def test_a_job_is_started_and_cancelled_and_another_session_sees_nothing_of_it(
    open_page: Callable[..., Any], jobs_folder: Path
) -> None:
    page = open_page("run")
    page.get_by_text("Run a market", exact=True).click()
    page.get_by_role("slider", name="Draws of the models' errors").wait_for(timeout=20_000)
    slider = page.get_by_role("slider", name="Draws of the models' errors")
    slider.focus()
    page.keyboard.press("End")
    page.wait_for_timeout(500)
    page.get_by_role("button", name="Start").click()
    page.get_by_text("Run the market small").wait_for(timeout=30_000)
    folder = next(jobs_folder.iterdir())
    open_page("run").get_by_text("None yet.").wait_for(timeout=30_000)
    page.get_by_role("button", name="Cancel").click()
    page.get_by_text(re.compile("cancelled; what it saved is kept|: done")).wait_for(timeout=30_000)
    assert (folder / "ended.json").is_file()
    assert [path for path in Path("/proc").glob("[0-9]*/cmdline") if str(folder.name).encode() in read(path)] == []


def read(path: Path) -> bytes:
    """What a process was called with; nothing of one that has just ended."""
    try:
        return path.read_bytes()
    except OSError:
        return b""
