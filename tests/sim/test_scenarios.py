"""The shipped scenarios run, and show what their titles say."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from sim.results import RunResult
from sim.runner import run
from sim.scenario.load import load_scenario, parse_scenario
from sim.shared.catalog import shipped_catalog


def played(name: str, replications: int = 1, horizon_days: float | None = None, **population: Any) -> RunResult:
    raw = load_scenario(name).model_dump(mode="json")
    raw["horizon_days"] = horizon_days or raw["horizon_days"]
    raw["population"] |= population
    return run(parse_scenario(raw, name), shipped_catalog(), replications=replications)


def shares(result: RunResult) -> pd.DataFrame:
    """Share of tokens by day and offer; 0 where it was not on sale."""
    return result.tables["shares"].pivot_table(index="day", columns="offer", values="share_of_tokens").fillna(0.0)


def test_the_price_war_has_no_end() -> None:
    table = played("price_war").tables["shares"]
    lower = table.groupby("day")["price_usd_per_mtok"].min()
    assert lower.mean() == pytest.approx(0.263, abs=0.02)
    assert lower.min() == 0.0
    rises = (np.diff(lower) > 0.3).sum()
    falls = ((np.diff(lower) < 0) & (np.diff(lower) > -0.2)).sum()
    assert rises > 30
    assert falls > 2 * rises


def test_users_attract_users_until_one_offer_has_them_all() -> None:
    assert shares(played("network_effects")).iloc[-1].max() > 0.95
    weak = shares(played("network_effects", network=0.5)).iloc[-20:].mean()
    assert weak.max() < 0.5


def test_the_platform_falls_back_on_its_own_model_when_the_supply_is_cut() -> None:
    result = played("supply_cut")
    found = shares(result)
    before, after = found[found.index <= 364], found[found.index > 371]
    assert (before["editor"] > 0.1).all()
    assert (before["editor-own"] == 0.0).all()
    assert (after["editor"] == 0.0).all()
    assert (after["editor-own"] > 0.1).all()
    ledger = result.tables["ledger"]
    assert ledger[ledger["account"] == "wholesale"]["day"].max() == 371.0  # the week in which it ended
    assert (ledger[ledger["account"] == "wholesale"]["payee"] == "lab").all()


def test_hosts_of_one_model_compete_to_cost() -> None:
    nested, apart = (played("open_hosts", horizon_days=120.0, nest_scale=scale) for scale in (0.05, 1.0))
    margins = []
    for result in (nested, apart):
        last = result.tables["shares"].query("day == day.max()").set_index("offer")
        hosts = last[last.index.str.startswith("open-")]
        assert hosts["share_of_tokens"].to_numpy() == pytest.approx(hosts["share_of_tokens"].mean(), rel=0.2)
        margins.append(hosts["margin"].mean())
        assert last.loc["closed", "margin"] > 0.4
    assert margins[0] < 0.15 * margins[1]


def test_slow_word_keeps_the_teachers_customers_for_a_while() -> None:
    slow, fast = (shares(played("word_of_mouth", word_days=days)) for days in (90.0, 0.001))
    assert slow.loc[98.0, "student"] < 0.3 * fast.loc[98.0, "student"]
    assert slow.iloc[-1]["student"] > 0.9 * fast.iloc[-1]["student"]
    assert (slow[slow.index < 60] == fast[fast.index < 60]).all().all()


def test_a_suite_gathers_its_customers_work() -> None:
    tied = played("bundle", horizon_days=120.0)
    raw = load_scenario("bundle").model_dump(mode="json") | {"horizon_days": 120.0}
    raw["providers"][0]["bundle_share"] = 1e-9
    apart = run(parse_scenario(raw, "bundle"), shipped_catalog())
    assert shares(tied).iloc[-1]["middling"] > 1.2 * shares(apart).iloc[-1]["middling"]
    used = [part.tables["multihoming"]["providers_per_user"].iloc[-1] for part in (tied, apart)]
    assert used[0] < used[1] - 0.02


def test_a_router_takes_business_and_margin_from_the_frontier() -> None:
    routed, chosen = played("router"), played("router", router=None)
    last = [
        part.tables["shares"].query("day == day.max()").set_index("offer").loc["frontier"] for part in (routed, chosen)
    ]
    assert last[0]["profit_usd"] < 0.9 * last[1]["profit_usd"]
    assert last[0]["price_usd_per_mtok"] < 0.98 * last[1]["price_usd_per_mtok"]
    assert shares(routed).iloc[-1]["small"] > shares(chosen).iloc[-1]["small"]


@pytest.mark.slow
def test_patient_algorithms_end_above_the_competitive_price_and_myopic_ones_near_it() -> None:
    def last_price(discount: float) -> float:
        raw = load_scenario("collusion").model_dump(mode="json")
        for provider in raw["providers"]:
            provider["price"]["discount"] = discount
        table = run(parse_scenario(raw, "test"), shipped_catalog(), replications=4).tables["shares"]
        return float(table[table["day"] > 6500]["price_usd_per_mtok"].mean())

    patient, myopic = last_price(0.95), last_price(0.0)
    assert patient > 1.6
    assert myopic < patient - 0.1
