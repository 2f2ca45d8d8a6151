"""The closed forms against published numbers, limits and a search of their own."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from sim.theory import logit, sequential, spatial, urn
from sim.theory.queue import waiting


def firms(count: int, mu: float = 0.25, a0: float = 0.0) -> logit.Firms:
    return logit.Firms((2.0,) * count, (1.0,) * count, mu, a0)


@pytest.mark.parametrize(
    ("count", "price", "share", "profit", "joint", "joint_profit"),
    [
        (1, 1.80199, 0.68827, 0.55199, 1.80199, 0.55199),
        (2, 1.47293, 0.47138, 0.22293, 1.92498, 0.33749),
        (4, 1.33146, 0.24576, 0.08146, 2.05441, 0.20110),
    ],
)
def test_logit_competition(
    count: int, price: float, share: float, profit: float, joint: float, joint_profit: float
) -> None:
    nash = logit.nash_prices(firms(count))
    assert nash == pytest.approx([price] * count, abs=6e-6)
    assert logit.shares(firms(count), nash) == pytest.approx([share] * count, abs=6e-6)
    assert logit.profits(firms(count), nash) == pytest.approx([profit] * count, abs=6e-6)
    best = logit.joint_prices(firms(count))
    assert best == pytest.approx([joint] * count, abs=6e-6)
    assert logit.profits(firms(count), best) == pytest.approx([joint_profit] * count, abs=6e-6)


def test_logit_competition_elsewhere() -> None:
    assert logit.nash_prices(firms(2, mu=0.1)) == pytest.approx([1.2000, 1.2000], abs=6e-5)
    assert logit.joint_prices(firms(2, mu=0.1)) == pytest.approx([1.8658, 1.8658], abs=6e-5)
    assert logit.nash_prices(firms(2, a0=-10.0)) == pytest.approx([1.5, 1.5], abs=1e-9)
    apart = logit.Firms((2.0, 2.0), (1.0, 0.75), 0.25)
    found = logit.nash_prices(apart)
    assert found == pytest.approx([1.4142, 1.3254], abs=6e-5)
    sold = logit.shares(apart, found)
    assert sold[1] / sold.sum() == pytest.approx(0.588, abs=6e-4)


def test_no_firm_gains_by_leaving_the_nash_price() -> None:
    apart = logit.Firms((2.0, 1.7, 2.2), (1.0, 0.75, 1.3), 0.2)
    price = logit.nash_prices(apart)
    for firm in range(3):

        def loss(own: float, firm: int = firm) -> float:
            return -float(logit.profits(apart, [*price[:firm], own, *price[firm + 1 :]])[firm])

        found = minimize_scalar(loss, bounds=(apart.c[firm], 4.0), method="bounded", options={"xatol": 1e-9})
        assert found.x == pytest.approx(price[firm], abs=1e-6)


def test_the_price_war_is_an_equilibrium_and_a_changed_one_is_not() -> None:
    profit = sequential.grid_profits()
    table = sequential.edgeworth(0.95)
    assert table[0, 0] == pytest.approx(0.25558, abs=6e-6)
    assert sequential.deviation_gain(profit, table, 0.95) <= 1e-12
    found = sequential.long_run(profit, table)
    assert found.profit == pytest.approx(0.06569, abs=6e-6)
    assert found.price == pytest.approx(0.2627, abs=6e-5)
    assert sequential.deviation_gain(profit, sequential.edgeworth(0.9), 0.95) > 1e-3
    assert sequential.deviation_gain(profit, table, 0.5) > 1e-3


def test_the_focal_price_is_an_equilibrium() -> None:
    profit = sequential.grid_profits()
    table = sequential.kinked(0.95)
    assert sequential.deviation_gain(profit, table, 0.95) <= 1e-12
    found = sequential.long_run(profit, table)
    assert found.profit == pytest.approx(0.125, abs=1e-9)
    assert found.price == pytest.approx(0.5, abs=1e-9)
    assert sequential.deviation_gain(profit, table, 0.3) > 1e-3  # the impatient undercut


def test_the_long_run_of_a_strict_cycle_is_its_mean() -> None:
    """2 answers 1, 1 answers 2: half the time each of the two pairs, whose lower price is 1/6."""
    table = np.eye(7)
    table[1], table[2] = np.eye(7)[2], np.eye(7)[1]
    assert sequential.long_run(sequential.grid_profits(), table, start=1).price == pytest.approx(1 / 6, abs=1e-9)


def test_space_and_quality() -> None:
    assert spatial.hotelling_prices((0.5, 0.5), 1.0) == (1.5, 1.5)
    assert spatial.salop_price(0.5, 1.0, 4) == 0.75
    found = spatial.quality_duopoly(1.0, 0.5)
    assert found.prices == pytest.approx((0.2857, 0.0714), abs=5e-5)
    assert found.demands == pytest.approx((0.5714, 0.2857), abs=5e-5)
    near = spatial.quality_duopoly(1.0, 0.999)
    assert max(near.prices) < 1e-3

    def loss(low: float) -> float:
        return -spatial.quality_duopoly(1.0, low).profits[1]

    best = minimize_scalar(loss, bounds=(0.01, 0.99), method="bounded", options={"xatol": 1e-9})
    assert best.x == pytest.approx(spatial.best_low_quality(1.0), abs=1e-6)


def test_the_chain_of_two_margins() -> None:
    found = spatial.double_margin()
    assert (found.wholesale, found.retail, found.supplier_profit, found.retailer_profit) == (0.5, 0.75, 0.125, 0.0625)
    assert spatial.integrated_price() == 0.5


def test_the_queue() -> None:
    found = waiting(1.5, 1.0, 2)
    assert found.probability == pytest.approx(0.642857, abs=6e-7)
    assert found.mean == pytest.approx(1.285714, abs=6e-7)
    assert waiting(0.6, 1.0, 1).probability == pytest.approx(0.6)  # one server: the utilisation
    assert waiting(400.0, 1.0, 500).probability < 1e-6  # no overflow
    with pytest.raises(ValueError, match="no long run"):
        waiting(2.0, 1.0, 2)


def test_the_distance_to_the_limit_of_the_urn() -> None:
    uniform = (np.arange(1000) + 0.5) / 1000
    assert urn.polya_distance(uniform, 1.0, 1.0) < 1e-3
    assert urn.polya_distance(uniform, 2.0, 2.0) > urn.critical_distance(1000)
