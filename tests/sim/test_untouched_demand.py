"""An intervention that nobody's demand hangs on leaves every other table as it is, to the last bit."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
from conftest import raw_bertrand
from lab_markets import played, raw_labs, research, student, with_labs
from supply import play, raw_supply

from sim.market import Outcome
from sim.players.revision import touches_demand
from sim.scenario.load import later, load_scenario, parse_scenario
from sim.shared.catalog import Catalog

DAY = 47.3  # between all reports and reviews
CREDIT = "providers.{}.treasury.credit_limit_usd"


def with_change(raw: dict[str, Any], key: str, value: Any) -> dict[str, Any]:
    return raw | {"interventions": [{"day": DAY, "changes": [{"key": key, "value": value}]}]}


def same_but_for_the_intervention(one: Outcome, other: Outcome) -> None:
    for name, table in one.tables.items():
        left, right = table, other.tables[name]
        if name == "events":
            left, right = (part[part["event"] != "intervention"].reset_index(drop=True) for part in (left, right))
        pd.testing.assert_frame_equal(left, right, check_exact=True, obj=name)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (CREDIT.format("host"), 123.0),
        ("population.review_days", 30),  # what it is
        ("tasks.code.difficulty_mean", 1.5),
        ("providers.leader.offers.best.fit_share", 0.0),
        ("providers.leader.access", {"kind": "guarded", "tau": 3.0}),
    ],
)
@pytest.mark.parametrize("kind", ["expected", "sampled"])
def test_labs_and_customers_go_on_as_they_were(empty_catalog: Catalog, kind: str, key: str, value: Any) -> None:
    raw = with_labs(
        {"research": research()}, {"students": [student()]}, {"kind": "guarded", "tau": 3.0}, horizon_days=200
    )
    if kind == "sampled":
        kept = {name: part for name, part in raw["population"].items() if name != "nodes_per_class"}
        raw["population"] = kept | {"kind": "sampled", "customers": 300}
    plain = played(raw, empty_catalog)
    same_but_for_the_intervention(plain, played(with_change(raw, key, value), empty_catalog))


def test_fleets_keep_their_looks_at_the_load(empty_catalog: Catalog) -> None:
    raw = raw_supply(replicas=3)
    plain = play(raw)
    assert plain.tables["fleet"]["delay_s"].max() > 0.0
    same_but_for_the_intervention(plain, play(with_change(raw, CREDIT.format("beta"), 1e8)))


def test_learners_keep_what_they_think_of_profits(empty_catalog: Catalog) -> None:
    raw = raw_bertrand([1.0, 1.0])
    raw["population"] |= {"switching_share": 0.05, "review_days": 40, "nodes_per_class": 4}
    learning = {"kind": "q_learning", "points": 4, "lowest_level": 0.8, "highest_level": 1.2, "review_days": 5}
    for provider in raw["providers"]:
        provider["price"] = learning
    plain = played(raw, empty_catalog)
    same_but_for_the_intervention(plain, played(with_change(raw, CREDIT.format("firm0"), 1e8), empty_catalog))


def test_a_platform_goes_on_bargaining_and_weighing_as_it_did() -> None:
    raw = load_scenario("platform_builds").model_dump(mode="json") | {"horizon_days": 300.0}
    plain = play(raw)
    assert (plain.tables["events"]["event"] == "make_or_buy").any()
    for key, value in (
        ("providers.platform.make_or_buy.hazard_per_year", 0.2),
        (CREDIT.format("lab"), 2e9),
    ):
        moved = raw | {"interventions": [{"day": 100, "changes": [{"key": key, "value": value}]}]}
        same_but_for_the_intervention(plain, play(moved))


def test_what_demand_hangs_on_is_told_from_what_owners_decide() -> None:
    base = parse_scenario(raw_labs(), "test")

    def moves(key: str, value: Any) -> bool:
        return touches_demand(base, later(parse_scenario(with_change(raw_labs(), key, value), "test"))[0][1])

    assert not moves(CREDIT.format("leader"), 1.0)
    assert not moves("providers.leader.price", {"kind": "posted"})
    assert not moves("discount_rate_per_year", 0.3)
    for key, value in (
        ("population.review_days", 31), ("tasks.code.difficulty_mean", 1.6), ("models.frontier.theta", 1.6),
        ("providers.leader.offers.best.on_sale", False), ("providers.leader.access", {"kind": "guarded", "tau": 3.0}),
    ):  # fmt: skip
        assert moves(key, value), key
