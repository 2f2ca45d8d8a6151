"""A provider's books as figures: what it took, served and spent on research, its profit and its margin. Pure.

The one definition of gross profit: the table `providers` has it by interval, `gross_profits` over any days.

Over one interval, from the ledger (flows on a day between two reports belong to the interval that ends next):

    revenue       = retail + wholesale and its fees + tokens sold to copiers, all that others paid it
    serving       = compute or rent for what it sold, and what it paid a supplier for what it resells
    gross profit  = revenue - serving              margin = gross profit / revenue
    research      = research + training + tokens bought of a teacher, with the accounts they were bought through
    profit        = everything taken - everything paid, funding apart; with funding it sums to the change of cash
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from sim.metrics.runs import DAY, RUN, ratio
from sim.shared.tables import RUN_COLUMNS, Column, TableSpec

if TYPE_CHECKING:
    import pandas as pd

SALES = ("retail", "wholesale", "fee", "teacher_tokens")
SERVING = ("serving", "wholesale", "fee", "rent")
RESEARCH = ("research", "training", "teacher_tokens", "accounts")
CAPITAL = ("funding",)
CLOSED = ("retail", "fee", "rent")  # posted when an interval is closed, as is all that names a task class

PROVIDERS = TableSpec(
    "providers",
    "one provider over one interval",
    (
        *RUN_COLUMNS,
        DAY,
        Column("provider", "text", "", "whose books"),
        Column("revenue_usd", "number", "USD", "paid to it by customers, resellers and copiers"),
        Column("serving_usd", "number", "USD", "paid by it for compute or rent, and to suppliers"),
        Column("gross_profit_usd", "number", "USD", "revenue less serving"),
        Column("research_usd", "number", "USD", "paid by it for research, training and a teacher's tokens"),
        Column("profit_usd", "number", "USD", "all that it took, funding apart, less all that it paid"),
        Column("margin", "number", "fraction", "gross profit over revenue; 0 where nothing was sold"),
        Column("share_of_tokens", "number", "fraction", "of all tokens that customers used"),
        Column("share_of_dollars", "number", "fraction", "of all that customers paid"),
    ),
)


def gross_profits(ledger: pd.DataFrame, start_day: float, end_day: float) -> pd.DataFrame:
    """Gross profit of each provider from one day to another: run, provider, gross_profit_usd.

    What is posted when an interval is closed counts where the interval ends after `start_day`; what a copier buys
    counts from that day itself on.
    """
    import pandas as pd

    closed = ledger["account"].isin(CLOSED) | (ledger["task_class"] != "")
    begun = (ledger["day"] > start_day + 1e-9) | (~closed & (ledger["day"] >= start_day - 1e-9))
    rows = ledger[begun & (ledger["day"] <= end_day + 1e-9)]
    taken, paid = rows[rows["account"].isin(SALES)], rows[rows["account"].isin(SERVING)]
    both = pd.concat(
        [
            taken[RUN].assign(provider=taken["payee"], gross_profit_usd=taken["usd"]),
            paid[RUN].assign(provider=paid["payer"], gross_profit_usd=-paid["usd"]),
        ],
        ignore_index=True,
    )
    return both.groupby([*RUN, "provider"], as_index=False)["gross_profit_usd"].sum()


def providers(tables: Mapping[str, pd.DataFrame], by_offer: pd.DataFrame) -> pd.DataFrame:
    """The table `providers`, from `treasury` (who and when), `ledger` and the table `shares`."""
    import pandas as pd

    keys = [*RUN, "day", "provider"]
    days = tables["treasury"][keys]
    days = days[days["day"] > 0].sort_values(keys, kind="stable").reset_index(drop=True)
    flows = tables["ledger"][[*RUN, "day", "account", "payer", "payee", "usd"]].sort_values("day", kind="stable")
    ends = days[[*RUN, "day"]].drop_duplicates().sort_values("day", kind="stable").assign(end=lambda part: part["day"])
    flows = pd.merge_asof(flows, ends, on="day", by=RUN, direction="forward")
    flows = flows.drop(columns="day").rename(columns={"end": "day"})

    def summed(side: str, accounts: tuple[str, ...] | None) -> pd.Series:
        rows = flows if accounts is None else flows[flows["account"].isin(accounts)]
        by = rows.rename(columns={side: "provider"}).groupby(keys)["usd"].sum()
        wanted = pd.MultiIndex.from_frame(days)
        return by.reindex(wanted, fill_value=0.0).reset_index(drop=True)

    out = days.assign(
        revenue_usd=summed("payee", SALES),
        serving_usd=summed("payer", SERVING),
        research_usd=summed("payer", RESEARCH),
        profit_usd=summed("payee", None) - summed("payer", None) - summed("payee", CAPITAL),
    )
    out["gross_profit_usd"] = out["revenue_usd"] - out["serving_usd"]
    out["margin"] = ratio(out["gross_profit_usd"], out["revenue_usd"])
    held = by_offer.groupby(keys, as_index=False)[["share_of_tokens", "share_of_dollars"]].sum()
    out = out.merge(held, on=keys, how="left").fillna({"share_of_tokens": 0.0, "share_of_dollars": 0.0})
    return PROVIDERS.conform(out, "providers")
