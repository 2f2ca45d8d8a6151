from __future__ import annotations

import pytest

from dashboard import labels
from sim.study.intervals import Estimate


@pytest.mark.parametrize(
    ("column", "text"),
    [
        ("price_input_usd_per_mtok", "Price of input (USD per Mtok)"),
        ("serving_cost_usd", "Serving cost (USD)"),
        ("prefill_tokens_per_s", "Prefill (tokens per second)"),
        ("wait_s", "Wait (seconds)"),
        ("provider", "Provider"),
    ],
)
def test_the_unit_comes_from_the_columns_name(column: str, text: str) -> None:
    assert labels.label(column).text == text


@pytest.mark.parametrize(
    ("value", "signed", "text"),
    [(0.0232, False, "2.3%"), (0.0232, True, "+2.3%"), (-0.412, True, "−41.2%"), (-0.0001, True, "0.0%")],
)
def test_percent(value: float, signed: bool, text: str) -> None:
    assert labels.percent(value, signed) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(15_400_000, "$15.4M"), (-810_479, "−$810k"), (999_700, "$1.00M"), (0.0, "$0"), (12.345, "$12.3")],
)
def test_short_money_has_three_digits(value: float, text: str) -> None:
    assert labels.short_money(value) == text


def test_a_sentence_without_intervals_keeps_its_numbers() -> None:
    text = labels.without_intervals("serves 2.3% [0.0%, 4.0%] of all; changes by -0.2% [-0.5%, +0.1%].")
    assert labels.typeset(text) == "serves 2.3% of all; changes by −0.2%."


def test_typesetting_leaves_names_alone() -> None:
    assert labels.typeset("its teacher gpt-5.1, by -2%") == "its teacher gpt-5.1, by −2%"


def test_an_interval_is_cut_where_the_quantity_ends() -> None:
    wide = Estimate("x", "fraction", -0.2, -1.04, 0.5, 0.0, 0.0, 0.0)
    assert labels.interval(wide, floor=-1.0) == "−100.0% to +50.0%"
    assert labels.interval(wide, floor=0.0) == "0.0% to 50.0%"
    assert labels.interval(wide) == "−104.0% to +50.0%"
