"""Nested logit with inertia: products with P against P itself, its limits, and what twenty hosts of one model get."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.players.pricing.full_beliefs import _discounted
from sim.world.customers.nests import Nests, choice_terms, make_nests, reviewed


@dataclass(frozen=True)
class Chooser:
    """One customer: utilities, tastes and nests."""

    u: np.ndarray
    outside: float
    mu: float
    switching: float
    nests: Nests

    def dense(self) -> np.ndarray:
        """P (J+1, J+1) by the textbook's formulas, in logarithms."""
        lam, offers = self.nests.scale, len(self.u)
        out = np.zeros((offers + 1, offers + 1))
        for k in range(offers + 1):
            net = self.u - self.switching
            if k > 0:
                net[k - 1] = self.u[k - 1]
            inclusive, within = [], []
            for g in range(len(self.nests.starts) - 1):
                here = self.nests.members[self.nests.starts[g] : self.nests.starts[g + 1]]
                top = net[here].max()
                mass = np.exp((net[here] - top) / (lam * self.mu)) if np.isfinite(top) else np.zeros(len(here))
                inclusive.append(top + lam * self.mu * np.log(mass.sum()) if mass.sum() > 0 else -np.inf)
                within.append((here, mass / max(mass.sum(), 1e-300)))
            level = np.array([self.outside, *inclusive])
            chance = np.exp((level - level.max()) / self.mu)
            chance /= chance.sum()
            out[k, 0] = chance[0]
            for (here, share), nest in zip(within, chance[1:], strict=True):
                out[k, here + 1] = nest * share
        return out

    def terms(self) -> tuple[tuple[float, float, float], list[np.ndarray]]:
        arrays = [np.empty(len(self.u)) for _ in range(5)]
        n = self.nests
        head = choice_terms(self.outside, self.u, self.mu, n.members, n.starts, n.scale, self.switching, *arrays)
        return head, arrays

    def review(self, w: np.ndarray) -> np.ndarray:
        (_, none, total), arrays = self.terms()
        out, stay = np.empty(len(w)), float(np.exp(-self.switching / self.mu))
        reviewed(w, none, total, stay, self.nests.members, self.nests.starts, *arrays, out)
        return out


@st.composite
def choosers(draw: st.DrawFn) -> Chooser:
    offers = draw(st.integers(1, 7))
    models = np.array([draw(st.integers(0, j)) for j in range(offers)])
    first = np.array([int(np.flatnonzero(models == models[j])[0]) for j in range(offers)])
    u = np.array([draw(st.floats(-3, 3)) for _ in range(offers)])
    gone = np.array([draw(st.integers(0, 4)) == 0 for _ in range(offers)])
    return Chooser(
        np.where(gone, -np.inf, u), draw(st.floats(-2, 2)), draw(st.sampled_from([0.02, 0.3, 2.0])),
        draw(st.sampled_from([0.0, 0.1, 1.0, 20.0])), make_nests(first, draw(st.sampled_from([1.0, 0.5, 0.05, 0.002]))),
    )  # fmt: skip


def occupied(chooser: Chooser, seed: int) -> np.ndarray:
    w = np.random.default_rng(seed).dirichlet(np.ones(len(chooser.u) + 1))
    w[1:][~np.isfinite(chooser.u)] = 0.0
    return w / w.sum()


@given(choosers(), st.integers(0, 99))
@settings(max_examples=300, deadline=None)
def test_a_review_is_the_product_with_the_textbooks_matrix(chooser: Chooser, seed: int) -> None:
    w = occupied(chooser, seed)
    found = chooser.review(w)
    assert found == pytest.approx(w @ chooser.dense(), abs=1e-12)
    assert found.sum() == pytest.approx(1.0, abs=1e-12)


@given(choosers(), st.integers(0, 99))
@settings(max_examples=200, deadline=None)
def test_the_discounted_occupancy_solves_its_equation(chooser: Chooser, seed: int) -> None:
    """y ((rho + churn + rate) I - rate P - growth 1 pi) = w, by a dense solver."""
    rho, rate, growth, churn = 0.004, 0.03, 0.002, 0.001
    w, dense = occupied(chooser, seed), chooser.dense()
    free = Chooser(chooser.u, chooser.outside, chooser.mu, 0.0, chooser.nests).dense()[0]
    matrix = (rho + churn + rate) * np.eye(len(w)) - rate * dense - growth * free[None, :]
    y, ((_, none, total), arrays) = np.empty(len(w)), chooser.terms()
    stay = float(np.exp(-chooser.switching / chooser.mu))
    _discounted(
        w, rho, rate, growth, churn, none, total, stay, chooser.nests.members, chooser.nests.starts, *arrays, y
    )  # fmt: skip
    assert y == pytest.approx(np.linalg.solve(matrix.T, w), rel=1e-9, abs=1e-9)


def test_at_scale_one_the_nests_are_plain_logit() -> None:
    generator = np.random.default_rng(3)
    for _ in range(20):
        u, mu = generator.normal(size=6), 0.4
        grouped = Nests(np.arange(6), np.array([0, 3, 6]), np.array([0, 0, 0, 1, 1, 1]), 1.0)
        found = Chooser(u, 0.1, mu, 0.0, grouped).review(np.array([1.0, 0, 0, 0, 0, 0, 0]))
        mass = np.exp(np.array([0.1, *u]) / mu)
        assert found == pytest.approx(mass / mass.sum(), abs=1e-12)


def shares(hosts: int, scale: float) -> np.ndarray:
    """Of none, a closed model, and `hosts` hosts of an open one; all of equal utility."""
    first = np.array([0, *np.ones(hosts, dtype=int)])
    chooser = Chooser(np.zeros(hosts + 1), 0.0, 0.2, 0.0, make_nests(first, scale))
    return chooser.review(np.eye(hosts + 2)[0])


def test_one_model_at_twenty_hosts_keeps_nearly_its_share() -> None:
    alone, split = shares(1, 0.05)[2], shares(20, 0.05)[2:].sum()
    assert alone == pytest.approx(1 / 3)
    assert split < 1.12 * alone  # 20^lambda = 1.16 in its attraction
    assert shares(20, 1.0)[2:].sum() > 2.7 * alone  # plain logit: the test can fail


def test_as_the_scale_vanishes_the_cheapest_host_takes_its_nest() -> None:
    """A host dearer by a hundredth of mu: half of the nest at lambda = 1, none of it as lambda goes to 0."""
    for scale, most in ((1.0, 0.51), (0.05, 0.46), (0.002, 0.01)):
        chooser = Chooser(np.array([0.0, -0.01 * 0.2]), -9.0, 0.2, 0.0, make_nests(np.array([0, 0]), scale))
        found = chooser.review(np.array([1.0, 0, 0]))
        assert found[2] / found[1:].sum() < most
        assert found[2] / found[1:].sum() == pytest.approx(1 / (1 + np.exp(0.01 / scale)), rel=1e-9)
