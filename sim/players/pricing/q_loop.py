"""Sessions of Q-learning in one compiled loop, from a matrix of profits to convergence.

Calvano, Calzolari, Denicolo and Pastorello (2020), section II, with the traps of its replications avoided: a session
ends when no agent's greedy action has changed for `stable` periods, each agent counting for itself; Q starts at the
mean profit against rivals that play uniformly, over 1 - delta, for any number of agents; the grid is the caller's, not
one of a fixed step; every agent's coin and action are its own draws.

A state is the joint action of the last period, coded as a number of base m, the first agent's digit leading. The greedy
action of every state is kept, and looked for anew only where its Q has fallen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sim.world.compiled import kernel
from sim.world.draws import coin_and_choice


@dataclass(frozen=True)
class Rules:
    """How all agents learn: alpha, beta, delta, and when a session ends (in periods)."""

    learning_rate: float = 0.15
    exploration_decay: float = 4e-6
    discount: float = 0.95
    stable: int = 100_000
    most: int = 50_000_000


@dataclass(frozen=True)
class Session:
    """What a session leaves.

    Attributes:
        periods: until convergence; `converged` is false where the limit came first.
        profit: mean over the cycle that the greedy strategies end in, by agent, shape (n,).
        cycle: the joint actions of that cycle, as codes.
    """

    periods: int
    converged: bool
    profit: np.ndarray
    cycle: tuple[int, ...]


def first_q(profit: np.ndarray, points: int, discount: float) -> np.ndarray:
    """Q before learning from profits (n, m^n): what each action earns against uniform rivals, for ever; (n, m^n, m)."""
    agents, states = profit.shape
    out = np.empty((agents, states, points))
    cube = profit.reshape((agents, *[points] * agents))
    for agent in range(agents):
        others = tuple(axis for axis in range(agents) if axis != agent)
        out[agent] = cube[agent].mean(axis=others) / (1.0 - discount)
    return out


@kernel
def _learn(  # type: ignore[no-untyped-def]
    profit, points, alpha, beta, delta, keys, state, stable, most, q, greedy, best, played,
):  # fmt: skip
    """Play to convergence; the first joint actions go to `played`. Returns (periods, last state, converged)."""
    agents = profit.shape[0]
    action = np.empty(agents, dtype=np.int64)
    unchanged = np.zeros(agents, dtype=np.int64)
    for t in range(most):
        threshold = np.exp(-beta * t)
        after = 0
        for i in range(agents):
            coin, choice = coin_and_choice(keys[i], t, points)
            action[i] = choice if coin < threshold else greedy[i, state]
            after = after * points + action[i]
        if t < played.shape[0]:
            played[t] = after
        settled = True
        for i in range(agents):
            a = action[i]
            new = (1.0 - alpha) * q[i, state, a] + alpha * (profit[i, after] + delta * best[i, after])
            q[i, state, a] = new
            was = greedy[i, state]
            if a == was:
                if new < best[i, state]:
                    top = 0
                    for b in range(1, points):
                        if q[i, state, b] > q[i, state, top]:
                            top = b
                    greedy[i, state] = top
                    best[i, state] = q[i, state, top]
                else:
                    best[i, state] = new
            elif new > best[i, state]:
                greedy[i, state] = a
                best[i, state] = new
            unchanged[i] = unchanged[i] + 1 if greedy[i, state] == was else 0
            settled = settled and unchanged[i] >= stable
        state = after
        if settled:
            return t + 1, state, True
    return most, state, False


def learn(
    profit: np.ndarray, points: int, rules: Rules, keys: Sequence[np.uint64], state: int, first: int = 0
) -> tuple[Session, np.ndarray]:
    """One session, from `state`, each agent drawing from its key; also the codes of the first `first` joint actions.

    `profit` is by agent and joint action, shape (n, m^n), in any unit of money a period.
    """
    q = first_q(profit, points, rules.discount)
    greedy = q.argmax(axis=2)
    best = q.max(axis=2)
    played = np.full(first, -1, dtype=np.int64)
    periods, state, converged = _learn(
        profit, points, rules.learning_rate, rules.exploration_decay, rules.discount, np.array(keys), state,
        rules.stable, rules.most, q, greedy, best, played,
    )  # fmt: skip
    cycle = _cycle(greedy, points, int(state))
    return Session(int(periods), bool(converged), profit[:, list(cycle)].mean(axis=1), cycle), played


def _cycle(greedy: np.ndarray, points: int, state: int) -> tuple[int, ...]:
    """The joint actions that repeat for ever when everybody is greedy from `state` on."""
    seen: dict[int, int] = {}
    path: list[int] = []
    while state not in seen:
        seen[state] = len(path)
        path.append(state)
        after = 0
        for agent in range(len(greedy)):
            after = after * points + int(greedy[agent, state])
        state = after
    return tuple(path[seen[state] :])
