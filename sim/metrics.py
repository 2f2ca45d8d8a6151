"""From a run's tables to what people ask about: shares, concentration, price indices, margins, surplus. Pure.

Definitions, for the interval that ends on a day (t), offers j, providers f, tokens T, revenue R, serving cost C:

    share_of_tokens_j = T_j / sum T          share_of_dollars_j = R_j / sum R         (they differ: cheap tokens)
    HHI               = sum over providers f of (share_f)^2, in [0, 1]
    margin            = (R - C) / R
    price of an offer = its posted vector over the market's token mix in the first interval, USD per Mtok
    posted index      = exp(sum_j w_j ln(p_j(t)/p_j(0))), over offers on sale on day 0, w_j their first dollar share
    fixed-quality     = min price over offers whose mean quality is at least the median of day 0, over the same on day 0
    price paid        = sum R / sum T, USD per Mtok (moves with the mix)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from sim.shared.tables import RUN_COLUMNS, Column, TableSpec

if TYPE_CHECKING:
    import pandas as pd

RUN = ["catalog_draw", "replication"]
_DAY = Column("day", "number", "days", "end of the interval, days since the start of the scenario")

SHARES = TableSpec(
    "shares",
    "one offer over one interval, all task classes together",
    (
        *RUN_COLUMNS,
        _DAY,
        Column("offer", "text", "", "offer on sale"),
        Column("provider", "text", "", "who sells it"),
        Column("mtok", "number", "Mtok", "tokens served in the interval"),
        Column("revenue_usd", "number", "USD", "paid by customers in the interval"),
        Column("profit_usd", "number", "USD", "revenue less serving cost in the interval"),
        Column("share_of_tokens", "number", "fraction", "of all tokens served"),
        Column("share_of_dollars", "number", "fraction", "of all that customers paid"),
        Column("margin", "number", "fraction", "(revenue - serving cost) / revenue; 0 where nothing was sold"),
        Column("price_usd_per_mtok", "number", "USD per Mtok", "posted price over the market's first token mix"),
    ),
)

MARKET = TableSpec(
    "market",
    "the whole market over one interval",
    (
        *RUN_COLUMNS,
        _DAY,
        Column("mtok", "number", "Mtok", "tokens served"),
        Column("revenue_usd", "number", "USD", "paid by customers"),
        Column("profit_usd", "number", "USD", "revenue less serving cost of all providers, suppliers included"),
        Column("margin", "number", "fraction", "profit over revenue"),
        Column("hhi_tokens", "number", "0 to 1", "Herfindahl index of providers, by tokens"),
        Column("hhi_dollars", "number", "0 to 1", "Herfindahl index of providers, by dollars"),
        Column("price_paid_usd_per_mtok", "number", "USD per Mtok", "revenue over tokens"),
        Column("posted_price_index", "number", "day 0 = 1", "posted prices of the offers of day 0", missing=True),
        Column(
            "fixed_quality_price_index",
            "number",
            "day 0 = 1",
            "cheapest price at the median quality of day 0; none where nothing that good is on sale",
            missing=True,
        ),
        Column("consumer_surplus_usd_per_day", "number", "USD per day", "expected surplus over using no model"),
        Column("switching_usd", "number", "USD", "one-off switching costs borne"),
    ),
)


def shares(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """The table `shares`, from `demand` and `prices`; rows from the first interval on."""
    demand = tables["demand"]
    demand = demand[demand["day"] > 0]
    demand = demand.assign(mtok=demand["input_mtok"] + demand["cached_mtok"] + demand["output_mtok"])
    keys = [*RUN, "day", "offer", "provider"]
    by_offer = demand.groupby(keys, sort=True, as_index=False)[["mtok", "revenue_usd", "serving_cost_usd"]].sum()
    by_offer["profit_usd"] = by_offer["revenue_usd"] - by_offer["serving_cost_usd"]
    whole = by_offer.groupby([*RUN, "day"])[["mtok", "revenue_usd"]].transform("sum")
    by_offer["share_of_tokens"] = _ratio(by_offer["mtok"], whole["mtok"])
    by_offer["share_of_dollars"] = _ratio(by_offer["revenue_usd"], whole["revenue_usd"])
    by_offer["margin"] = _ratio(by_offer["profit_usd"], by_offer["revenue_usd"])
    priced = _posted(tables).rename(columns={"posted": "price_usd_per_mtok"})
    by_offer = by_offer.merge(priced, on=[*RUN, "day", "offer"], how="left")
    return SHARES.conform(by_offer, "shares")


def market(tables: Mapping[str, pd.DataFrame], by_offer: pd.DataFrame) -> pd.DataFrame:
    """The table `market`, from the run's tables and its table `shares`."""
    keys = [*RUN, "day"]
    whole = by_offer.groupby(keys, sort=True)[["mtok", "revenue_usd", "profit_usd"]].sum()
    suppliers = supplier_profits(tables["ledger"]).groupby(keys)["profit_usd"].sum()
    whole["profit_usd"] += suppliers.reindex(whole.index, fill_value=0.0)
    whole["margin"] = _ratio(whole["profit_usd"], whole["revenue_usd"])
    providers = by_offer.groupby([*keys, "provider"])[["share_of_tokens", "share_of_dollars"]].sum() ** 2
    hhi = providers.groupby(keys).sum()
    whole["hhi_tokens"], whole["hhi_dollars"] = hhi["share_of_tokens"], hhi["share_of_dollars"]
    whole["price_paid_usd_per_mtok"] = _ratio(whole["revenue_usd"], whole["mtok"])
    whole["posted_price_index"] = _posted_index(tables, by_offer)
    whole["fixed_quality_price_index"] = _fixed_quality_index(tables, by_offer)
    welfare = tables["welfare"].groupby(keys)[["consumer_surplus_usd_per_day", "switching_usd"]].sum()
    whole = whole.join(welfare, how="left")
    return MARKET.conform(whole.reset_index(), "market")


def supplier_profits(ledger: pd.DataFrame) -> pd.DataFrame:
    """What suppliers of resold offers took, fees included, less what serving cost them: run, day, provider, profit_usd.

    No row of `shares` shows it: there, a resold offer's serving cost is what its seller paid the supplier. A fee is its
    payer's loss.
    """
    import pandas as pd

    sold = ledger[ledger["account"].isin(["wholesale", "fee"])]
    taken = sold[[*RUN, "day"]].assign(provider=sold["payee"], profit_usd=sold["usd"])
    fees = sold[sold["account"] == "fee"]
    given = fees[[*RUN, "day"]].assign(provider=fees["payer"], profit_usd=-fees["usd"])
    keys = [*RUN, "day", "provider"]
    if sold.empty:
        return taken[[*keys, "profit_usd"]]
    # A resold offer is served by another than the one whom customers paid for it.
    seller = ledger[ledger["account"] == "retail"].groupby([*RUN, "offer"])["payee"].first().rename("seller")
    served = ledger[(ledger["account"] == "serving") & (ledger["task_class"] != "")].join(seller, on=[*RUN, "offer"])
    served = served[served["payer"] != served["seller"]]
    spent = served[[*RUN, "day"]].assign(provider=served["payer"], profit_usd=-served["usd"])
    return pd.concat([taken, given, spent], ignore_index=True).groupby(keys, as_index=False)["profit_usd"].sum()


def _ratio(part: pd.Series, whole: pd.Series) -> pd.Series:
    """part / whole, 0 where the whole is 0."""
    return (part / whole.where(whole != 0, np.nan)).fillna(0.0)


def _mix(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Shares of fresh input, cached input and output in all tokens of each run's first interval."""
    demand = tables["demand"]
    demand = demand[demand["day"] > 0]
    first = demand[demand["day"] == demand.groupby(RUN)["day"].transform("min")]
    mix = first.groupby(RUN)[["input_mtok", "cached_mtok", "output_mtok"]].sum()
    return mix.div(mix.sum(axis=1).where(lambda total: total > 0, 1.0), axis=0)


def _blended(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Every posted price over the first token mix: run, day, offer, posted (USD per Mtok)."""
    prices = tables["prices"].merge(_mix(tables).reset_index(), on=RUN, how="left")
    posted = (
        prices["price_input_usd_per_mtok"] * prices["input_mtok"]
        + prices["price_cached_usd_per_mtok"] * prices["cached_mtok"]
        + prices["price_output_usd_per_mtok"] * prices["output_mtok"]
    )
    out = prices[[*RUN, "day", "offer"]].assign(posted=posted)
    return out.drop_duplicates([*RUN, "day", "offer"], keep="last")


def _posted(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """The blended price in force on each day of the table `demand`, by run and offer."""
    import pandas as pd

    wanted = tables["demand"][[*RUN, "day", "offer"]].drop_duplicates().sort_values("day", kind="stable")
    known = _blended(tables).sort_values("day", kind="stable")
    return pd.merge_asof(wanted, known, on="day", by=[*RUN, "offer"])


def _posted_index(tables: Mapping[str, pd.DataFrame], by_offer: pd.DataFrame) -> pd.Series:
    start = _blended(tables)
    start = start[start["day"] == 0].rename(columns={"posted": "start"}).drop(columns="day")
    first = by_offer[by_offer["day"] == by_offer.groupby(RUN)["day"].transform("min")]
    weight = first[[*RUN, "offer", "share_of_dollars"]].rename(columns={"share_of_dollars": "weight"})
    joined = by_offer.merge(start, on=[*RUN, "offer"]).merge(weight, on=[*RUN, "offer"])
    usable = (joined["price_usd_per_mtok"] > 0) & (joined["start"] > 0)
    change = np.log(joined["price_usd_per_mtok"].where(usable, 1.0) / joined["start"].where(usable, 1.0))
    joined["weighted"] = joined["weight"] * change
    sums = joined.groupby([*RUN, "day"])[["weighted", "weight"]].sum()
    return np.exp(_ratio(sums["weighted"], sums["weight"]))


def _fixed_quality_index(tables: Mapping[str, pd.DataFrame], by_offer: pd.DataFrame) -> pd.Series:
    quality = tables["offers"].groupby([*RUN, "offer"])["quality"].mean().rename("quality").reset_index()
    start = _blended(tables)
    start = start[start["day"] == 0].merge(quality, on=[*RUN, "offer"])
    threshold = start.groupby(RUN)["quality"].median().rename("threshold").reset_index()
    start = start.merge(threshold, on=RUN)
    base = start[start["quality"] >= start["threshold"] - 1e-12].groupby(RUN)["posted"].min().rename("base")
    joined = by_offer.merge(quality, on=[*RUN, "offer"]).merge(threshold, on=RUN)
    good = joined[joined["quality"] >= joined["threshold"] - 1e-12]
    cheapest = good.groupby([*RUN, "day"])["price_usd_per_mtok"].min().rename("cheapest").reset_index()
    cheapest = cheapest.merge(base.reset_index(), on=RUN)
    cheapest["index"] = _ratio(cheapest["cheapest"], cheapest["base"])
    return cheapest.set_index([*RUN, "day"])["index"]
