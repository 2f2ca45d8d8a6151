"""From column names to labels, and from numbers to text: the only place where anything is rounded."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Literal

from sim.study.intervals import Estimate

Show = Literal["text", "flag", "count", "fraction", "signed", "probability", "figures"]


@dataclass(frozen=True)
class Label:
    """How a column is called, and its unit ("" for none)."""

    title: str
    unit: str

    @property
    def text(self) -> str:
        """The title with its unit: "Price of input (USD per Mtok)"."""
        return f"{self.title} ({self.unit})" if self.unit else self.title


# Longest suffixes first: "_usd_per_mtok" ends in "_mtok".
SUFFIXES: tuple[tuple[str, str], ...] = (
    ("_usd_per_gpu_hour", "USD per GPU hour"),
    ("_usd_per_mtok", "USD per Mtok"),
    ("_usd_per_day", "USD per day"),
    ("_tokens_per_s", "tokens per second"),
    ("_bytes", "bytes"),
    ("_index", "day 0 = 1"),
    ("_ratio", "ratio"),
    ("_logits", "logits"),
    ("_share", "share"),
    ("_mtok", "Mtok"),
    ("_days", "days"),
    ("_usd", "USD"),
    ("_s", "seconds"),
)

TITLES: dict[str, Label] = {
    "price_usd_per_mtok": Label("Posted price of the market's token mix", "USD per Mtok"),
    "price_input_usd_per_mtok": Label("Price of input", "USD per Mtok"),
    "price_cached_usd_per_mtok": Label("Price of cached input", "USD per Mtok"),
    "price_output_usd_per_mtok": Label("Price of output", "USD per Mtok"),
    "price_in_usd_per_mtok": Label("List price of input", "USD per Mtok"),
    "price_out_usd_per_mtok": Label("List price of output", "USD per Mtok"),
    "cost_in_usd_per_mtok": Label("Cost of input", "USD per Mtok"),
    "cost_out_usd_per_mtok": Label("Cost of output", "USD per Mtok"),
    "share_of_tokens": Label("Share of tokens", "% of all tokens"),
    "share_of_dollars": Label("Share of dollars", "% of all that customers pay"),
    "share_of_customers": Label("Share of customers", "% of all customers"),
    "margin": Label("Margin", "% of revenue"),
    "profit_usd_per_day": Label("Profit", "USD per day"),
    "hhi_tokens": Label("Concentration by tokens (HHI)", "0 to 1"),
    "fixed_quality_price_index": Label("Cheapest price at a fixed quality", "day 0 = 1"),
    "posted_price_index": Label("Posted prices of the offers of day 0", "day 0 = 1"),
    "change_of_profit": Label("Change of profit", "% against the market without the entry"),
    "change_of_price": Label("Change of price", "% against the market without the entry"),
    "cost_of_request_usd": Label("Cost of a request, mean over task classes", "USD"),
    "quality": Label("Quality: tasks solved, corrected for guessing", "%"),
    "theta": Label("Ability", "logits"),
}


def label(column: str) -> Label:
    """The label of a column, from its name: the unit is its suffix."""
    if column in TITLES:
        return TITLES[column]
    for suffix, unit in SUFFIXES:
        if column.endswith(suffix) and len(column) > len(suffix):
            return Label(_words(column[: -len(suffix)]), unit)
    return Label(_words(column), "")


def percent(value: float, signed: bool = False) -> str:
    """0.0232 -> "2.3%"; with `signed`, "+2.3%". A true minus sign; no "-0.0%"."""
    return _number(100.0 * value, 1, signed) + "%" if math.isfinite(value) else "unknown"


def money(value: float, signed: bool = False) -> str:
    """A sum of USD in three significant digits: "USD 1.23 million", "USD 810 thousand", "USD 12.3"."""
    if not math.isfinite(value):
        return "unknown"
    scale, word = next(
        (pair for pair in ((1e9, " billion"), (1e6, " million"), (1e3, " thousand")) if abs(value) >= pair[0] * 0.9995),
        (1.0, ""),
    )
    return f"USD {_significant(value / scale, signed)}{word}"


def short_money(value: float, signed: bool = False) -> str:
    """A sum of USD for a tile: "$1.23M", "−$810k"."""
    if not math.isfinite(value):
        return "unknown"
    scale, letter = next(
        (pair for pair in ((1e9, "B"), (1e6, "M"), (1e3, "k")) if abs(value) >= pair[0] * 0.9995), (1.0, "")
    )
    sign = "−" if value < 0 else "+" if signed else ""
    return f"{sign}${_significant(abs(value) / scale)}{letter}"


def price(value: float) -> str:
    """A price in three significant digits: "USD 1.25 per Mtok"."""
    return f"USD {_significant(value)} per Mtok" if math.isfinite(value) else "unknown"


def shown(value: object, show: Show, missing: str) -> str:
    """A cell of a table for people.

    Args:
        value: of the table.
        show: "fraction" and "signed" in three decimals; "probability" likewise, or that it is smaller; "figures" in
            three significant digits; "count" whole; "flag" as yes or no; "text" as it stands.
        missing: what an empty text or NaN becomes.
    """
    if value is None or value == "" or value != value:
        return missing
    if show == "flag":
        return "yes" if value else "no"
    if show == "text":
        return str(value)
    number = float(str(value))
    if math.isinf(number):
        return "∞" if number > 0 else "−∞"
    if show == "count":
        return _number(number, 0, False)
    if show == "figures":
        return _figures(number)
    if show == "probability" and 0 < number < 0.0005:
        return "<0.001"
    return _number(number, 3, show == "signed")


def interval(estimate: Estimate, show: str = "percent", floor: float | None = None) -> str:
    """The interval of an estimate as "low to high", cut at `floor`; shares (floor 0) carry no sign."""
    low = estimate.low if floor is None else max(estimate.low, floor)
    signed = floor != 0.0
    if show == "money":
        return f"{short_money(low, signed)} to {short_money(estimate.high, signed)}"
    return f"{percent(low, signed)} to {percent(estimate.high, signed)}"


def without_intervals(sentence: str) -> str:
    """A sentence without its "[low, high]" parts, for answers whose intervals are not known yet."""
    return re.sub(r" \[[^\]]*\]", "", sentence)


def typeset(sentence: str) -> str:
    """A sentence with true minus signs."""
    return re.sub(r"(?<!\w)-(?=\d)", "−", sentence)


def _words(name: str) -> str:
    text = name.replace("_", " ").strip()
    return text[:1].upper() + text[1:]


def _figures(value: float) -> str:
    """Three significant digits, without an exponent as long as that can be read."""
    if value == 0 or 1e-7 <= abs(value) < 1e15:
        decimals = 0 if value == 0 else max(2 - math.floor(math.log10(float(f"{abs(value):.2e}"))), 0)
        return _number(value, decimals, False)
    return f"{value:.2e}"


def _significant(value: float, signed: bool = False) -> str:
    decimals = 0 if value == 0 else min(max(2 - math.floor(math.log10(float(f"{abs(value):.2e}"))), 0), 6)
    return _number(value, decimals, signed)


def _number(value: float, decimals: int, signed: bool) -> str:
    text = f"{abs(value):,.{decimals}f}"
    if not any(digit in "123456789" for digit in text):
        return text
    return ("−" if value < 0 else "+" if signed else "") + text
