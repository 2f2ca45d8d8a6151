"""What every metric shares: the columns that name a run, the day, and a ratio that is 0 where there is nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sim.shared.tables import Column

if TYPE_CHECKING:
    import pandas as pd

RUN = ["catalog_draw", "replication"]
DAY = Column("day", "number", "days", "end of the interval, days since the start of the scenario")


def ratio(part: pd.Series, whole: pd.Series) -> pd.Series:
    """part / whole, 0 where the whole is 0."""
    return (part / whole.where(whole != 0, np.nan)).fillna(0.0)
