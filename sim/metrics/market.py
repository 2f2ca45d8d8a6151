"""Shares, concentration, margins and surplus of a run: the tables `shares` and `market`. Pure.

Definitions, for the interval that ends on a day (t), offers j, providers f, tokens T, revenue R, serving cost C:

    share_of_tokens_j = T_j / sum T          share_of_dollars_j = R_j / sum R         (they differ: cheap tokens)
    HHI               = sum over providers f of (share_f)^2, in [0, 1]
    profit            = R - C                  margin = (R - C) / R
    price of an offer = its posted vector over the market's token mix in the first interval, USD per Mtok
    posted index      = exp(sum_j w_j ln(p_j(t)/p_j(0))), over offers on sale on day 0, w_j their first dollar share
    fixed-quality     = min price over offers whose mean quality is at least the median of day 0, over the same on day 0
    price paid        = sum R / sum T, USD per Mtok (moves with the mix)
    consumer surplus  = sum over customers of x0 * (mu * ln(sum exp(u/mu)) - a0), over using no model, before booked
                        switching; USD per day, summed over task classes here, by class in the table `welfare`, and by
                        groups of customers where a run has the table `welfare_by_group`
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from sim.metrics.prices import blended, cheapest, day_zero_levels, market_panel, posted_prices
from sim.metrics.runs import DAY, RUN, ratio
from sim.shared.tables import RUN_COLUMNS, Column, TableSpec

if TYPE_CHECKING:
    import pandas as pd

SHARES = TableSpec(
    "shares",
    "one offer over one interval, all task classes together",
    (
        *RUN_COLUMNS,
        DAY,
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
        DAY,
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
    by_offer["share_of_tokens"] = ratio(by_offer["mtok"], whole["mtok"])
    by_offer["share_of_dollars"] = ratio(by_offer["revenue_usd"], whole["revenue_usd"])
    by_offer["margin"] = ratio(by_offer["profit_usd"], by_offer["revenue_usd"])
    priced = posted_prices(tables).rename(columns={"posted": "price_usd_per_mtok"})
    by_offer = by_offer.merge(priced, on=[*RUN, "day", "offer"], how="left")
    return SHARES.conform(by_offer, "shares")


def market(tables: Mapping[str, pd.DataFrame], by_offer: pd.DataFrame) -> pd.DataFrame:
    """The table `market`, from the run's tables and its table `shares`."""
    keys = [*RUN, "day"]
    intervals = tables["welfare"][tables["welfare"]["day"] > 0].groupby(keys, sort=True).size().index
    whole = by_offer.groupby(keys, sort=True)[["mtok", "revenue_usd", "profit_usd"]].sum()
    whole = whole.reindex(intervals, fill_value=0.0)  # a market that everybody has left sells nothing, and goes on
    suppliers = supplier_profits(tables["ledger"]).groupby(keys)["profit_usd"].sum()
    whole["profit_usd"] += suppliers.reindex(whole.index, fill_value=0.0)
    whole["margin"] = ratio(whole["profit_usd"], whole["revenue_usd"])
    providers = by_offer.groupby([*keys, "provider"])[["share_of_tokens", "share_of_dollars"]].sum() ** 2
    hhi = providers.groupby(keys).sum().reindex(whole.index, fill_value=0.0)
    whole["hhi_tokens"], whole["hhi_dollars"] = hhi["share_of_tokens"], hhi["share_of_dollars"]
    whole["price_paid_usd_per_mtok"] = ratio(whole["revenue_usd"], whole["mtok"])
    whole["posted_price_index"] = _posted_index(tables, by_offer)
    whole["fixed_quality_price_index"] = _fixed_quality_index(tables)
    welfare = tables["welfare"].groupby(keys)[["consumer_surplus_usd_per_day", "switching_usd"]].sum()
    whole = whole.join(welfare, how="left")
    return MARKET.conform(whole.reset_index(), "market")


def supplier_profits(ledger: pd.DataFrame) -> pd.DataFrame:
    """What suppliers of resold offers took, fees included, less what serving cost them: run, day, provider, profit_usd.

    No row of `shares` shows it: there, a resold offer's serving cost is what its seller paid the supplier. A fee is its
    payer's loss.
    """
    import pandas as pd

    # Of what copiers buy there is no row of `shares` either, so none of the supplier's part of it.
    for_customers = (ledger["account"] == "wholesale") & (ledger["task_class"] != "")
    sold = ledger[for_customers | (ledger["account"] == "fee")]
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


def _posted_index(tables: Mapping[str, pd.DataFrame], by_offer: pd.DataFrame) -> pd.Series:
    start = blended(tables)
    start = start[start["day"] == 0].rename(columns={"posted": "start"}).drop(columns="day")
    first = by_offer[by_offer["day"] == by_offer.groupby(RUN)["day"].transform("min")]
    weight = first[[*RUN, "offer", "share_of_dollars"]].rename(columns={"share_of_dollars": "weight"})
    joined = by_offer.merge(start, on=[*RUN, "offer"]).merge(weight, on=[*RUN, "offer"])
    usable = (joined["price_usd_per_mtok"] > 0) & (joined["start"] > 0)
    change = np.log(joined["price_usd_per_mtok"].where(usable, 1.0) / joined["start"].where(usable, 1.0))
    joined["weighted"] = joined["weight"] * change
    sums = joined.groupby([*RUN, "day"])[["weighted", "weight"]].sum()
    return np.exp(ratio(sums["weighted"], sums["weight"]))


def _fixed_quality_index(tables: Mapping[str, pd.DataFrame]) -> pd.Series:
    panel = market_panel(tables)
    levels = day_zero_levels(panel).rename(columns={"median": "least_quality"})
    prices = cheapest(panel.merge(levels, on=RUN), RUN)
    start = prices[prices["day"] == 0].drop(columns="day").rename(columns={"price_usd_per_mtok": "start"})
    both = prices.merge(start, on=RUN).set_index([*RUN, "day"])
    return ratio(both["price_usd_per_mtok"], both["start"])
