"""Logit-Bertrand competition: Nash prices by best responses, the joint optimum by the policy `joint`."""

from __future__ import annotations

from sim.theory import logit
from sim.validate.case import Case, Check, Reading, last_price, last_profit, last_share
from sim.validate.markets import EXACT, logit_market

_SOURCE = "Anderson, de Palma and Thisse 1992, chapter 7"
_JOINT = {"kind": "joint", "review_days": 50, "first_review_day": 1}
_MU = 0.25

# a, c, mu, a0. The first six are those of the project's targets, the others further values.
_NASH = {
    "1 firm": logit.Firms((2.0,), (1.0,), _MU),
    "2 firms": logit.Firms((2.0,) * 2, (1.0,) * 2, _MU),
    "4 firms": logit.Firms((2.0,) * 4, (1.0,) * 4, _MU),
    "2 firms, mu .1": logit.Firms((2.0,) * 2, (1.0,) * 2, 0.1),
    "2 firms, a0 -10": logit.Firms((2.0,) * 2, (1.0,) * 2, _MU, -10.0),
    "2 firms, costs 1 and .75": logit.Firms((2.0,) * 2, (1.0, 0.75), _MU),
    "8 firms": logit.Firms((2.0,) * 8, (1.0,) * 8, _MU),
    "2 firms, mu .5": logit.Firms((2.0,) * 2, (1.0,) * 2, 0.5),
    "2 firms, a0 1": logit.Firms((2.0,) * 2, (1.0,) * 2, _MU, 1.0),
    "3 firms that differ in quality and cost": logit.Firms((2.0, 1.6, 2.4), (1.0, 0.5, 1.5), 0.2),
    "2 firms, a 3 and 2, costs 1.8 and .6": logit.Firms((3.0, 2.0), (1.8, 0.6), 0.3),
}
_JOINTLY = {
    "1 firm": logit.Firms((2.0,), (1.0,), _MU),
    "2 firms": logit.Firms((2.0,) * 2, (1.0,) * 2, _MU),
    "4 firms": logit.Firms((2.0,) * 4, (1.0,) * 4, _MU),
    "2 firms, mu .1": logit.Firms((2.0,) * 2, (1.0,) * 2, 0.1),
    "3 firms": logit.Firms((2.0,) * 3, (1.0,) * 3, _MU),
    "2 firms, mu .5": logit.Firms((2.0,) * 2, (1.0,) * 2, 0.5),
    "3 firms that differ in quality and cost": logit.Firms((2.0, 1.6, 2.4), (1.0, 0.5, 1.5), 0.2),
}


def checks() -> list[Check]:
    """All markets."""
    nash = [_case(f"logit Nash, {name}", firms, joint=False) for name, firms in _NASH.items()]
    joint = [_case(f"logit joint optimum, {name}", firms, joint=True) for name, firms in _JOINTLY.items()]
    return [*nash, *joint]


def _case(name: str, firms: logit.Firms, joint: bool) -> Case:
    scenario = logit_market("logit", firms.a, firms.c, firms.mu, firms.a0, _JOINT if joint else EXACT)
    price = logit.joint_prices(firms) if joint else logit.nash_prices(firms)
    share, profit = logit.shares(firms, price), logit.profits(firms, price)
    # Firms that are alike have one row each.
    kinds = dict.fromkeys(zip(firms.a, firms.c, strict=True))
    readings = []
    for kind in kinds:
        i = list(zip(firms.a, firms.c, strict=True)).index(kind)
        of = f" of firm {i + 1}" if len(kinds) > 1 else ""
        readings += [
            Reading(f"price{of}", float(price[i]), last_price(f"o{i}")),
            Reading(f"share{of}", float(share[i]), last_share(f"o{i}")),
            Reading(f"profit{of}", float(profit[i]), last_profit(f"firm{i}")),
        ]
    return Case(scenario.model_copy(update={"title": name}), _SOURCE, tuple(readings))
