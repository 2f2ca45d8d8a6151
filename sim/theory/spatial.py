"""Competition in space and in quality, with customers uniform on a line or a circle of length 1 who all buy or leave.

Hotelling (1929), shops at both ends, travel cost t:     p = c + t; costs apart: p_i = t + (2 c_i + c_j)/3
price leadership on the same line:                       leader c + 3t/2, follower c + 5t/4
Salop (1979), n shops evenly round a circle:             p = c + t/n
quality (Shaked and Sutton 1982; Tirole 1988, 7.5.1):    utility x*q - p, x uniform on [0, 1], cost 0, q1 > q2:
    p1 = 2 q1 (q1 - q2)/(4 q1 - q2), p2 = q2 (q1 - q2)/(4 q1 - q2), demands 2 q1/(4 q1 - q2) and q1/(4 q1 - q2)
double margin (Spengler 1950), demand 1 - p, supplier's cost c:      w = (1 + c)/2, p = (3 + c)/4;  integrated:
    p = (1 + c)/2
Nash bargaining over w (Nash 1950), the supplier's weight b, nothing without a deal:      w = c + b (1 - c)/2,
    p = (1 + w)/2; two-part: w = c, p = (1 + c)/2, and a fee that leaves the supplier b (1 - c)^2/4
"""

from __future__ import annotations

from dataclasses import dataclass


def hotelling_prices(costs: tuple[float, float], travel: float) -> tuple[float, float]:
    """Equilibrium prices of two shops at the ends of the segment."""
    first, second = costs
    return travel + (2.0 * first + second) / 3.0, travel + (2.0 * second + first) / 3.0


def hotelling_leader_prices(cost: float, travel: float) -> tuple[float, float]:
    """Prices of the leader and the follower at equal cost."""
    return cost + 1.5 * travel, cost + 1.25 * travel


def salop_price(cost: float, travel: float, shops: int) -> float:
    """The symmetric equilibrium's price."""
    return cost + travel / shops


@dataclass(frozen=True)
class QualityDuopoly:
    """Prices, demands and profits of the high and the low quality."""

    prices: tuple[float, float]
    demands: tuple[float, float]

    @property
    def profits(self) -> tuple[float, float]:
        """Price times demand, at cost 0."""
        return self.prices[0] * self.demands[0], self.prices[1] * self.demands[1]


def quality_duopoly(high: float, low: float) -> QualityDuopoly:
    """Equilibrium at cost 0; `high` > `low` > 0."""
    scale = 4.0 * high - low
    gap = high - low
    return QualityDuopoly((2.0 * high * gap / scale, low * gap / scale), (2.0 * high / scale, high / scale))


def best_low_quality(high: float) -> float:
    """The lower quality that earns its seller most."""
    return 4.0 / 7.0 * high


@dataclass(frozen=True)
class Chain:
    """A supplier and a retailer that face the demand 1 - p."""

    wholesale: float
    retail: float
    supplier_profit: float
    retailer_profit: float


def double_margin(cost: float = 0.0) -> Chain:
    """The supplier posts the wholesale price first; its cost is `cost`, the retailer has none of its own."""
    wholesale, retail = (1.0 + cost) / 2.0, (3.0 + cost) / 4.0
    sold = 1.0 - retail
    return Chain(wholesale, retail, (wholesale - cost) * sold, (retail - wholesale) * sold)


def bargained_margin(cost: float, weight: float) -> Chain:
    """Both bargain over the wholesale price; `weight` is the supplier's, 1 for the double margin."""
    wholesale = cost + weight * (1.0 - cost) / 2.0
    retail = (1.0 + wholesale) / 2.0
    sold = 1.0 - retail
    return Chain(wholesale, retail, (wholesale - cost) * sold, (retail - wholesale) * sold)


def two_part_chain(cost: float, weight: float) -> Chain:
    """The wholesale price is the cost, and a fee leaves the supplier `weight` of the integrated chain's profit."""
    retail = integrated_price(cost)
    profit = (retail - cost) * (1.0 - retail)
    return Chain(cost, retail, weight * profit, (1.0 - weight) * profit)


def integrated_price(cost: float = 0.0) -> float:
    """The price of one owner of both stages."""
    return (1.0 + cost) / 2.0
