"""What a higher price does at the logit equilibrium: elasticities, diversion, and the pressure of a merger.

The market plays to its equilibrium as in `bertrand`; then the owners' expected demand is differentiated there.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from sim.scenario.scenario import Scenario
from sim.shared.catalog import Catalog
from sim.study.elasticity import NONE, elasticities, mergers, position, responses
from sim.theory import logit
from sim.validate.case import Check
from sim.validate.markets import EXACT, logit_market
from sim.validate.row import Row

_LOGIT = "Anderson, de Palma and Thisse 1992, chapter 7"
_PRESSURE = "Farrell and Shapiro 2010"
_EFFICIENCY = 0.05
_TOLERANCE = 1e-4

_MARKETS = {
    "2 firms": logit.Firms((2.0,) * 2, (1.0,) * 2, 0.25),
    "3 firms that differ in quality and cost": logit.Firms((2.0, 1.6, 2.4), (1.0, 0.5, 1.5), 0.2),
}


@dataclass(frozen=True)
class Pressure:
    """The first firm's price at the equilibrium, and its merger with the second."""

    scenario: Scenario
    firms: logit.Firms

    def with_scenario(self, scenario: Scenario) -> Pressure:
        """The same expectations of another market."""
        return replace(self, scenario=scenario)

    def rows(self, catalog: Catalog, full: bool) -> list[Row]:
        """Run it to its end and differentiate there."""
        price = logit.nash_prices(self.firms)
        share = logit.shares(self.firms, price)
        elasticity, diversion = logit.elasticities(self.firms, price), logit.diversions(self.firms, price)
        at = position(self.scenario, catalog, self.scenario.horizon_days)
        found = responses(at)
        table = elasticities(at, found)
        moved = table[(table["task_class"] == "good") & (table["moved"] == "o0")].set_index("demanded")
        pressed = mergers(at, found, [("firm0", "firm1")], _EFFICIENCY).set_index("offer")
        upp = logit.pricing_pressure(self.firms, price, 0, 1, _EFFICIENCY)
        told = [
            ("own elasticity", _LOGIT, elasticity[0, 0], moved.loc["o0", "elasticity"]),
            ("cross elasticity", _LOGIT, elasticity[0, 1], moved.loc["o1", "elasticity"]),
            ("diversion", _LOGIT, diversion[0, 1], moved.loc["o1", "diversion"]),
            ("diversion to none", _LOGIT, (1.0 - share.sum()) / (1.0 - share[0]), moved.loc[NONE, "diversion"]),
            ("upward pricing pressure", _PRESSURE, upp, pressed.loc["o0", "upp_usd_per_mtok"]),
        ]
        return [
            Row(f"{self.scenario.title}: {name}", source, "exact", float(expected), float(simulated), _TOLERANCE)
            for name, source, expected, simulated in told
        ]


def checks() -> list[Check]:
    """All markets."""
    return [
        Pressure(
            logit_market("pressure", firms.a, firms.c, firms.mu, firms.a0, EXACT).model_copy(
                update={"title": f"logit at Nash, {name}"}
            ),
            firms,
        )
        for name, firms in _MARKETS.items()
    ]
