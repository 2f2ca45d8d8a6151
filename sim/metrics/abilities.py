"""What an offer was able to do when: as it entered the run, and as its lab has made it since. Pure.

Abilities stand in the table `offers` for day 0, and in `abilities` from each day on which they became others.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from sim.metrics.runs import RUN

if TYPE_CHECKING:
    import pandas as pd

WHERE = [*RUN, "offer", "task_class"]


def abilities(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Every ability that an offer has had: run, offer, task_class, day from which it held, theta, quality."""
    import pandas as pd

    columns = [*WHERE, "day", "theta", "quality"]
    parts = [tables["offers"].assign(day=0.0)[columns]]
    moved = tables.get("abilities")
    if moved is not None and len(moved):
        parts.append(moved[columns])
    rows = pd.concat(parts, ignore_index=True).sort_values("day", kind="stable")
    return rows.drop_duplicates([*WHERE, "day"], keep="last").reset_index(drop=True)


def with_ability(rows: pd.DataFrame, tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """The rows, which name run, offer, task_class and day, with the ability of that day: theta, quality."""
    import pandas as pd

    ordered = rows.assign(_place=range(len(rows)), day=rows["day"].astype(float)).sort_values("day", kind="stable")
    found = pd.merge_asof(ordered, abilities(tables), on="day", by=WHERE)
    return found.sort_values("_place", kind="stable").drop(columns="_place").reset_index(drop=True)


def mean_abilities(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Each offer's mean ability over task classes, from each day on which one moved: run, offer, day, theta."""
    keys = [*RUN, "offer", "day"]
    moments = abilities(tables)[keys].drop_duplicates()
    classes = tables["offers"][WHERE].drop_duplicates()
    every = with_ability(moments.merge(classes, on=[*RUN, "offer"]), tables)
    return every.groupby(keys, as_index=False)["theta"].mean().sort_values(keys, kind="stable").reset_index(drop=True)
