"""The frontier, the best student's lag, and what the ranks within a class get, on tables written by hand."""

from __future__ import annotations

import pandas as pd
import pytest

from sim.metrics.frontier import frontier
from sim.metrics.ranks import ranks

RUN = {"catalog_draw": 0, "replication": 0}
# offer: model, teacher, ability in chat, first day on sale
OFFERS = {
    "old": ("old", "", 1.0, 0.0),
    "new": ("new", "", 2.0, 12.0),
    "newest": ("newest", "", 3.0, 45.0),
    "weak": ("weak", "old", 0.5, 20.0),
    "strong": ("strong", "new", 1.5, 30.0),
    "leading": ("leading", "new", 2.5, 40.0),
}
DAYS = (0.0, 10.0, 20.0, 30.0, 40.0, 50.0, 60.0)


def tables() -> dict[str, pd.DataFrame]:
    offers = [
        {**RUN, "offer": name, "model": model, "teacher": teacher, "task_class": task, "theta": sign * theta,
         "quality": 0.5}
        for name, (model, teacher, theta, _) in OFFERS.items() for task, sign in (("chat", 1.0), ("code", -1.0))
    ]  # fmt: skip
    demand = [
        {**RUN, "day": day, "task_class": task, "offer": name}
        for day in DAYS for name, (*_, since) in OFFERS.items() for task in ("chat", "code") if since <= day
    ]  # fmt: skip
    prices = [{**RUN, "day": since, "offer": name} for name, (*_, since) in OFFERS.items()]
    return {name: pd.DataFrame(rows) for name, rows in (("offers", offers), ("demand", demand), ("prices", prices))}


def test_the_frontier_is_the_ablest_on_sale_and_the_lag_is_since_it_reached_the_best_student() -> None:
    chat = frontier(tables()).query("task_class == 'chat'").set_index("day")
    assert chat["frontier_offer"].tolist() == ["old", "old", "new", "new", "leading", "newest", "newest"]
    assert chat.loc[10.0, "best_student"] == ""
    assert pd.isna(chat.loc[10.0, "lag_days"])
    # weak (.5) on day 20: `old` had that on day 0, and perhaps before.
    assert (chat.loc[20.0, "lag_days"], chat.loc[20.0, "lag_cut"]) == (20.0, True)
    # strong (1.5) on day 30: `new` came on day 12.
    assert (chat.loc[30.0, "lag_days"], chat.loc[30.0, "lag_cut"]) == (18.0, False)
    assert chat.loc[30.0, "gap_theta"] == pytest.approx(0.5)
    # leading (2.5) leads on day 40, and is passed on day 45.
    assert (chat.loc[40.0, "lag_days"], chat.loc[40.0, "gap_theta"]) == (0.0, 0.0)
    assert chat.loc[50.0, "lag_days"] == 5.0
    assert chat.loc[60.0, "lag_days"] == 15.0


def test_each_class_has_a_frontier_of_its_own() -> None:
    code = frontier(tables()).query("task_class == 'code'").set_index("day")
    assert code.loc[60.0, "frontier_offer"] == "weak"
    assert code.loc[60.0, "best_student"] == "weak"
    assert code.loc[60.0, "lag_days"] == 0.0


def sold() -> dict[str, pd.DataFrame]:
    """Two hosts of one model, the ablest model that hardly sells, and a cheap one."""
    parts = {"host": ("open", 1.0, 30.0, 3.0), "other-host": ("open", 1.0, 20.0, 2.0), "best": ("best", 2.0, 5.0, 20.0),
             "cheap": ("cheap", 0.0, 35.0, 10.0), "fourth": ("fourth", -1.0, 10.0, 5.0)}  # fmt: skip
    offers = [
        {**RUN, "offer": name, "model": model, "task_class": "chat", "theta": theta, "quality": 0.5}
        for name, (model, theta, *_) in parts.items()
    ]
    demand = [
        {**RUN, "day": day, "task_class": "chat", "offer": name, "input_mtok": mtok, "cached_mtok": 0.0,
         "output_mtok": 0.0, "revenue_usd": usd}
        for day in (0.0, 7.0) for name, (_, _, mtok, usd) in parts.items()
    ]  # fmt: skip
    return {"offers": pd.DataFrame(offers), "demand": pd.DataFrame(demand)}


def test_models_are_ranked_by_ability_and_by_tokens_with_their_hosts_together() -> None:
    table = ranks(sold())
    assert set(table["day"]) == {7.0}
    by = {name: part.set_index("rank") for name, part in table.groupby("ranked_by")}
    assert by["ability"]["model"].tolist() == ["best", "open", "cheap"]
    assert by["tokens"]["model"].tolist() == ["open", "cheap", "fourth"]
    assert by["ability"].loc[1, "share_of_tokens"] == pytest.approx(0.05)
    assert by["ability"].loc[1, "share_of_dollars"] == pytest.approx(0.5)
    assert by["ability"].loc[2, "share_of_tokens"] == pytest.approx(0.5)
    assert by["tokens"].loc[3, "share_of_dollars"] == pytest.approx(0.125)


def test_an_ability_that_a_lab_moves_counts_from_its_day_on() -> None:
    moved = pd.DataFrame([{**RUN, "day": 30.0, "offer": "old", "task_class": "chat", "theta": 1.6, "quality": 0.9}])
    chat = frontier({**tables(), "abilities": moved}).query("task_class == 'chat'").set_index("day")
    assert chat.loc[20.0, "frontier_theta"] == 2.0
    # strong (1.5) on day 30: `new` had it on day 12, before `old` was made better.
    assert chat.loc[30.0, "lag_days"] == 18.0
    best = pd.DataFrame([{**RUN, "day": 50.0, "offer": "old", "task_class": "chat", "theta": 4.0, "quality": 0.9}])
    chat = frontier({**tables(), "abilities": best}).query("task_class == 'chat'").set_index("day")
    assert chat["frontier_offer"].tolist()[-3:] == ["leading", "old", "old"]
    assert chat.loc[60.0, "frontier_quality"] == 0.9
    # leading (2.5) was passed on day 45 by `newest`, not by what `old` became later.
    assert chat.loc[60.0, "lag_days"] == 15.0
