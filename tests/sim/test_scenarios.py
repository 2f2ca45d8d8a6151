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


def played(name: str, replications: int = 1, **population: Any) -> RunResult:
    raw = load_scenario(name).model_dump(mode="json")
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
