"""Sessions of Q-learning with alternating moves in one compiled loop (Klein 2021), from a matrix of profits.

A mover knows the rival's standing price s and answers with a. Until its next move it earns the profit of (a, s) and, a
period later, that of (a, s'), s' being the rival's answer:

    Q(s, a) <- (1 - alpha) Q(s, a) + alpha (pi(a, s) + delta pi(a, s') + delta^2 max Q(s', .))
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sim.players.pricing.q_loop import Rules, Session
from sim.world.compiled import kernel
from sim.world.draws import coin_and_choice


@kernel
def _learn(  # type: ignore[no-untyped-def]
    profit, alpha, beta, delta, keys, standing, stable, most, q, played,
):  # fmt: skip
    """Play to convergence; the first moves go to `played`. Returns (periods, converged); `standing` is kept up."""
    points = q.shape[2]
    faced = np.full(2, -1, dtype=np.int64)
    unchanged = np.zeros(2, dtype=np.int64)
    for t in range(most):
        i = t % 2
        s = standing[1 - i]
        a = standing[i]
        if faced[i] >= 0:
            past = faced[i]
            before = np.argmax(q[i, past])
            earned = profit[i, a, past] + delta * profit[i, a, s]
            target = earned + delta * delta * np.max(q[i, s])
            q[i, past, a] = (1.0 - alpha) * q[i, past, a] + alpha * target
            unchanged[i] = unchanged[i] + 1 if np.argmax(q[i, past]) == before else 0
        coin, choice = coin_and_choice(keys[i], t // 2, points)
        standing[i] = choice if coin < np.exp(-beta * (t // 2)) else np.argmax(q[i, s])
        faced[i] = s
        if t < played.shape[0]:
            played[t] = standing[i]
        if unchanged[0] >= stable and unchanged[1] >= stable:
            return t + 1, True
    return most, False


def learn_in_turns(
    profit: np.ndarray, rules: Rules, keys: Sequence[np.uint64], start: tuple[int, int], first: int = 0
) -> tuple[Session, np.ndarray]:
    """One session of two learners from the standing prices `start`; also the first `first` moves, in turn.

    `profit` is by learner, own action and the rival's, shape (2, m, m); `rules.stable` counts own moves, the
    exploration decays with them. The session's cycle codes the pairs of standing prices after each move.
    """
    points = profit.shape[1]
    q = np.repeat(profit.mean(axis=2)[:, None, :] / (1.0 - rules.discount), points, axis=1)
    standing, played = np.array(start, dtype=np.int64), np.full(first, -1, dtype=np.int64)
    periods, converged = _learn(
        profit, rules.learning_rate, rules.exploration_decay, rules.discount, np.array(keys), standing, rules.stable,
        rules.most, q, played,
    )  # fmt: skip
    pairs = _cycle(q.argmax(axis=2), (int(standing[0]), int(standing[1])), int(periods) % 2)
    earned = [float(np.mean([profit[i, pair[i], pair[1 - i]] for pair in pairs])) for i in range(2)]
    codes = tuple(first * points + second for first, second in pairs)
    return Session(int(periods), bool(converged), np.array(earned), codes), played


def _cycle(greedy: np.ndarray, standing: tuple[int, int], mover: int) -> list[tuple[int, int]]:
    """The pairs of standing prices that repeat for ever when both are greedy; `mover` moves first."""
    seen: dict[tuple[tuple[int, int], int], int] = {}
    path: list[tuple[int, int]] = []
    while (standing, mover) not in seen:
        seen[(standing, mover)] = len(path)
        answer = int(greedy[mover, standing[1 - mover]])
        standing = (answer, standing[1]) if mover == 0 else (standing[0], answer)
        mover = 1 - mover
        path.append(standing)
    return path[seen[(standing, mover)] :]
