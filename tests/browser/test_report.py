"""The report in a real browser, from a file, without a network and without scripts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from eval_run import write_run

from dashboard.report import write_report

pytestmark = pytest.mark.browser
OpenReport = Callable[[int, str], Any]
WIDTHS_PX = (390, 1440)
DARK, LIGHT = "rgb(20, 23, 26)", "rgb(255, 255, 255)"


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("report")
    write_report(write_run(place / "run", models=("a-teacher-with-a-long-name", "pupil", "third")), place / "report")
    return place / "report"


@pytest.fixture
def open_report(browser: Any, report: Path) -> Iterator[OpenReport]:
    contexts = []

    def opened(width_px: int, scheme: str) -> Any:
        context = browser.new_context(
            viewport={"width": width_px, "height": 1000}, color_scheme=scheme, java_script_enabled=False, offline=True
        )
        contexts.append(context)
        page = context.new_page()
        page.goto((report / "report.html").as_uri())
        return page

    yield opened
    for context in contexts:
        context.close()


@pytest.mark.parametrize("width_px", WIDTHS_PX)
def test_nothing_is_wider_than_the_screen(open_report: OpenReport, width_px: int) -> None:
    page = open_report(width_px, "light")
    assert page.locator("main").bounding_box()["width"] <= width_px
    assert page.evaluate("document.documentElement.scrollWidth") <= width_px
    shown = [box for box in (svg.bounding_box() for svg in page.locator("figure svg").all()) if box]
    assert len(shown) == 4  # one drawing of each chart
    assert all(box["x"] >= 0 and box["x"] + box["width"] <= width_px for box in shown)


@pytest.mark.parametrize("width_px", WIDTHS_PX)
def test_the_text_of_a_chart_lies_inside_it(open_report: OpenReport, width_px: int) -> None:
    page = open_report(width_px, "light")
    for figure in page.locator("figure div:visible").all():
        frame = figure.bounding_box()
        for text in figure.locator("svg text:visible").all():
            box = text.bounding_box()
            if box is None or not text.text_content():
                continue
            assert box["x"] >= frame["x"] - 1, text.text_content()
            assert box["x"] + box["width"] <= frame["x"] + frame["width"] + 1, text.text_content()


@pytest.mark.parametrize(
    ("scheme", "page_colour", "ink"), [("light", LIGHT, "31, 35, 40"), ("dark", DARK, "230, 230, 230")]
)
def test_page_and_charts_follow_the_reader_s_scheme(
    open_report: OpenReport, scheme: str, page_colour: str, ink: str
) -> None:
    page = open_report(1440, scheme)
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == page_colour
    label = page.locator("figure div.wide svg .role-axis-label text").first
    assert ink in label.evaluate("node => getComputedStyle(node).fill")
