"""Logit-Bertrand competition, through the market: prices and shares of the closed form, p = c + mu/(1-s)."""

from __future__ import annotations

import math

import pytest
from conftest import raw_bertrand
from scipy.special import lambertw

from sim.market import Market
from sim.scenario.load import parse_scenario
from sim.shared.catalog import Catalog


def outcome(catalog: Catalog, costs: list[float], taste_usd: float = 0.25) -> tuple[list[float], list[float]]:
    raw = raw_bertrand(costs, taste_usd)
    tables = Market(parse_scenario(raw, "textbook"), catalog).run().tables
    prices = tables["prices"].groupby("offer")["price_input_usd_per_mtok"].last()
    demand = tables["demand"]
    shares = demand[demand["day"] == demand["day"].max()].set_index("offer")["share_of_customers"]
    names = [f"o{i}" for i in range(len(costs))]
    return [float(prices[name]) for name in names], [float(shares[name]) for name in names]


@pytest.mark.parametrize(
    ("firms", "price", "share"), [(1, 1.80199, 0.68827), (2, 1.47293, 0.47138), (4, 1.33146, 0.24576)]
)
def test_symmetric_firms_post_the_nash_price(empty_catalog: Catalog, firms: int, price: float, share: float) -> None:
    prices, shares = outcome(empty_catalog, [1.0] * firms)
    assert prices == pytest.approx([price] * firms, abs=1e-3)
    assert shares == pytest.approx([share] * firms, abs=1e-3)


def test_a_monopolist_posts_the_lambert_markup(empty_catalog: Catalog) -> None:
    prices, _ = outcome(empty_catalog, [1.0])
    markup = 0.25 * (1.0 + float(lambertw(math.exp((2.0 - 1.0) / 0.25 - 1.0)).real))
    assert prices[0] == pytest.approx(1.0 + markup, abs=1e-4)


def test_a_cheaper_firm_undercuts_and_takes_the_larger_share(empty_catalog: Catalog) -> None:
    prices, shares = outcome(empty_catalog, [1.0, 0.75])
    assert prices == pytest.approx([1.4142, 1.3254], abs=1e-3)
    assert shares[1] / sum(shares) == pytest.approx(0.588, abs=1e-3)


def test_less_differentiation_lowers_the_price(empty_catalog: Catalog) -> None:
    prices, _ = outcome(empty_catalog, [1.0, 1.0], taste_usd=0.1)
    assert prices == pytest.approx([1.2, 1.2], abs=1e-3)
