"""Dated rents of accelerators: what an hour of a device cost at a date, from the shipped `hardware.csv`."""

from __future__ import annotations

import datetime
import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sim.shared.errors import InputError
from sim.shared.paths import data_dir
from sim.shared.roofline import ACCELERATORS, Accelerator

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class DatedRent:
    """The rent of one device: USD per hour, who asked it, since when (an ISO date or month) and where that stands."""

    hardware: str
    offer: str
    usd_per_hour: float
    date: str
    source: str


def accelerator(name: str, source: str = "--accelerator", field: str = "") -> Accelerator:
    """The device of that name, with its speeds.

    Raises:
        InputError: if no speeds are known of it; lists the names.
    """
    for device in ACCELERATORS:
        if device.name == name:
            return device
    known = ", ".join(device.name for device in ACCELERATORS)
    raise InputError(source, field, name, known, "name one of them")


def rent_at(name: str, at: datetime.date, source: str = "--accelerator", field: str = "") -> DatedRent:
    """The cheapest rent of the device among those dated on or before a day.

    Raises:
        InputError: if no rent is known of it so early; says from which date on one is.
    """
    table = _rents()
    rows = table[table["hardware"] == name]
    known = rows[rows["date"].str[:10] <= at.isoformat()[:10]].sort_values(["usd_per_hour", "offer"])
    if known.empty:
        first = rows["date"].min() if len(rows) else ""
        allowed = f"a date from {first} on" if first else f"one of {', '.join(sorted(set(table['hardware'])))}"
        raise InputError(
            source, field, f"{name} on {at}", f"{allowed}, of which hardware.csv has a rent", "state rent_usd_per_hour"
        )
    row = known.iloc[0]
    return DatedRent(name, str(row["offer"]), float(row["usd_per_hour"]), str(row["date"]), str(row["source"]))


@functools.cache
def _rents() -> pd.DataFrame:
    import pandas as pd

    return pd.read_csv(data_dir() / "hardware.csv", dtype={"date": str})
