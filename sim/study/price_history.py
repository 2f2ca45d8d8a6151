"""The world's list prices as indices, by the functions that read a simulated market's prices.

`data/quality_prices.csv` says how good a model is and what it cost, `data/prices.csv` when prices changed. A price is a
blend of three parts of input to one of output, as usual. A model is on sale from the first day on which a price of it
is known (for prices from snapshots an upper bound); when it left the market is not known.

    fixed quality   per benchmark, for each score that was a record when its model came on sale and lies a tenth above
                    guessing: the cheapest price of a model at least as good, from that day to the day of the
                    benchmark's last score; a model once on sale stays there, so its last known price holds
    tier, matched   over models whose first price is at most a year old, on the first of each month with nine of them

How fast a price falls is given twice. `overall` is from the first day to the last. `fitted` is least squares on the
logarithm: for tiers and matched models over all months, for a fixed quality over the record lows alone, as Epoch AI
does it ("LLM inference prices have fallen rapidly but unequally across tasks", 2025). It says nothing of how long the
last low has stood, and is mostly the larger of the two. It asks for three lows (the first price is one) that span a
year, because a fall of weeks says nothing of a year; a score whose prices are known for less than a year has no row.

Intervals are 95% of resamples of models, with replacement, all settings of one model together; the quality held fixed
stays. A minimum over models is not smooth in them: these say how much rests on single models, not more. Where fewer
than half of the resamples have a figure there is no interval.
"""

from __future__ import annotations

import datetime
import functools
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sim.metrics.prices import SAME_QUALITY, TIERS, cheapest, decline, matched, overall_factor, record_lows, tiers
from sim.shared.errors import InputError
from sim.shared.prices import shipped_prices
from sim.shared.quality_prices import shipped_quality_prices
from sim.shared.tables import Column, TableSpec

if TYPE_CHECKING:
    import pandas as pd

EPOCH = "2023-01-01"  # day 0
INPUT_PARTS, OUTPUT_PARTS = 3.0, 1.0
NEW_FOR_DAYS = 365.0  # how long a model counts for tiers
FEWEST_MODELS = 9  # on sale in a month, so that a tier has three
FEWEST_LOWS, SHORTEST_DAYS = 3, 365.0
LEAST_ABOVE_CHANCE = 0.1
CHANCE = {"Epoch GPQA diamond": 0.25}  # of guessing; the other benchmarks ask for an answer in full
RESAMPLES = 300

WORLD_INDICES = TableSpec(
    "world_indices",
    "one index of list prices, and how fast it falls",
    (
        Column("index", "text", "", "fixed_quality, tier or matched"),
        Column("level", "text", "", "benchmark and score with the model that set it; the tier; all"),
        Column("from_date", "text", "ISO date", "first day"),
        Column("to_date", "text", "ISO date", "last day"),
        Column("models", "integer", "", "models that are on the index on some day"),
        Column("points", "integer", "", "record lows, or months, that the fit rests on"),
        Column("first_usd_per_mtok", "number", "USD per Mtok", "price on the first day"),
        Column("last_usd_per_mtok", "number", "USD per Mtok", "price on the last day"),
        Column("fitted_fall_per_year", "number", "divided by", "by least squares; below 1 it rises", missing=True),
        Column("fitted_low", "number", "divided by", "2.5% of resamples of models", missing=True),
        Column("fitted_high", "number", "divided by", "97.5% of resamples of models", missing=True),
        Column("overall_fall_per_year", "number", "divided by", "from the first day to the last"),
        Column("overall_low", "number", "divided by", "2.5% of resamples of models", missing=True),
        Column("overall_high", "number", "divided by", "97.5% of resamples of models", missing=True),
        Column("half_life_years", "number", "years", "of the fit, or overall without one; negative where it rises"),
    ),
)

WORLD_SERIES = TableSpec(
    "world_series",
    "one index of list prices on one day",
    (
        Column("index", "text", "", "fixed_quality, tier or matched"),
        Column("level", "text", "", "as in world_indices"),
        Column("date", "text", "ISO date", "the day"),
        Column("price_usd_per_mtok", "number", "USD per Mtok", "three parts of input to one of output"),
    ),
)


@dataclass(frozen=True)
class WorldIndices:
    """The tables `WORLD_INDICES` and `WORLD_SERIES`."""

    indices: pd.DataFrame
    series: pd.DataFrame


@dataclass(frozen=True)
class _Falls:
    """Factors by which a price is divided in a year."""

    fitted: float
    overall: float


def world_indices(
    resamples: int = RESAMPLES, until: str | None = None, on_index: Callable[[], None] = lambda: None
) -> WorldIndices:
    """All indices of the shipped tables, to the ISO date `until` where one is given, else to the end of each.

    `on_index` is called after each of `index_count()`.

    Raises:
        InputError: if `until` is no date, or leaves less than a year of months with enough models.
    """
    import pandas as pd

    end = math.inf if until is None else _end(until)
    generator = np.random.default_rng(0)
    rows, series = [], []
    for panel in _quality_panels(end):
        for level, least in _record_scores(panel):
            good = panel[panel["quality"] >= least - SAME_QUALITY].assign(least_quality=least)
            found = cheapest(good)
            fall = _lows_falls(found)
            if math.isnan(fall.overall):
                continue
            falls = _resampled(good, panel["family"].unique(), cheapest, _lows_falls, resamples, generator)
            rows.append(_row("fixed_quality", level, found, record_lows(found), good, fall, falls))
            series.append(found.assign(index="fixed_quality", level=level))
        on_index()
    menu = _new_models(end)
    families = menu["family"].unique()
    for tier in (*TIERS, None):
        index = matched if tier is None else functools.partial(_tier, tier)
        found = index(menu, [])
        falls = _resampled(menu, families, index, _monthly_falls, resamples, generator)
        kind, level = ("matched", "all") if tier is None else ("tier", tier)
        rows.append(_row(kind, level, found, found, menu, _monthly_falls(found), falls))
        series.append(found.assign(index=kind, level=level))
        on_index()
    told = pd.concat(series, ignore_index=True)
    told["date"] = _dates(told["day"])
    return WorldIndices(
        WORLD_INDICES.conform(pd.DataFrame(rows, columns=WORLD_INDICES.column_names), "world_indices"),
        WORLD_SERIES.conform(told, "world_series"),
    )


def index_count() -> int:
    """How often `world_indices` calls back."""
    return int(shipped_quality_prices()["benchmark"].nunique()) + len(TIERS) + 1


def _quality_panels(end: float) -> list[pd.DataFrame]:
    """One panel a benchmark: day, offer, family, price_usd_per_mtok, quality; sampled where any price changes."""
    scored = shipped_quality_prices()
    changes = _price_paths(scored)
    out = []
    for benchmark, part in scored.groupby("benchmark", sort=True):
        last = min(float(_days(part["score_date"]).max()), end)
        mine = changes[(changes["benchmark"] == benchmark) & (changes["day"] <= last)]
        if mine.empty:
            continue
        panel = _on_days(mine[["day", "offer", "price_usd_per_mtok"]], np.unique(np.append(mine["day"], last)))
        quality = part[["model", "family", "score"]].rename(columns={"model": "offer", "score": "quality"})
        out.append(panel.merge(quality, on="offer").assign(benchmark=str(benchmark)))
    return out


def _price_paths(scored: pd.DataFrame) -> pd.DataFrame:
    """Every known change of every scored model's price: benchmark, offer, day, price_usd_per_mtok.

    What was sold under a model's name before the day that the name carries was another model: its prices do not count,
    and one that is known from an earlier day holds from that day on.
    """
    import pandas as pd

    made = np.array([_day_in_name(str(model)) for model in scored["model"]])
    own = scored[["benchmark", "model"]].assign(
        day=np.maximum(_days(scored["date"]), made), price_usd_per_mtok=_blend(scored)
    )
    listed = _listed().rename(columns={"offer": "price_model"})
    later = scored[["benchmark", "model", "price_model", "provider"]].assign(made=made)
    later = later.merge(listed, on=["price_model", "provider"])
    later = later[later["day"] >= later["made"]]
    both = pd.concat([own, later[own.columns]], ignore_index=True).rename(columns={"model": "offer"})
    return both.drop_duplicates(["benchmark", "offer", "day"], keep="last")


def _listed() -> pd.DataFrame:
    """Prices of the price list but discounts of some hours: offer, provider, day, price_usd_per_mtok."""
    listed = shipped_prices()
    listed = listed[listed["event"] != "discount"]
    prices = listed[["model", "provider"]].rename(columns={"model": "offer"})
    return prices.assign(day=_days(listed["date"]), price_usd_per_mtok=_blend(listed))


def _record_scores(panel: pd.DataFrame) -> list[tuple[str, float]]:
    """The scores that were records when their models came on sale, with what to call each."""
    floor = panel["benchmark"].map(CHANCE).fillna(0.0) + LEAST_ABOVE_CHANCE
    good = panel[panel["quality"] >= floor]
    first = good.sort_values(["day", "quality"], ascending=[True, False], kind="stable").drop_duplicates("offer")
    best = first["quality"].cummax()
    records = first[(best > best.shift(fill_value=-1.0)) & (first["quality"] == best)]
    return [
        (f"{row.benchmark} at least {row.quality:.3f} ({row.offer})", float(row.quality))
        for row in records.itertuples()
    ]


def _new_models(end: float) -> pd.DataFrame:
    """The panel of models whose first price is at most a year old, on the first of each month."""
    import pandas as pd

    changes = _listed().drop(columns="provider")
    months = pd.date_range(EPOCH, shipped_prices()["date"].max(), freq="MS")
    days = ((months - pd.Timestamp(EPOCH)).days).to_numpy(dtype=float)
    panel = _on_days(changes, days[days <= end])
    first = changes.groupby("offer")["day"].min()
    panel = panel[panel["day"] - panel["offer"].map(first) <= NEW_FOR_DAYS]
    panel = panel[panel.groupby("day")["offer"].transform("size") >= FEWEST_MODELS]
    return panel.assign(family=panel["offer"]).reset_index(drop=True)


def _end(until: str) -> float:
    """The day of an ISO date that leaves a year of tiers."""
    try:
        day = float((datetime.date.fromisoformat(until) - datetime.date.fromisoformat(EPOCH)).days)
    except ValueError as error:
        allowed = "a date as YYYY-MM-DD, such as 2025-11-17"
        raise InputError("--until", "", until, allowed, "correct the date") from error
    first = _new_models(math.inf)["day"].min() + SHORTEST_DAYS
    if day < first:
        allowed = f"{_date(first)} or later: before, less than a year of months has {FEWEST_MODELS} new models"
        raise InputError("--until", "", until, allowed, "choose a later date")
    return day


def _tier(tier: str, panel: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    found = tiers(panel, by)
    return found[found["tier"] == tier].drop(columns="tier").reset_index(drop=True)


def _on_days(changes: pd.DataFrame, days: np.ndarray) -> pd.DataFrame:
    """The price in force of every offer on each of the days from its first on: day, offer, price_usd_per_mtok."""
    import pandas as pd

    offers = changes["offer"].unique()
    names = pd.array(np.tile(np.asarray(offers, dtype=object), len(days)), dtype=changes["offer"].dtype)
    grid = pd.DataFrame({"day": np.repeat(days, len(offers)), "offer": names})
    known = changes.sort_values("day", kind="stable")
    return pd.merge_asof(grid, known, on="day", by="offer").dropna(subset=["price_usd_per_mtok"])


def _lows_falls(found: pd.DataFrame) -> _Falls:
    """Both falls of a price at fixed quality; NaN where it is known for less than a year."""
    lows = record_lows(found)
    low_days = lows["day"].to_numpy()
    days, price = found["day"].to_numpy(), found["price_usd_per_mtok"].to_numpy()
    fitted = math.nan
    if days[-1] - days[0] < SHORTEST_DAYS:
        return _Falls(math.nan, math.nan)
    if len(lows) >= FEWEST_LOWS and low_days[-1] - low_days[0] >= SHORTEST_DAYS:
        fitted = decline(low_days, lows["price_usd_per_mtok"].to_numpy()).factor_per_year
    return _Falls(fitted, overall_factor(days, price))


def _monthly_falls(found: pd.DataFrame) -> _Falls:
    days, price = found["day"].to_numpy(), found["price_usd_per_mtok"].to_numpy()
    return _Falls(decline(days, price).factor_per_year, overall_factor(days, price))


def _resampled(
    panel: pd.DataFrame,
    families: np.ndarray,
    index: Callable[..., pd.DataFrame],
    falls: Callable[[pd.DataFrame], _Falls],
    resamples: int,
    generator: np.random.Generator,
) -> list[_Falls]:
    """The falls of `resamples` draws of as many families, with replacement; a family drawn twice counts twice."""
    import pandas as pd

    drawn = generator.integers(0, len(families), size=(resamples, len(families)))
    chosen = pd.DataFrame(
        {
            "resample": np.repeat(np.arange(resamples), len(families)),
            "copy": np.tile(np.arange(len(families)), resamples).astype(str),
            "family": np.asarray(families, dtype=object)[drawn.ravel()],
        }
    )
    many = chosen.merge(panel.assign(family=panel["family"].astype(object)), on="family")
    many["offer"] = many["offer"].astype(str) + " " + many["copy"]
    return [falls(part) for _, part in index(many, ["resample"]).groupby("resample")]


def _row(
    index: str, level: str, found: pd.DataFrame, fitted: pd.DataFrame, panel: pd.DataFrame, falls: _Falls,
    resampled: list[_Falls],
) -> tuple[object, ...]:  # fmt: skip
    dates, price = _dates(found["day"]), found["price_usd_per_mtok"]
    fall = falls.overall if math.isnan(falls.fitted) else falls.fitted
    half_life = math.log(2.0) / math.log(fall) if fall != 1.0 else math.inf
    return (
        index, level, dates.iloc[0], dates.iloc[-1], panel["offer"].nunique(), len(fitted), price.iloc[0],
        price.iloc[-1], falls.fitted, *_ends([part.fitted for part in resampled]), falls.overall,
        *_ends([part.overall for part in resampled]), half_life,
    )  # fmt: skip


def _ends(values: list[float]) -> tuple[float, float]:
    known = np.array([value for value in values if math.isfinite(value)])
    if 2 * len(known) < len(values) or not len(known):
        return math.nan, math.nan
    low, high = np.quantile(known, [0.025, 0.975])
    return float(low), float(high)


def _blend(rows: pd.DataFrame) -> pd.Series:
    """USD per Mtok of three parts of input to one of output."""
    parts = INPUT_PARTS * rows["price_in_usd_per_mtok"] + OUTPUT_PARTS * rows["price_out_usd_per_mtok"]
    return parts / (INPUT_PARTS + OUTPUT_PARTS)


def _days(dates: pd.Series) -> pd.Series:
    """ISO dates as days since `EPOCH`."""
    import pandas as pd

    return (pd.to_datetime(dates) - pd.Timestamp(EPOCH)).dt.days.astype(float)


def _dates(days: pd.Series) -> pd.Series:
    """Days since `EPOCH` as ISO dates."""
    return days.map(_date)


def _date(day: float) -> str:
    """The ISO date of a day since `EPOCH`."""
    return (datetime.date.fromisoformat(EPOCH) + datetime.timedelta(days=day)).isoformat()


def _day_in_name(model: str) -> float:
    """The day that stands in a model's name, as days since `EPOCH`; minus infinity where there is none."""
    found = re.search(r"(20\d\d)-?(\d\d)-?(\d\d)", model)
    if not found:
        return -math.inf
    return float((datetime.date(*map(int, found.groups())) - datetime.date.fromisoformat(EPOCH)).days)
