"""What the best, the second and the third model get within a task class. Pure.

Models on sale in one class over one interval, all offers of one model together, ranked twice: by ability (the largest
first) and by their share of the class's tokens; equal ones by name. Beside each rank stand the model's shares of the
class's tokens and of its dollars. The two rankings differ where buyers do not buy the ablest.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from sim.metrics.abilities import with_ability
from sim.metrics.runs import DAY, RUN, ratio
from sim.shared.tables import RUN_COLUMNS, Column, TableSpec

if TYPE_CHECKING:
    import pandas as pd

PLACES = 3

RANKS = TableSpec(
    "ranks",
    "one place, by ability or by tokens, in one task class over one interval",
    (
        *RUN_COLUMNS,
        DAY,
        Column("task_class", "text", "", "kind of work"),
        Column("ranked_by", "text", "", "ability or tokens"),
        Column("rank", "integer", "", f"1 is the best; down to {PLACES}"),
        Column("model", "text", "", "the model of this rank"),
        Column("theta", "number", "logits", "its ability in the class"),
        Column("share_of_tokens", "number", "fraction", "of the class's tokens"),
        Column("share_of_dollars", "number", "fraction", "of what customers paid in the class"),
    ),
)


def ranks(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """The table `ranks`, from `demand`, `offers` and `abilities`; rows from the first interval on."""
    import pandas as pd

    demand = tables["demand"]
    demand = demand[demand["day"] > 0]
    mtok = demand["input_mtok"] + demand["cached_mtok"] + demand["output_mtok"]
    offers = tables["offers"][[*RUN, "offer", "task_class", "model"]]
    sold = demand.assign(mtok=mtok)[[*RUN, "day", "task_class", "offer", "mtok", "revenue_usd"]]
    sold = with_ability(sold, tables).merge(offers, on=[*RUN, "offer", "task_class"])
    where = [*RUN, "day", "task_class"]
    by_model = sold.groupby([*where, "model"], as_index=False).agg(
        theta=("theta", "max"), mtok=("mtok", "sum"), revenue_usd=("revenue_usd", "sum")
    )
    whole = by_model.groupby(where)[["mtok", "revenue_usd"]].transform("sum")
    by_model["share_of_tokens"] = ratio(by_model["mtok"], whole["mtok"])
    by_model["share_of_dollars"] = ratio(by_model["revenue_usd"], whole["revenue_usd"])
    parts = []
    for ranked_by, column in (("ability", "theta"), ("tokens", "share_of_tokens")):
        order = by_model.sort_values([*where, column, "model"], ascending=[*[True] * 4, False, True], kind="stable")
        order = order.assign(ranked_by=ranked_by, rank=order.groupby(where).cumcount() + 1)
        parts.append(order[order["rank"] <= PLACES])
    rows = pd.concat(parts, ignore_index=True).sort_values([*where, "ranked_by", "rank"], kind="stable")
    return RANKS.conform(rows, "ranks")
