"""Duopoly with alternating moves: the tables of Maskin and Tirole, played and checked for deviations, and learners.

The deviation is computed on the profits that the market's owners expect on the grid, so that the row fails where the
market's demand is another one than the theory's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from sim.market import Market
from sim.players.pricing.grid import grid_profits
from sim.players.pricing.q_learning import grid, learning_key
from sim.players.pricing.q_loop import Rules, Session
from sim.players.pricing.q_turns import learn_in_turns
from sim.runner import run
from sim.scenario.prices import QLearning, ReactionTable
from sim.scenario.scenario import Scenario
from sim.shared.catalog import Catalog
from sim.theory import sequential
from sim.validate.case import Check
from sim.validate.markets import Raw, firm, market, uniform_customers
from sim.validate.row import Row, mean_row
from sim.world.customers.threads import for_each
from sim.world.streams import Streams

_SOURCE = "Maskin and Tirole 1988; Klein 2021"
PERIODS, SETTLED = 2_000, 100  # played, and of these left out; a period is a day
_REPLICATIONS, _FULL_REPLICATIONS = 16, 100
_SESSIONS, _FULL_SESSIONS = 40, 1000  # of learning
_STABLE_MOVES = 100_000
PLAYED = 1000  # periods of the session through SimPy


def checks() -> list[Check]:
    """The price war and the kinked demand curve at the targets' discount factor and at others."""
    war = [Turns.of("Edgeworth cycle", sequential.edgeworth, d) for d in (0.95, 0.9, 0.99)]
    kink = [Turns.of("kinked demand", sequential.kinked, d, chance=False) for d in (0.95, 0.85)]
    return [*war, *kink, LearningInTurns(_learners()), PlayedInTurns(_learners(5e-3), _learners(5e-3))]


@dataclass(frozen=True)
class Turns:
    """Two firms that move in turn and both play one table."""

    scenario: Scenario
    name: str
    table: Callable[[float], np.ndarray]
    discount: float
    chance: bool = True  # in the long run; the focal price has none

    @classmethod
    def of(cls, name: str, table: Callable[[float], np.ndarray], discount: float, chance: bool = True) -> Turns:
        """The market in which both play `table` at `discount`."""
        policies = [_policy(index, table(discount)) for index in (0, 1)]
        firms = [firm(index, 0.0, 1.0, policy) for index, policy in enumerate(policies)]
        scenario = market("turns", uniform_customers(), firms, (1.0, 1.0), 1.0, PERIODS, SETTLED)
        return cls(scenario, f"{name}, delta {discount:g}", table, discount, chance)

    def with_scenario(self, scenario: Scenario) -> Turns:
        """The same expectations of another market."""
        return replace(self, scenario=scenario)

    def rows(self, catalog: Catalog, full: bool) -> list[Row]:
        """One exact row for the deviation, two for the long run."""
        replications = (_FULL_REPLICATIONS if full else _REPLICATIONS) if self.chance else 2
        wanted = sequential.long_run(sequential.grid_profits(), self.table(self.discount))
        opened = Market(self.scenario, catalog)
        levels = np.arange(sequential.POINTS) / (sequential.POINTS - 1)
        profit = grid_profits(opened.board, opened.beliefs, (0, 1), (levels, levels))[0]
        gain = sequential.deviation_gain(profit, _played(self.scenario), self.discount)
        tables = run(self.scenario, catalog, replications=replications).tables
        settled = tables["demand"][tables["demand"]["day"] > SETTLED]
        days = PERIODS - SETTLED
        settled = settled.assign(profit_usd=settled["revenue_usd"] - settled["serving_cost_usd"])
        earned = settled.groupby("replication")["profit_usd"].sum() / days / 2.0
        prices = [_mean_lower_price(part) for _, part in tables["prices"].groupby("replication")]
        return [
            Row(f"{self.name}: gain of one deviation", _SOURCE, "exact", 0.0, gain, 1e-12),
            mean_row(f"{self.name}: profit of a firm", _SOURCE, wanted.profit, list(earned), 1e-9),
            mean_row(f"{self.name}: market price", _SOURCE, wanted.price, prices, 1e-9),
        ]


def _policy(index: int, table: np.ndarray) -> Raw:
    responses = []
    for row in table:
        points = [int(point) for point in np.flatnonzero(row)]
        chances = [float(row[point]) for point in points]
        responses.append({"points": points} | ({"probabilities": chances} if len(points) > 1 else {}))
    return {
        "kind": "reaction_table", "rival": f"o{1 - index}", "responses": responses, "review_days": 2,
        "levels": [point / (len(table) - 1) for point in range(len(table))], "first_review_day": index,
    }  # fmt: skip


def _played(scenario: Scenario) -> np.ndarray:
    """The table of the first provider, shape (q, p)."""
    policy = scenario.providers[0].price
    assert isinstance(policy, ReactionTable)
    out = np.zeros((len(policy.levels), len(policy.levels)))
    for standing, response in enumerate(policy.responses):
        out[standing, list(response.points)] = response.probabilities or (1.0,)
    return out


def _mean_lower_price(prices: object) -> float:
    """Mean over the settled days of the lower posted price."""
    import pandas as pd

    assert isinstance(prices, pd.DataFrame)
    wide = prices.pivot_table(index="day", columns="offer", values="price_input_usd_per_mtok", aggfunc="last")
    daily = wide.reindex(np.arange(PERIODS)).ffill()
    return float(daily[daily.index >= SETTLED].min(axis=1).mean())


def _learners(exploration_decay: float = 5.5e-5) -> Scenario:
    """Klein's learners on the prices i/6; by default exploration fades over half a million periods."""
    policy = {
        "kind": "q_learning", "turns": True, "lowest_level": 0.0, "highest_level": 1.0, "points": sequential.POINTS,
        "learning_rate": 0.3, "exploration_decay": exploration_decay, "review_days": 2,
    }  # fmt: skip
    firms = [firm(i, 0.0, 1.0, policy | {"first_review_day": i}) for i in (0, 1)]
    return market("learning-in-turns", uniform_customers(), firms, (1.0, 1.0), 1.0, PLAYED, PLAYED)


def _game(scenario: Scenario, catalog: Catalog) -> tuple[np.ndarray, QLearning]:
    """Profits by learner, own action and the rival's, as the market expects them, (2, m, m); the first policy."""
    opened = Market(scenario, catalog)
    policies = [provider.price for provider in scenario.providers if isinstance(provider.price, QLearning)]
    profit = grid_profits(opened.board, opened.beliefs, (0, 1), [grid(part) for part in policies])
    return np.array([profit[0], profit[1].T]), policies[0]


def _sessions(scenario: Scenario, catalog: Catalog, count: int) -> list[Session]:
    profit, policy = _game(scenario, catalog)
    rules = Rules(policy.learning_rate, policy.exploration_decay, policy.discount, _STABLE_MOVES)
    found: list[Session | None] = [None] * count

    def work(index: int) -> None:
        keys = [learning_key(Streams(0, index), provider.name) for provider in scenario.providers]
        start = (index % policy.points, index // policy.points % policy.points)
        found[index], _ = learn_in_turns(profit, rules, keys, start)

    for_each(work, range(count), count * 1_000_000)
    return [part for part in found if part is not None]


@dataclass(frozen=True)
class LearningInTurns:
    """Learners who move in turn end above the price war: in every session both together earn more than in the cycle."""

    scenario: Scenario

    def with_scenario(self, scenario: Scenario) -> LearningInTurns:
        """The same expectation of another market."""
        return replace(self, scenario=scenario)

    def rows(self, catalog: Catalog, full: bool) -> list[Row]:
        """One row."""
        count = _FULL_SESSIONS if full else _SESSIONS
        war = sequential.long_run(sequential.grid_profits(), sequential.edgeworth(0.95)).profit
        earned = np.array([session.profit.mean() for session in _sessions(self.scenario, catalog, count)])
        above = float((earned > war).mean())
        detail = f"mean profit {earned.mean():.4f} of .125 over {count} sessions; the war's is {war:.4f}"
        return [Row("Q-learning in turns: sessions above the price war", _SOURCE, "event", 1.0, above, 0.02, detail)]


@dataclass(frozen=True)
class PlayedInTurns:
    """The same session of learners in turn twice: in the market and in the compiled loop of the market `loop`."""

    scenario: Scenario
    loop: Scenario

    def with_scenario(self, scenario: Scenario) -> PlayedInTurns:
        """Another market against the same loop."""
        return replace(self, scenario=scenario)

    def rows(self, catalog: Catalog, full: bool) -> list[Row]:
        """One row: the share of moves that are the same."""
        profit, policy = _game(self.loop, catalog)
        keys = [learning_key(Streams(0, 0), provider.name) for provider in self.loop.providers]
        rules = Rules(policy.learning_rate, policy.exploration_decay, policy.discount, most=PLAYED)
        top = policy.points - 1  # both list their prices at 1, the highest of the grid
        _, wanted = learn_in_turns(profit, rules, keys, (top, top), first=PLAYED)
        prices = run(self.scenario, catalog).tables["prices"]
        wide = prices.pivot_table(index="day", columns="offer", values="price_input_usd_per_mtok", aggfunc="last")
        daily = wide.reindex(np.arange(PLAYED)).ffill().to_numpy()
        moves = np.where(np.arange(PLAYED) % 2 == 0, daily[:, 0], daily[:, 1])
        same = (moves * top).round().astype(int) == wanted
        name = "Q-learning in turns: moves in SimPy as in the loop"
        return [Row(name, _SOURCE, "event", 1.0, float(same.mean()), 0.0, f"over {PLAYED} periods")]
