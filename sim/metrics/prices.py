"""Price indices, of a simulated market and of the world's price list by the same functions. Pure.

A *panel* is a table with one row for each offer on sale on each sampled day: the run's columns (none for the world),
`day`, `offer`, `price_usd_per_mtok`, and for a fixed quality `quality` and `least_quality`, on any one scale. With p_j
the posted price of offer j over a fixed mix of tokens, USD per Mtok:

    fixed quality   P(t) = min of p_j(t) over offers on sale with quality_j >= least_quality
    tier            offers on sale on a day, in the order of price (equal prices by name), cut in thirds: economy,
                    mid, flagship; the r-th of n belongs to the third in which (r - 1/2)/n falls; P(t) = the third's
                    geometric mean. Who belongs to a tier changes with the menu: it is what a seller asks for the cheap
                    and the dear end of it, whatever stands there.
    matched         P(t) = P(s) * exp(mean of ln(p_j(t)/p_j(s))) over offers on sale on t and on the sampled day s
                    before; new offers come in without a jump (a chained Jevons index of matched models)

The first falls where good offers become cheap, even if no seller ever changes a price; the last moves with changed
prices alone. How fast a price falls is told by `decline` (least squares on the logarithm) and, from its first day to
its last, by `overall_factor`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sim.metrics.abilities import with_ability
from sim.metrics.runs import DAY, RUN
from sim.shared.tables import RUN_COLUMNS, Column, TableSpec
from sim.shared.units import DAYS_PER_YEAR

if TYPE_CHECKING:
    import pandas as pd

TIERS = ("economy", "mid", "flagship")
FEWEST_OFFERS = 3  # on sale, for thirds to mean anything
SAME_QUALITY = 1e-12

PRICE_INDICES = TableSpec(
    "price_indices",
    "one price index on one day",
    (
        *RUN_COLUMNS,
        DAY,
        Column("index", "text", "", "fixed_quality, tier or matched"),
        Column("level", "text", "", "the quality held fixed, the tier, or 'all' for matched models"),
        Column("price_usd_per_mtok", "number", "USD per Mtok", "the index in prices of the market's first token mix"),
        Column("change", "number", "first day = 1", "over its own first day"),
    ),
)


@dataclass(frozen=True)
class Decline:
    """How fast a price falls.

    Attributes:
        factor_per_year: by which it is divided in a year; below 1 it rises.
        half_life_years: in which it halves; infinite where it stands still, negative where it rises.
    """

    factor_per_year: float
    half_life_years: float


def decline(days: Sequence[float] | np.ndarray, price: Sequence[float] | np.ndarray) -> Decline:
    """Least squares of ln(price) on time; NaN for fewer than two different days.

    Args:
        days, price: shape (n,) each; prices positive.
    """
    years = np.asarray(days, dtype=float) / DAYS_PER_YEAR
    away = years - years.mean() if len(years) else years
    if len(years) < 2 or not away.any():
        return Decline(math.nan, math.nan)
    slope = float(away @ np.log(np.asarray(price, dtype=float)) / (away @ away))
    return Decline(math.exp(-slope), math.log(2.0) / -slope if slope else math.inf)


def overall_factor(days: Sequence[float] | np.ndarray, price: Sequence[float] | np.ndarray) -> float:
    """By what a price was divided in a year, from its first day to its last: (p_first/p_last)^(1/years)."""
    years = (float(days[-1]) - float(days[0])) / DAYS_PER_YEAR if len(days) else 0.0
    return (float(price[0]) / float(price[-1])) ** (1.0 / years) if years > 0 else math.nan


def record_lows(prices: pd.DataFrame) -> pd.DataFrame:
    """The rows, in the order of days, whose price lies below all before; the first is one."""
    ordered = prices.sort_values("day", kind="stable")
    before = ordered["price_usd_per_mtok"].cummin().shift()
    return ordered[before.isna() | (ordered["price_usd_per_mtok"] < before)]


def cheapest(panel: pd.DataFrame, by: Sequence[str] = ()) -> pd.DataFrame:
    """Price at fixed quality: `by`, day, price_usd_per_mtok; days on which nothing is good enough are absent."""
    good = panel[panel["quality"] >= panel["least_quality"] - SAME_QUALITY]
    return good.groupby([*by, "day"], as_index=False)["price_usd_per_mtok"].min()


def tiers(panel: pd.DataFrame, by: Sequence[str] = ()) -> pd.DataFrame:
    """Prices of tiers: `by`, day, tier, price_usd_per_mtok; days with fewer than three offers are absent."""
    ordered = panel[panel["price_usd_per_mtok"] > 0].sort_values(["price_usd_per_mtok", "offer"], kind="stable")
    menus = ordered.groupby([*by, "day"])["offer"]
    count = menus.transform("size")
    place = (menus.cumcount() + 0.5) / count
    third = np.minimum((place.to_numpy() * len(TIERS)).astype(int), len(TIERS) - 1)
    ordered = ordered.assign(
        tier=np.array(TIERS, dtype=object)[third], price_usd_per_mtok=np.log(ordered["price_usd_per_mtok"])
    )
    ordered = ordered[count >= FEWEST_OFFERS]
    logs = ordered.groupby([*by, "day", "tier"], as_index=False)["price_usd_per_mtok"].mean()
    return logs.assign(price_usd_per_mtok=np.exp(logs["price_usd_per_mtok"]))


def matched(panel: pd.DataFrame, by: Sequence[str] = ()) -> pd.DataFrame:
    """Index of matched models: `by`, day, price_usd_per_mtok; on the first day the geometric mean of all prices.

    A day on which no offer of the sampled day before is still on sale keeps the index as it was.
    """
    keys = list(by)
    panel = panel[panel["price_usd_per_mtok"] > 0].sort_values([*keys, "day"], kind="stable")
    logs = panel.assign(log=np.log(panel["price_usd_per_mtok"]))
    days = logs[[*keys, "day"]].drop_duplicates()
    before = days["day"].shift() if not keys else days.groupby(keys)["day"].shift()
    days = days.assign(day_before=before)
    offers = logs.groupby([*keys, "offer"])
    logs = logs.assign(day_seen=offers["day"].shift(), log_seen=offers["log"].shift()).merge(days, on=[*keys, "day"])
    stayed = logs["day_seen"] == logs["day_before"]
    first = logs["day_before"].isna()
    logs = logs.assign(step=(logs["log"] - logs["log_seen"]).where(stayed, np.nan).where(~first, logs["log"]))
    steps = logs.groupby([*keys, "day"], as_index=False)["step"].mean().fillna({"step": 0.0})
    total = steps["step"].cumsum() if not keys else steps.groupby(keys)["step"].cumsum()
    return steps[[*keys, "day"]].assign(price_usd_per_mtok=np.exp(total))


def blended(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Every posted price over the first token mix: run, day, offer, posted (USD per Mtok)."""
    prices = tables["prices"].merge(_mix(tables).reset_index(), on=RUN, how="left")
    posted = (
        prices["price_input_usd_per_mtok"] * prices["input_mtok"]
        + prices["price_cached_usd_per_mtok"] * prices["cached_mtok"]
        + prices["price_output_usd_per_mtok"] * prices["output_mtok"]
    )
    out = prices[[*RUN, "day", "offer"]].assign(posted=posted)
    return out.drop_duplicates([*RUN, "day", "offer"], keep="last")


def posted_prices(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """The blended price in force on each day of the table `demand`: run, day, offer, posted (USD per Mtok)."""
    import pandas as pd

    wanted = tables["demand"][[*RUN, "day", "offer"]].drop_duplicates().sort_values("day", kind="stable")
    known = blended(tables).sort_values("day", kind="stable")
    return pd.merge_asof(wanted, known, on="day", by=[*RUN, "offer"])


def market_panel(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """The panel of a run: every offer on its report days, with its mean quality over task classes.

    Without `least_quality`; see `day_zero_levels`. Supplies at wholesale are not on it: customers do not buy there.
    """
    posted = posted_prices(tables).rename(columns={"posted": "price_usd_per_mtok"})
    classes = tables["offers"][[*RUN, "offer", "task_class"]]
    able = with_ability(posted[[*RUN, "offer", "day"]].merge(classes, on=[*RUN, "offer"]), tables)
    quality = able.groupby([*RUN, "offer", "day"])["quality"].mean().reset_index()
    return posted.merge(quality, on=[*RUN, "offer", "day"]).sort_values([*RUN, "day", "offer"], kind="stable")


def day_zero_levels(panel: pd.DataFrame) -> pd.DataFrame:
    """The qualities that are held fixed, of the offers on a run's panel on day 0: run, median, best."""
    start = panel[panel["day"] == 0]
    return start.groupby(RUN)["quality"].agg(median="median", best="max").reset_index()


def price_indices(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """The table `price_indices` of a run, from `demand`, `prices` and `offers`."""
    import pandas as pd

    panel = market_panel(tables)
    levels = day_zero_levels(panel)
    parts = [matched(panel, RUN).assign(index="matched", level="all")]
    for level in ("median", "best"):
        least = levels[[*RUN, level]].rename(columns={level: "least_quality"})
        prices = cheapest(panel.merge(least, on=RUN), RUN)
        parts.append(prices.assign(index="fixed_quality", level=f"{level} of day 0"))
    parts.append(tiers(panel, RUN).rename(columns={"tier": "level"}).assign(index="tier"))
    rows = pd.concat(parts, ignore_index=True).sort_values([*RUN, "index", "level", "day"], kind="stable")
    first = rows.groupby([*RUN, "index", "level"])["price_usd_per_mtok"].transform("first")
    return PRICE_INDICES.conform(rows.assign(change=rows["price_usd_per_mtok"] / first), "price_indices")


def _mix(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Shares of fresh input, cached input and output in all tokens of each run's first interval."""
    demand = tables["demand"]
    demand = demand[demand["day"] > 0]
    first = demand[demand["day"] == demand.groupby(RUN)["day"].transform("min")]
    mix = first.groupby(RUN)[["input_mtok", "cached_mtok", "output_mtok"]].sum()
    return mix.div(mix.sum(axis=1).where(lambda total: total > 0, 1.0), axis=0)
