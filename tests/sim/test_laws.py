"""Laws of every market, over random scenarios, each under its condition; and markets in which a condition fails."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pandas as pd
import pytest
from demand_markets import as_expected, raw_hosts
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from random_markets import Raw, markets

from sim.market import Market
from sim.players.pricing.best_response import HIGHEST_LEVEL, LOWEST_LEVEL
from sim.scenario.load import parse_scenario
from sim.scenario.scenario import Scenario
from sim.shared.catalog import CATALOG, Catalog
from sim.world.board import Board
from sim.world.customers.full_expected import FullExpectedCustomers
from sim.world.ledger import SERVING, Ledger, UnbalancedBooksError
from sim.world.streams import Streams

NOTHING = Catalog(CATALOG.conform(pd.DataFrame({c.name: pd.Series(dtype="object") for c in CATALOG.columns}), "none"))
QUIET = settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


def scenario_of(raw: Raw) -> Scenario:
    return parse_scenario(raw, "a random market")


def check_market(raw: Raw) -> None:
    """Law (g): balanced books, shares of one, numbers only, prices within bounds, customers that add up."""
    scenario = scenario_of(raw)
    market = Market(scenario, NOTHING, seed=3)
    outcome = market.run()
    tables, board = outcome.tables, market.board
    assert outcome.imbalance <= 1e-9
    for name, table in tables.items():
        numbers = table.select_dtypes("number").to_numpy(dtype=float)
        assert np.isfinite(numbers).all(), name
    occupancy = market.population.occupancy()
    assert (occupancy >= -1e-9).all()
    customers = tables["customers"][tables["customers"]["day"] == 40.0]["customers"].to_numpy()
    per_customer = np.array([task.requests_per_day for task in scenario.tasks])
    assert occupancy.sum(axis=1) == pytest.approx(customers * per_customer, rel=1e-9)
    for _, rows in tables["customers"].groupby("task_class"):
        moved = (rows["arrivals"] - rows["departures"]).to_numpy()
        assert np.diff(rows["customers"]) == pytest.approx(moved[1:], abs=1e-8)
    level = board.price.sum(axis=0) / board.list_price.sum(axis=0)
    assert (level >= LOWEST_LEVEL * (1 - 1e-9)).all()
    assert (level <= HIGHEST_LEVEL * (1 + 1e-9)).all()
    flows = tables["demand"].merge(tables["prices"].groupby("offer")["day"].min().rename("from"), on="offer")
    assert (flows["requests"] >= -1e-9).all()
    assert (flows[flows["day"] < flows["from"]]["requests"] == 0).all()


@given(markets())
@settings(QUIET, max_examples=60)
def test_books_balance_and_everything_is_a_number(raw: Raw) -> None:
    check_market(raw)


@pytest.mark.slow
@given(markets())
@settings(QUIET, max_examples=1000, derandomize=False)
def test_books_balance_in_a_thousand_markets(raw: Raw) -> None:
    check_market(raw)


def test_requests_that_are_not_booked_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The law can fail: a thousandth of what was served is left out of the books."""
    post = Ledger.post

    def forget(self: Ledger, *row: Any) -> None:
        post(self, *row[:-1], *([0.999 * row[-1]] if row[1] == SERVING else row[-1:]))

    monkeypatch.setattr(Ledger, "post", forget)
    with pytest.raises(UnbalancedBooksError, match="tokens of"):
        Market(scenario_of(three_offers()), NOTHING).run()


@given(markets())
@settings(QUIET, max_examples=15)
def test_the_same_seed_gives_the_same_bytes(raw: Raw) -> None:
    first, second = (Market(scenario_of(raw), NOTHING, seed=5).run().tables for _ in range(2))
    for name in first:
        pd.testing.assert_frame_equal(first[name], second[name], check_exact=True)


@given(markets(), st.sampled_from([0.5, 3.0]))
@settings(QUIET, max_examples=15)
def test_two_runs_are_the_same_until_the_day_on_which_they_differ(raw: Raw, factor: float) -> None:
    """Law (f): a price that is changed on day 20 leaves every row before it as it was."""
    changed = copy.deepcopy(raw)
    offer = changed["providers"][0]["offers"][0]
    key = f"providers.p0.offers.{offer['name']}.list_price.output_usd_per_mtok"
    value = factor * offer["list_price"]["output_usd_per_mtok"]
    changed["interventions"] = [{"day": 20.0, "changes": [{"key": key, "value": value}]}]
    one, other = (Market(scenario_of(part), NOTHING, seed=5).run().tables for part in (raw, changed))
    for name in ("demand", "prices", "events", "ledger", "treasury", "welfare", "customers", "multihoming"):
        before, after = (part[name][part[name]["day"] < 20.0].reset_index(drop=True) for part in (one, other))
        pd.testing.assert_frame_equal(before, after, check_exact=True)


# -- choice of one review -------------------------------------------------------------------------------------------


def one_review(raw: Raw, occupied: np.random.Generator | None = None) -> tuple[FullExpectedCustomers, Board]:
    """Nodes of a random market with its switching costs, nests and word, in any state, all offers on sale."""
    raw = copy.deepcopy(raw)
    raw["population"] |= {"router": None}
    for provider in raw["providers"]:
        provider["bundle_share"] = 0.0
    market = Market(as_expected(scenario_of(raw), 16), NOTHING)
    board = market.board
    board.on_sale[:] = True
    customers = FullExpectedCustomers(market.scenario, 16, board, Streams(0, 0))
    customers.start(board)
    if occupied is not None:
        customers.weights[:] = occupied.dirichlet(np.ones(board.offer_count + 1), len(customers.weights))
    return customers, board


def chances(customers: FullExpectedCustomers, board: Board) -> np.ndarray:
    """Share of those who choose each offer at one review, given what they hold; by node, shape (C*N, J+1)."""
    kept = customers.weights.copy()
    out = np.zeros_like(kept)
    for offer in range(-1, board.offer_count):
        # One holder after the other reviews: `notice` is one review by the holders of one offer.
        customers.weights[:] = 0.0
        if offer >= 0:
            customers.weights[:, offer + 1] = kept[:, offer + 1]
            customers.notice(board, offer, np.ones(board.class_count, dtype=bool), 0.0)
            out += customers.weights
    customers.weights[:] = kept
    return out


@given(markets(), st.integers(0, 999), st.floats(0.05, 2.0))
@settings(QUIET)
def test_more_quality_never_lowers_and_a_cheaper_rival_never_raises_a_choice(
    raw: Raw, seed: int, change: float
) -> None:
    """Laws (a) and (b): of one review, given who holds what, the board otherwise the same, without a bundle."""
    raw["population"]["notices_increases"] = True
    generator = np.random.default_rng(seed)
    customers, board = one_review(raw, generator)
    before = chances(customers, board)
    mine = int(generator.integers(board.offer_count))
    theta = board.theta.copy()
    board.theta[:, mine] += change
    better = chances(customers, board)
    board.theta[:] = theta
    assert (better[:, mine + 1] >= before[:, mine + 1] - 1e-12).all()
    others = np.arange(board.offer_count + 1) != mine + 1
    assert (better[:, others] <= before[:, others] + 1e-12).all()
    board.set_price(mine, board.price[:, mine] / (1.0 + change))
    cheaper = chances(customers, board)
    assert (cheaper[:, others] <= before[:, others] + 1e-12).all()
    assert cheaper.sum() == pytest.approx(before.sum())


@given(markets(), st.integers(0, 999))
@settings(QUIET)
def test_without_taste_everybody_takes_the_best_where_one_is_best(raw: Raw, seed: int) -> None:
    """Law (e): with a tiny mu, a choice from nothing is the argmax wherever it leads by 50 mu."""
    raw["population"]["price_sensitivity"] = {"median": 1e-5, "log_sd": 0.0}
    customers, board = one_review(raw)
    c, views = customers.columns, customers.views(board)
    for task, view in enumerate(views):
        rows = slice(int(c.class_rows[task]), int(c.class_rows[task + 1]))
        value, harm = c.value_usd[rows, None], c.harm_usd[rows, None]
        success = 1.0 / (1.0 + c.exp_difficulty[rows, None] * view.exp_minus_theta)
        gross = value * success - harm * (1.0 - success) + view.fit_share * value
        power = view.reference_usd * (np.maximum(gross, 0.0) / view.reference_usd) ** (1 + view.eta) / (1 + view.eta)
        utility = np.hstack([c.outside_usd[rows, None], np.where(gross > 0, power, gross) - view.curved_price_usd])
        best = np.sort(utility, axis=1)
        clear = best[:, -1] - best[:, -2] > 50 * c.mu_usd[rows]
        found = customers.weights[rows][clear]
        assert found[np.arange(clear.sum()), utility.argmax(axis=1)[clear]] == pytest.approx(1.0, abs=1e-12)


def test_with_switching_costs_a_rival_that_was_cheaper_raises_the_share_of_a_third() -> None:
    """Where law (b) ends. B draws customers from A while it is cheap; at equal prices again, B's are the easier to win
    for C, since B is worse than A. So C has more than if B had never been cheap.
    """
    third = {}
    for factor in (1.0, 0.1):
        raw = three_offers(switching_share=0.05)
        market = Market(scenario_of(raw), NOTHING)
        board, customers = market.board, market.population
        posted = board.price[:, 1].copy()
        board.on_sale[:] = [True, True, False]
        board.set_price(1, factor * posted)
        customers.start(board)
        board.set_price(1, posted)
        board.on_sale[2] = True
        customers.advance(board, 0.0, 10.0)
        third[factor] = customers.occupancy()[0, 3]
    assert third[0.1] > 1.02 * third[1.0]


def test_with_a_bundle_a_cheaper_offer_raises_the_share_of_another(small_catalog: Catalog) -> None:
    """Where law (b) ends. The provider's small model gets cheaper, is used for the easy class, and so its large one is
    worth more in the hard class, where a rival's stands against it.
    """
    shares = {}
    for bundle in (1e-9, 0.2):
        for factor in (1.0, 0.4):
            raw = raw_hosts(bundle_share=bundle, hosts=1, ratio=0.6)
            raw["population"] |= {"switching_share": 0.0, "nest_scale": 1.0}
            market = Market(as_expected(parse_scenario(raw, "test"), 256), small_catalog)
            board = market.board
            board.set_price(board.index("small"), factor * board.price[:, board.index("small")])
            market.population.start(board)
            market.population.advance(board, 0.0, 200.0)
            shares[bundle, factor] = market.population.occupancy()[1, 1 + board.index("best")]
    assert shares[1e-9, 0.4] <= shares[1e-9, 1.0]
    assert shares[0.2, 0.4] > shares[0.2, 1.0]


def three_offers(**population: Any) -> Raw:
    """A good one, a worse one, and a third as good as the first; one class, one kind of customer."""
    return {
        "name": "three", "title": "three offers", "starts_on": "2026-01-01", "horizon_days": 40.0,
        "belief_nodes_per_class": 1,
        "tasks": [{"name": "work", "input_tokens": 0, "output_tokens": 1000, "requests_per_day": 1,
                   "difficulty_sd": 0, "value_usd": {"median": 0.1}}],
        "population": {"kind": "expected", "nodes_per_class": 1, "review_days": 20,
                       "price_sensitivity": {"median": 0.05}} | population,
        "models": [{"kind": "stated", "name": f"m{i}", "theta": theta} for i, theta in enumerate((2.0, 1.0, 2.0))],
        "providers": [
            {"name": f"p{i}", "price": {"kind": "posted"},
             "offers": [{"name": f"o{i}", "model": f"m{i}", "cost": {"kind": "share_of_list_price", "share": 0.5},
                         "list_price": {"kind": "stated", "input_usd_per_mtok": 1, "output_usd_per_mtok": 10}}]}
            for i in range(3)
        ],
    }  # fmt: skip
