"""Q-learning: the market and the compiled loop play the same game, and the known traps are avoided."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from conftest import raw_bertrand

from sim.market import Market
from sim.players.pricing.q_learning import Classroom, learning_key
from sim.players.pricing.q_loop import Rules, first_q, learn
from sim.players.pricing.q_turns import learn_in_turns
from sim.scenario.load import parse_scenario
from sim.shared.catalog import Catalog
from sim.shared.errors import InputError
from sim.world.streams import Streams

LOW, HIGH, POINTS = 1.4277, 1.9702, 15


def raw_learners(agents: int = 2, days: int = 301, points: int = POINTS, **policy: Any) -> dict[str, Any]:
    raw = raw_bertrand([1.0] * agents)
    for provider in raw["providers"]:
        provider["offers"][0]["list_price"]["input_usd_per_mtok"] = 1.0
        provider["price"] = {
            "kind": "q_learning", "lowest_level": LOW, "highest_level": HIGH, "points": points, "review_days": 1,
            "first_review_day": 1,
        } | policy  # fmt: skip
    raw["horizon_days"] = raw["report_days"] = days
    return raw


def room(catalog: Catalog, raw: dict[str, Any]) -> tuple[Classroom, Market]:
    market = Market(parse_scenario(raw, "test"), catalog)
    return Classroom(market.scenario, market.board, market.beliefs, Streams(0, 0)), market


def keys(agents: int) -> list[np.uint64]:
    return [learning_key(Streams(0, 0), f"firm{index}") for index in range(agents)]


def actions(market: Market, days: int, agents: int, points: int) -> np.ndarray:
    """Codes of the joint actions of the days 1 to `days`, from the table of posted prices."""
    prices = market.run().tables["prices"]
    wide = prices.pivot_table(index="day", columns="offer", values="price_input_usd_per_mtok", aggfunc="last")
    wide = wide.reindex(np.arange(days + 1)).ffill().to_numpy()[1:]
    grid = np.linspace(LOW, HIGH, points)
    chosen = np.abs(wide[:, :, None] - grid).argmin(axis=2)
    return chosen @ points ** np.arange(agents - 1, -1, -1)


@pytest.mark.parametrize(("agents", "points", "decay"), [(2, 15, 4e-6), (2, 15, 0.02), (3, 5, 0.02)])
def test_the_market_takes_the_actions_of_the_loop(
    empty_catalog: Catalog, agents: int, points: int, decay: float
) -> None:
    """With a fast decay the greedy choices are most of them, and so the learned values count."""
    classroom, market = room(empty_catalog, raw_learners(agents, points=points, exploration_decay=decay))
    rules = Rules(exploration_decay=decay, most=300)
    _, wanted = learn(classroom.profits(), points, rules, keys(agents), state=0, first=300)
    assert (actions(market, 300, agents, points) == wanted).all()


def test_the_profits_are_those_of_the_logit(empty_catalog: Catalog) -> None:
    classroom, _ = room(empty_catalog, raw_learners())
    profit = classroom.profits().reshape(2, POINTS, POINTS)
    price = np.linspace(LOW, HIGH, POINTS)
    a, b = np.exp((2 - price[:, None]) / 0.25), np.exp((2 - price[None, :]) / 0.25)
    assert profit[0] == pytest.approx((price[:, None] - 1) * a / (a + b + 1), rel=1e-9)
    assert profit[1] == pytest.approx((price[None, :] - 1) * b / (a + b + 1), rel=1e-9)


def test_the_first_q_is_the_mean_over_every_rivals_actions() -> None:
    profit = np.random.default_rng(0).random((3, 4**3))
    q = first_q(profit, 4, 0.9)
    cube = profit.reshape(3, 4, 4, 4)
    assert q.shape == (3, 64, 4)
    assert q[1, 17] == pytest.approx(cube[1].mean(axis=(0, 2)) / 0.1)
    assert q[2, 0] == pytest.approx(cube[2].mean(axis=(0, 1)) / 0.1)


def test_a_session_ends_only_when_every_agent_has_been_still_long_enough() -> None:
    """An agent whose profits are flat never changes; the other one's learning must still be waited for."""
    profit = np.zeros((2, 9))
    profit[1] = np.random.default_rng(1).random(9)
    rules = Rules(exploration_decay=1e-4, stable=5_000)
    session, _ = learn(profit, 3, rules, keys(2), 0)
    assert session.converged
    assert session.periods > 3 * rules.stable
    short, _ = learn(profit, 3, Rules(exploration_decay=1e-4, stable=5_000, most=2_000), keys(2), 0)
    assert not short.converged


def test_a_single_learner_finds_its_best_price() -> None:
    profit = -((np.arange(7.0) - 4.0) ** 2)[None, :]
    session, _ = learn(profit, 7, Rules(exploration_decay=1e-3, stable=10_000), keys(1), 0)
    assert session.cycle == (4,)


def test_patience_lets_learners_collude_and_myopia_does_not(empty_catalog: Catalog) -> None:
    """A faster decay than the paper's, so that the session takes a second; gains .117 and below are competitive."""
    classroom, _ = room(empty_catalog, raw_learners())
    nash, monopoly = 0.222927, 0.337490

    def gain(discount: float) -> float:
        rules = Rules(discount=discount, exploration_decay=2e-5)
        found = [
            learn(classroom.profits(), POINTS, rules, [learning_key(Streams(0, r), f"firm{i}") for i in range(2)], 0)
            for r in range(4)
        ]
        return float(np.mean([(part.profit.mean() - nash) / (monopoly - nash) for part, _ in found]))

    assert gain(0.95) > 0.5
    assert gain(0.0) < 0.4


def test_in_turn_a_learner_finds_the_best_answer_to_a_rival_who_always_comes_back() -> None:
    """Where a rival's answer is the same whatever the own price, the best is that of one period against it."""
    profit = np.zeros((2, 3, 3))
    profit[0] = [[1.0, 1.0, 1.0], [0.0, 5.0, 0.0], [2.0, 2.0, 2.0]]
    profit[1, 1] = 1.0  # the second always answers 1
    session, _ = learn_in_turns(profit, Rules(0.3, 1e-3, 0.9, stable=5_000), keys(2), (0, 0))
    assert session.converged
    assert session.cycle == (4, 4)  # both at 1, whoever moves
    assert session.profit == pytest.approx([5.0, 1.0])


def test_learners_remember_through_an_intervention_that_is_not_theirs(empty_catalog: Catalog) -> None:
    """Exploration has faded by day 200: what is posted later tells what is remembered."""

    def prices(*changes: dict[str, Any]) -> list[float]:
        raw = raw_learners(points=5, exploration_decay=0.05)
        raw["interventions"] = [{"day": 200.5, "changes": list(changes)}] if changes else []
        table = Market(parse_scenario(raw, "test"), empty_catalog).run().tables["prices"]
        return [*table[table["day"] > 201]["price_input_usd_per_mtok"]]

    credit = {"key": "providers.firm0.treasury.credit_limit_usd", "value": 5e8}
    decay = {"key": "providers.firm0.price.exploration_decay", "value": 0.04}
    assert prices(credit) == pytest.approx(prices())
    assert len(prices(decay)) != len(prices())


def test_learners_in_turn_are_two(empty_catalog: Catalog) -> None:
    raw = raw_learners(agents=3, points=5, turns=True)
    with pytest.raises(InputError, match="turns"):
        parse_scenario(raw, "test")


def test_too_many_states_and_more_than_one_offer_are_refused() -> None:
    with pytest.raises(InputError, match="states"):
        parse_scenario(raw_learners(agents=3, points=60), "test")
    raw = raw_learners()
    raw["providers"][0]["offers"] += [raw["providers"][1]["offers"][0] | {"name": "o2"}]
    with pytest.raises(InputError, match=r"price\.kind"):
        parse_scenario(raw, "test")
