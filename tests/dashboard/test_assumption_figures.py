"""Charts of assumptions: the bars end where the table says, and the map shows what is in it and nothing else."""

from __future__ import annotations

import pandas as pd

from dashboard.assumption_figures import COLOURS, regimes, tornado
from sim.study.regimes import COEXISTENCE, REGIMES, WAR


def ends() -> pd.DataFrame:
    rows = [
        ("share", "cost", 0.5, 1.0, 1.5, 0.6, 0.4, 0.1, 0.5),
        ("share", "quality", 0.3, 0.5, 0.7, 0.39, 0.4, 0.41, 0.02),
        ("share", "failed", 0.3, 0.5, 0.7, 0.4, 0.4, None, None),
        ("margin", "cost", 0.5, 1.0, 1.5, 0.9, 0.8, 0.7, 0.2),
    ]
    columns = ["metric", "parameter", "low", "base", "high", "at_low", "at_base", "at_high", "swing"]
    return pd.DataFrame(rows, columns=columns)


def test_a_tornado_has_two_bars_an_assumption_around_the_base() -> None:
    figure = tornado(ends(), "share", "What moves the student's share", "% of tokens")
    spec = figure.chart.to_dict()
    bars, rule = (spec["datasets"][layer["data"]["name"]] for layer in spec["layer"])
    assert {(bar["parameter"], bar["value"]) for bar in bars} == {
        ("cost", 0.6), ("cost", 0.1), ("quality", 0.39), ("quality", 0.41),
    }  # fmt: skip
    assert [row["value"] for row in rule] == [0.4]
    assert spec["layer"][0]["encoding"]["y"]["sort"] == ["cost", "quality"]
    assert figure.alt == "cost moves share most: from 0.6 to 0.1, around 0.4."


def test_a_tornado_of_nothing_says_so() -> None:
    assert "No assumption" in tornado(ends().iloc[2:3], "share", "t", "u").alt


def cells() -> pd.DataFrame:
    return pd.DataFrame(
        [
            (0.9, 0.1, COEXISTENCE, 1.0, 0.3, 0.4, -0.1, -0.02),
            (1.0, 0.1, WAR, 0.625, 0.4, 0.5, -0.2, -0.12),
        ],
        columns=[
            "quality_ratio", "cost_ratio", "regime", "certainty", "student_share_of_tokens", "largest_share_of_dollars",
            "change_of_margin", "change_of_price",
        ],
    )  # fmt: skip


def test_the_map_colours_each_regime_that_is_there() -> None:
    figure = regimes(cells(), "What an entry leads to")
    scale = figure.chart.to_dict()["encoding"]["color"]["scale"]
    assert scale == {"domain": [WAR, COEXISTENCE], "range": [COLOURS[WAR], COLOURS[COEXISTENCE]]}
    assert figure.alt == "Price war in 1 of 2 cells; coexistence in 1 of 2 cells."


def test_every_regime_has_a_colour_of_its_own() -> None:
    assert set(COLOURS) == set(REGIMES)
    assert len(set(COLOURS.values())) == len(REGIMES)


def test_the_map_can_be_drawn() -> None:
    import vl_convert

    assert "<svg" in vl_convert.vegalite_to_svg(regimes(cells(), "t").chart.to_json())
