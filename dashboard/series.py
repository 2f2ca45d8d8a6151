"""From paired runs to what charts draw: one mean and one band a day, with the entry and without. Pure.

The band is that of `sim.study.intervals`, the catalog's errors and the simulation's together, for many days at once.
"""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING

import numpy as np

from dashboard.load import Pair
from sim.metrics import RUN
from sim.shared.units import DAYS_PER_MONTH
from sim.study.intervals import LEVEL, lower_tail

if TYPE_CHECKING:
    import pandas as pd

WITH, WITHOUT = "with the entry", "without it"
OTHERS = "all other offers"


def banded(frame: pd.DataFrame, column: str, by: list[str], floor: float | None = 0.0) -> pd.DataFrame:
    """Mean and band of `column` over runs: one row for each combination of `by`, with value, low, high.

    Args:
        frame: holds (catalog_draw, replication), the columns `by`, and `column`.
        floor: the least value that the column can take, at which the band ends; None for no such value.
    """
    import pandas as pd

    wide = frame.dropna(subset=[column]).pivot_table(index=by, columns=RUN, values=column, aggfunc="sum", sort=True)
    draws = len(wide.columns.unique(0))
    # An offer that has left the market in some runs is absent there; its mean is over the runs that have it.
    values = wide.to_numpy().reshape(len(wide), draws, -1)
    mean, low, high = _mean_and_ends(values)
    if floor is not None:
        low = np.maximum(low, floor)
    if column.startswith("share_of") or column in ("margin", "quality"):
        high = np.minimum(high, 1.0)
    return pd.DataFrame({"value": mean, "low": low, "high": high}, index=wide.index).reset_index()


def _mean_and_ends(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean and ends, shape (N,) each, of values (N, D, R): `sim.study.intervals.estimate`, row by row."""
    from scipy.stats import t

    _, draws, replications = values.shape
    mean = np.nanmean(values, axis=(1, 2))
    by_draw = np.nanmean(values, axis=2)
    if draws > 1:
        tail = lower_tail(draws)
        low, high = np.nanquantile(by_draw, [tail, 1.0 - tail], axis=1, method="weibull")
        return mean, low, high
    degrees = replications - 1
    if not degrees:
        return mean, mean, mean
    within = np.nansum((values - by_draw[:, :, None]) ** 2, axis=(1, 2)) / degrees
    reach = np.sqrt(within / replications) * float(t.ppf(0.5 + LEVEL / 2, degrees))
    return mean, mean - reach, mean + reach


def offers_over_time(pair: Pair, column: str, release_day: float, both: bool = True) -> pd.DataFrame:
    """A column of the table `shares` by offer: month, day, name, world, value, low, high."""
    return _worlds(pair, "shares", column, ["offer"], release_day, both).rename(columns={"offer": "name"})


def providers_profit(pair: Pair, release_day: float, both: bool = True) -> pd.DataFrame:
    """Revenue less serving cost of what a provider sells, USD per day: month, day, name, world, value, low, high.

    A rate, because the last interval of a run is shorter than the others.
    """
    column = "profit_usd_per_day"
    return _worlds(pair, "shares", column, ["provider"], release_day, both, None).rename(columns={"provider": "name"})


def paired_change(
    pair: Pair,
    table: str,
    column: str,
    name: str,
    release_day: float,
    provider: str | None = None,
    floor: float | None = None,
) -> pd.DataFrame:
    """Relative change of a column by the entry, run by run on the same random numbers: month, day, name, world, value,
    low, high. The market without the entry is the 0 of the scale.
    """
    import pandas as pd

    sides = []
    for result in (pair.with_entry, pair.without):
        rows = with_rates(result.tables[table])
        if provider is not None:
            rows = rows[rows["provider"] == provider]
        sides.append(rows.groupby([*RUN, "day"])[column].sum())
    entered, without = sides
    change = ((entered - without) / without.abs()).where(without.abs() > 0).dropna().rename("change").reset_index()
    change = banded(change, "change", ["day"], floor).assign(name=name, world=WITH)
    nothing = pd.DataFrame(
        {"day": change["day"], "value": 0.0, "low": 0.0, "high": 0.0, "name": name, "world": WITHOUT}
    )
    return _since_release(pd.concat([change, nothing], ignore_index=True), release_day)


def market_over_time(pair: Pair, column: str, name: str, release_day: float) -> pd.DataFrame:
    """A column of the table `market`, under the given name."""
    return _worlds(pair, "market", column, [], release_day, True).assign(name=name)


def three_parties(pair: Pair, column: str, student: str, teacher: str, release_day: float) -> pd.DataFrame:
    """A share by party: the student, its teacher, and all other offers together."""

    def grouped(table: pd.DataFrame) -> pd.DataFrame:
        party = table["offer"].where(table["offer"].isin([student, teacher]), OTHERS).astype(str)
        return table.assign(name=party).groupby([*RUN, "day", "name"], as_index=False)[column].sum()

    import pandas as pd

    sides = [
        banded(grouped(result.tables["shares"]), column, ["day", "name"]).assign(world=world)
        for result, world in ((pair.with_entry, WITH), (pair.without, WITHOUT))
    ]
    return _since_release(pd.concat(sides, ignore_index=True), release_day)


def _worlds(
    pair: Pair, table: str, column: str, by: list[str], release_day: float, both: bool, floor: float | None = 0.0
) -> pd.DataFrame:
    import pandas as pd

    sides = [(pair.with_entry, WITH), (pair.without, WITHOUT)] if both else [(pair.with_entry, WITH)]
    frames = [
        banded(with_rates(result.tables[table]), column, ["day", *by], floor).assign(world=world)
        for result, world in sides
    ]
    return _since_release(pd.concat(frames, ignore_index=True), release_day)


def with_rates(table: pd.DataFrame) -> pd.DataFrame:
    """The table with profits as a rate, and without the margins of offers that sold nothing."""
    if "profit_usd" not in table or "revenue_usd" not in table:
        return table
    table = table.assign(margin=table["margin"].where(table["revenue_usd"] > 0))
    days = sorted({0.0, *table["day"]})
    lengths = {end: end - start for start, end in itertools.pairwise(days)}
    return table.assign(profit_usd_per_day=table["profit_usd"] / table["day"].map(lengths))


def _since_release(frame: pd.DataFrame, release_day: float) -> pd.DataFrame:
    return frame.assign(month=(frame["day"] - release_day) / DAYS_PER_MONTH)


def spans_decades(frame: pd.DataFrame) -> bool:
    """Whether the values call for a logarithmic scale: all positive, and a factor of 8 or more between them."""
    low, high = float(frame["value"].min()), float(frame["value"].max())
    return low > 0 and math.isfinite(high) and high / low >= 8
