"""What the weekly lists of the models that people use most say of the real market: `data/market_shares.csv`.

The lists are of one platform of developers and hold nine models a week; shares are of the tokens of those listed, so
they are no shares of the market. A release is seen only if it makes the list.
"""

from __future__ import annotations

import datetime
import functools
import itertools
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sim.shared.paths import data_dir
from sim.shared.tables import Column, TableSpec, read_table

if TYPE_CHECKING:
    import pandas as pd

OPEN_WEIGHTS = ("deepseek/", "minimax/", "moonshotai/", "openai/gpt-oss", "xiaomi/")  # beginnings of models' names
DEAR_USD_PER_MTOK = 1.0  # of input, from which on a model counts as dear
TOP = 3

MARKET_SHARES = TableSpec(
    "market_shares",
    "one model of one week's list",
    (
        Column("date", "text", "ISO date", "last of the seven days"),
        Column("model", "text", "", "maker and model"),
        Column("rank", "integer", "", "by tokens, from 1"),
        Column("tokens_in_7_days", "number", "tokens", "in and out, served in the seven days"),
        Column("share_pct", "number", "per cent", "of the tokens of the week's list"),
        Column("price_in_usd_per_mtok", "number", "USD per Mtok", "list price of input tokens"),
        Column("price_out_usd_per_mtok", "number", "USD per Mtok", "list price of output tokens"),
        Column("source", "text", "", "file and commit that hold the row"),
        Column("licence", "text", "", "licence of the source"),
    ),
)


@dataclass(frozen=True)
class WeeklyLists:
    """Figures of the lists.

    Attributes:
        open_share: tokens of open weights, fraction of the listed, mean over weeks.
        dear_share: tokens of models from `DEAR_USD_PER_MTOK` of input on, likewise.
        leader_share: largest share, likewise.
        top_three_entries: models that were not among the three of most tokens the week before, summed over weeks.
        top_list_entries: the same for the whole list.
        adoption: share in the second over that in the seventh week after the release; geometric mean of `releases`.
        releases: models of which both weeks are listed, with their ratio.
        weeks: lists.
    """

    open_share: float
    dear_share: float
    leader_share: float
    top_three_entries: int
    top_list_entries: int
    adoption: float
    releases: dict[str, float]
    weeks: int


@functools.cache
def shipped_market_shares() -> pd.DataFrame:
    """The shipped table, conforming to `MARKET_SHARES`, in the order of the file."""
    path = data_dir() / "market_shares.csv"
    return MARKET_SHARES.conform(read_table(path), str(path))


def weekly_lists(table: pd.DataFrame) -> WeeklyLists:
    """The figures of a table that conforms to `MARKET_SHARES`."""
    import pandas as pd

    names = table["model"].astype(str)
    share = table["share_pct"] / 100.0
    weeks = sorted(set(table["date"].astype(str)))

    def mean(chosen: pd.Series) -> float:
        return float(share[chosen.to_numpy()].groupby(table["date"][chosen.to_numpy()]).sum().sum() / len(weeks))

    lists = [list(part.sort_values("rank")["model"].astype(str)) for _, part in table.groupby("date", sort=True)]
    releases = _releases(table)
    return WeeklyLists(
        open_share=mean(pd.Series([name.startswith(OPEN_WEIGHTS) for name in names])),
        dear_share=mean(table["price_in_usd_per_mtok"] >= DEAR_USD_PER_MTOK),
        leader_share=float(share.groupby(table["date"]).max().mean()),
        top_three_entries=_entries([part[:TOP] for part in lists]),
        top_list_entries=_entries(lists),
        adoption=float(np.exp(np.mean(np.log(list(releases.values()))))) if releases else float("nan"),
        releases=releases,
        weeks=len(weeks),
    )


def _entries(lists: list[list[str]]) -> int:
    return sum(len(set(now) - set(before)) for before, now in itertools.pairwise(lists))


def _releases(table: pd.DataFrame) -> dict[str, float]:
    """Share in the week that ends 8 to 14 days after the release over that which ends 43 to 49 days after it."""
    out = {}
    for name, part in table.groupby("model", sort=True):
        found = re.search(r"(20\d\d)(\d\d)(\d\d)", str(name))
        if not found:
            continue
        released = datetime.date(*map(int, found.groups()))
        ages = {
            (datetime.date.fromisoformat(str(row.date)) - released).days: row.share_pct for row in part.itertuples()
        }
        second = [value for age, value in ages.items() if 8 <= age <= 14]
        seventh = [value for age, value in ages.items() if 43 <= age <= 49]
        if second and seventh:
            out[str(name)] = float(second[0]) / float(seventh[0])
    return out
