"""Owners that learn prices by Q-learning, inside the market: one review is one period.

All learners of a market see the same state, the prices that each of them had before this day, so that those who review
on the same day choose at once whatever order the market calls them in. `q_loop` plays the same game, with the same
draws, in one compiled loop.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from sim.players.pricing.beliefs import Beliefs
from sim.players.pricing.best_response import posted_level
from sim.players.pricing.grid import grid_profits
from sim.scenario.prices import QLearning
from sim.scenario.scenario import Scenario
from sim.world.board import Board
from sim.world.draws import coin_and_choice, draw_key
from sim.world.streams import Streams


@dataclass
class _Learner:
    """One owner: its offer, its grid of levels (m,), its place among the learners, and what it remembers."""

    offer: int
    place: int
    policy: QLearning
    levels: np.ndarray
    key: np.uint64
    action: int
    before: int
    day: float = -1.0
    periods: int = 0
    state: int = -1
    q: np.ndarray = field(default_factory=lambda: np.zeros((0, 0)))

    def action_before(self, day: float) -> int:
        """The action in force when `day` began."""
        return self.before if self.day == day else self.action


class Classroom:
    """The learners of one market."""

    def __init__(self, scenario: Scenario, board: Board, beliefs: Beliefs, streams: Streams) -> None:
        self._board, self._beliefs = board, beliefs
        self._learners: dict[str, _Learner] = {}
        self._profit = np.zeros((0, 0))
        self._profit_of = b""
        for provider in scenario.providers:
            policy = provider.price
            if isinstance(policy, QLearning):
                offer = board.index(provider.offers[0].name)
                levels = grid(policy)
                nearest = int(np.argmin(np.abs(levels - posted_level(board, offer))))
                self._learners[provider.name] = _Learner(
                    offer, len(self._learners), policy, levels, learning_key(streams, provider.name), nearest, nearest
                )

    def price(self, provider: str, day: float) -> np.ndarray:
        """Learn from the period that ends and choose the price of the next: a vector (3,), USD per Mtok."""
        me, profit = self._learners[provider], self.profits()
        if me.policy.turns:
            return self._price_in_turn(me, profit)
        state = 0
        for learner in self._learners.values():
            state = state * learner.policy.points + learner.action_before(day)
        if not me.q.size:
            me.q = self._first_q(me, profit)
        if me.periods:
            mine, alpha = me.action, me.policy.learning_rate
            target = profit[me.place, state] + me.policy.discount * me.q[state].max()
            me.q[me.state, mine] = (1.0 - alpha) * me.q[me.state, mine] + alpha * target
        me.before, me.day = me.action, day
        return self._choose(me, state)

    def _price_in_turn(self, me: _Learner, profit: np.ndarray) -> np.ndarray:
        """The same for two who move in turn; the rival's standing price is the state."""
        rival = next(learner for learner in self._learners.values() if learner is not me)
        square = profit[me.place].reshape([len(learner.levels) for learner in self._learners.values()])
        mine = square if me.place == 0 else square.T  # by the own action and the rival's
        if not me.q.size:
            me.q = np.tile(mine.mean(axis=1) / (1.0 - me.policy.discount), (len(rival.levels), 1))
        if me.periods:
            alpha, delta, action = me.policy.learning_rate, me.policy.discount, me.action
            earned = mine[action, me.state] + delta * mine[action, rival.action]
            target = earned + delta * delta * me.q[rival.action].max()
            me.q[me.state, action] = (1.0 - alpha) * me.q[me.state, action] + alpha * target
        return self._choose(me, rival.action)

    def _choose(self, me: _Learner, state: int) -> np.ndarray:
        coin, choice = coin_and_choice(me.key, me.periods, me.policy.points)
        explores = coin < math.exp(-me.policy.exploration_decay * me.periods)
        me.action = int(choice) if explores else int(me.q[state].argmax())
        me.state = state
        me.periods += 1
        return np.asarray(me.levels[me.action] * self._board.list_price[:, me.offer])

    def profits(self) -> np.ndarray:
        """Expected profit of a day by learner and joint action, USD, shape (n, product of grids).

        At the other offers' posted prices, and with who holds what as it was when they were computed: anew when one of
        these prices, a cost, what is on sale or what is refused has changed.
        """
        board, learners = self._board, list(self._learners.values())
        mine = [learner.offer for learner in learners]
        parts = (np.delete(board.price, mine, axis=1), board.on_sale, board.cost, board.served_share)
        other = b"".join(part.tobytes() for part in parts)
        if other == self._profit_of:
            return self._profit
        profit = grid_profits(board, self._beliefs, mine, [learner.levels for learner in learners])
        self._profit, self._profit_of = profit.reshape(len(learners), -1), other
        return self._profit

    def forget_profits(self) -> None:
        """Something else of the market has changed; the next review computes the profits anew."""
        self._profit_of = b""

    def _first_q(self, me: _Learner, profit: np.ndarray) -> np.ndarray:
        shape = [len(learner.levels) for learner in self._learners.values()]
        others = tuple(axis for axis in range(len(shape)) if axis != me.place)
        start = profit[me.place].reshape(shape).mean(axis=others) / (1.0 - me.policy.discount)
        return np.tile(start, (profit.shape[1], 1))


def grid(policy: QLearning) -> np.ndarray:
    """The learner's prices as multiples of its list price, shape (m,)."""
    return np.linspace(policy.lowest_level, policy.highest_level, policy.points)


def learning_key(streams: Streams, provider: str) -> np.uint64:
    """The key of a learner's draws."""
    return draw_key(streams, f"pricing/{provider}/q_learning")
