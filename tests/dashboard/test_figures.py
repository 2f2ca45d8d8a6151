from __future__ import annotations

import json
from typing import Any

import pandas as pd
import pytest

from dashboard import drawing, figures
from dashboard.series import WITH, WITHOUT
from dashboard.theme import looks

EVENT = figures.Event(0.0, "student released")


@pytest.fixture
def frame() -> pd.DataFrame:
    rows = [
        (day, name, world, value + day / 100, value, value + 1, (day - 28) / 30)
        for day in (0.0, 28.0, 56.0)
        for name, value in (("student", 1.0), ("teacher", 20.0))
        for world in (WITH, WITHOUT)
    ]
    return pd.DataFrame(rows, columns=["day", "name", "world", "value", "low", "high", "month"])


def specification(figure: figures.Figure) -> dict[str, Any]:
    return json.loads(figure.chart.to_json())


def made(frame: pd.DataFrame, **options: Any) -> figures.Figure:
    return figures.over_time(
        frame, "price_usd_per_mtok", "Price", looks(["student", "teacher"], "student", "teacher"), EVENT, **options
    )


def marks(spec: dict[str, Any]) -> list[str]:
    return [layer["mark"]["type"] for layer in spec["layer"]]


def test_a_chart_states_its_unit_its_event_and_its_band(frame: pd.DataFrame) -> None:
    spec = specification(made(frame))
    assert spec["title"]["subtitle"] == "USD per Mtok"
    assert marks(spec) == ["rule", "text", "area", "line", "line", "point"]
    assert "student released" in json.dumps(spec["datasets"])


def test_a_chart_says_in_words_where_each_line_goes(frame: pd.DataFrame) -> None:
    assert "student from 1 to 1.56 USD per Mtok" in made(frame).alt


def test_without_uncertainty_there_is_no_band(frame: pd.DataFrame) -> None:
    certain = frame.assign(low=frame["value"], high=frame["value"])
    assert "area" not in marks(specification(made(certain)))


def test_a_logarithmic_axis_is_one_and_says_so(frame: pd.DataFrame) -> None:
    spec = specification(made(frame, log=True))
    assert "logarithmic" in spec["title"]["subtitle"]
    scales = [layer["encoding"]["y"]["scale"]["type"] for layer in spec["layer"] if layer["mark"]["type"] == "line"]
    assert scales == ["log", "log"]


def test_no_two_lines_differ_by_colour_alone() -> None:
    every = looks([f"offer {number}" for number in range(5)] + ["student", "teacher"], "student", "teacher")
    dashed = [look for look in every if look.name.startswith("offer")]
    assert len({look.dash for look in dashed}) == 5
    assert len({(look.colour, look.dash) for look in every}) == 7


def test_names_of_models_do_not_meet() -> None:
    points = pd.DataFrame(
        {
            "name": ["a", "b", "c"], "x": [1.0, 1.1, 5.0], "value": [0.80, 0.801, 0.5], "low": 0.4, "high": 0.9,
            "group": ["student", "teacher", "teacher"], "on_frontier": [True, False, True], "evidence": "cited",
        }
    )  # fmt: skip
    told = looks(["student", "teacher"], "student", "teacher")
    spec = specification(figures.frontier(points, "Frontier", "price_output_usd_per_mtok", told, None))
    places = [row["label_at"] for data in spec["datasets"].values() for row in data if "label_at" in row]
    gaps = [upper - lower for upper, lower in zip(sorted(places)[1:], sorted(places), strict=False)]
    assert min(gaps) >= figures.LABEL_GAP * 0.5 - 1e-9


def test_no_two_of_many_series_look_alike() -> None:
    found = looks([f"offer {number}" for number in range(25)], "", "")
    assert len({(look.colour, look.dash) for look in found}) == 25


def test_a_chart_comes_as_a_picture_of_both_kinds(frame: pd.DataFrame) -> None:
    drawn = drawing.alone(drawing.svg(made(frame), 600, "picture"))
    assert drawn.startswith("<svg")
    assert "currentColor" in drawn
    pixels = drawing.png(made(frame), 600)
    assert pixels.startswith(b"\x89PNG")
    width = int.from_bytes(pixels[16:20], "big")
    assert width == pytest.approx(2 * 600, abs=4)
