"""Imitation in pairs of runs and within one: how far it starves research, how far behind it is, what a quality costs.

    starved     = research paid with distillation / research paid without, run by run on common random numbers
    lag(t)      = t - the day on which the teacher first was as able as its student is on day t; 0 where it never was
    price(t)    = lowest posted price of an offer on sale whose mean ability is at least that asked for

Abilities are means over task classes, as they stand on the day (tables `offers` and `abilities`). Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from sim.metrics import RUN
from sim.metrics.abilities import mean_abilities
from sim.scenario.access import Own
from sim.scenario.scenario import Scenario
from sim.shared.tables import RUN_COLUMNS, Column, TableSpec

if TYPE_CHECKING:
    import pandas as pd

SAME_ABILITY = 1e-9  # logits

STARVED = TableSpec(
    "starved",
    "one provider's research in one pair of runs",
    (
        *RUN_COLUMNS,
        Column("provider", "text", "", "whose research"),
        Column("with_usd", "number", "USD", "paid where others distil"),
        Column("without_usd", "number", "USD", "paid where they do not"),
        Column("starved", "number", "fraction", "the first over the second; 1 where both are 0", missing=True),
    ),
)


def without_imitation(scenario: Scenario) -> Scenario:
    """The same market in which nobody begins to distil a rival's model; nothing else differs."""
    providers = []
    for provider in scenario.providers:
        students = tuple(
            student if isinstance(student.source, Own) else student.model_copy(update={"first_day": None})
            for student in provider.lab.students
        )
        lab = provider.lab.model_copy(update={"students": students})
        providers.append(provider.model_copy(update={"lab": lab}))
    return scenario.model_copy(update={"providers": tuple(providers)})


def starved(with_imitation: Mapping[str, pd.DataFrame], without: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """The table `STARVED` of two results that share seed, replications and catalog draws.

    A provider that pays for research only where others distil has no figure.
    """
    import pandas as pd

    keys = [*RUN, "provider"]
    both = pd.concat([_researched(with_imitation), _researched(without)], axis=1).fillna(0.0)
    both.columns = pd.Index(["with_usd", "without_usd"])
    same = (both["with_usd"] == 0.0) & (both["without_usd"] == 0.0)
    both["starved"] = both["with_usd"] / both["without_usd"].where(both["without_usd"] > 0.0)
    both.loc[same, "starved"] = 1.0
    return STARVED.conform(both.reset_index().sort_values(keys, kind="stable"), "starved")


def _researched(tables: Mapping[str, pd.DataFrame]) -> pd.Series:
    """Paid for research by run and provider; 0 for those who decided and paid nothing."""
    return tables["research"].groupby([*RUN, "provider"])["spent_usd"].sum()


def lags(tables: Mapping[str, pd.DataFrame], teacher: str, student: str) -> pd.DataFrame:
    """Days by which `student` is behind `teacher`, on each report day on which it is on sale: run, day, lag_days.

    What the teacher could do on day 0 is taken as reached that day, so a student behind even that has lag t.
    """
    import pandas as pd

    known = mean_abilities(tables)
    sold = tables["demand"]
    sold = sold[(sold["offer"] == student) & (sold["day"] > 0)][[*RUN, "day"]].drop_duplicates()
    rows = []
    for key, days in sold.groupby(RUN):
        run = known[(known[RUN] == list(key)).all(axis=1)]
        theirs, own = run[run["offer"] == teacher], run[run["offer"] == student]
        for day in days["day"]:
            theta = own[own["day"] <= day]["theta"].iloc[-1]
            reached = theirs[(theirs["theta"] >= theta - SAME_ABILITY) & (theirs["day"] <= day)]["day"]
            rows.append((*key, day, day - reached.min() if len(reached) else 0.0))
    return pd.DataFrame(rows, columns=[*RUN, "day", "lag_days"])


def price_of_ability(tables: Mapping[str, pd.DataFrame], theta: float) -> pd.DataFrame:
    """Lowest posted output price of what is at least so able, by report day: run, day, price_output_usd_per_mtok.

    A day on which nothing that able is on sale has no row.
    """
    import pandas as pd

    keys = [*RUN, "offer"]
    sold = tables["demand"][[*RUN, "day", "offer"]].drop_duplicates().sort_values("day", kind="stable")
    posted = tables["prices"][[*keys, "day", "price_output_usd_per_mtok"]].sort_values("day", kind="stable")
    able = mean_abilities(tables).sort_values("day", kind="stable")
    rows = pd.merge_asof(sold, posted, on="day", by=keys)
    rows = pd.merge_asof(rows, able, on="day", by=keys)
    rows = rows[rows["theta"] >= theta - SAME_ABILITY]
    out = rows.groupby([*RUN, "day"], as_index=False)["price_output_usd_per_mtok"].min()
    assert np.isfinite(out["price_output_usd_per_mtok"]).all()
    return out
