"""Dated list prices: what a provider asked for a model, from which day on. Rows are appended, none is overwritten."""

from __future__ import annotations

import datetime
import difflib
import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sim.shared.errors import InputError
from sim.shared.paths import data_dir
from sim.shared.tables import Column, TableSpec, read_table

if TYPE_CHECKING:
    import pandas as pd

PRICES = TableSpec(
    name="prices",
    row="one list price of one model, in force from its date until the model's next row",
    columns=(
        Column("model", "text", "", "name under which the provider sells the model"),
        Column("provider", "text", "", "who sells it"),
        Column("date", "text", "ISO date", "first day of the price, or the day it was first seen: see date_basis"),
        Column("date_basis", "text", "", "what the date rests on; 'upper bound' where only a later sighting is known"),
        Column("event", "text", "", "release, price_change, observed or discount"),
        Column("price_in_usd_per_mtok", "number", "USD per Mtok", "list price of input tokens"),
        Column("price_out_usd_per_mtok", "number", "USD per Mtok", "list price of output tokens"),
        Column("source", "text", "", "the publication that holds the price"),
        Column("licence", "text", "", "licence of the source"),
        Column("confirmed_by", "text", "", "other publications with the same price", missing=True),
        Column("note", "text", "", "what a reader should know", missing=True),
    ),
)


@dataclass(frozen=True)
class DatedPrice:
    """One row of the table; prices in USD per Mtok, `date` an ISO date."""

    date: str
    event: str
    price_in_usd_per_mtok: float
    price_out_usd_per_mtok: float
    source: str


@dataclass(frozen=True)
class ListPrice:
    """A list price in force at a date; prices in USD per Mtok, `since` and `until` ISO dates, `until` "" for the last.

    `until` is the first day of the next price. `before` and `after` are the model's rows around this one, if any.
    """

    model: str
    provider: str
    since: str
    until: str
    price_in_usd_per_mtok: float
    price_out_usd_per_mtok: float
    source: str
    licence: str
    date_basis: str
    note: str
    before: DatedPrice | None = None
    after: DatedPrice | None = None


@functools.cache
def shipped_prices() -> pd.DataFrame:
    """The shipped table, conforming to `PRICES`, in the order of the file."""
    path = data_dir() / "prices.csv"
    return PRICES.conform(read_table(path), str(path))


def price_at(model: str, at: str, provider: str | None = None) -> ListPrice:
    """The list price of `model` in force at the ISO date `at`: its latest row that is not later.

    Raises:
        InputError: for an unknown model (names those that are near), a provider that does not sell it, several that do
            and none named, no date, or a date before the first known price.
    """
    day = _date(at)
    rows = _rows_of(model, provider)
    before = rows[rows["date"] <= day.isoformat()]
    if before.empty:
        first = rows.iloc[0]
        raise InputError(
            "--at",
            "",
            at,
            f"{first['date']} or later, the first day on which a price of {model} is known ({first['date_basis']})",
            "choose a later date",
        )
    row = before.iloc[-1]
    after = rows[rows["date"] > day.isoformat()]
    return ListPrice(
        model=model,
        provider=str(row["provider"]),
        since=str(row["date"]),
        until="" if after.empty else str(after.iloc[0]["date"]),
        price_in_usd_per_mtok=float(row["price_in_usd_per_mtok"]),
        price_out_usd_per_mtok=float(row["price_out_usd_per_mtok"]),
        source=str(row["source"]),
        licence=str(row["licence"]),
        date_basis=str(row["date_basis"]),
        note=str(row["note"]),
        before=None if len(before) < 2 else _dated(before.iloc[-2]),
        after=None if after.empty else _dated(after.iloc[0]),
    )


def _rows_of(model: str, provider: str | None) -> pd.DataFrame:
    """The rows of one model at one provider, in the order of their dates; at least one."""
    prices = shipped_prices()
    rows = prices[prices["model"] == model].sort_values("date", kind="stable")
    if rows.empty:
        names = sorted(set(prices["model"]))
        raise InputError("--model", "", model, _near(model, names), "name one of these, as the provider spells it")
    sellers = sorted(set(rows["provider"]))
    if provider is None and len(sellers) > 1:
        raise InputError("--provider", "", f"none, for {model}", ", ".join(sellers), "name the provider")
    if provider is not None and provider not in sellers:
        raise InputError("--provider", "", provider, f"{', '.join(sellers)}, for {model}", "name one of these")
    return rows if provider is None else rows[rows["provider"] == provider]


def _dated(row: pd.Series) -> DatedPrice:
    return DatedPrice(
        str(row["date"]), str(row["event"]), float(row["price_in_usd_per_mtok"]), float(row["price_out_usd_per_mtok"]),
        str(row["source"]),
    )  # fmt: skip


def _date(text: str) -> datetime.date:
    try:
        return datetime.date.fromisoformat(text)
    except ValueError as error:
        raise InputError("--at", "", text, "a date as YYYY-MM-DD, such as 2025-11-17", "correct the date") from error


def _near(model: str, names: list[str]) -> str:
    wanted = model.lower()
    inside = [name for name in names if wanted in name.lower()] if len(wanted) >= 3 else []
    close = difflib.get_close_matches(model, names, n=8, cutoff=0.5)
    found = list(dict.fromkeys([*inside, *close]))[:12]
    return ", ".join(found or names)
